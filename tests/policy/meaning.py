"""What trees of `aerostore.policy.syntax` say, apart from where it stood."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from aerostore.policy import syntax

_PLACES = frozenset({"at", "start", "end", "using_text", "check_text", "comment", "refused"})
"""Fields that hold places and text, not meaning."""


def meaning(tree: Any) -> Any:
    """Return a tree as nested tuples; trees that mean the same are equal, 1 and 1.0 and true are not."""
    if isinstance(tree, syntax.InSelect) and tree.negated:
        return meaning(syntax.Not(0, replace(tree, negated=False)))  # as PostgreSQL's grammar writes it
    if isinstance(tree, tuple):
        return tuple(meaning(part) for part in tree)
    if isinstance(tree, bool | int | Decimal):
        return type(tree).__name__, str(tree)
    if not hasattr(tree, "__dataclass_fields__"):
        return tree
    kept = [name for name in tree.__dataclass_fields__ if name not in _PLACES]
    parts = (_role_names(getattr(tree, name)) if name == "roles" else getattr(tree, name) for name in kept)
    return (type(tree).__name__, *zip(kept, map(meaning, parts), strict=True))


def _role_names(roles: Any) -> Any:
    """Return only the names where roles are written with their places."""
    return tuple(role if isinstance(role, str) else role[1] for role in roles or ())
