"""Functions and operators on arrays of any element type, and those that return sets."""

from collections.abc import Callable, Sequence
from typing import Any

from aerostore.policy.expression import Function
from aerostore.policy.function.comparison import is_same
from aerostore.policy.problem import EvaluationError
from aerostore.policy.value import ANYARRAY, ANYELEMENT, BOOL, INT4, Type

Values = tuple[Any, ...]


def _length(values: Values, dimension: int) -> int | None:
    return len(values) if values and dimension == 1 else None


def _lower_bound(values: Values, dimension: int) -> int | None:
    return 1 if values and dimension == 1 else None


def _subscript(values: Values, index: int) -> Any:
    return values[index - 1] if 1 <= index <= len(values) else None


def _slice(values: Values, low: int, high: int) -> Values:
    return values[max(low - 1, 0) : max(high, 0)]


def _find(values: Sequence[Any], wanted: Any) -> int | None:
    return next((place for place, value in enumerate(values, 1) if is_same(value, wanted)), None)


def _position(values: Values | None, wanted: Any, start: int | None = 1) -> int | None:
    if not values or (wanted is None and None not in values):
        return None
    if start is None:
        raise EvaluationError("22004", "initial position must not be null")
    skipped = max(start - 1, 0)
    found = _find(values[skipped:], wanted)
    return None if found is None else found + skipped


def _append(values: Values | None, value: Any) -> Values:
    return (*(values or ()), value)


def _prepend(value: Any, values: Values | None) -> Values:
    return (value, *(values or ()))


def _concatenate(left: Values | None, right: Values | None) -> Values | None:
    if left is None or right is None:
        return right if left is None else left
    return left + right


def _remove(values: Values | None, unwanted: Any) -> Values | None:
    if values is None:
        return None
    return tuple(value for value in values if not is_same(value, unwanted))


def _replace(values: Values | None, old: Any, new: Any) -> Values | None:
    if values is None:
        return None
    return tuple(new if is_same(value, old) else value for value in values)


def _contains(outer: Values, inner: Values) -> bool:
    """Return whether each value of `inner` is in `outer`; a NULL is in none."""
    return all(value is not None and _find(outer, value) is not None for value in inner)


def _overlaps(left: Values, right: Values) -> bool:
    return any(value is not None and _find(right, value) is not None for value in left)


def _unnest(values: Values) -> Values:
    return values


def _function(
    name: str,
    parameters: tuple[Type, ...],
    run: Callable[..., Any],
    returns: Type,
    *,
    strict: bool = True,
    may_raise: bool = False,
    returns_set: bool = False,
) -> Function:
    return Function(
        name=name,
        parameters=parameters,
        returns=returns,
        run=run,
        strict=strict,
        may_raise=may_raise,
        returns_set=returns_set,
    )


_PAIR = (ANYARRAY, ANYARRAY)
_WITH_ELEMENT = (ANYARRAY, ANYELEMENT)

SUBSCRIPT = _function("array_subscript", (ANYARRAY, INT4), _subscript, ANYELEMENT)
"""`array[index]`."""
SLICE = _function("array_slice", (ANYARRAY, INT4, INT4), _slice, ANYARRAY)
"""`array[low:high]`; a missing bound is 1 or the highest integer."""

FUNCTIONS = (
    _function("array_length", (ANYARRAY, INT4), _length, INT4),
    _function("array_upper", (ANYARRAY, INT4), _length, INT4),
    _function("array_lower", (ANYARRAY, INT4), _lower_bound, INT4),
    _function("cardinality", (ANYARRAY,), len, INT4),
    _function("array_position", _WITH_ELEMENT, _position, INT4, strict=False),
    _function("array_position", (*_WITH_ELEMENT, INT4), _position, INT4, strict=False, may_raise=True),
    _function("array_append", _WITH_ELEMENT, _append, ANYARRAY, strict=False),
    _function("array_prepend", (ANYELEMENT, ANYARRAY), _prepend, ANYARRAY, strict=False),
    _function("array_cat", _PAIR, _concatenate, ANYARRAY, strict=False),
    _function("array_remove", _WITH_ELEMENT, _remove, ANYARRAY, strict=False),
    _function("array_replace", (*_WITH_ELEMENT, ANYELEMENT), _replace, ANYARRAY, strict=False),
    _function("unnest", (ANYARRAY,), _unnest, ANYELEMENT, returns_set=True),
)

OPERATORS = (
    _function("@>", _PAIR, _contains, BOOL),
    _function("<@", _PAIR, lambda inner, outer: _contains(outer, inner), BOOL),
    _function("&&", _PAIR, _overlaps, BOOL),
    _function("||", _PAIR, _concatenate, ANYARRAY, strict=False),
    _function("||", _WITH_ELEMENT, _append, ANYARRAY, strict=False),
    _function("||", (ANYELEMENT, ANYARRAY), _prepend, ANYARRAY, strict=False),
)
