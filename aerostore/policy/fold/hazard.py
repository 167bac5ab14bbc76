"""Whether evaluating an expression can raise: what can must keep its place among its neighbours."""

import re
from collections.abc import Callable, Container, Mapping
from typing import Any

from aerostore.policy.expression import Apply, Constant, Expression, Failure, Quantified, ScalarQuery
from aerostore.policy.problem import EvaluationError
from aerostore.policy.tree import children

_WHOLE_PATTERN = re.compile(r"(?:[^\\]|\\.)*", re.DOTALL)


def may_raise(expression: Expression, proven: Container[int] = ()) -> bool:
    """Return whether `expression` can raise for some row. False is certain, True is not.

    proven: identities of parts that have been evaluated before for the same row.
    """
    pending = [expression]
    while pending:
        node = pending.pop()
        if id(node) in proven:
            continue
        rule = _RISKS.get(type(node))
        if rule is not None and rule(node):
            return True
        pending += children(node)
    return False


def _is_risky_call(call: Apply) -> bool:
    return call.function.may_raise and not _is_harmless(call)


def _is_risky_comparison(node: Quantified) -> bool:
    return node.operator.may_raise and not _is_harmless_for_each(node)


def _can_have_two_rows(node: ScalarQuery) -> bool:
    return not node.query.count and node.query.limit != 1


def _is_harmless(call: Apply) -> bool:
    """Return whether the constants among the arguments rule out every error."""
    rule = _HARMLESS.get(call.function.name)
    return rule is not None and rule(call)


def _is_harmless_for_each(node: Quantified) -> bool:
    if type(node.array) is not Constant or node.array.type.element is None:
        return False
    element_type = node.array.type.element
    calls = (
        Apply(node.type, node.operator, (node.left, Constant(element_type, element)))
        for element in node.array.value or ()
    )
    return all(map(_is_harmless, calls))


def _has_whole_like_pattern(call: Apply) -> bool:
    pattern = call.arguments[1]
    return type(pattern) is Constant and (
        pattern.value is None or _WHOLE_PATTERN.fullmatch(pattern.value) is not None
    )


def _has_valid_regex(call: Apply) -> bool:
    pattern = call.arguments[1]
    if type(pattern) is not Constant:
        return False
    if pattern.value is None:
        return True
    try:
        call.function.run("", pattern.value)
    except EvaluationError:
        return False
    return True


def _has_field_number(call: Apply) -> bool:
    number = call.arguments[2]
    return type(number) is Constant and number.value != 0


_HARMLESS: Mapping[str, Callable[[Apply], bool]] = {
    **dict.fromkeys(("~~", "!~~", "~~*", "!~~*"), _has_whole_like_pattern),
    **dict.fromkeys(("~", "!~", "~*", "!~*"), _has_valid_regex),
    "split_part": _has_field_number,
}
_RISKS: Mapping[type, Callable[[Any], bool]] = {
    Failure: lambda node: True,
    Apply: _is_risky_call,
    Quantified: _is_risky_comparison,
    ScalarQuery: _can_have_two_rows,
}
