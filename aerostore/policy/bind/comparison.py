"""Conditions: AND, OR, NOT, tests, and comparisons with several values at once."""

from aerostore.policy import syntax
from aerostore.policy.bind.cast import alike, condition, implicitly, settled
from aerostore.policy.bind.operator import (
    Operand,
    apply_operator,
    check_patterns,
    choose_function,
    made_concrete,
    operand,
)
from aerostore.policy.bind.overload import Candidate
from aerostore.policy.bind.scope import Scope, bind
from aerostore.policy.bind.type import common_type, turns_into
from aerostore.policy.expression import (
    And,
    ArrayOf,
    ColumnOf,
    Constant,
    Expression,
    Function,
    IsDistinct,
    IsTest,
    Not,
    Or,
    Quantified,
)
from aerostore.policy.problem import Refusal
from aerostore.policy.tree import walk
from aerostore.policy.value import BOOL, UNKNOWN, Type, array_of


@bind.register
def bind_between(node: syntax.Between, scope: Scope) -> Expression:
    """Return BETWEEN as the comparisons that it stands for."""
    straight = _between(node, node.low, node.high, scope)
    if not node.symmetric:
        return straight
    reverse = _between(node, node.high, node.low, scope)
    return And((straight, reverse)) if node.negated else Or((straight, reverse))


def _between(
    node: syntax.Between, low: syntax.Expression, high: syntax.Expression, scope: Scope
) -> Expression:
    symbols = ("<", ">") if node.negated else (">=", "<=")
    pairs = zip(symbols, (low, high), strict=True)
    sides = tuple(bind(syntax.Binary(node.at, symbol, node.operand, side), scope) for symbol, side in pairs)
    return Or(sides) if node.negated else And(sides)


@bind.register
def bind_distinct(node: syntax.IsDistinct, scope: Scope) -> Expression:
    """Return IS DISTINCT FROM; with a plain NULL it is a test for NULL, whatever the type."""
    left, right = operand(node.left, scope), operand(node.right, scope)
    for side, other in ((left, right), (right, left)):
        if side.value == Constant(UNKNOWN, None):
            return IsTest(settled(other.value, other.at), None, not node.negated)
    equal = apply_operator("=", (left, right), node.at)
    return IsDistinct(equal.function, equal.arguments[0], equal.arguments[1], node.negated)


@bind.register
def bind_in_list(node: syntax.InList, scope: Scope) -> Expression:
    """Return IN (...): columns are compared one by one, the other items as an array of their common type.

    Source: transformAExprIn in PostgreSQL.
    """
    left = operand(node.operand, scope)
    items = [operand(item, scope) for item in node.items]
    plain = [item for item in items if not _reads_row(item.value, scope)]
    array = _as_array([left, *plain]) if len(plain) > 1 else None
    symbol = "<>" if node.negated else "="
    tests: list[Expression] = []
    if array:
        tests.append(quantified(symbol, left, Operand(array, node), node.at, every=node.negated))
        items = [item for item in items if _reads_row(item.value, scope)]
    tests += [_comparison(symbol, left, item, node.at) for item in items]
    return tests[0] if len(tests) == 1 else (And if node.negated else Or)(tuple(tests))


def _comparison(symbol: str, left: Operand, right: Operand, at: int) -> Expression:
    return condition(apply_operator(symbol, (left, right), at), at, "IN")


def _reads_row(expression: Expression, scope: Scope) -> bool:
    """Tell whether an expression reads a column of the innermost query."""
    columns = {column for entry in scope.entries for column in entry.columns.values()}
    return any(part in columns for part in walk(expression) if isinstance(part, ColumnOf))


def _as_array(operands: list[Operand]) -> ArrayOf | None:
    """Return all but the first operand as an array of the type that all have in common.

    Returns None when there is no such type or no array of it.
    """
    shared = common_type([each.type for each in operands])
    if shared is None or shared.element or not all(turns_into(each.type, shared) for each in operands):
        return None
    items = tuple(implicitly(each.value, shared, each.at) for each in operands[1:])
    return ArrayOf(array_of(shared), items)


def quantified(symbol: str, left: Operand, right: Operand, at: int, *, every: bool) -> Quantified:
    """Return `left symbol ANY (right)`, or ALL when every.

    Source: make_scalar_array_op in PostgreSQL.
    """
    element = UNKNOWN if right.type == UNKNOWN else right.type.element
    if element is None:
        raise Refusal(at, "42809", "op ANY/ALL (array) requires array on right side")
    function = operator_for(symbol, left, right, element, at)
    value = implicitly(left.value, function.parameters[0], left.at)
    array = implicitly(right.value, array_of(function.parameters[1]), right.at)
    check_patterns(function, array, right.at)
    return Quantified(function, value, array, every)


def operator_for(symbol: str, left: Operand, right: Operand, element: Type, at: int) -> Function:
    """Return the operator that compares `left` with values of type `element`. Raises: Refusal."""
    types = (left.type, element)
    chosen = choose_function(symbol, (left, right), types, at)
    function = made_concrete(Candidate(chosen.parameters, chosen), types, at)
    if function.returns != BOOL:
        raise Refusal(at, "42809", "op ANY/ALL (array) requires operator to yield boolean")
    return function


@bind.register
def bind_array(node: syntax.ArrayOf, scope: Scope) -> Expression:
    """Return ARRAY[...]. Raises: Refusal 42P18 for an empty one that no cast gives a type."""
    items = [operand(item, scope) for item in node.items]
    if not items:
        raise Refusal(
            node.at, "42P18", "cannot determine type of empty array", "cast it, for example ARRAY[]::text[]"
        )
    shared, values = alike([item.value for item in items], [item.at for item in items], "ARRAY")
    if shared.element:
        raise Refusal(node.at, "0A000", "arrays of several dimensions are not available")
    return ArrayOf(array_of(shared), values)


@bind.register
def bind_and(node: syntax.And, scope: Scope) -> Expression:
    """Return AND over conditions."""
    return And(tuple(condition(bind(each, scope), each.at, "AND") for each in node.operands))


@bind.register
def bind_or(node: syntax.Or, scope: Scope) -> Expression:
    """Return OR over conditions."""
    return Or(tuple(condition(bind(each, scope), each.at, "OR") for each in node.operands))


@bind.register
def bind_not(node: syntax.Not, scope: Scope) -> Expression:
    """Return NOT of a condition."""
    return Not(condition(bind(node.operand, scope), node.operand.at, "NOT"))


@bind.register
def bind_test(node: syntax.IsTest, scope: Scope) -> Expression:
    """Return IS NULL, which takes any type, or a test of a condition."""
    tested = bind(node.operand, scope)
    if node.what == "null":
        return IsTest(settled(tested, node.operand.at), None, node.negated)
    construct = f"IS {'NOT ' if node.negated else ''}{node.what.upper()}"
    value = {"true": True, "false": False, "unknown": None}[node.what]
    return IsTest(condition(tested, node.operand.at, construct), value, node.negated)
