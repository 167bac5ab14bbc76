"""tus 1.0.0 in headers: requests to values, values to answers. Pure; refusals are worded as Supabase's."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from aerostore.api.upload_option import parse_user_metadata
from aerostore.domain import UploadSession, UploadState
from aerostore.errors import (
    AccessDenied,
    InvalidBucketName,
    InvalidInput,
    InvalidKey,
    NotSupported,
    PreconditionFailed,
)
from aerostore.service.digest import Digests, parse_digest
from aerostore.service.publish import Upload

VERSION = "1.0.0"
OFFSET_TYPE = "application/offset+octet-stream"
ECHO = "uploadMetadata"
"""Under which key an upload keeps the Upload-Metadata that HEAD gives back."""

CAPABILITIES = {
    "Tus-Version": VERSION,
    "Tus-Extension": "creation,creation-with-upload,creation-defer-length,termination,expiration,checksum",
    "Tus-Checksum-Algorithm": "crc32,md5,sha1,sha256",
}
EXPOSED_HEADERS = (
    *("location", "tus-complete", "tus-extension", "tus-max-size", "tus-resumable", "tus-version"),
    *("tus-checksum-algorithm", "upload-defer-length", "upload-expires", "upload-length", "upload-metadata"),
    *("upload-offset", "x-error-code", "x-error-hint"),
)
"""What scripts of other origins may read of answers."""

_ALGORITHMS = {name: name.upper() for name in CAPABILITIES["Tus-Checksum-Algorithm"].split(",")}
_NUMBER = re.compile(r"[0-9]{1,19}", re.ASCII)
_METADATA_KEY = re.compile(r"[!-+\--~]+", re.ASCII)
_MAX_METADATA_KEYS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """What a POST asks for. metadata: as HEAD gives it back. has_first_bytes: the body begins the upload."""

    upload: Upload
    metadata: str
    has_first_bytes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuation:
    """What the headers of a PATCH say. size_bytes: the length of the whole, if it is told now."""

    offset: int
    size_bytes: int | None


def capability_headers(max_size_bytes: int) -> dict[str, str]:
    """Return what the server can do, as OPTIONS tells it."""
    return {"Tus-Resumable": VERSION, **CAPABILITIES, "Tus-Max-Size": str(max_size_bytes)}


def check_version(headers: Mapping[str, str]) -> None:
    """Raise PreconditionFailed unless the request speaks tus 1.0.0. Source: tus 1.0.0, Tus-Resumable."""
    version = headers.get("tus-resumable")
    if version is None:
        raise PreconditionFailed("Tus-Resumable Required\n", hint=f"Send 'Tus-Resumable: {VERSION}'.")
    if version != VERSION:
        raise PreconditionFailed("Invalid tus-resumable\n", hint=f"This server speaks tus {VERSION} only.")


def parse_creation(headers: Mapping[str, str], *, upsert: bool) -> Creation:
    """Read the headers of a POST. Raises: InvalidInput, NotSupported, InvalidBucketName, InvalidKey."""
    if "upload-concat" in headers:
        raise NotSupported(
            "Concatenation extension is not (yet) supported. Disable parallel uploads in the tus client.\n"
        )
    size_bytes = _parse_size(headers)
    text = headers.get("upload-metadata")
    if not text:
        raise InvalidInput("Metadata header is required", hint="Send bucketName and objectName in it.")
    values = parse_metadata(text)
    values["cacheControl"] = _cache_control(values.get("cacheControl", b"")).encode()
    return Creation(
        upload=_upload_of(values, size_bytes, upsert=upsert),
        metadata=format_metadata(values),
        has_first_bytes=_has_first_bytes(headers),
    )


def parse_continuation(headers: Mapping[str, str]) -> Continuation:
    """Read the headers of a PATCH.

    Raises: InvalidInput; AccessDenied without a header, as Supabase's server answers it.
    """
    if "upload-offset" not in headers:
        raise AccessDenied("Upload-Offset header required\n", hint="Send the offset that HEAD told.")
    if "content-type" not in headers:
        raise AccessDenied("Content-Type header required\n", hint=f"Send 'Content-Type: {OFFSET_TYPE}'.")
    _check_type(headers["content-type"])
    size = headers.get("upload-length")
    return Continuation(
        offset=_parse_number("upload-offset", headers["upload-offset"]),
        size_bytes=None if size is None else _parse_number("upload-length", size),
    )


def parse_checksum(headers: Mapping[str, str]) -> Digests | None:
    """Return what compares the body with Upload-Checksum; None without one.

    Raises: InvalidInput for an unknown algorithm; InvalidDigest.
    """
    text = headers.get("upload-checksum")
    if text is None:
        return None
    algorithm, _space, digest = text.strip().partition(" ")
    if algorithm not in _ALGORITHMS:
        known = CAPABILITIES["Tus-Checksum-Algorithm"]
        raise InvalidInput("Unsupported checksum algorithm\n", hint=f"Use one of: {known}.")
    name = _ALGORITHMS[algorithm]
    digests = Digests(name)
    digests.expect(name, parse_digest(name, digest.strip()))
    return digests


def parse_metadata(text: str) -> dict[str, bytes]:
    """Return the values of Upload-Metadata by key, in their order; a key without a value has an empty one.

    Raises: InvalidInput for what is no base64, a key that is there twice, or more than 100 keys.
    """
    pairs = text.split(",")
    if len(pairs) > _MAX_METADATA_KEYS:
        raise _invalid("upload-metadata", f"It may hold {_MAX_METADATA_KEYS} keys.")
    values: dict[str, bytes] = {}
    for pair in pairs:
        key, _space, value = pair.strip().partition(" ")
        if key in values or not _METADATA_KEY.fullmatch(key):
            raise _invalid(
                "upload-metadata", "Each pair is a key of its own, a space, and a value in base64."
            )
        values[key] = _from_base64(value)
    return values


def format_metadata(values: Mapping[str, bytes]) -> str:
    """Write values as Upload-Metadata has them."""
    return ",".join(f"{key} {base64.b64encode(value).decode()}".rstrip() for key, value in values.items())


def progress_headers(session: UploadSession) -> dict[str, str]:
    """Return how far the upload is, and until when it can go on or that it is an object now."""
    headers = {"Upload-Offset": str(session.offset_bytes), **creation_headers(session)}
    if session.state is UploadState.COMPLETED:
        headers["Tus-Complete"] = "1"
    return headers


def creation_headers(session: UploadSession) -> dict[str, str]:
    """Return until when the upload can go on; nothing for one that is an object already."""
    if session.state is UploadState.COMPLETED:
        return {}
    return {"Upload-Expires": _http_date(session.expires_at)}


def description_headers(session: UploadSession) -> dict[str, str]:
    """Return all that HEAD tells."""
    size = session.size_bytes
    length = {"Upload-Defer-Length": "1"} if size is None else {"Upload-Length": str(size)}
    return {
        **progress_headers(session),
        **length,
        "Upload-Metadata": session.metadata[ECHO],
        "Cache-Control": "no-store",
    }


def _upload_of(values: Mapping[str, bytes], size_bytes: int | None, *, upsert: bool) -> Upload:
    bucket, name = _text(values, "bucketName"), _text(values, "objectName")
    if not bucket:
        raise InvalidBucketName(hint="Send bucketName in Upload-Metadata.")
    if not name:
        raise InvalidKey("Invalid key: ", hint="Send objectName in Upload-Metadata.")
    return Upload(
        bucket_id=bucket,
        name=name,
        mime_type=_text(values, "contentType") or "application/octet-stream",
        cache_control=_text(values, "cacheControl"),
        user_metadata=parse_user_metadata(values.get("metadata")) or {},
        upsert=upsert,
        size_bytes=size_bytes,
        upload_type="resumable",
    )


def _parse_size(headers: Mapping[str, str]) -> int | None:
    """Return Upload-Length; None when it is deferred. Exactly one of the two must be told."""
    size, deferred = headers.get("upload-length"), headers.get("upload-defer-length")
    if (size is None) == (deferred is None):
        raise InvalidInput("Upload-Length or Upload-Defer-Length header required\n", hint="Send one of them.")
    if size is not None:
        return _parse_number("upload-length", size)
    if deferred != "1":
        raise _invalid("upload-defer-length", "Its only value is 1.")
    return None


def _has_first_bytes(headers: Mapping[str, str]) -> bool:
    content_type = headers.get("content-type")
    if content_type is None:
        return False
    _check_type(content_type)
    return True


def _check_type(content_type: str) -> None:
    if content_type.partition(";")[0].strip().lower() != OFFSET_TYPE:
        raise _invalid("content-type", f"Send 'Content-Type: {OFFSET_TYPE}'.")


def _cache_control(seconds: bytes) -> str:
    """Return the header value for a number of seconds, as Supabase's clients send it."""
    return f"max-age={int(seconds)}" if _NUMBER.fullmatch(seconds.decode("latin-1")) else "no-cache"


def _text(values: Mapping[str, bytes], key: str) -> str:
    try:
        return values.get(key, b"").decode()
    except UnicodeDecodeError:
        raise _invalid("upload-metadata", f"The value of {key} is not UTF-8.") from None


def _parse_number(name: str, text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise _invalid(name, "Send a whole number, 0 or more.")
    return int(text)


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _invalid("upload-metadata", "Values are base64 with padding.") from None


def _invalid(name: str, hint: str) -> InvalidInput:
    return InvalidInput(f"Invalid {name}\n", hint=hint)


def _http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)
