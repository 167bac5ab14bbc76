"""Which functions PostgreSQL's planner computes when their arguments are literals: the immutable ones.

Source: PostgreSQL, pg_proc.provolatile.
"""

from aerostore.policy.expression import Function
from aerostore.policy.value import ANYNONARRAY, DATE, INTERVAL, TEXT, TIMESTAMP, TIMESTAMPTZ, Type

# Their results depend on settings of the session.
_STABLE_NAMES = frozenset(
    {
        "array_to_string",
        "concat",
        "concat_ws",
        "format",
        "jsonb_build_array",
        "jsonb_build_object",
        "to_jsonb",
    }
)
_TIMES = frozenset({TIMESTAMPTZ, TIMESTAMP, DATE, INTERVAL})


def is_immutable(function: Function) -> bool:
    """Return whether the planner computes `function` of literals, so that it fails whatever the row."""
    if function.reads_environment or function.name in _STABLE_NAMES or ANYNONARRAY in function.parameters:
        return False
    if "::" in function.name:
        return _is_immutable_cast(function.parameters[0], function.returns)
    # Calendar and clock of a moment depend on the time zone; how moments compare does not.
    return TIMESTAMPTZ not in function.parameters or not {INTERVAL, TEXT} & {*function.parameters}


def _is_immutable_cast(source: Type, target: Type) -> bool:
    if {source, target} & _TIMES:
        return {source, target} == {TIMESTAMP, DATE}
    return (source.element is None) is (target.element is None)
