"""Which text is of COLLATE "C", and what its functions do: they know no letter and no space beyond ASCII.

Names of objects and buckets have that collation in PostgreSQL, so lower(name) leaves `É` as it is there,
while lower(auth.email()) does not.
Source: parse_collate.c in PostgreSQL; collations of the columns in migrations/postgres.
"""

from collections.abc import Iterable

from aerostore.policy.bind.type import is_text
from aerostore.policy.expression import (
    Apply,
    ArrayOf,
    ArrayQuery,
    Case,
    Coalesce,
    Collated,
    ColumnOf,
    Expression,
    Function,
    Quantified,
    RunTime,
    ScalarQuery,
)
from aerostore.policy.function import bytewise
from aerostore.policy.tree import rebuild

_OF_TYPE_NAME = frozenset({"current_user", "current_role", "user"})
"""Functions whose result is of PostgreSQL's type `name`, which has COLLATE "C"."""


def collate(expression: Expression) -> Expression:
    """Return a bound expression with each function as the collation of its arguments has it."""
    if isinstance(expression, Collated):
        return collate(expression.operand)
    rebuilt = rebuild(expression, collate)
    match expression, rebuilt:
        case Apply(arguments=arguments), Apply():
            return Apply(rebuilt.type, function_for(arguments, rebuilt.function), rebuilt.arguments)
        case Quantified(left=left, array=array), Quantified():
            operator = function_for((left, array), rebuilt.operator)
            return Quantified(operator, rebuilt.left, rebuilt.array, rebuilt.every)
    return rebuilt


def function_for(arguments: Iterable[Expression], function: Function) -> Function:
    """Return what `function` is for text of the collation of `arguments`."""
    return bytewise(function) if is_any_bytewise(arguments) else function


def is_any_bytewise(expressions: Iterable[Expression]) -> bool:
    """Return whether text of `expressions` is used with COLLATE "C": one such text outdoes the default."""
    return any(map(_is_bytewise, expressions))


def collated_as(operand: Expression, *, is_bytewise: bool) -> Expression:
    """Return `operand` with another collation if it is text that needs it: COLLATE "C", or the default."""
    if not is_text(operand.type) or _is_bytewise(operand) is is_bytewise:
        return operand
    return Collated(operand.type, operand, is_bytewise)


def _is_bytewise(expression: Expression) -> bool:
    if not is_text(expression.type):
        return False
    match expression:
        case ColumnOf() | Collated():
            return expression.is_bytewise
        case Apply(function=function) if function.name in _OF_TYPE_NAME:
            return True
        case Apply(arguments=parts) | Coalesce(operands=parts) | ArrayOf(items=parts):
            return is_any_bytewise(parts)
        case Case(branches=branches, otherwise=otherwise):
            return is_any_bytewise((*(result for _, result in branches), otherwise))
        case RunTime(operand=operand):
            return _is_bytewise(operand)
        case ScalarQuery(query=query) | ArrayQuery(query=query):
            return query.output is not None and _is_bytewise(query.output)
    return False
