"""Where only being true counts: a condition on rows, for which false and NULL are the same."""

from collections.abc import Callable, Mapping
from typing import Any

from aerostore.policy.expression import FALSE, TRUE, And, Constant, Expression, Or
from aerostore.policy.fold.hazard import may_raise


def settle(expression: Expression) -> Expression:
    """Return what decides whether a row passes the folded condition `expression`.

    A conjunct that is false or NULL decides it, also behind one that may raise: PostgreSQL orders the
    conjuncts of a condition as it likes, and either way no row passes.
    """
    if type(expression) is not And:
        return _true_part(expression)
    operands = tuple(map(_true_part, expression.operands))
    return FALSE if FALSE in operands else And(operands)


def _true_part(expression: Expression) -> Expression:
    rule = _RULES.get(type(expression))
    return rule(expression) if rule else expression


def _constant(node: Constant) -> Expression:
    return TRUE if node.value is True else FALSE


def _and(node: And) -> Expression:
    operands = tuple(map(_true_part, node.operands))
    if operands == node.operands or may_raise(node):
        return node  # what stands behind NULL is evaluated, behind FALSE it is not
    return FALSE if FALSE in operands else And(operands)


def _or(node: Or) -> Expression:
    operands = tuple(operand for operand in map(_true_part, node.operands) if operand != FALSE)
    if len(operands) > 1:
        return Or(operands)
    return operands[0] if operands else FALSE


_RULES: Mapping[type, Callable[[Any], Expression]] = {Constant: _constant, And: _and, Or: _or}
