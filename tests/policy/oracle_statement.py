"""PostgreSQL's parse trees of statements as those of `aerostore.policy.syntax`."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aerostore.policy import syntax
from tests.policy.oracle_tree import (
    Unknown,
    only,
    optional,
    pg,
    postgast,
    relation,
    select,
    strings,
    type_name,
)


def statement(node: Any) -> syntax.Statement | None:
    """Return the statement that a node is, None for one that says nothing about policies."""
    kind = node.WhichOneof("node")
    if kind in ("comment_stmt", "transaction_stmt"):
        return None
    if kind not in _STATEMENTS:
        raise Unknown(kind)
    return _STATEMENTS[kind](getattr(node, kind))


def _create_policy(message: Any) -> syntax.Statement:
    return syntax.CreatePolicy(
        at=0,
        name=message.policy_name,
        table=relation(message.table),
        permissive=message.permissive,
        command=message.cmd_name,
        roles=_roles(message.roles),
        using=optional(message, "qual"),
        check=optional(message, "with_check"),
        using_text="",
        check_text="",
        start=0,
        end=0,
    )


def _alter_policy(message: Any) -> syntax.Statement:
    return syntax.AlterPolicy(
        at=0,
        name=message.policy_name,
        table=relation(message.table),
        roles=_roles(message.roles) or None,
        using=optional(message, "qual"),
        check=optional(message, "with_check"),
    )


def _rename(message: Any) -> syntax.Statement:
    if message.rename_type != pg.OBJECT_POLICY or message.missing_ok:
        raise Unknown("RENAME of something else")
    return syntax.AlterPolicy(0, message.subname, relation(message.relation), message.newname)


def _drop(message: Any) -> syntax.Statement:
    if message.remove_type != pg.OBJECT_POLICY:
        raise Unknown("DROP of something else")
    *table, name = strings(message.objects[0].list.items)
    return syntax.DropPolicy(0, name, tuple(table), message.missing_ok)


def _roles(nodes: Any) -> tuple[tuple[int, str], ...]:
    return tuple((0, _role(node.role_spec)) for node in nodes)


def _role(message: Any) -> str:
    if message.roletype == pg.ROLESPEC_PUBLIC:
        return "public"
    if message.roletype != pg.ROLESPEC_CSTRING:
        raise Unknown("CURRENT_USER and the like")
    return str(message.rolename)


def _create_table(message: Any) -> syntax.Statement:
    only(message, "relation", "table_elts", "oncommit", "if_not_exists")
    columns = [element.column_def for element in message.table_elts if element.HasField("column_def")]
    keys = sorted((key for element in message.table_elts for key in _keys(element)), key=lambda key: key[0])
    primary = {column for rank, key in keys if rank == 0 for column in key}
    found = tuple(_column(column, primary) for column in columns)
    named = tuple(key for _, key in keys)
    return syntax.CreateTable(0, relation(message.relation), found, named, message.if_not_exists)


_RANKS: Mapping[int, int] = {pg.CONSTR_PRIMARY: 0, pg.CONSTR_UNIQUE: 1}
_NOT_NULL = (pg.CONSTR_NOTNULL, pg.CONSTR_PRIMARY, pg.CONSTR_IDENTITY)


def _keys(element: Any) -> Iterable[tuple[int, tuple[str, ...]]]:
    """Return the keys that an element declares, primary ones with rank 0."""
    if element.HasField("constraint"):
        constraint = element.constraint
        kind = constraint.contype
        return [(_RANKS[kind], strings(constraint.keys))] if kind in _RANKS else []
    kinds = {node.constraint.contype for node in element.column_def.constraints}
    return [(rank, (element.column_def.colname,)) for kind, rank in _RANKS.items() if kind in kinds]


def _column(message: Any, primary: set[str]) -> syntax.ColumnDefinition:
    kinds = {node.constraint.contype for node in message.constraints}
    not_null = message.colname in primary or not kinds.isdisjoint(_NOT_NULL)
    kind = type_name(message.type_name)
    return syntax.ColumnDefinition(0, message.colname, kind, not_null, not kinds.isdisjoint(_RANKS))


def _create_function(message: Any) -> syntax.Statement:
    options = [node.def_elem for node in message.options]
    given = {option.defname: option.arg for option in options if option.defname != "set"}
    language = given["language"].string.sval
    return syntax.CreateFunction(
        at=0,
        name=strings(message.funcname),
        parameters=tuple(_parameter(node.function_parameter) for node in message.parameters),
        returns=type_name(message.return_type),
        returns_set=message.return_type.setof,
        language=language,
        strict="strict" in given and given["strict"].boolean.boolval,
        security_definer="security" in given and given["security"].boolean.boolval,
        volatility=given["volatility"].string.sval if "volatility" in given else "volatile",
        search_path=_search_path(options),
        body=_body(given["as"].list.items[0].string.sval) if language == "sql" else None,
    )


def _parameter(message: Any) -> tuple[str, syntax.TypeName]:
    return message.name, type_name(message.arg_type)


def _search_path(options: Iterable[Any]) -> tuple[str, ...] | None:
    found = None
    for option in options:
        if option.defname == "set":
            schemas = (node.a_const.sval.sval for node in option.arg.variable_set_stmt.args)
            found = tuple(filter(None, schemas))
    return found


def _body(text: str) -> syntax.Select | None:
    try:
        statements = postgast.parse(text).stmts
        return select(statements[0].stmt) if len(statements) == 1 else None
    except (Unknown, postgast.PgQueryError):
        return None


def _grant(message: Any) -> syntax.Statement | None:
    if not message.is_grant:
        raise Unknown("REVOKE")
    if message.objtype != pg.OBJECT_TABLE:
        return None
    if message.targtype != pg.ACL_TARGET_OBJECT:
        raise Unknown("GRANT ON ALL TABLES")
    privileges = tuple(_privilege(node.access_priv) for node in message.privileges) or ("all",)
    tables = tuple(relation(node.range_var) for node in message.objects)
    return syntax.Grant(0, privileges, tables, tuple(role for _, role in _roles(message.grantees)))


def _privilege(message: Any) -> str:
    return str(only(message, "priv_name").priv_name)


def _alter_table(message: Any) -> syntax.Statement:
    subtypes = [node.alter_table_cmd.subtype for node in message.cmds]
    if subtypes not in ([pg.AT_EnableRowSecurity], [pg.AT_DisableRowSecurity]):
        raise Unknown("ALTER TABLE")
    return syntax.EnableRowSecurity(0, relation(message.relation), subtypes == [pg.AT_EnableRowSecurity])


_STATEMENTS: Mapping[str, Callable[[Any], syntax.Statement | None]] = {
    "create_policy_stmt": _create_policy,
    "alter_policy_stmt": _alter_policy,
    "rename_stmt": _rename,
    "drop_stmt": _drop,
    "create_stmt": _create_table,
    "create_function_stmt": _create_function,
    "grant_stmt": _grant,
    "alter_table_stmt": _alter_table,
}
