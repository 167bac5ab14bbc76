"""PostgreSQL's own parse trees (libpg_query, through postgast) as trees of `aerostore.policy.syntax`.

Whatever has no place there raises Unknown, so nothing that PostgreSQL read is dropped in silence.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from importlib import import_module
from typing import Any

from aerostore.policy import syntax
from aerostore.policy.syntax import Expression

# Not by an import statement: the stubs of postgast are not valid Python, and mypy would stop at them.
postgast: Any = import_module("postgast")
pg: Any = postgast.pg_query_pb2


class Unknown(Exception):
    """Something in PostgreSQL's tree that policies may not hold."""


def expression(node: Any) -> Expression:
    """Return the expression that a node is."""
    kind = node.WhichOneof("node")
    if kind not in _EXPRESSIONS:
        raise Unknown(kind)
    return _EXPRESSIONS[kind](getattr(node, kind))


def strings(nodes: Any) -> tuple[str, ...]:
    """Return the names that a list of String nodes holds."""
    return tuple(only(node.string, "sval").sval for node in nodes)


def type_name(message: Any) -> syntax.TypeName:
    """Return a type by its own name; one that SQL has a key word for comes from pg_catalog."""
    only(message, "names", "typemod", "typmods", "array_bounds", "location", "setof")
    name = strings(message.names)
    if len(name) == 2 and name[0] == "pg_catalog":
        name = name[1:]
    return syntax.TypeName(0, name, bool(message.array_bounds), bool(message.typmods))


def select(node: Any) -> syntax.Select:
    """Return the query that a SelectStmt node is."""
    message = node.select_stmt
    used = ("target_list", "from_clause", "where_clause", "sort_clause", "limit_count", "distinct_clause")
    only(message, *used, "limit_option", "op")
    if message.op != pg.SETOP_NONE or any(item.WhichOneof("node") for item in message.distinct_clause):
        raise Unknown("set operation or DISTINCT ON")
    limit = message.limit_count if message.HasField("limit_count") else None
    is_all = limit is not None and limit.WhichOneof("node") == "a_const" and limit.a_const.isnull
    return syntax.Select(
        0,
        tuple(_item(item.res_target) for item in message.target_list),
        tuple(join for item in message.from_clause for join in _joins(item)),
        optional(message, "where_clause"),
        bool(message.distinct_clause),
        tuple(_sort(item.sort_by) for item in message.sort_clause),
        expression(limit) if limit is not None and not is_all else None,
    )


def only(message: Any, *names: str) -> Any:
    """Return `message`. Raises: Unknown when it has a field that is neither named nor a place."""
    for descriptor, _ in message.ListFields():
        if descriptor.name not in names and not descriptor.name.endswith(("location", "_start", "_end")):
            raise Unknown(f"{message.DESCRIPTOR.name}.{descriptor.name}")
    return message


def optional(message: Any, name: str) -> Expression | None:
    """Return the expression in a field, None when the field is not set."""
    return expression(getattr(message, name)) if message.HasField(name) else None


def _several(nodes: Any) -> tuple[Expression, ...]:
    return tuple(expression(node) for node in nodes)


def _constant(message: Any) -> Expression:
    if message.isnull:
        return syntax.Literal(0, None)
    kind = message.WhichOneof("val")
    if kind == "ival":
        return syntax.Literal(0, message.ival.ival)
    if kind == "boolval":
        return syntax.Literal(0, message.boolval.boolval)
    if kind == "sval":
        return syntax.Literal(0, message.sval.sval)
    if kind == "fval":
        text = message.fval.fval
        return syntax.Literal(0, int(text) if text.lstrip("-").isdecimal() else Decimal(text))
    raise Unknown(f"constant {kind}")


def _column(message: Any) -> Expression:
    return syntax.Name(0, strings(message.fields))


def _parameter(message: Any) -> Expression:
    return syntax.Parameter(0, message.number)


def _call(message: Any) -> Expression:
    only(message, "funcname", "args", "agg_star", "funcformat")
    return syntax.Call(0, strings(message.funcname), _several(message.args), message.agg_star)


def _cast(message: Any) -> Expression:
    return syntax.Cast(0, expression(message.arg), type_name(message.type_name))


def _operator(message: Any) -> Expression:
    only(message, "kind", "name", "lexpr", "rexpr")
    if message.kind not in _OPERATORS:
        raise Unknown(pg.A_Expr_Kind.Name(message.kind))
    return _OPERATORS[message.kind](message, strings(message.name)[-1])


def _plain(message: Any, name: str) -> Expression:
    if len(message.name) > 1:
        raise Unknown("OPERATOR(...)")
    right = expression(message.rexpr)
    if not message.HasField("lexpr"):
        return syntax.Unary(0, name, right)
    return syntax.Binary(0, name, expression(message.lexpr), right)


def _any_array(message: Any, name: str) -> Expression:
    left, right = expression(message.lexpr), expression(message.rexpr)
    return syntax.Quantified(0, name, left, right, message.kind == pg.AEXPR_OP_ALL)


def _distinct(message: Any, name: str) -> Expression:
    negated = message.kind == pg.AEXPR_NOT_DISTINCT
    return syntax.IsDistinct(0, expression(message.lexpr), expression(message.rexpr), negated)


def _in(message: Any, name: str) -> Expression:
    items = _several(message.rexpr.list.items)
    return syntax.InList(0, expression(message.lexpr), items, name == "<>")


def _between(message: Any, name: str) -> Expression:
    low, high = _several(message.rexpr.list.items)
    negated, symmetric = name.startswith("NOT"), name.endswith("SYMMETRIC")
    return syntax.Between(0, expression(message.lexpr), low, high, negated, symmetric)


def _nullif(message: Any, name: str) -> Expression:
    arguments = (expression(message.lexpr), expression(message.rexpr))
    return syntax.Call(0, ("nullif",), arguments, keyword=True)


def _boolean(message: Any) -> Expression:
    if message.boolop == pg.NOT_EXPR:
        return _negated(message.args[0])
    joined = syntax.And if message.boolop == pg.AND_EXPR else syntax.Or
    return joined(0, _several(message.args))


def _negated(node: Any) -> Expression:
    """Return NOT of a node. `x NOT IN (SELECT ...)` is written so by the grammar itself."""
    return syntax.Not(0, expression(node))


def _null_test(message: Any) -> Expression:
    return syntax.IsTest(0, expression(message.arg), "null", message.nulltesttype == pg.IS_NOT_NULL)


def _boolean_test(message: Any) -> Expression:
    words = pg.BoolTestType.Name(message.booltesttype).lower().split("_")
    return syntax.IsTest(0, expression(message.arg), words[-1], "not" in words)


def _sub_link(message: Any) -> Expression:
    only(message, "sub_link_type", "testexpr", "oper_name", "subselect")
    query = select(message.subselect)
    if message.sub_link_type == pg.EXISTS_SUBLINK:
        return syntax.Exists(0, query)
    if message.sub_link_type == pg.EXPR_SUBLINK:
        return syntax.ScalarSelect(0, query)
    if message.sub_link_type == pg.ARRAY_SUBLINK:
        return syntax.ArraySelect(0, query)
    left = expression(message.testexpr)
    if not message.oper_name:
        return syntax.InSelect(0, left, query)
    every = message.sub_link_type == pg.ALL_SUBLINK
    return syntax.Quantified(0, strings(message.oper_name)[-1], left, query, every)


def _case(message: Any) -> Expression:
    branches = tuple(
        (expression(arm.case_when.expr), expression(arm.case_when.result)) for arm in message.args
    )
    return syntax.Case(0, optional(message, "arg"), branches, optional(message, "defresult"))


def _coalesce(message: Any) -> Expression:
    return syntax.Call(0, ("coalesce",), _several(message.args), keyword=True)


def _greatest(message: Any) -> Expression:
    name = "greatest" if message.op == pg.IS_GREATEST else "least"
    return syntax.Call(0, (name,), _several(message.args), keyword=True)


def _value_function(message: Any) -> Expression:
    name = pg.SQLValueFunctionOp.Name(message.op).removeprefix("SVFOP_").lower()
    if name.endswith("_n"):
        raise Unknown("precision")
    return syntax.Call(0, (name,), keyword=True)


def _array(message: Any) -> Expression:
    return syntax.ArrayOf(0, _several(message.elements))


def _collate(message: Any) -> Expression:
    return syntax.Collate(0, expression(message.arg), strings(message.collname))


def _indirection(message: Any) -> Expression:
    base = expression(message.arg)
    if len(message.indirection) != 1:
        raise Unknown("several subscripts")
    if message.indirection[0].WhichOneof("node") != "a_indices":
        raise Unknown("field selection")
    indices = message.indirection[0].a_indices
    if indices.is_slice:
        return syntax.Slice(0, base, optional(indices, "lidx"), optional(indices, "uidx"))
    return syntax.Subscript(0, base, expression(indices.uidx))


def _item(message: Any) -> Expression | syntax.Star:
    column = message.val.column_ref
    if message.val.WhichOneof("node") != "column_ref" or not column.fields[-1].HasField("a_star"):
        return expression(message.val)
    return syntax.Star(0, strings(column.fields[:-1]))


def _joins(node: Any) -> tuple[syntax.Join, ...]:
    if node.WhichOneof("node") != "join_expr":
        return (syntax.Join(_table(node)),)
    message = only(node.join_expr, "jointype", "larg", "rarg", "quals")
    if message.jointype not in (pg.JOIN_INNER, pg.JOIN_LEFT):
        raise Unknown("join type")
    kind = "left" if message.jointype == pg.JOIN_LEFT else "inner"
    joined = syntax.Join(_table(message.rarg), kind, optional(message, "quals"))
    return (*_joins(message.larg), joined)


def _table(node: Any) -> syntax.TableItem:
    if node.WhichOneof("node") == "range_var":
        message = only(
            node.range_var, "catalogname", "schemaname", "relname", "inh", "relpersistence", "alias"
        )
        return syntax.TableItem(0, relation(message), None, *_alias(message))
    if node.WhichOneof("node") != "range_function":
        raise Unknown("FROM item")
    message = only(node.range_function, "functions", "alias")
    called = expression(message.functions[0].list.items[0])
    if not isinstance(called, syntax.Call):
        raise Unknown("FROM item")
    return syntax.TableItem(0, (), called, *_alias(message))


def relation(message: Any) -> tuple[str, ...]:
    """Return the name of a RangeVar. Raises: Unknown for ONLY."""
    if not message.inh:
        raise Unknown("ONLY")
    return tuple(filter(None, (message.catalogname, message.schemaname, message.relname)))


def _alias(message: Any) -> tuple[str | None, tuple[str, ...]]:
    alias = message.alias
    return alias.aliasname or None, strings(alias.colnames)


def _sort(message: Any) -> tuple[Expression, bool]:
    if message.sortby_nulls != pg.SORTBY_NULLS_DEFAULT or message.use_op:
        raise Unknown("NULLS or USING")
    return expression(message.node), message.sortby_dir == pg.SORTBY_DESC


_OPERATORS: Mapping[int, Callable[[Any, str], Expression]] = {
    pg.AEXPR_OP: _plain,
    pg.AEXPR_LIKE: _plain,
    pg.AEXPR_ILIKE: _plain,
    pg.AEXPR_SIMILAR: _plain,
    pg.AEXPR_OP_ANY: _any_array,
    pg.AEXPR_OP_ALL: _any_array,
    pg.AEXPR_DISTINCT: _distinct,
    pg.AEXPR_NOT_DISTINCT: _distinct,
    pg.AEXPR_IN: _in,
    pg.AEXPR_NULLIF: _nullif,
    **dict.fromkeys((pg.AEXPR_BETWEEN, pg.AEXPR_NOT_BETWEEN), _between),
    **dict.fromkeys((pg.AEXPR_BETWEEN_SYM, pg.AEXPR_NOT_BETWEEN_SYM), _between),
}
_EXPRESSIONS: Mapping[str, Callable[[Any], Expression]] = {
    "a_const": _constant,
    "column_ref": _column,
    "param_ref": _parameter,
    "func_call": _call,
    "type_cast": _cast,
    "a_expr": _operator,
    "bool_expr": _boolean,
    "null_test": _null_test,
    "boolean_test": _boolean_test,
    "sub_link": _sub_link,
    "case_expr": _case,
    "coalesce_expr": _coalesce,
    "min_max_expr": _greatest,
    "sqlvalue_function": _value_function,
    "a_array_expr": _array,
    "collate_clause": _collate,
    "a_indirection": _indirection,
}
