"""Which functions PostgreSQL's planner computes when their arguments are literals: the immutable ones.

Source: PostgreSQL, pg_proc.provolatile.
"""

from aerostore.policy.expression import Function
from aerostore.policy.value import ANYNONARRAY, DATE, INTERVAL, JSON, JSONB, TIMESTAMP, TIMESTAMPTZ

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
_STABLE_TYPES = frozenset({TIMESTAMPTZ, TIMESTAMP, DATE, INTERVAL, ANYNONARRAY})


def is_immutable(function: Function) -> bool:
    """Return whether the planner computes `function`: no when in doubt, which can only raise more often."""
    types = {function.returns, *function.parameters}
    if function.reads_environment or function.name in _STABLE_NAMES or types & _STABLE_TYPES:
        return False
    is_cast = "::" in function.name
    return not (is_cast and any(type_.element or type_ in (JSON, JSONB) for type_ in types))
