"""Bodies in `aws-chunked` coding: chunks with signatures of their own, and trailers. No I/O.

Source: Amazon S3 API Reference, "Signature Calculations for the Authorization Header: Transferring Payload
in Multiple Chunks" and "... Including Trailing Headers".
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from aerostore.api.s3.fault import S3Fault
from aerostore.api.s3.sigv4 import ALGORITHM, HEX_SHA256, UNSIGNED_PAYLOAD, sign
from aerostore.domain import printable
from aerostore.errors import IncompleteBody, NotSupported

MAX_LINE_BYTES = 1024
MAX_TRAILER_BYTES = 4096
# So many chunks may be of any length; beyond them they must have some on average. Each costs a few
# microseconds, whatever is in it.
FREE_CHUNKS = 1000
LEAST_AVERAGE_BYTES = 64
_EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
_TRAILER_SIGNATURE = "x-amz-trailer-signature"
_CHUNK_HEAD = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;chunk-signature=([0-9a-f]{64}))?")
_TRAILER = re.compile(rb"([A-Za-z0-9-]{1,100}):[ \t]*([\x21-\x7e]{0,200})[ \t]*")


@dataclass(frozen=True, slots=True)
class Coding:
    """How a chunked body is protected."""

    is_signed: bool
    has_trailer: bool


CODINGS: Mapping[str, Coding] = {
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": Coding(is_signed=True, has_trailer=False),
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": Coding(is_signed=True, has_trailer=True),
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER": Coding(is_signed=False, has_trailer=True),
}
"""What x-amz-content-sha256 may say of a body in chunks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkChain:
    """What signatures of chunks go on from: the key of the request's own signature; `seed` is that one."""

    key: bytes = field(repr=False)
    timestamp: str
    scope: str
    seed: str

    def of_chunk(self, previous: str, content_sha256: str) -> str:
        """Return the signature of a chunk that follows the signature `previous`."""
        return self._sign("PAYLOAD", previous, f"{_EMPTY_SHA256}\n{content_sha256}")

    def of_trailer(self, previous: str, trailer: str) -> str:
        """Return the signature of trailers, written as `name:value` lines."""
        return self._sign("TRAILER", previous, hashlib.sha256(trailer.encode()).hexdigest())

    def _sign(self, kind: str, previous: str, text: str) -> str:
        return sign(self.key, f"{ALGORITHM}-{kind}\n{self.timestamp}\n{self.scope}\n{previous}\n{text}")


def check_payload_word(declared: str) -> str:
    """Return what x-amz-content-sha256 says, if that is something. Raises: S3Fault, NotSupported."""
    if declared == UNSIGNED_PAYLOAD or declared in CODINGS or HEX_SHA256.fullmatch(declared):
        return declared
    if declared.startswith("STREAMING-AWS4-ECDSA"):
        raise NotSupported(
            "Asymmetric signatures (SigV4A) are not implemented", hint="Sign with AWS4-HMAC-SHA256."
        )
    words = ", ".join(CODINGS)
    raise S3Fault(
        "InvalidArgument",
        f"x-amz-content-sha256 must be {UNSIGNED_PAYLOAD}, {words}, or a valid sha256 value.",
    )


class ChunkDecoder:
    """Takes the pieces of a chunked body and gives back what is in the chunks.

    size_bytes: how much that must be. chain: None for chunks without signatures. has_trailer: whether lines
    may follow the last chunk; announced: the names that must be there.

    Content is given back before the signature of its chunk was seen: it counts only once `finish` returns.
    """

    def __init__(
        self, *, size_bytes: int, chain: ChunkChain | None, has_trailer: bool, announced: Collection[str] = ()
    ) -> None:
        self.trailers: dict[str, str] = {}
        self._size_bytes = size_bytes
        self._chain = chain
        self._previous = chain.seed if chain else ""
        self._has_trailer = has_trailer
        self._announced = frozenset(announced)
        self._read: Callable[[bytes, int], int] = self._read_head
        self._line = bytearray()
        self._content: list[bytes] = []
        self._received = 0
        self._chunks = 0
        self._left = 0
        self._sha256 = hashlib.sha256()
        self._signature = ""
        self._trailer_signature = ""
        self._trailer_bytes = 0

    def feed(self, data: bytes) -> bytes:
        """Take the next piece; return the content in it. Raises: S3Fault, IncompleteBody."""
        position = 0
        while position < len(data):
            position = self._read(data, position)
        content, self._content = self._content, []
        return content[0] if len(content) == 1 else b"".join(content)

    def finish(self) -> None:
        """See to it that the body ended where it should, with everything in it.

        Raises: IncompleteBody when something is missing; S3Fault for a wrong or absent signature or trailer.
        """
        if self._read != self._read_trailer or self._line or self._received != self._size_bytes:
            raise IncompleteBody
        missing = self._announced - self.trailers.keys()
        if missing:
            raise _malformed_trailer(f"the trailer {min(missing)} was announced and did not come")
        if self._chain is not None and self._has_trailer:
            lines = "".join(f"{name}:{value}\n" for name, value in sorted(self.trailers.items()))
            self._require(self._chain.of_trailer(self._previous, lines), self._trailer_signature)

    def _read_head(self, data: bytes, position: int) -> int:
        line, position = self._take_line(data, position)
        if line is None:
            return position
        found = _CHUNK_HEAD.fullmatch(line.removesuffix(b"\r"))
        if found is None or not line.endswith(b"\r") or (found[2] is None) != (self._chain is None):
            raise _malformed("the head of a chunk is not valid")
        self._signature = (found[2] or b"").decode()
        self._left = int(found[1], 16)
        self._received += self._left
        if self._received > self._size_bytes:
            raise _malformed("it is longer than x-amz-decoded-content-length")
        self._chunks += 1
        if self._chunks > FREE_CHUNKS + self._received // LEAST_AVERAGE_BYTES:
            raise _malformed(f"its chunks have under {LEAST_AVERAGE_BYTES} bytes on average")
        if self._left:
            self._read = self._read_content
            return position
        self._end_chunk()
        self._read = self._read_trailer
        return position

    def _read_content(self, data: bytes, position: int) -> int:
        piece = data[position : position + self._left]
        self._content.append(piece)
        self._left -= len(piece)
        if self._chain is not None:
            self._sha256.update(piece)
        if not self._left:
            self._end_chunk()
            self._read = self._read_chunk_end
        return position + len(piece)

    def _read_chunk_end(self, data: bytes, position: int) -> int:
        line, position = self._take_line(data, position)
        if line is not None:
            if line != b"\r":
                raise _malformed("a chunk is longer than its head says")
            self._read = self._read_head
        return position

    def _read_trailer(self, data: bytes, position: int) -> int:
        """Read a line behind the last chunk. Blank ones are skipped: clients differ in how many they send."""
        start = position
        line, position = self._take_line(data, position)
        self._trailer_bytes += position - start
        if self._trailer_bytes > MAX_TRAILER_BYTES:
            raise _malformed_trailer(f"there are more than {MAX_TRAILER_BYTES} bytes behind the last chunk")
        if line is not None and line.strip(b"\r"):
            self._take_trailer(line.removesuffix(b"\r"))
        return position

    def _take_trailer(self, line: bytes) -> None:
        found = _TRAILER.fullmatch(line)
        if found is None or not self._has_trailer or self._trailer_signature:
            raise _malformed_trailer("a line behind the last chunk does not belong there")
        name, value = found[1].decode().lower(), found[2].decode()
        if name == _TRAILER_SIGNATURE and self._chain is not None:
            self._trailer_signature = value
        elif name not in self._announced or name in self.trailers:
            raise _malformed_trailer(f"the trailer {printable(name)} was not announced, or came twice")
        else:
            self.trailers[name] = value

    def _end_chunk(self) -> None:
        if self._chain is None:
            return
        self._require(self._chain.of_chunk(self._previous, self._sha256.hexdigest()), self._signature)
        self._previous = self._signature
        self._sha256 = hashlib.sha256()

    def _require(self, right: str, given: str) -> None:
        if not hmac.compare_digest(right, given):
            raise S3Fault(
                "SignatureDoesNotMatch",
                "The signature of a chunk or a trailer does not match. Check your key and signing method.",
            )

    def _take_line(self, data: bytes, position: int) -> tuple[bytes | None, int]:
        """Return the line that ends in `data`, without its LF, or None; and where to go on."""
        end = data.find(b"\n", position)
        stop = len(data) if end < 0 else end
        if len(self._line) + stop - position > MAX_LINE_BYTES:
            raise _malformed(f"a line is longer than {MAX_LINE_BYTES} bytes")
        self._line += data[position:stop]
        if end < 0:
            return None, stop
        line = bytes(self._line)
        self._line.clear()
        return line, end + 1


def _malformed(what: str) -> S3Fault:
    return S3Fault("InvalidRequest", f"The aws-chunked body is malformed: {what}")


def _malformed_trailer(what: str) -> S3Fault:
    return S3Fault("MalformedTrailerError", f"The trailers of the body are malformed: {what}")
