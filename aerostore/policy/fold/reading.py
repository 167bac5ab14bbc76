"""Which of a request's settings an expression can read."""

from collections.abc import Mapping

from aerostore.policy.expression import Apply, Constant, Expression
from aerostore.policy.tree import walk

Settings = frozenset[str]

_NONE: Settings = frozenset()
_CLAIMS = "request.jwt.claims"
_OPERATION = frozenset({"storage.operation"})

# The role counts as no setting. A function that reads the environment and is missing here may read all of it.
_READ_BY: Mapping[str, Settings] = {
    "storage.operation": _OPERATION,
    "storage.allow_only_operation": _OPERATION,
    "storage.allow_any_operation": _OPERATION,
    "auth.uid": frozenset({"request.jwt.claim.sub", _CLAIMS}),
    "auth.role": frozenset({"request.jwt.claim.role", _CLAIMS}),
    "auth.email": frozenset({"request.jwt.claim.email", _CLAIMS}),
    "auth.jwt": frozenset({"request.jwt.claim", _CLAIMS}),
    "current_user": _NONE,
    "current_role": _NONE,
    "user": _NONE,
}


def settings_read(expression: Expression) -> Settings | None:
    """Return the lower-case names of all settings that `expression` can read, whatever the request and row.

    None when that cannot be told, or when it reads the time.
    """
    found: set[str] = set()
    for part in walk(expression):
        if type(part) is Apply and part.function.reads_environment:
            names = _read_by(part)
            if names is None:
                return None
            found |= names
    return frozenset(found)


def _read_by(node: Apply) -> Settings | None:
    if node.function.name != "current_setting":
        return _READ_BY.get(node.function.name)
    name = node.arguments[0]
    if type(name) is not Constant:
        return None
    return frozenset({name.value.lower()}) if name.value else _NONE
