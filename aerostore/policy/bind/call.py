"""Calls: SQL's own ones such as coalesce, built-in and declared functions, and count()."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from aerostore.policy import syntax
from aerostore.policy.bind.absent import absent, instead_of
from aerostore.policy.bind.cast import alike, implicitly
from aerostore.policy.bind.collation import collated_as, is_any_bytewise
from aerostore.policy.bind.function import inline
from aerostore.policy.bind.operator import Operand, apply, apply_operator, operand
from aerostore.policy.bind.overload import Ambiguous, Candidate, choose
from aerostore.policy.bind.scope import Rows, Scope, bind
from aerostore.policy.bind.type import declared_type, find_type, require_supported
from aerostore.policy.expression import (
    Apply,
    Case,
    Coalesce,
    ColumnOf,
    Constant,
    Expression,
    Function,
    Query,
    ScalarQuery,
)
from aerostore.policy.function import find_functions, is_reserved, needs_collation, ordering, why_refused
from aerostore.policy.function.comparison import sort_key
from aerostore.policy.problem import Refusal
from aerostore.policy.tree import walk
from aerostore.policy.value import DATE, INT2, INT4, INT8, TIMESTAMP, TIMESTAMPTZ, Type, array_of

Callee: TypeAlias = Function | syntax.CreateFunction | None
_SYSTEM_SCHEMA = "pg_catalog"


@bind.register
def bind_call(node: syntax.Call, scope: Scope) -> Expression:
    """Return a call of whatever its name and the types of its arguments lead to."""
    if node.keyword and node.name[0] in _CONDITIONAL:
        return _CONDITIONAL[node.name[0]](node, scope)
    if _without_system_schema(node.name) == "count":
        return _count(node, scope)
    if node.is_star:
        raise Refusal(node.at, "42883", f"function {'.'.join(node.name)}(*) does not exist")
    arguments = [operand(argument, scope) for argument in node.arguments]
    candidate = _resolve(node, arguments, scope)
    if candidate is None:
        return _converted(node, scope, arguments)
    if candidate.subject is None:
        raise _unavailable(node, candidate.parameters)
    if isinstance(candidate.subject, Function):
        return _built_in(node, Candidate(candidate.parameters, candidate.subject), arguments, scope)
    return inline(candidate.subject, _as_parameters(candidate, arguments, node.at), scope, node.at)


def _without_system_schema(name: tuple[str, ...]) -> str:
    """Return a function's name as the tables of PostgreSQL's own functions have it."""
    return ".".join(name[1:] if name[0] == _SYSTEM_SCHEMA else name)


def _built_in(
    node: syntax.Call, candidate: Candidate[Function], arguments: Sequence[Operand], scope: Scope
) -> Expression:
    _refuse_as_owner(node, scope)
    applied = apply(candidate, arguments, node.at)
    if not candidate.subject.returns_set:
        return applied
    array = array_of(applied.type)
    # NULL in, no rows out: that is an empty array, not NULL.
    rows = Coalesce(array, (Apply(array, applied.function, applied.arguments), Constant(array, ())))
    element = ColumnOf(applied.type, next(scope.frame.sources), "value", is_any_bytewise(applied.arguments))
    return scope.leave(Rows(element, array=rows, element=element), node.at)


def _refuse_as_owner(node: syntax.Call, scope: Scope) -> None:
    if scope.frame.as_owner and node.name[-1] in _WHO:
        message = f"{node.name[-1]} in a SECURITY DEFINER function is the function's owner"
        raise Refusal(node.at, "0A000", message, "ask auth.role()")


_WHO = frozenset({"current_user", "current_role", "user", "session_user"})


def _as_parameters(candidate: Candidate[Callee], arguments: Sequence[Operand], at: int) -> list[Expression]:
    for parameter in candidate.parameters:
        require_supported(parameter, at)
    pairs = zip(arguments, candidate.parameters, strict=True)
    return [implicitly(argument.value, parameter, argument.at) for argument, parameter in pairs]


def _resolve(node: syntax.Call, arguments: Sequence[Operand], scope: Scope) -> Candidate[Callee] | None:
    types = tuple(argument.type for argument in arguments)
    try:
        return choose(_candidates(node.name, len(types), scope), types)
    except Ambiguous:
        message = f"function {_spoken(node, types)} is not unique"
        raise Refusal(node.at, "42725", message, "add casts") from None


def _candidates(name: tuple[str, ...], count: int, scope: Scope) -> list[Candidate[Callee]]:
    """List what `name` can mean in a call of `count` arguments: PostgreSQL's own functions come first."""
    path = scope.frame.search_path
    found: list[Candidate[Callee]] = []
    for function in find_functions(name, path):
        parameters = _expanded(function, count)
        if len(parameters) == count:
            found.append(Candidate(parameters, function))
    if len(name) == 1 and is_reserved(name[0]):
        return found  # PostgreSQL's own may come before a declared one
    found.extend(absent(_without_system_schema(name), count))
    for declared in scope.frame.catalog.find_functions(name, path):
        if len(declared.parameters) == count:
            found.append(Candidate(tuple(declared_type(type_) for _, type_ in declared.parameters), declared))
    return found


def _expanded(function: Function, count: int) -> tuple[Type, ...]:
    parameters = function.parameters
    missing = count - len(parameters)
    return parameters + parameters[-1:] * missing if function.variadic and missing > 0 else parameters


def _converted(node: syntax.Call, scope: Scope, arguments: Sequence[Operand]) -> Expression:
    """Return `type(value)`, a cast that looks like a call. Raises: Refusal 42883 without such a type."""
    if len(arguments) == 1 and find_type(node.name):
        return bind(syntax.Cast(node.at, node.arguments[0], syntax.TypeName(node.at, node.name)), scope)
    raise _no_function(node, tuple(argument.type for argument in arguments), scope)


def _unavailable(node: syntax.Call, types: tuple[Type, ...]) -> Refusal:
    message = f"function {_spoken(node, types)} is not available in the embedded database"
    return Refusal(node.at, "0A000", message, instead_of(_without_system_schema(node.name)))


def _spoken(node: syntax.Call, types: tuple[Type, ...]) -> str:
    return f"{'.'.join(node.name)}({', '.join(map(str, types))})"


def _no_function(node: syntax.Call, types: tuple[Type, ...], scope: Scope) -> Refusal:
    name = _without_system_schema(node.name)
    path = scope.frame.search_path
    declared = scope.frame.catalog.find_functions(node.name, path)
    reason = why_refused(name)
    if reason is not None and (not declared or is_reserved(name)):
        why = f": {reason}" if reason else " in the embedded database"
        hint = f"call yours as public.{name}" if declared else instead_of(name)
        return Refusal(node.at, "0A000", f"{name}() is not available{why}", hint)
    if declared or find_functions(node.name, path):
        hint = "no function of that name takes these arguments: add casts"
    else:
        hint = "declare it with CREATE FUNCTION ... LANGUAGE sql in a policy file"
    return Refusal(node.at, "42883", f"function {_spoken(node, types)} does not exist", hint)


def _count(node: syntax.Call, scope: Scope) -> Expression:
    counting = scope.counting
    if counting is None:
        raise Refusal(node.at, "42803", f"aggregate functions are not allowed in {scope.clause}")
    if len(node.arguments) != (not node.is_star):
        raise Refusal(
            node.at, "42883", f"function count() with {len(node.arguments)} arguments does not exist"
        )
    counted = bind(node.arguments[0], scope.within("an aggregate")) if node.arguments else None
    _refuse_outer(counted, node, scope)
    if not counting.joins:
        raise Refusal(node.at, "0A000", "count() is only available over tables")
    found = ScalarQuery(INT8, Query(counting.joins, counting.where, count=True, counted=counted))
    counting.counts.append(found)
    return found


def _refuse_outer(counted: Expression | None, node: syntax.Call, scope: Scope) -> None:
    """Refuse to count what the query around this one selects: there the aggregate would belong."""
    columns = [part for part in walk(counted) if isinstance(part, ColumnOf)] if counted else []
    own = {column for entry in scope.entries for column in entry.columns.values()}
    if columns and not own.intersection(columns):
        raise Refusal(node.at, "42803", "aggregate functions are not allowed in the query around this one")


def _coalesce(node: syntax.Call, scope: Scope) -> Expression:
    type_, values = _alike(node, scope.by_row(), "COALESCE")
    return values[0] if len(values) == 1 else Coalesce(type_, values)


def _alike(node: syntax.Call, scope: Scope, construct: str) -> tuple[Type, tuple[Expression, ...]]:
    arguments = [bind(argument, scope) for argument in node.arguments]
    return alike(arguments, [argument.at for argument in node.arguments], construct)


def _nullif(node: syntax.Call, scope: Scope) -> Expression:
    """Return NULL if both are equal, else the first one, as the type and with the collation of comparing."""
    left, right = (operand(argument, scope.by_row()) for argument in node.arguments)
    equal = apply_operator("=", (left, right), node.at)
    # PostgreSQL compares types of one such family with each other without a cast.
    is_direct = any({left.type, right.type} <= family for family in _FAMILIES)
    value = left.value if is_direct else equal.arguments[0]
    found = Case(value.type, ((equal, Constant(value.type, None)),), value)
    return collated_as(found, is_bytewise=is_any_bytewise(equal.arguments))


_FAMILIES = ({INT2, INT4, INT8}, {DATE, TIMESTAMP, TIMESTAMPTZ})


def _greatest(node: syntax.Call, scope: Scope) -> Expression:
    return _extreme(node, scope, "GREATEST", max)


def _least(node: syntax.Call, scope: Scope) -> Expression:
    return _extreme(node, scope, "LEAST", min)


def _extreme(
    node: syntax.Call, scope: Scope, construct: str, choose_one: Callable[..., object]
) -> Expression:
    type_, values = _alike(node, scope.by_row(), construct)
    order = ordering(type_)
    if order is None or needs_collation(order):
        raise Refusal(node.at, "0A000", f"{construct} of type {type_} is not available")

    def run(*arguments: object) -> object:
        known = [argument for argument in arguments if argument is not None]
        return choose_one(known, key=sort_key, default=None)

    function = Function(
        name=construct.lower(), parameters=(type_,) * len(values), returns=type_, run=run, strict=False
    )
    return Apply(type_, function, values)


_CONDITIONAL: Mapping[str, Callable[[syntax.Call, Scope], Expression]] = {
    "coalesce": _coalesce,
    "nullif": _nullif,
    "greatest": _greatest,
    "least": _least,
}
