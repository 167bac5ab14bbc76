"""Names of types, in all the words that SQL has for them."""

from collections.abc import Mapping

from aerostore.policy.parse.cursor import Tokens
from aerostore.policy.parse.lexer import Kind
from aerostore.policy.parse.name import label, type_function_name
from aerostore.policy.syntax import TypeName

_SINGLE_WORDS: Mapping[str, str] = {
    "int": "int4",
    "integer": "int4",
    "smallint": "int2",
    "bigint": "int8",
    "real": "float4",
    "float": "float8",
    "decimal": "numeric",
    "dec": "numeric",
    "numeric": "numeric",
    "boolean": "bool",
    "bit": "bit",
    "char": "bpchar",
    "character": "bpchar",
    "nchar": "bpchar",
    "national": "bpchar",
    "varchar": "varchar",
    "time": "time",
    "timestamp": "timestamp",
    "interval": "interval",
}
_VARYING: Mapping[str, str] = {"bit": "varbit", "bpchar": "varchar"}
_UNMODIFIED = frozenset({"int2", "int4", "int8", "float4", "bool"})
_SINGLY_MODIFIED = frozenset({"bpchar", "varchar", "time", "timestamp", "interval"})
_INTERVAL_FIELDS = ("year", "month", "day", "hour", "minute", "second")


def at_type_key_word(tokens: Tokens) -> bool:
    """Whether a type begins here whose name is a key word, as `int` or `double precision`."""
    return tokens.at_word(*_SINGLE_WORDS) or tokens.at_words("double", "precision")


def type_name(tokens: Tokens) -> TypeName:
    """Read a type, an array type included."""
    if tokens.at_word("setof"):
        raise tokens.unsupported("SETOF here", "only functions return sets")
    simple = simple_type(tokens)
    is_array = _array_bounds(tokens)
    return TypeName(simple.at, simple.name, is_array, simple.has_modifier)


def simple_type(tokens: Tokens) -> TypeName:
    """Read a type that is no array."""
    if at_type_key_word(tokens):
        return _key_word_type(tokens)
    at = tokens.current.at
    name = _generic_name(tokens)
    return TypeName(at, name, has_modifier=_modifiers(tokens))


def refuse_interval_fields(tokens: Tokens) -> None:
    """Refuse what may follow `interval` and its literal: the fields that are to be kept of it."""
    if tokens.at_word(*_INTERVAL_FIELDS):
        raise tokens.unsupported("an interval of certain fields", "write the unit into the literal")


def _generic_name(tokens: Tokens) -> tuple[str, ...]:
    parts = [type_function_name(tokens)]
    while tokens.accept("."):
        parts.append(label(tokens))
    return tuple(parts)


def _key_word_type(tokens: Tokens) -> TypeName:
    first = tokens.take()
    if first.value == "double":
        tokens.expect_word("precision")
        return TypeName(first.at, ("float8",))
    if first.value == "national":
        tokens.expect_word("character", "char")
    name = _SINGLE_WORDS[first.value]
    if name in _VARYING and first.value != "varchar" and tokens.accept_word("varying"):
        name = _VARYING[name]
    return _modified(tokens, first.at, name)


def _modified(tokens: Tokens, at: int, name: str) -> TypeName:
    if name in _UNMODIFIED:
        return TypeName(at, (name,))
    if name == "float8":
        return TypeName(at, (_float_of_precision(tokens),))
    has_modifier = _modifiers(tokens, most=1 if name in _SINGLY_MODIFIED else None)
    if name in ("time", "timestamp") and _with_time_zone(tokens):
        name += "tz"
    if name == "interval":
        refuse_interval_fields(tokens)
    # Without a length, char and bit have length one.
    return TypeName(at, (name,), has_modifier=has_modifier or name in ("bpchar", "bit"))


def _float_of_precision(tokens: Tokens) -> str:
    if not tokens.accept("("):
        return "float8"
    bits = _size(tokens)
    tokens.expect(")")
    if not 1 <= bits <= 53:
        raise tokens.unsupported(f"precision {bits} of float", "write a number of bits from 1 to 53")
    return "float4" if bits <= 24 else "float8"


def _modifiers(tokens: Tokens, most: int | None = None) -> bool:
    if not tokens.accept("("):
        return False
    _size(tokens)
    while most is None and tokens.accept(","):
        _size(tokens)
    tokens.expect(")")
    return True


def _size(tokens: Tokens) -> int:
    written = tokens.current.value
    if tokens.current.kind is not Kind.NUMBER or not (written.isdecimal() and len(written) < 10):
        raise tokens.unsupported("a size other than a plain whole number", "write the number")
    return int(tokens.take().value)


def _with_time_zone(tokens: Tokens) -> bool:
    if not tokens.at_words("with", "time") and not tokens.at_words("without", "time"):
        return False
    is_with = tokens.take().value == "with"
    tokens.expect_words("time", "zone")
    return is_with


def _array_bounds(tokens: Tokens) -> bool:
    if tokens.accept_word("array"):
        if tokens.at("["):
            _array_bound(tokens, needs_size=True)
        return True
    is_array = False
    while tokens.at("["):
        _array_bound(tokens, needs_size=False)
        is_array = True
    return is_array


def _array_bound(tokens: Tokens, *, needs_size: bool) -> None:
    tokens.expect("[")
    if needs_size or not tokens.at("]"):
        _size(tokens)
    tokens.expect("]")
