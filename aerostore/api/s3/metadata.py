"""What S3's clients say about an object besides its bytes, as it is stored, and the headers that say it back.

Used for headers of requests and for the fields of forms: names are in lower case.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from starlette.datastructures import Headers

from aerostore.api.blob_response import content_policy, is_sendable, last_modified
from aerostore.api.s3 import checksum
from aerostore.api.s3.fault import S3Fault
from aerostore.api.s3.tagging import parse_tags
from aerostore.api.s3.xml import add
from aerostore.domain import JsonObject, Object, has_control_character, printable
from aerostore.errors import MetadataTooLarge
from aerostore.service.tag import tags_of

DEFAULT_TYPE = "binary/octet-stream"
META = "x-amz-meta-"
# S3's own limit for all names and values of one object.
MAX_META_BYTES = 2048
_MAX_VALUE_LENGTH = 1000
_STORED_AS = {
    "content-disposition": "contentDisposition",
    "content-encoding": "contentEncoding",
    "content-language": "contentLanguage",
    "expires": "expires",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What is said about an object, in the words of `Upload`. tags: None when nothing was said of them."""

    mime_type: str
    cache_control: str
    user_metadata: JsonObject
    extra: JsonObject
    tags: Mapping[str, str] | None

    @property
    def extra_with_tags(self) -> JsonObject:
        """The further members of the metadata column."""
        return {**self.extra, "tags": dict(self.tags)} if self.tags else self.extra


def describe(fields: Mapping[str, str]) -> Description:
    """Return what `fields` say. cache_control is empty when they say nothing, so that nothing is said back.

    Raises: S3Fault InvalidArgument for what could not be sent back, InvalidTag; MetadataTooLarge.
    """
    extra = {key: _checked(name, fields[name]) for name, key in _STORED_AS.items() if fields.get(name)}
    encoding = _without_aws_chunked(extra.pop("contentEncoding", ""))
    tagging = fields.get("x-amz-tagging")
    return Description(
        mime_type=fields.get("content-type") or DEFAULT_TYPE,
        cache_control=_checked("cache-control", fields.get("cache-control", "")),
        user_metadata=_user_metadata(fields),
        extra={**extra, "contentEncoding": encoding} if encoding else {**extra},
        tags=None if tagging is None else parse_tags(tagging),
    )


def fields_of(headers: Headers) -> dict[str, str]:
    """Return headers as texts; several of one name as one, in their order (RFC 9110 section 5.3)."""
    joined: dict[str, str] = {}
    for name, value in headers.items():
        text = _to_text(value)
        joined[name] = f"{joined[name]},{text}" if name in joined else text
    return joined


def _to_text(value: str) -> str:
    """Return a header as whoever sent it means it: servers read UTF-8 as Latin-1."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _checked(name: str, value: str) -> str:
    if not (value.isascii() and value.isprintable()) or len(value) > _MAX_VALUE_LENGTH:
        raise S3Fault(
            "InvalidArgument",
            f"The value of {name} cannot be sent back in a header",
            hint=f"Use at most {_MAX_VALUE_LENGTH} printable ASCII characters; percent-encode others.",
        )
    return value


def _without_aws_chunked(coding: str) -> str:
    """Leave out the coding that is only about how the body came here."""
    kept = [each.strip() for each in coding.split(",") if each.strip().lower() not in {"", "aws-chunked"}]
    return ",".join(kept)


def _user_metadata(fields: Mapping[str, str]) -> JsonObject:
    found = {
        name.removeprefix(META): value.strip() for name, value in fields.items() if name.startswith(META)
    }
    if any(has_control_character(key + value) for key, value in found.items()):
        raise S3Fault("InvalidArgument", "User metadata cannot hold control characters")
    if sum(len(key.encode()) + len(value.encode()) for key, value in found.items()) > MAX_META_BYTES:
        raise MetadataTooLarge(
            "Your metadata headers exceed the maximum allowed metadata size",
            hint=f"Names and values of x-amz-meta-* may have {MAX_META_BYTES} bytes together.",
        )
    return dict(found)


# Saying it back


def object_headers(
    found: Object, *, public: bool, overrides: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the headers of an answer with this object; the same for GET, HEAD and 304."""
    overrides = overrides or {}
    stored = {name: str(found.metadata.get(key, "")) for name, key in _STORED_AS.items()}
    headers = {
        "accept-ranges": "bytes",
        "content-type": found.mime_type,
        "etag": f'"{found.etag}"',
        "last-modified": last_modified(found),
        "x-content-type-options": "nosniff",
        "content-security-policy": content_policy(overrides.get("content-type", found.mime_type)),
        "cache-control": str(found.metadata.get("cacheControl", "")),
        **stored,
    }
    if not public:
        headers["vary"] = "Authorization"
    if tags := tags_of(found):
        headers["x-amz-tagging-count"] = str(len(tags))
    told = {name: value for name, value in headers.items() if value and is_sendable(value)}
    return {**told, **_meta_headers(found.user_metadata or {}), **overrides}


def _meta_headers(metadata: JsonObject) -> dict[str, str]:
    """Return user metadata as headers; what no header can hold is only counted, as S3 does."""
    headers: dict[str, str] = {}
    room = MAX_META_BYTES
    missing = 0
    for name, value in _meta_texts(metadata):
        room -= len(name) + len(value)
        if room >= 0 and is_sendable(value) and _is_token(name):
            headers[META + name.lower()] = value
        else:
            missing += 1
    return {**headers, "x-amz-missing-meta": str(missing)} if missing else headers


def _meta_texts(metadata: JsonObject) -> Iterator[tuple[str, str]]:
    for name, value in metadata.items():
        # Not orjson: rows may hold numbers of any length.
        yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _is_token(name: str) -> bool:
    """Tell whether a header may be called that (RFC 9110 section 5.6.2)."""
    return name.isascii() and all(c.isalnum() or c in "!#$%&'*+-.^_`|~" for c in name) and name != ""


def checksum_headers(found: Object) -> dict[str, str]:
    """Return the checksums that are known of an object, for who wants to compare."""
    checksums = _checksums(found)
    if not checksums:
        return {}
    return {**checksum.to_checksum_headers(checksums), "x-amz-checksum-type": _checksum_type(found)}


def add_checksums(parent: Element, found: Object) -> None:
    """Add the checksums that are known of an object to an answer."""
    checksums = _checksums(found)
    checksum.add_checksums(parent, checksums)
    if checksums:
        add(parent, "ChecksumType", _checksum_type(found))


def _checksums(found: Object) -> Mapping[str, str]:
    return found.metadata.get("checksums") or {}


def _checksum_type(found: Object) -> str:
    """Return what the checksums are of: the whole content, or the checksums of its parts."""
    return str(found.metadata.get("checksumType", "FULL_OBJECT"))


def overrides_of(query: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that a request asks for with `response-*`, in place of those of the object.

    Raises: S3Fault InvalidArgument for what cannot be a header.
    """
    asked = {name: query[f"response-{name}"] for name in _OVERRIDABLE if f"response-{name}" in query}
    for name, value in asked.items():
        if has_control_character(value) or not _is_latin1(value):
            raise S3Fault(
                "InvalidArgument",
                "Header value cannot be represented using ISO-8859-1.",
                details={"ArgumentName": f"response-{name}", "ArgumentValue": printable(value, 200)},
            )
    return asked


def _is_latin1(value: str) -> bool:
    return all(character <= "\xff" for character in value)


_OVERRIDABLE = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
)
