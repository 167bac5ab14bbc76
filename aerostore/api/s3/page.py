"""Pages of S3's lists: how many entries are asked for, after which one, and how names are spelled."""

import base64
import binascii
from urllib.parse import quote
from xml.etree.ElementTree import Element

from starlette.requests import Request

from aerostore.api.s3.fault import S3Fault
from aerostore.api.s3.xml import add, written, written_around
from aerostore.domain import printable

_MAX_WHOLE = 2**31 - 1
_SHOWN_CHARACTERS = 100
# Tells a token from other base64, and this kind of token from kinds to come.
_TOKEN_MARK = "after:"
_OWNER = "aerostore"


def bad_argument(name: str, value: str, message: str) -> S3Fault:
    """Return the error for a query parameter that cannot be used."""
    details = {"ArgumentName": name, "ArgumentValue": printable(value, _SHOWN_CHARACTERS)}
    return S3Fault("InvalidArgument", message, details=details)


def parse_count(request: Request, name: str, default: int) -> int:
    """Return the whole number that a query parameter holds, `default` when it is absent or empty.

    Raises: S3Fault InvalidArgument for anything else, and over 2,147,483,647.
    """
    text = request.query_params.get(name, "")
    if not text:
        return default
    digits = text.lstrip("0") or "0"
    is_whole = text.isascii() and text.isdigit() and len(digits) <= len(str(_MAX_WHOLE))
    if not is_whole or int(digits) > _MAX_WHOLE:
        raise bad_argument(name, text, f"Argument {name} must be an integer between 0 and {_MAX_WHOLE}")
    return int(digits)


def parse_text(request: Request, name: str) -> str:
    """Return the text that a query parameter looks for in names, "" when it is absent.

    Raises: S3Fault InvalidArgument for a NUL, which is in no name.
    """
    text = request.query_params.get(name, "")
    if "\0" in text:
        raise bad_argument(name, text, f"Argument {name} must not hold a NUL character")
    return text


def to_token(name: str) -> str:
    """Return the token that asks for the page after the one that ended with `name`: safe in any URL."""
    return base64.urlsafe_b64encode(f"{_TOKEN_MARK}{name}".encode()).decode().rstrip("=")


def parse_token(request: Request) -> str:
    """Return where the page before ended, "" for the first page.

    Raises: S3Fault InvalidArgument for anything that `to_token` did not write.
    """
    token = request.query_params.get("continuation-token")
    if token is None:
        return ""
    try:
        padded = token + "=" * (-len(token) % 4)
        name = base64.urlsafe_b64decode(padded).decode().removeprefix(_TOKEN_MARK)
    except (binascii.Error, ValueError):
        raise _bad_token(token) from None
    if not name or "\0" in name or to_token(name) != token:
        raise _bad_token(token)
    return name


def _bad_token(token: str) -> S3Fault:
    return bad_argument("continuation-token", token, "The continuation token provided is incorrect")


def encode_name(text: str) -> str:
    """Return `text` as S3 writes it when a client asks for encoding-type=url.

    A space becomes `%20` and a plus `%2B`, which clients read rightly whether they take a plus for a space
    or not. Source: S3 ListObjectsV2, EncodingType; slashes stay as they are.
    """
    return quote(text, safe="/*").replace("~", "%7E")


def add_owner(parent: Element) -> None:
    """Add the one owner of everything: whose an object is, policies know and lists do not tell."""
    owner = add(parent, "Owner")
    add(owner, "ID", _OWNER)
    add(owner, "DisplayName", _OWNER)


WRITTEN_OWNER = written_around("Owner", [written("ID", _OWNER), written("DisplayName", _OWNER)])
"""What `add_owner` adds, as text."""
