"""CREATE POLICY texts as an executor without row-level security of its own enforces them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from aerostore import policy
from aerostore.domain import RlsContext
from aerostore.errors import AccessDenied, PolicyFailed
from aerostore.permissions import BUCKETS, OBJECTS
from aerostore.permissions.predicate import ALWAYS, NEVER, Predicate
from aerostore.permissions.request_setting import request_settings
from aerostore.policy import Environment, EvaluationError, Source
from aerostore.policy.catalog import BUCKETS as STORAGE_BUCKETS
from aerostore.policy.catalog import OBJECTS as STORAGE_OBJECTS
from aerostore.policy.catalog import STORAGE_TABLES, Table
from aerostore.policy.function.storage import owner_of, path_tokens
from aerostore.policy.value import JSONB, Json, Type
from aerostore.policy.value import UUID as UUID_TYPE


def read_policy_files(folder: Path) -> list[Source]:
    """Return the texts of the `*.sql` files right in `folder`, in the order of their names.

    Raises: OSError, also for a folder that does not exist: nobody means to have no policies at all;
    UnicodeDecodeError.
    """
    paths = sorted(path for path in folder.iterdir() if path.suffix == ".sql" and path.is_file())
    return [Source(path=str(path), text=path.read_text("utf-8")) for path in paths]


class CompiledPolicies:
    """CREATE POLICY texts, enforced by conditions that the policy engine makes of them."""

    def __init__(self, policies: policy.PolicySet) -> None:
        self._policies = policies

    @property
    def declared_tables(self) -> Sequence[Table]:
        """The tables that policy files declare, which the executor creates."""
        return [table for table in self._policies.tables.values() if table.declared]

    def where(self, table: str, command: str, context: RlsContext, known: Mapping[str, Any]) -> Predicate:
        """Return the USING expressions of all policies that apply, for this request."""
        return _asked(self._policies.where, table, command, context, known, name=f"{command}_using")

    def check(self, table: str, command: str, context: RlsContext, row: Mapping[str, Any]) -> Predicate:
        """Return the WITH CHECK expressions of all policies that apply, for this request."""
        return _asked(self._policies.check, table, command, context, row, name=f"{command}_check")


def _asked(
    ask: Callable[..., policy.Condition],
    table: str,
    command: str,
    context: RlsContext,
    columns: Mapping[str, Any],
    *,
    name: str,
) -> Predicate:
    if context.can_bypass_rls:
        return ALWAYS
    row = _Row(table, columns)
    try:
        condition = ask(_QUALIFIED[table], command, environment_of(context), row, name=name)
    except EvaluationError as exc:
        raise to_policy_failure(exc) from exc
    return _to_predicate(condition)


_QUALIFIED = {OBJECTS: STORAGE_OBJECTS, BUCKETS: STORAGE_BUCKETS}
_GENERATED: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "owner": ("owner_id", owner_of),
    "path_tokens": ("name", path_tokens),
}


def _to_predicate(condition: policy.Condition) -> Predicate:
    if condition.constant is not None:
        return ALWAYS if condition.constant else NEVER
    return Predicate(condition.sql, condition.parameters, condition.programs, condition.prefixes)


def environment_of(context: RlsContext) -> Environment:
    """Return `context` as policies see it."""
    return Environment(
        role=context.role,
        now=datetime.now(UTC),
        settings=request_settings(context),
        can_bypass_rls=context.can_bypass_rls,
    )


class _Row(Mapping[str, Any]):
    """Columns of a table as the policy engine has them: each made when a policy reads it, as few do.

    Those that PostgreSQL generates come along with what they are made of.
    """

    def __init__(self, table: str, columns: Mapping[str, Any]) -> None:
        self._types = STORAGE_TABLES[_QUALIFIED[table]].columns
        self._columns = columns
        self._names = [name for name in columns if name in self._types]
        for generated, (source, _make) in _GENERATED.items():
            if source in columns and generated in self._types:
                self._names.append(generated)

    def __getitem__(self, name: str) -> Any:
        if name in _GENERATED:
            source, make = _GENERATED[name]
            return make(self._columns[source])
        return _to_value(self._types[name], self._columns[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names


def _to_value(column: Type, value: Any) -> Any:
    if value is None:
        return None
    if column == UUID_TYPE:
        return UUID(value)
    if column == JSONB:
        return Json(_exact(value))
    return tuple(value) if column.element else value


def _exact(value: Any) -> Any:
    """Return JSON with fractions as decimals, which is how jsonb keeps them."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, dict):
        return {key: _exact(item) for key, item in value.items()}
    return [_exact(item) for item in value] if isinstance(value, list | tuple) else value


def to_policy_failure(exc: EvaluationError) -> AccessDenied:
    """Return what the caller is told when a policy raised: no values, they may be of rows it cannot see."""
    if exc.code == "42501":
        return AccessDenied(
            exc.message, hint="GRANT SELECT on the tables that policies read, in their files."
        )
    return PolicyFailed(f"A policy could not be evaluated: SQLSTATE {exc.code}")
