"""Policy files to a policy set: every statement in order, every problem collected."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from aerostore.policy import syntax
from aerostore.policy.bind.binder import Binder
from aerostore.policy.bind.declare import declare
from aerostore.policy.bind.lint import warnings_of
from aerostore.policy.catalog import Catalog, Table
from aerostore.policy.combine import PUBLIC, Policy
from aerostore.policy.expression import Expression
from aerostore.policy.parse.source import parse
from aerostore.policy.policyset import PolicySet
from aerostore.policy.problem import PolicyLoadError, Problem, Refusal, Source
from aerostore.policy.recursion import recursions
from aerostore.policy.tree import query_depth

MAX_QUERY_DEPTH = 6
"""Subqueries inside each other. SQLite's parser has a stack of 100, of which the policies of the tables that
they read take their part."""


def load(sources: Sequence[Source], catalog: Catalog | None = None) -> PolicySet:
    """Read policy files, in order, into a policy set.

    catalog: what exists beforehand, roles above all; it takes in what the files declare.
    Raises: PolicyLoadError with every problem of every file: statements that PostgreSQL refuses, and those
    that only PostgreSQL could enforce exactly.
    """
    loader = _Loader(Catalog() if catalog is None else catalog)
    for source in sources:
        loader.read(source)
    return loader.policy_set()


class _Loader:
    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._policies: dict[tuple[str, str], Policy] = {}
        self._problems: list[Problem] = []

    def read(self, source: Source) -> None:
        statements, problems = parse(source)
        self._problems.extend(problems)
        for statement in statements:
            try:
                self._follow(statement, source)
            except Refusal as refusal:
                self._problems.append(refusal.in_source(source))

    def policy_set(self) -> PolicySet:
        policies = tuple(self._policies.values())
        roles = frozenset(self._catalog.roles)
        self._problems.extend(recursions(policies, self._catalog.tables, roles))
        if self._problems:
            raise PolicyLoadError(self._problems)
        tables = dict(self._catalog.tables)
        return PolicySet(policies, tables, roles, list(_warnings(policies, tables)))

    def _follow(self, statement: syntax.Statement, source: Source) -> None:
        match statement:
            case syntax.CreatePolicy():
                self._create(statement, source)
            case syntax.AlterPolicy():
                self._alter(statement)
            case syntax.DropPolicy():
                self._drop(statement)
            case _:
                declare(statement, self._catalog)

    def _create(self, statement: syntax.CreatePolicy, source: Source) -> None:
        table = self._table(statement)
        self._require_free(statement, table, statement.name)
        self._policies[table, statement.name] = Policy(
            name=statement.name,
            table=table,
            command=statement.command,
            permissive=statement.permissive,
            roles=self._roles(statement.roles),
            using=self._bind(statement.using, table),
            check=self._bind(statement.check, table),
            source=source,
            statement=statement,
        )

    def _alter(self, statement: syntax.AlterPolicy) -> None:
        table = self._table(statement)
        old = self._require_present(statement, table)
        _require_usable(statement, old.command)
        if statement.new_name is not None:
            self._require_free(statement, table, statement.new_name)
            del self._policies[table, statement.name]
        changed = _changed(old.statement, statement)
        self._policies[table, changed.name] = replace(
            old,
            name=changed.name,
            roles=old.roles if statement.roles is None else self._roles(statement.roles),
            using=self._bind(statement.using, table) or old.using,
            check=self._bind(statement.check, table) or old.check,
            statement=changed,
        )

    def _drop(self, statement: syntax.DropPolicy) -> None:
        if statement.if_exists and self._catalog.find_table(statement.table) is None:
            return
        table = self._table(statement)
        if not statement.if_exists:
            self._require_present(statement, table)
        self._policies.pop((table, statement.name), None)

    def _table(self, statement: syntax.CreatePolicy | syntax.AlterPolicy | syntax.DropPolicy) -> str:
        table = self._catalog.find_table(statement.table)
        if table is None:
            name = ".".join(statement.table)
            raise Refusal(
                statement.at,
                "42P01",
                f'relation "{name}" does not exist in the embedded database',
                "policies belong to storage.objects, storage.buckets and tables that policy files declare",
            )
        return table.name

    def _roles(self, roles: Sequence[tuple[int, str]]) -> frozenset[str]:
        for at, role in roles:
            if role != PUBLIC and role not in self._catalog.roles:
                raise Refusal(at, "42704", f'role "{role}" does not exist')
        return frozenset(role for _, role in roles)

    def _bind(self, expression: syntax.Expression | None, table: str) -> Expression | None:
        if expression is None:
            return None
        bound = Binder(self._catalog).bind_condition(expression, table)
        if query_depth(bound) > MAX_QUERY_DEPTH:
            hint = f"nest at most {MAX_QUERY_DEPTH} subqueries"
            raise Refusal(expression.at, "54001", "stack depth limit exceeded", hint)
        return bound

    def _require_free(
        self, statement: syntax.CreatePolicy | syntax.AlterPolicy, table: str, name: str
    ) -> None:
        if (table, name) in self._policies:
            relation = table.rpartition(".")[2]
            raise Refusal(statement.at, "42710", f'policy "{name}" for table "{relation}" already exists')

    def _require_present(self, statement: syntax.AlterPolicy | syntax.DropPolicy, table: str) -> Policy:
        policy = self._policies.get((table, statement.name))
        if policy is None:
            relation = table.rpartition(".")[2]
            message = f'policy "{statement.name}" for table "{relation}" does not exist'
            raise Refusal(statement.at, "42704", message)
        return policy


def _require_usable(statement: syntax.AlterPolicy, command: str) -> None:
    if statement.using is not None and command == "insert":
        raise Refusal(statement.at, "42601", "only WITH CHECK expression allowed for INSERT")
    if statement.check is not None and command in ("select", "delete"):
        raise Refusal(statement.at, "42601", "only USING expression allowed for SELECT, DELETE")


def _changed(old: syntax.CreatePolicy, change: syntax.AlterPolicy) -> syntax.CreatePolicy:
    """Return the statement that would have created what ALTER POLICY leaves."""
    changed = old if change.new_name is None else replace(old, name=change.new_name)
    if change.roles is not None:
        changed = replace(changed, roles=change.roles)
    if change.using is not None:
        changed = replace(changed, using=change.using, using_text=change.using_text)
    if change.check is not None:
        changed = replace(changed, check=change.check, check_text=change.check_text)
    return changed


def _warnings(policies: Iterable[Policy], tables: Mapping[str, Table]) -> Iterator[Problem]:
    for policy in policies:
        expressions = [each for each in (policy.using, policy.check) if each is not None]
        found = (warnings_of(each, policy.statement, policy.source) for each in expressions)
        yield from dict.fromkeys(chain.from_iterable(found))
        if not tables[policy.table].row_security:
            yield Problem(
                source=policy.source,
                at=policy.statement.at,
                code="01000",
                message=f'policy "{policy.name}" has no effect: row security of {policy.table} is off',
                hint=f"ALTER TABLE {policy.table} ENABLE ROW LEVEL SECURITY",
            )
