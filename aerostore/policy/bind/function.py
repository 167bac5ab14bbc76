"""Declared SQL functions: a call becomes the function's query, with the arguments in place of parameters."""

from collections.abc import Sequence
from dataclasses import replace

from aerostore.policy.bind.cast import cast
from aerostore.policy.bind.collation import collated_as, is_any_bytewise
from aerostore.policy.bind.from_clause import conjunction
from aerostore.policy.bind.query import Selection, bind_select, listed, scalar
from aerostore.policy.bind.scope import Rows, Scope
from aerostore.policy.bind.type import declared_type, require_supported
from aerostore.policy.expression import (
    Case,
    ColumnOf,
    Constant,
    Expression,
    IsTest,
    Or,
    RunTime,
)
from aerostore.policy.problem import Refusal
from aerostore.policy.syntax import CreateFunction


def inline(function: CreateFunction, arguments: Sequence[Expression], scope: Scope, at: int) -> Expression:
    """Return a call of `function` as an expression. arguments: of its parameters' types.

    The declared volatility is ignored: functions are VOLATILE unless their author said otherwise, and all
    all that a body accepted here can do is read. Its parameters and result have the collation of the call,
    whatever that of each argument and of the body.
    Raises: Refusal at the call for anything that is wrong with the body.
    """
    is_bytewise = is_any_bytewise(arguments)
    arguments = [collated_as(argument, is_bytewise=is_bytewise) for argument in arguments]
    rows = _rows(function, arguments, scope, at)
    rows = replace(rows, output=collated_as(rows.output, is_bytewise=is_bytewise))
    if function.returns_set:
        return _set(function, arguments, rows, scope, at)
    # Not a literal to the planner, which runs most such functions as they are.
    value = RunTime(rows.output.type, scalar(rows, first=True))
    if not function.strict or not arguments:
        return value
    return Case(value.type, ((_any_null(arguments), Constant(value.type, None)),), value)


def _any_null(arguments: Sequence[Expression]) -> Expression:
    tests = tuple(IsTest(argument, None) for argument in arguments)
    return tests[0] if len(tests) == 1 else Or(tests)


def _rows(function: CreateFunction, arguments: Sequence[Expression], scope: Scope, at: int) -> Selection:
    name = ".".join(function.name)
    if function.body is None:
        raise Refusal(
            at,
            "0A000",
            f"function {name} cannot run in the embedded database: {_obstacle(function)}",
            "write it as one SELECT in LANGUAGE sql, or move the fact into a JWT claim",
        )
    if function in scope.frame.callers:
        raise Refusal(at, "0A000", f"function {name} calls itself")
    try:
        rows = bind_select(function.body, _inside(function, arguments, scope), is_ordered=True)
        return replace(rows, output=_returned(function, rows))
    except Refusal as refusal:
        raise Refusal(at, refusal.code, f"in function {name}: {refusal}", refusal.hint) from refusal


def _obstacle(function: CreateFunction) -> str:
    return function.refused or f"its language is {function.language}"


def _inside(function: CreateFunction, arguments: Sequence[Expression], scope: Scope) -> Scope:
    frame = scope.frame
    numbered = {f"${number}": argument for number, argument in enumerate(arguments, 1)}
    named = zip((name for name, _ in function.parameters), arguments, strict=True)
    return Scope(
        frame=replace(
            frame,
            callers=(*frame.callers, function),
            parameters={**numbered, **{name: argument for name, argument in named if name}},
            search_path=frame.search_path if function.search_path is None else function.search_path,
            as_owner=frame.as_owner or function.security_definer,
        )
    )


def _returned(function: CreateFunction, rows: Selection) -> Expression:
    type_ = declared_type(function.returns)
    require_supported(type_, rows.at)
    output = cast(rows.output, type_, rows.at, "assignment")
    if output is None:
        message = f"return type mismatch in function declared to return {type_}"
        raise Refusal(rows.at, "42P13", message, f"its SELECT gives {rows.output.type}")
    return output


def _set(
    function: CreateFunction, arguments: Sequence[Expression], rows: Selection, scope: Scope, at: int
) -> Expression:
    """Leave the rows of a SETOF function where its caller looks for them; return one row's value."""
    query = rows.query
    given = [argument for argument in arguments if function.strict]
    tests: list[Expression] = [IsTest(argument, None, negated=True) for argument in given]
    plain = replace(query, order_by=(), where=None)
    if query.joins and plain == type(query)(query.joins, None):
        where = conjunction([*tests, *([query.where] if query.where else [])])
        return scope.leave(Rows(rows.output, query=replace(query, order_by=(), where=where)), at)
    array = listed(rows)
    if kept := conjunction(tests):
        array = Case(array.type, ((kept, array),), Constant(array.type, ()))
    is_bytewise = is_any_bytewise((rows.output,))
    element = ColumnOf(rows.output.type, next(scope.frame.sources), "value", is_bytewise)
    return scope.leave(Rows(element, array=array, element=element), at)
