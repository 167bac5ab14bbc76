"""One-dimensional arrays as text, such as `{a,"b c",NULL}`."""

import re
from collections.abc import Callable
from typing import Any

from aerostore.policy.function.failure import unsupported
from aerostore.policy.function.number_value import SPACE
from aerostore.policy.problem import EvaluationError

_BARE = r'(?:[^"\\{},]|\\.)+'
_ELEMENT = re.compile(rf'[{SPACE}]*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"[{SPACE}]*|(?P<bare>{_BARE}))', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_NEEDS_QUOTES = re.compile(rf'["\\{{}},{SPACE}]')


def read_array(text: str, read_element: Callable[[str], Any]) -> tuple[Any, ...]:
    """Read an array; an unquoted NULL is None.

    Raises: EvaluationError 22P02 when malformed; 0A000 for more dimensions or explicit bounds; what
    `read_element` raises.
    """
    body = text.strip(SPACE)
    if body.startswith("["):
        raise unsupported("arrays with explicit bounds")
    if not body.startswith("{"):
        raise _malformed(text)
    if not body[1:].removesuffix("}").strip(SPACE) and body.endswith("}"):
        return ()
    items = _read_items(body, text)
    return tuple(None if item is None else read_element(item) for item in items)


def write_array(values: tuple[Any, ...], write_element: Callable[[Any], str]) -> str:
    """Write an array, quoting the elements that need it."""
    items = ("NULL" if value is None else _quote(write_element(value)) for value in values)
    return f"{{{','.join(items)}}}"


def _read_items(body: str, text: str) -> list[str | None]:
    items: list[str | None] = []
    at = 1
    while True:
        if body[at:].lstrip(SPACE).startswith("{"):
            raise unsupported("arrays of more than one dimension")
        found = _ELEMENT.match(body, at)
        if not found:
            raise _malformed(text)
        items.append(_unescape(found, text))
        at = found.end() + 1
        mark = body[at - 1 : at]
        if mark == "}" and at == len(body):
            return items
        if mark != ",":
            raise _malformed(text)


def _unescape(found: re.Match[str], text: str) -> str | None:
    if found["quoted"] is not None:
        return _ESCAPED.sub(r"\1", found["quoted"])
    bare = _strip_end(found["bare"])
    if not bare:
        raise _malformed(text)
    return None if bare.upper() == "NULL" else _ESCAPED.sub(r"\1", bare)


def _strip_end(bare: str) -> str:
    """Strip trailing space, but not one that a backslash keeps."""
    stripped = bare.rstrip(SPACE)
    backslashes = len(stripped) - len(stripped.rstrip("\\"))
    return bare[: len(stripped) + backslashes % 2]


def _quote(text: str) -> str:
    if text and text.upper() != "NULL" and not _NEEDS_QUOTES.search(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _malformed(text: str) -> EvaluationError:
    return EvaluationError("22P02", f'malformed array literal: "{text}"')
