"""The binder: what policies mean. It resolves every name, operator and type as PostgreSQL does, or refuses.

Its rules are spread over the modules of this package by the syntax they are about; here are the simplest.
"""

from decimal import Decimal
from itertools import count

from aerostore.policy import syntax
from aerostore.policy.bind import call as _call  # noqa: F401 -- its import registers its rules
from aerostore.policy.bind import query as _query  # noqa: F401 -- its import registers its rules
from aerostore.policy.bind.cast import alike, cast, condition, settled
from aerostore.policy.bind.collation import collate
from aerostore.policy.bind.operator import Operand, apply, apply_operator, operand
from aerostore.policy.bind.overload import Candidate
from aerostore.policy.bind.scope import Frame, Scope, bind, entry_of
from aerostore.policy.bind.type import type_of
from aerostore.policy.catalog import Catalog
from aerostore.policy.expression import TARGET, ArrayOf, Case, Constant, Expression
from aerostore.policy.function import SLICE, SUBSCRIPT
from aerostore.policy.problem import Refusal
from aerostore.policy.value import BOOL, INT4, INT8, JSONB, NUMERIC, UNKNOWN, Type

_HIGHEST_INDEX = 2**31 - 1


class Binder:
    """Gives policies their meaning in a catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def bind_condition(self, expression: syntax.Expression, target: str) -> Expression:
        """Return the USING or WITH CHECK of a policy on the table `target` as a typed condition.

        Raises: Refusal with PostgreSQL's SQLSTATE and words, or 0A000 for what only PostgreSQL can do.
        """
        bound = condition(bind(expression, self._scope(expression.at, target)), expression.at, "POLICY")
        return collate(bound)

    def bind_value(self, expression: syntax.Expression, target: str) -> Expression:
        """Return any part of such a condition, of whatever type. Raises: Refusal, as for the whole."""
        return collate(settled(bind(expression, self._scope(expression.at, target)), expression.at))

    def _scope(self, at: int, target: str) -> Scope:
        table = self._catalog.tables.get(target)
        if table is None:
            raise Refusal(at, "42P01", f'relation "{target}" does not exist')
        frame = Frame(
            catalog=self._catalog,
            target=target,
            sources=count(TARGET + 1),
            search_path=self._catalog.search_path,
        )
        return Scope(frame=frame, entries=(entry_of(table, TARGET),))


@bind.register
def bind_literal(node: syntax.Literal, scope: Scope) -> Expression:
    """Return a constant; a quoted one and NULL get their type from where they stand."""
    type_ = _literal_type(node.value)
    return Constant(type_, Decimal(node.value) if type_ == NUMERIC and node.value else node.value)


def _literal_type(value: str | int | Decimal | bool | None) -> Type:
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, str | None):
        return UNKNOWN
    if isinstance(value, Decimal):
        return NUMERIC
    narrow, wide = 2**31, 2**63
    return INT4 if -narrow <= value < narrow else INT8 if -wide <= value < wide else NUMERIC


@bind.register
def bind_parameter(node: syntax.Parameter, scope: Scope) -> Expression:
    """Return what a caller gave for `$1`."""
    found = scope.frame.parameters.get(f"${node.number}")
    if found is None:
        raise Refusal(node.at, "42P02", f"there is no parameter ${node.number}")
    return found


@bind.register
def bind_cast(node: syntax.Cast, scope: Scope) -> Expression:
    """Return a written cast; over ARRAY[...] it is one of each item."""
    type_ = type_of(node.type_name)
    if type_.element and isinstance(node.operand, syntax.ArrayOf):
        items = tuple(_cast(item, type_.element, scope) for item in node.operand.items)
        return ArrayOf(type_, items)
    return _cast(node.operand, type_, scope)


def _cast(node: syntax.Expression, type_: Type, scope: Scope) -> Expression:
    operand = bind(node, scope)
    found = cast(operand, type_, node.at)
    if found is None:
        raise Refusal(node.at, "42846", f"cannot cast type {operand.type} to {type_}")
    return found


@bind.register
def bind_subscript(node: syntax.Subscript, scope: Scope) -> Expression:
    """Return one element of an array."""
    operands = (_array(node.operand, scope), _index(node.index, scope))
    return apply(Candidate(SUBSCRIPT.parameters, SUBSCRIPT), operands, node.at)


@bind.register
def bind_slice(node: syntax.Slice, scope: Scope) -> Expression:
    """Return part of an array, up to its end where a bound is missing."""
    low = _index(node.low or syntax.Literal(node.at, 1), scope)
    high = _index(node.high or syntax.Literal(node.at, _HIGHEST_INDEX), scope)
    return apply(Candidate(SLICE.parameters, SLICE), (_array(node.operand, scope), low, high), node.at)


def _array(node: syntax.Expression, scope: Scope) -> Operand:
    found = bind(node, scope)
    if found.type == JSONB:
        raise Refusal(node.at, "0A000", "subscripts of jsonb are not available", "use -> or ->>")
    if not found.type.element:
        type_ = settled(found, node.at).type
        message = f"cannot subscript type {type_} because it does not support subscripting"
        raise Refusal(node.at, "42804", message)
    return Operand(found, node)


def _index(node: syntax.Expression, scope: Scope) -> Operand:
    found = cast(bind(node, scope), INT4, node.at, "assignment")
    if found is None:
        raise Refusal(node.at, "42804", "array subscript must have type integer")
    return Operand(found, node)


@bind.register
def bind_case(node: syntax.Case, scope: Scope) -> Expression:
    """Return CASE; ELSE counts first for the type of its results, as in PostgreSQL."""
    inner = scope.by_row()
    conditions = _conditions(node, inner)
    otherwise = node.otherwise or syntax.Literal(node.at, None)
    results = [otherwise, *(result for _, result in node.branches)]
    type_, values = alike([bind(each, inner) for each in results], [each.at for each in results], "CASE")
    return Case(type_, tuple(zip(conditions, values[1:], strict=True)), values[0])


def _conditions(node: syntax.Case, scope: Scope) -> list[Expression]:
    if node.operand is None:
        return [condition(bind(when, scope), when.at, "CASE/WHEN") for when, _ in node.branches]
    tested = Operand(settled(bind(node.operand, scope), node.operand.at), node.operand)
    whens = [operand(when, scope) for when, _ in node.branches]
    return [condition(apply_operator("=", (tested, when), when.at), when.at, "CASE/WHEN") for when in whens]
