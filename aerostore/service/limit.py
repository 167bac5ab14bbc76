"""Size and content type rules, of the server and of a bucket."""

import re
from collections.abc import Sequence
from decimal import Decimal

from aerostore.domain import EMPTY_FOLDER_PLACEHOLDER, Bucket, printable
from aerostore.errors import EntityTooLarge, InvalidInput, InvalidMimeType

_SIZE = re.compile(r"(\d+(?:\.\d+)?)(gb|mb|kb|b)?", re.IGNORECASE | re.ASCII)
_UNITS = {"b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3}
_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_MIME_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}(?:\s*;\s*charset=[\"A-Za-z0-9._-]+)?", re.ASCII)
_CONTENT_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}(?:\s*;.*)?", re.ASCII)
_MAX_MIME_TYPE_LENGTH = 1000
_MAX_CACHE_CONTROL_LENGTH = 1000


def parse_file_size(value: int | str | None, at_most: int) -> int | None:
    """Return a bucket's size limit in bytes; None means no limit of its own.

    A text is a number with an optional unit of 1,000s (`20MB`), kept to three significant digits.
    Raises: InvalidInput when unreadable; EntityTooLarge above `at_most`. Source: Supabase Storage.
    """
    if value is None:
        return None
    size = value if isinstance(value, int) else _to_bytes(value)
    if size < 0:
        raise InvalidInput("Invalid file size format, hint: use 20GB / 20MB / 30KB / 3B")
    if size > at_most:
        raise EntityTooLarge(hint=f"The server's own limit is {at_most} bytes: ask for less or raise it.")
    return size


def _to_bytes(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if match is None or len(text) > 30:
        raise InvalidInput("Invalid file size format, hint: use 20GB / 20MB / 30KB / 3B")
    number, unit = Decimal(match[1]), match[2]
    if unit is None and "." in match[1]:
        raise InvalidInput("Invalid file size format, hint: use 20GB / 20MB / 30KB / 3B")
    if unit is None:
        return int(number)
    return int(Decimal(f"{number:.3g}") * _UNITS[unit.lower()])


def check_mime_types(values: Sequence[str] | None) -> list[str] | None:
    """Return a bucket's allow-list without empty entries; an empty list allows everything.

    Raises: InvalidMimeType for an entry that is neither `type/subtype` nor ends in `*`.
    """
    if values is None:
        return None
    kept = [value for value in values if value]
    for value in kept:
        valid = _MIME_TYPE.fullmatch(value) or (value.endswith("*") and value.isprintable())
        if len(value) > _MAX_MIME_TYPE_LENGTH or not valid:
            raise InvalidMimeType(f"mime type {printable(value)} is not supported")
    return kept


def check_content_type(value: str) -> str:
    """Return `value` if it can be stored and sent back as a Content-Type.

    Raises: InvalidMimeType. Source: RFC 9110 section 8.3.1.
    """
    plain = value.isascii() and value.isprintable() and len(value) <= _MAX_MIME_TYPE_LENGTH
    if not plain or not _CONTENT_TYPE.fullmatch(value):
        raise InvalidMimeType("Invalid Content-Type header", hint="Send a type of the form type/subtype.")
    return value


def check_cache_control(value: str) -> str:
    """Return `value` if it can be stored and sent back as Cache-Control. Raises: InvalidInput."""
    if not (value.isascii() and value.isprintable()) or len(value) > _MAX_CACHE_CONTROL_LENGTH:
        raise InvalidInput("The cache control value cannot be used in a header")
    return value


def check_mime_type(bucket: Bucket, name: str, mime_type: str) -> None:
    """Raise InvalidMimeType unless the bucket takes `mime_type`; parameters do not matter.

    Folder placeholders are always taken: they are empty.
    """
    allowed = bucket.allowed_mime_types
    if not allowed or name.endswith(EMPTY_FOLDER_PLACEHOLDER):
        return
    essence = _essence(mime_type)
    if not any(_matches(_essence(pattern), essence) for pattern in allowed):
        raise InvalidMimeType(f"mime type {printable(mime_type)} is not supported", resource=bucket.id)


def _essence(mime_type: str) -> str:
    return mime_type.partition(";")[0].strip().lower()


def _matches(pattern: str, essence: str) -> bool:
    if pattern in {"*", "*/*"}:
        return True
    return essence.startswith(pattern[:-1]) if pattern.endswith("*") else essence == pattern


def size_limit(bucket: Bucket, name: str, server_limit: int) -> int:
    """Return how many bytes an object called `name` may have in `bucket`."""
    if name.endswith(EMPTY_FOLDER_PLACEHOLDER):
        return 0
    if bucket.file_size_limit is None:
        return server_limit
    return min(server_limit, bucket.file_size_limit)


def check_size(size_bytes: int | None, limit: int) -> None:
    """Raise EntityTooLarge when a known size is over `limit`."""
    if size_bytes is not None and size_bytes > limit:
        raise EntityTooLarge
