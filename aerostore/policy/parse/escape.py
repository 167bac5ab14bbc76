"""What backslashes mean in E'...' literals."""

import re
from collections.abc import Iterable, Iterator

from aerostore.policy.problem import Refusal

_ESCAPE = re.compile(
    r"(?P<quote>'')|\\(?:(?P<octal>[0-7]{1,3})|x(?P<hex>[0-9A-Fa-f]{1,2})"
    r"|(?P<unicode>u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8})|(?P<single>.))",
    re.DOTALL,
)
_SINGLE = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def decode_escapes(segments: Iterable[str]) -> str:
    """Return the value of a literal, written in one or more pieces without their outer quotes.

    Raises: Refusal, at offset 0, for an escape that PostgreSQL refuses, and for one that its versions read
    differently.
    """
    raw = b"".join(part for segment in segments for part in _decode(segment))
    try:
        value = raw.decode()
    except UnicodeDecodeError as error:
        raise _invalid_bytes(raw[error.start]) from error
    if "\0" in value:
        raise _invalid_bytes(0)
    return value


def _decode(segment: str) -> Iterator[bytes]:
    at = 0
    first_half = 0
    for escape in _ESCAPE.finditer(segment):
        code = _code_unit(escape)
        if first_half and (escape.start() > at or not 0xDC00 <= code < 0xE000):
            raise _invalid_pair()
        yield segment[at : escape.start()].encode()
        at = escape.end()
        if 0xD800 <= code < 0xDC00:
            first_half = code
            continue
        yield _decode_one(escape, _join(first_half, code))
        first_half = 0
    if first_half:
        raise _invalid_pair()
    yield segment[at:].encode()


def _code_unit(escape: re.Match[str]) -> int:
    """Return the number that a Unicode escape gives, -1 for other escapes."""
    return int(escape["unicode"][1:], 16) if escape["unicode"] else -1


def _join(first_half: int, code: int) -> int:
    if first_half:
        return 0x10000 + ((first_half & 0x3FF) << 10) + (code & 0x3FF)
    if 0xDC00 <= code < 0xE000:
        raise _invalid_pair()
    return code


def _decode_one(escape: re.Match[str], code: int) -> bytes:
    if escape["unicode"]:
        return _encode(code)
    if escape["octal"]:
        return bytes([int(escape["octal"], 8) & 0xFF])
    if escape["hex"]:
        return bytes([int(escape["hex"], 16)])
    return b"'" if escape["quote"] else _decode_single(escape["single"])


def _decode_single(letter: str) -> bytes:
    if letter in "uU":
        raise Refusal(0, "22025", "invalid Unicode escape", "write \\uXXXX or \\UXXXXXXXX")
    if letter == "v":
        hint = "PostgreSQL 15 reads the letter v, later versions a vertical tab: write \\x0b"
        raise Refusal(0, "0A000", "the escape \\v is not supported", hint)
    return _SINGLE.get(letter, letter).encode()


def _encode(code: int) -> bytes:
    if not 0 < code <= 0x10FFFF:
        raise Refusal(0, "42601", "invalid Unicode escape value")
    return chr(code).encode()


def _invalid_pair() -> Refusal:
    return Refusal(0, "42601", "invalid Unicode surrogate pair")


def _invalid_bytes(byte: int) -> Refusal:
    return Refusal(0, "22021", f'invalid byte sequence for encoding "UTF8": 0x{byte:02x}')
