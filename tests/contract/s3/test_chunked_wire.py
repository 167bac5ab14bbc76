"""Bodies in chunks over the wire: stored as what is in the chunks, or not at all."""

import base64
import hashlib
import hmac
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
from awscrt import checksums as crt
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest

from .door import S3, Answer, Door, names_of

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
CONTENT = b"0123456789abcdef" * 5000
CHECKSUMS = {
    "CRC32": zlib.crc32(CONTENT).to_bytes(4, "big"),
    "CRC32C": crt.crc32c(CONTENT).to_bytes(4, "big"),
    "CRC64NVME": crt.crc64nvme(CONTENT).to_bytes(8, "big"),
    "SHA1": hashlib.sha1(CONTENT).digest(),
    "SHA256": hashlib.sha256(CONTENT).digest(),
}
CRC32 = base64.b64encode(CHECKSUMS["CRC32"]).decode()


class _Signer(S3SigV4Auth):  # type: ignore[misc]  # botocore has no types
    """Signs requests with a word for the body, and then what is in it."""

    def __init__(self, door: Door, word: str) -> None:
        super().__init__(door.credentials, "s3", door.region)
        self._word = word
        self.previous = ""

    def payload(self, request: AWSRequest) -> str:
        return self._word

    def headers(self, request: AWSRequest) -> dict[str, str]:
        self.add_auth(request)
        self._timestamp = request.context["timestamp"]
        self.previous = request.headers["Authorization"].rpartition("Signature=")[2]
        return dict(request.headers.items())

    def sign(self, kind: str, *lines: str) -> str:
        date, region = self._timestamp[:8], self._region_name
        key = f"AWS4{self.credentials.secret_key}".encode()
        for text in (date, region, "s3", "aws4_request"):
            key = hmac.digest(key, text.encode(), "sha256")
        scope = f"{date}/{region}/s3/aws4_request"
        text = "\n".join([f"AWS4-HMAC-SHA256-{kind}", self._timestamp, scope, self.previous, *lines])
        self.previous = hmac.digest(key, text.encode(), "sha256").hex()
        return self.previous

    def chunk(self, content: bytes) -> bytes:
        signature = self.sign("PAYLOAD", EMPTY_SHA256, hashlib.sha256(content).hexdigest())
        return b"%x;chunk-signature=%s\r\n%s" % (len(content), signature.encode(), content)


def put_signed(
    door: Door,
    path: str,
    chunks: Sequence[bytes],
    *,
    trailers: Sequence[str] = (),
    meddle: Any = lambda body: body,
    word: str = SIGNED,
    **headers: str,
) -> Answer:
    """Put `chunks`, signed one by one; meddle: what becomes of the body on its way."""
    given = {"x-amz-decoded-content-length": str(sum(map(len, chunks))), "Content-Encoding": "aws-chunked"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    signer = _Signer(door, word)
    request = AWSRequest("PUT", f"{door.url}{path}", headers=given)
    sent = signer.headers(request)
    body = b"".join(signer.chunk(chunk) + b"\r\n" for chunk in chunks) + signer.chunk(b"")
    for line in trailers:
        body += line.encode() + b"\r\n"
    if word == SIGNED_TRAILER:
        lines = "".join(f"{line}\n" for line in trailers)
        signature = signer.sign("TRAILER", hashlib.sha256(lines.encode()).hexdigest())
        body += f"x-amz-trailer-signature:{signature}\r\n".encode()
    return door.send_unsigned("PUT", path, headers=sent, body=meddle(body + b"\r\n"))


def put_unsigned(
    door: Door, path: str, body: bytes, *, length: int | None = len(CONTENT), **headers: str
) -> Answer:
    """Put a body whose chunks have no signatures."""
    given = {"Content-Encoding": "aws-chunked"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    if length is not None:
        given["x-amz-decoded-content-length"] = str(length)
    return door.send("PUT", path, headers=given, body=body, payload=UNSIGNED_TRAILER)


def framed(content: bytes, end: str = "\r\n") -> bytes:
    return b"%x\r\n%s\r\n0\r\n" % (len(content), content) + end.encode()


def test_signed_chunks_are_stored_without_their_frames(door: Door, s3: S3, bucket: str) -> None:
    answer = put_signed(door, f"/{bucket}/a", [CONTENT[:65536], CONTENT[65536:]])
    assert answer.status == 200, answer.body
    found = s3.get_object(Bucket=bucket, Key="a")
    assert found["Body"].read() == CONTENT
    assert "ContentEncoding" not in found
    assert found["ETag"] == f'"{hashlib.md5(CONTENT).hexdigest()}"'


def test_an_encoding_of_the_content_itself_is_kept(door: Door, s3: S3, bucket: str) -> None:
    answer = put_signed(door, f"/{bucket}/a", [CONTENT], Content_Encoding="aws-chunked,gzip")
    assert answer.status == 200, answer.body
    assert s3.head_object(Bucket=bucket, Key="a")["ContentEncoding"] == "gzip"


def test_an_empty_body_in_chunks_is_an_empty_object(door: Door, s3: S3, bucket: str) -> None:
    assert put_signed(door, f"/{bucket}/a", []).status == 200
    assert s3.head_object(Bucket=bucket, Key="a")["ContentLength"] == 0


@pytest.mark.parametrize(
    "meddle",
    [
        pytest.param(lambda body: body.replace(b"0123", b"0124", 1), id="changed byte"),
        pytest.param(lambda body: body[body.index(b"\r\n10000;") + 2 :], id="first chunk left out"),
        pytest.param(lambda body: body[: body.rindex(b"0;chunk")], id="last chunk left out"),
        pytest.param(lambda body: body + body, id="twice"),
        pytest.param(lambda body: body[:-100], id="cut"),
    ],
)
def test_a_body_that_was_meddled_with_stores_nothing(door: Door, s3: S3, bucket: str, meddle: Any) -> None:
    chunks = [b"x" * 65536, CONTENT[:65536], CONTENT[65536:]]
    answer = put_signed(door, f"/{bucket}/a", chunks, meddle=meddle)
    assert answer.status in {400, 403}, answer.body
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == []


def test_a_meddled_body_leaves_the_object_that_it_was_to_replace(door: Door, s3: S3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"before")
    answer = put_signed(
        door, f"/{bucket}/a", [CONTENT], meddle=lambda body: body.replace(b"0123", b"0124", 1)
    )
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"before"


# Trailers


def test_a_signed_trailer_is_checked_and_kept(door: Door, s3: S3, bucket: str) -> None:
    answer = put_signed(
        door,
        f"/{bucket}/a",
        [CONTENT],
        word=SIGNED_TRAILER,
        trailers=[f"x-amz-checksum-crc32:{CRC32}"],
        x_amz_trailer="x-amz-checksum-crc32",
    )
    assert answer.status == 200, answer.body
    assert s3.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")["ChecksumCRC32"] == CRC32


@pytest.mark.parametrize("algorithm", CHECKSUMS)
def test_an_unsigned_trailer_is_checked_and_kept(door: Door, s3: S3, bucket: str, algorithm: str) -> None:
    name = f"x-amz-checksum-{algorithm.lower()}"
    right = base64.b64encode(CHECKSUMS[algorithm]).decode()
    answer = put_unsigned(
        door, f"/{bucket}/a", framed(CONTENT, f"{name}:{right}\r\n\r\n"), x_amz_trailer=name
    )
    assert answer.status == 200, answer.body
    found = s3.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert found[f"Checksum{algorithm}"] == right


def test_a_wrong_trailer_stores_nothing(door: Door, s3: S3, bucket: str) -> None:
    body = framed(CONTENT, "x-amz-checksum-crc32:AAAAAA==\r\n\r\n")
    answer = put_unsigned(door, f"/{bucket}/a", body, x_amz_trailer="x-amz-checksum-crc32")
    assert (answer.status, answer.code) == (400, "BadDigest")
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == []


@pytest.mark.parametrize(
    ("end", "announced"),
    [
        ("\r\n", "x-amz-checksum-crc32"),
        (f"x-amz-checksum-crc32:{CRC32}\r\n\r\n", ""),
        ("x-amz-meta-late:1\r\n\r\n", "x-amz-checksum-crc32"),
        (f"x-amz-checksum-crc32:{CRC32}\r\n" * 2 + "\r\n", "x-amz-checksum-crc32"),
        ("x-amz-checksum-crc32:nonsense\r\n\r\n", "x-amz-checksum-crc32"),
    ],
)
def test_missing_unknown_and_malformed_trailers_store_nothing(
    door: Door, s3: S3, bucket: str, end: str, announced: str
) -> None:
    headers: dict[str, Any] = {"x_amz_trailer": announced} if announced else {}
    answer = put_unsigned(door, f"/{bucket}/a", framed(CONTENT, end), **headers)
    assert answer.status == 400
    assert answer.code in {"MalformedTrailerError", "InvalidRequest"}
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == []


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x_amz_trailer": "x-amz-meta-a"}, "InvalidRequest"),
        ({"x_amz_trailer": "x-amz-checksum-crc32,x-amz-checksum-sha1"}, "InvalidRequest"),
        ({"x_amz_trailer": "x-amz-checksum-crc32", "x_amz_checksum_sha1": "AAAA"}, "InvalidRequest"),
        (
            {"x_amz_trailer": "x-amz-checksum-crc32", "x_amz_sdk_checksum_algorithm": "SHA1"},
            "InvalidRequest",
        ),
        ({"x_amz_sdk_checksum_algorithm": "SHA1"}, "InvalidRequest"),
        ({"x_amz_sdk_checksum_algorithm": "SHA2"}, "InvalidRequest"),
        ({"Content_MD5": "nonsense"}, "InvalidDigest"),
        ({"Content_MD5": base64.b64encode(b"0" * 16).decode()}, "BadDigest"),
        ({"x_amz_checksum_crc32": "AAAA"}, "InvalidRequest"),
    ],
    ids=str,
)
def test_headers_that_contradict_the_body_or_each_other_store_nothing(
    door: Door, s3: S3, bucket: str, headers: dict[str, Any], code: str
) -> None:
    answer = put_unsigned(door, f"/{bucket}/a", framed(CONTENT), **headers)
    assert (answer.status, answer.code) == (400, code)
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == []


# Lengths


@pytest.mark.parametrize(
    ("length", "status"),
    [(len(CONTENT) - 1, 400), (len(CONTENT) + 1, 400), (0, 400), (None, 411), (10**18, 400)],
)
def test_the_content_must_be_as_long_as_it_was_said(
    door: Door, s3: S3, bucket: str, length: int | None, status: int
) -> None:
    answer = put_unsigned(door, f"/{bucket}/a", framed(CONTENT), length=length)
    assert answer.status == status, answer.body
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == []


@pytest.mark.parametrize("length", ["-1", "1.5", "many", "9" * 30])
def test_a_length_that_is_no_number_is_refused(door: Door, bucket: str, length: str) -> None:
    headers = {"x-amz-decoded-content-length": length}
    answer = door.send("PUT", f"/{bucket}/a", headers=headers, body=framed(b""), payload=UNSIGNED_TRAILER)
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_a_body_in_chunks_may_lack_the_encoding_that_says_so(door: Door, s3: S3, bucket: str) -> None:
    headers = {"x-amz-decoded-content-length": str(len(CONTENT))}
    answer = door.send("PUT", f"/{bucket}/a", headers=headers, body=framed(CONTENT), payload=UNSIGNED_TRAILER)
    assert answer.status == 200, answer.body
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == CONTENT


def test_the_encoding_alone_makes_no_chunks(door: Door, s3: S3, bucket: str) -> None:
    answer = door.send("PUT", f"/{bucket}/a", headers={"Content-Encoding": "aws-chunked"}, body=CONTENT)
    assert answer.status == 200, answer.body
    found = s3.get_object(Bucket=bucket, Key="a")
    assert found["Body"].read() == CONTENT
    assert "ContentEncoding" not in found


def test_asymmetric_chunk_signatures_are_not_implemented(door: Door, bucket: str) -> None:
    answer = door.send("PUT", f"/{bucket}/a", body=b"", payload="STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD")
    assert (answer.status, answer.code) == (501, "NotImplemented")


def test_signed_chunks_need_a_signed_request(door: Door, bucket: str) -> None:
    headers = {"x-amz-content-sha256": SIGNED, "x-amz-decoded-content-length": "0"}
    answer = door.send_unsigned("PUT", f"/{bucket}/a", headers=headers, body=b"0\r\n\r\n")
    assert answer.status == 403
