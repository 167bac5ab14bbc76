"""A film, a sound and a PDF, small and made here: nothing of this kind is kept in the repository."""

import base64
import io
import math
import struct
import wave

from playwright.sync_api import Page

SAMPLES_PER_S = 8000
FILM_SECONDS = 60
# One picture of a film as the browser's own encoder makes it. Noise, so that it is large.
_PICTURE = """() => {
  const canvas = new OffscreenCanvas(480, 270);
  const paper = canvas.getContext('2d');
  const picture = paper.createImageData(480, 270);
  const pixels = new Uint32Array(picture.data.buffer);
  for (let at = 0; at < pixels.length; at += 1) pixels[at] = (at * at * 2654435761) | 0xff000000;
  paper.putImageData(picture, 0, 0);
  paper.fillStyle = 'seagreen';
  paper.fillRect(40, 40, 160, 120);
  return canvas.convertToBlob({ type: 'image/webp', quality: 0.9 })
    .then((blob) => blob.arrayBuffer())
    .then((bytes) => btoa(Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join('')));
}"""


def sound(seconds: int) -> bytes:
    """Return a tone as WAV."""
    tone = (int(12_000 * math.sin(index / 3)) for index in range(seconds * SAMPLES_PER_S))
    output = io.BytesIO()
    with wave.open(output, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLES_PER_S)
        file.writeframes(b"".join(struct.pack("<h", value) for value in tone))
    return output.getvalue()


def pdf(text: str) -> bytes:
    """Return a PDF of one page with one line."""
    drawn = f"BT /F1 24 Tf 30 100 Td ({text}) Tj ET".encode()
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Contents 4 0 R"
        b" /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn),
    ]
    written, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, start=1):
        offsets.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    end = b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(bodies) + 1, table)
    trailer = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(bodies) + 1,
        len(written),
    )
    return written + end + trailer


def film(page: Page) -> bytes:
    """Return a minute of one picture a second as WebM, with an index, so that players can enter it anywhere.

    Source: RFC 8794 (EBML), RFC 9559 (Matroska); a lossy WebP holds one key frame of VP8 (RFC 9649 2.5).
    """
    frame = _key_frame(base64.b64decode(page.evaluate(_PICTURE)))
    track = _element(0xD7, _uint(1)) + _element(0x73C5, _uint(1)) + _element(0x83, _uint(1))
    size = _element(0xB0, _uint(480)) + _element(0xBA, _uint(270))
    tracks = _element(0x1654AE6B, _element(0xAE, track + _element(0x86, b"V_VP8") + _element(0xE0, size)))
    duration = _element(0x4489, struct.pack(">d", FILM_SECONDS * 1000.0))
    info = _element(0x1549A966, _element(0x2AD7B1, _uint(1_000_000)) + duration)
    clusters = [_cluster(second * 1000, frame) for second in range(FILM_SECONDS)]
    head = info + tracks
    # Positions have a fixed width, so the length of the index does not depend on what it says.
    start = len(head) + len(_cues(clusters, 0))
    return _head() + _element(0x18538067, head + _cues(clusters, start) + b"".join(clusters))


def _key_frame(webp: bytes) -> bytes:
    at = webp.index(b"VP8 ")
    (length,) = struct.unpack("<I", webp[at + 4 : at + 8])
    return webp[at + 8 : at + 8 + length]


def _head() -> bytes:
    return _element(
        0x1A45DFA3, _element(0x4282, b"webm") + _element(0x4287, _uint(2)) + _element(0x4285, _uint(2))
    )


def _cluster(time_ms: int, frame: bytes) -> bytes:
    block = b"\x81\x00\x00\x80" + frame  # track 1, no offset to the cluster's time, a key frame
    return _element(0x1F43B675, _element(0xE7, _uint(time_ms)) + _element(0xA3, block))


def _cues(clusters: list[bytes], start: int) -> bytes:
    points = b""
    for second, cluster in enumerate(clusters):
        place = _element(0xF7, _uint(1)) + _element(0xF1, _uint(start))
        points += _element(0xBB, _element(0xB3, _uint(second * 1000)) + _element(0xB7, place))
        start += len(cluster)
    return _element(0x1C53BB6B, points)


def _element(name: int, body: bytes) -> bytes:
    return name.to_bytes((name.bit_length() + 7) // 8) + (len(body) | 1 << 56).to_bytes(8) + body


def _uint(value: int) -> bytes:
    return value.to_bytes(4)
