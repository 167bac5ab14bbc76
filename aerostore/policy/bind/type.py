"""Types as the binder weighs them: what a type's name means, and what turns into what without a cast."""

from collections.abc import Sequence

from aerostore.policy.function import find_cast
from aerostore.policy.problem import Refusal
from aerostore.policy.syntax import TypeName
from aerostore.policy.value import (
    ANY,
    ANYARRAY,
    ANYELEMENT,
    ANYNONARRAY,
    BOOL,
    DATE,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    INTERVAL,
    JSON,
    JSONB,
    NUMERIC,
    TEXT,
    TIMESTAMP,
    TIMESTAMPTZ,
    UNKNOWN,
    UUID,
    Type,
    array_of,
)

_NAMES = {
    **{type_.name: type_ for type_ in (BOOL, INT2, INT4, INT8, NUMERIC, FLOAT8, TEXT, UUID, JSON, JSONB)},
    **{type_.name: type_ for type_ in (TIMESTAMPTZ, TIMESTAMP, DATE, INTERVAL)},
    # What varchar has of its own, the length, is refused; without one it behaves as text does.
    "varchar": TEXT,
    "boolean": BOOL,
    "smallint": INT2,
    "int": INT4,
    "integer": INT4,
    "bigint": INT8,
    "decimal": NUMERIC,
    "smallserial": INT2,
    "serial": INT4,
    "bigserial": INT8,
}
_SUPPORTED = frozenset(_NAMES.values())

_POLYMORPHIC = frozenset({ANYARRAY, ANYELEMENT, ANYNONARRAY})
_CATEGORIES = {
    **dict.fromkeys((INT2, INT4, INT8, NUMERIC, FLOAT8), "numeric"),
    **dict.fromkeys((TIMESTAMPTZ, TIMESTAMP, DATE), "time"),
    **dict.fromkeys((*_POLYMORPHIC, ANY), "pseudo"),
}
_PREFERRED = frozenset({BOOL, FLOAT8, TEXT, TIMESTAMPTZ, INTERVAL})


def declared_type(written: TypeName) -> Type:
    """Return the type of a declared column or parameter; one that no expression may use keeps its name."""
    known = _NAMES.get(written.name[-1]) if _is_built_in(written) else None
    element = known or Type(".".join(written.name))
    return array_of(element) if written.is_array else element


def find_type(name: tuple[str, ...]) -> Type | None:
    """Return the type of that name that expressions may use, None when there is none."""
    found = declared_type(TypeName(0, name))
    return found if found in _SUPPORTED else None


def type_of(written: TypeName) -> Type:
    """Return the type that a cast names.

    Raises: Refusal 0A000 for a type, or a length, that the embedded database does not have.
    """
    if written.has_modifier:
        raise Refusal(
            written.at, "0A000", "a type with a length or precision is not available in the embedded database"
        )
    found = declared_type(written)
    require_supported(found, written.at)
    return found


def require_supported(type_: Type, at: int) -> None:
    """Refuse a type that the embedded database has no values of."""
    if (type_.element or type_) not in _SUPPORTED:
        raise Refusal(at, "0A000", f'type "{type_}" is not available in the embedded database')


def _is_built_in(written: TypeName) -> bool:
    return len(written.name) == 1 or written.name[0] == "pg_catalog"


def is_polymorphic(type_: Type) -> bool:
    """Tell whether a parameter of this type takes arguments of several types."""
    return type_ in _POLYMORPHIC


def is_text(type_: Type) -> bool:
    """Tell whether values of this type are compared by a collation."""
    return TEXT in (type_, type_.element)


def category(type_: Type) -> str:
    """Return the group of types that literals of no type choose among (pg_type.typcategory)."""
    if type_.element:
        return "array"
    return _CATEGORIES.get(type_, type_.name)


def is_preferred(type_: Type) -> bool:
    """Tell whether this type is the one to choose in its category (pg_type.typispreferred)."""
    return type_ in _PREFERRED


def turns_into(source: Type, target: Type) -> bool:
    """Tell whether a value becomes a `target` without a cast being written.

    Source: can_coerce_type in PostgreSQL, for implicit coercions.
    """
    if source in (target, UNKNOWN) or target in (ANY, ANYELEMENT):
        return True
    if target == ANYARRAY:
        return source.element is not None
    if target == ANYNONARRAY:
        return source.element is None
    rule = find_cast(source, target)
    return rule is not None and rule.context == "implicit"


def common_type(types: Sequence[Type]) -> Type | None:
    """Return the type that expressions of these types share, None when they have none.

    Source: "UNION, CASE, and Related Constructs" in PostgreSQL's documentation.
    """
    chosen = types[0]
    for candidate in types[1:]:
        if candidate in (UNKNOWN, chosen):
            continue
        if chosen == UNKNOWN:
            chosen = candidate
        elif category(candidate) != category(chosen):
            return None
        elif not is_preferred(chosen) and _only_leads_to(chosen, candidate):
            chosen = candidate
    return TEXT if chosen == UNKNOWN else chosen


def _only_leads_to(source: Type, target: Type) -> bool:
    return turns_into(source, target) and not turns_into(target, source)
