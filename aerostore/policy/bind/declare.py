"""What policy files declare besides policies: tables, SQL functions, who may read, whose rows are hidden."""

from functools import singledispatch

from aerostore.policy.bind.type import declared_type
from aerostore.policy.catalog import STORAGE_TABLES, Catalog, Table
from aerostore.policy.function import find_functions
from aerostore.policy.problem import Refusal
from aerostore.policy.syntax import CreateFunction, CreateTable, EnableRowSecurity, Grant

_OWN_SCHEMAS = frozenset({"storage", "auth", "aerostore", "pg_catalog", "information_schema", "sqlite"})
_READING = frozenset({"select", "all"})


@singledispatch
def declare(statement: object, catalog: Catalog) -> None:
    """Add to `catalog` what a statement declares.

    Raises: Refusal for what contradicts the catalog, or could not be kept in the embedded database.
    """
    raise TypeError(f"no rule for {type(statement).__name__}")


@declare.register
def declare_table(statement: CreateTable, catalog: Catalog) -> None:
    """Add a table; its columns may have types that no policy can use."""
    name = _qualified(statement.name, catalog)
    _refuse_own_schema(name, statement.at)
    if name in catalog.tables and statement.if_not_exists:
        return
    _refuse_same_name(name, statement, catalog)
    _refuse_same_columns(statement)
    catalog.tables[name] = Table(
        name=name,
        columns={column.name: declared_type(column.type_name) for column in statement.columns},
        not_null=frozenset(column.name for column in statement.columns if column.not_null),
        keys=_keys(statement),
        declared=True,
    )


def _qualified(name: tuple[str, ...], catalog: Catalog) -> str:
    return ".".join(name) if len(name) > 1 else f"{catalog.search_path[0]}.{name[0]}"


def _refuse_own_schema(name: str, at: int) -> None:
    schema = name.partition(".")[0]
    if name in STORAGE_TABLES:
        raise Refusal(at, "42P07", f'relation "{name}" already exists', "leave it out: it is built in")
    if schema in _OWN_SCHEMAS or schema.startswith("pg_"):
        message = f'tables of the schema "{schema}" cannot be declared'
        raise Refusal(at, "0A000", message, "use the schema public")


def _refuse_same_name(name: str, statement: CreateTable, catalog: Catalog) -> None:
    if name in catalog.tables:
        raise Refusal(statement.at, "42P07", f'relation "{name}" already exists')
    for other in catalog.tables:
        if _kept_as(other) == _kept_as(name):
            message = f'"{name}" and "{other}" would be one table in the embedded database'
            raise Refusal(statement.at, "0A000", message, "give one of them another name")


def _kept_as(name: str) -> str:
    """Return a table's name in SQLite, where case does not matter."""
    return name.replace(".", "_").lower()


def _refuse_same_columns(statement: CreateTable) -> None:
    seen: dict[str, str] = {}
    for column in statement.columns:
        other = seen.setdefault(column.name.lower(), column.name)
        if other is column.name:
            continue
        if other == column.name:
            raise Refusal(column.at, "42701", f'column "{column.name}" specified more than once')
        message = f'"{column.name}" and "{other}" would be one column in the embedded database'
        raise Refusal(column.at, "0A000", message, "give one of them another name")


def _keys(statement: CreateTable) -> tuple[tuple[str, ...], ...]:
    known = {column.name for column in statement.columns}
    for column in (column for key in statement.keys for column in key if column not in known):
        raise Refusal(statement.at, "42703", f'column "{column}" named in key does not exist')
    single = tuple((column.name,) for column in statement.columns if column.unique)
    return tuple(dict.fromkeys((*statement.keys, *single)))


@declare.register
def declare_function(statement: CreateFunction, catalog: Catalog) -> None:
    """Add a function, in place of one with the same parameters. Its body is looked into when it is called."""
    name = _qualified(statement.name, catalog)
    schema, _, bare = name.partition(".")
    if schema == "pg_catalog" or find_functions((schema, bare)):
        message = f"function {name} is built in"
        raise Refusal(statement.at, "0A000", message, "leave it out, or give yours another name")
    others = [
        other for other in catalog.functions.get(name, []) if _signature(other) != _signature(statement)
    ]
    catalog.functions[name] = [*others, statement]


def _signature(function: CreateFunction) -> tuple[object, ...]:
    return tuple(declared_type(type_) for _, type_ in function.parameters)


@declare.register
def declare_grant(statement: Grant, catalog: Catalog) -> None:
    """Let roles read tables; other privileges do not matter to policies."""
    roles = frozenset(statement.roles)
    for role in sorted(roles - catalog.roles - {"public"}):
        raise Refusal(statement.at, "42704", f'role "{role}" does not exist')
    for written in statement.tables:
        table = _known_table(written, catalog, statement.at)
        if _READING & {privilege.lower() for privilege in statement.privileges}:
            catalog.tables[table.name] = table.granted(roles)


@declare.register
def declare_row_security(statement: EnableRowSecurity, catalog: Catalog) -> None:
    """Switch row security; storage's own tables always have it."""
    table = _known_table(statement.table, catalog, statement.at)
    if not table.declared and not statement.enabled:
        message = f"row security of {table.name} cannot be switched off"
        raise Refusal(statement.at, "0A000", message, "write a policy that allows what you want")
    catalog.tables[table.name] = table.with_row_security(statement.enabled)


def _known_table(name: tuple[str, ...], catalog: Catalog, at: int) -> Table:
    table = catalog.find_table(name)
    if table is None:
        message = f'relation "{".".join(name)}" does not exist in the embedded database'
        raise Refusal(at, "42P01", message, "declare it with CREATE TABLE in a policy file")
    return table
