"""Bodies of S3 requests: what is in their chunks, and what the headers say that they must be."""

import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request

from aerostore.api.body import body_chunks, declared_size
from aerostore.api.recheck import then_checked
from aerostore.api.s3.caller import Signed
from aerostore.api.s3.checksum import CHECKSUM, CHECKSUM_HEADERS
from aerostore.api.s3.chunked import CODINGS, ChunkDecoder, check_payload_word
from aerostore.api.s3.fault import S3Fault
from aerostore.api.s3.sigv4 import UNSIGNED_PAYLOAD
from aerostore.domain import printable
from aerostore.errors import IncompleteBody, InvalidDigest, LengthRequired
from aerostore.service.digest import ALGORITHMS, Digests, parse_digest

_ABOUT_CHECKSUMS = {f"{CHECKSUM}{word}" for word in ("mode", "type", "algorithm")}
_DECODED_LENGTH = "x-amz-decoded-content-length"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Body:
    """A body that has not been read yet.

    chunks: the content, read once; they end by themselves only if signatures, hash and length are right.
    size_bytes: of the content, None when nobody said. digests: whoever reads the chunks feeds them with what
    it reads, or hands them on as `Upload.digests`; what they must come to is known when the chunks end.
    """

    chunks: AsyncIterator[bytes]
    size_bytes: int | None
    digests: Digests


async def open_body(
    request: Request, signed: Signed, *, idle_timeout_s: float, has_checksums: bool = True
) -> S3Body:
    """Return the body of a request. has_checksums: false where x-amz-checksum-* are not about the body.

    Raises: S3Fault, InvalidInput, InvalidDigest, LengthRequired for headers that contradict each other; the
    chunks raise those, IncompleteBody and RequestTimeout, and what `signed.recheck` raises.
    """
    declared = check_payload_word(signed.payload.declared)
    announced = _announced_trailers(request)
    digests = digests_of(request.headers, announced) if has_checksums else _md5_of(request.headers)
    chunks = body_chunks(request, idle_timeout_s)
    if declared in CODINGS:
        size_bytes = _decoded_size(request)
        decoder = _decoder(signed, declared, size_bytes, announced)
        content = _decoded(chunks, decoder, digests if has_checksums else None)
        return S3Body(chunks=then_checked(content, signed.recheck), size_bytes=size_bytes, digests=digests)
    if announced:
        raise S3Fault("InvalidRequest", "x-amz-trailer needs a body with trailers (x-amz-content-sha256)")
    size = _plain_size(request)
    if declared != UNSIGNED_PAYLOAD:
        chunks = _hashed(chunks, declared)
    return S3Body(chunks=then_checked(chunks, signed.recheck), size_bytes=size, digests=digests)


def _decoder(signed: Signed, declared: str, size_bytes: int, announced: Sequence[str]) -> ChunkDecoder:
    coding = CODINGS[declared]
    chain = signed.payload.chain if coding.is_signed else None
    if coding.is_signed and chain is None:
        raise S3Fault("AccessDenied", "Chunks can only be signed in a request that is signed itself")
    if announced and not coding.has_trailer:
        raise S3Fault("InvalidRequest", f"{declared} has no trailers; x-amz-trailer does not fit")
    return ChunkDecoder(
        size_bytes=size_bytes, chain=chain, has_trailer=coding.has_trailer, announced=announced
    )


async def _decoded(
    chunks: AsyncIterator[bytes], decoder: ChunkDecoder, digests: Digests | None
) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        if content := decoder.feed(chunk):
            yield content
    decoder.finish()
    if digests is not None:
        for name, value in decoder.trailers.items():
            _expect(digests, name, value)


async def _hashed(chunks: AsyncIterator[bytes], declared: str) -> AsyncIterator[bytes]:
    sha256 = hashlib.sha256()
    async for chunk in chunks:
        sha256.update(chunk)
        yield chunk
    if not hmac.compare_digest(sha256.hexdigest(), declared):
        raise S3Fault(
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
            details={"ClientComputedContentSHA256": declared, "S3ComputedContentSHA256": sha256.hexdigest()},
        )


def _plain_size(request: Request) -> int | None:
    size = declared_size(request)
    decoded = request.headers.get(_DECODED_LENGTH)
    # Some clients send the header with every body: a body that is not in chunks has one length only.
    if decoded is not None and decoded != str(size):
        raise IncompleteBody(f"{_DECODED_LENGTH} is not the length of the body, which is not in chunks")
    return size


def _decoded_size(request: Request) -> int:
    text = request.headers.get(_DECODED_LENGTH)
    if text is None:
        raise LengthRequired(f"You must provide the {_DECODED_LENGTH} HTTP header")
    if not (text.isascii() and text.isdigit()) or len(text) > 19:
        raise S3Fault("InvalidArgument", f"The {_DECODED_LENGTH} header is not a number")
    return int(text)


def _announced_trailers(request: Request) -> tuple[str, ...]:
    given = ",".join(request.headers.getlist("x-amz-trailer"))
    names = tuple(each.strip().lower() for each in given.split(",") if each.strip())
    for name in names:
        if name not in CHECKSUM_HEADERS:
            raise S3Fault(
                "InvalidRequest",
                f"The value '{printable(name, 100)}' in the x-amz-trailer header is not supported",
            )
    return names


def digests_of(headers: Mapping[str, str], announced: Sequence[str] = ()) -> Digests:
    """Return what to count: the MD5, and the checksum that a header or a trailer is about.

    headers: by lower-case name. announced: trailers. Raises: S3Fault, InvalidDigest.
    """
    _require_known(headers)
    given = [name for name in CHECKSUM_HEADERS if name in headers]
    names = [*given, *announced]
    if len(names) > 1:
        raise S3Fault(
            "InvalidRequest",
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        )
    algorithms = [CHECKSUM_HEADERS[name] for name in names]
    _require_agreement(headers.get("x-amz-sdk-checksum-algorithm"), algorithms)
    digests = _md5_of(headers, *algorithms)
    for name in given:
        _expect(digests, name, headers[name])
    return digests


def _require_known(headers: Mapping[str, str]) -> None:
    """Refuse a checksum that nobody would compare with the body."""
    for name in headers:
        if name.startswith(CHECKSUM) and name not in CHECKSUM_HEADERS and name not in _ABOUT_CHECKSUMS:
            shown = printable(name, 100)
            raise S3Fault("InvalidRequest", f"The algorithm type you specified in {shown} header is invalid.")


def _expect(digests: Digests, name: str, value: str) -> None:
    """Compare with what a header or a trailer says. Raises: S3Fault when it says nothing that can be."""
    try:
        digests.expect(CHECKSUM_HEADERS[name], parse_digest(CHECKSUM_HEADERS[name], value))
    except InvalidDigest:
        raise S3Fault("InvalidRequest", f"Value for {name} header is invalid.") from None


def _md5_of(headers: Mapping[str, str], *algorithms: str) -> Digests:
    digests = Digests("MD5", *algorithms)
    if (md5 := headers.get("content-md5")) is not None:
        digests.expect("MD5", parse_digest("MD5", md5))
    return digests


def _require_agreement(named: str | None, algorithms: Sequence[str]) -> None:
    if named is None:
        return
    if named.upper() not in ALGORITHMS:
        raise S3Fault(
            "InvalidRequest",
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types:"
            f" [{', '.join(ALGORITHMS)}]",
        )
    if not algorithms:
        raise S3Fault(
            "InvalidRequest",
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer"
            " headers were found.",
        )
    if named.upper() not in algorithms:
        raise S3Fault("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.")
