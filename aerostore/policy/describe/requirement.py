"""What would have to be different for a condition to come out the other way, in a sentence for people."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from functools import singledispatch

from aerostore.policy import syntax
from aerostore.policy.describe.quoting import quoted_text
from aerostore.policy.describe.sql import select_text, to_text

Texts = Mapping[str, str]
"""The value of each expression as SQL, by the expression's text."""

_COMPARED = {"<": "less than", "<=": "at most", ">": "more than", ">=": "at least"}
_OPPOSITES = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_MATCHED = {"~~": "be like", "~~*": "be like", "~": "match", "~*": "match"}
_UNMATCHED = {"!~~": "be unlike", "!~~*": "be unlike", "!~": "not match", "!~*": "not match"}
_CALLERS = {
    "auth.uid": "the caller's user id",
    "auth.role": "the caller's role",
    "auth.email": "the caller's email",
    "storage.operation": "the operation",
}
_NULL = "NULL"


def children(expression: syntax.Expression) -> Iterator[syntax.Expression]:
    """List the expressions directly in this one; what a subquery holds is not listed."""
    for field in fields(expression):
        yield from _expressions_in(getattr(expression, field.name))


def _expressions_in(value: object) -> Iterator[syntax.Expression]:
    if isinstance(value, tuple):
        for each in value:
            yield from _expressions_in(each)
    elif isinstance(value, syntax.Expression):
        yield value


def is_constant(expression: syntax.Expression) -> bool:
    """Tell whether an expression has the same value for every caller and row: made of literals alone."""
    if isinstance(expression, syntax.Literal):
        return True
    inside = list(children(expression))
    return bool(inside) and not _asks(expression) and all(is_constant(each) for each in inside)


def _asks(expression: syntax.Expression) -> bool:
    """Tell whether an expression looks at something outside itself: a function's world, or rows."""
    return isinstance(expression, syntax.Call | syntax.InSelect) or isinstance(
        getattr(expression, "right", None), syntax.Select
    )


def _names_a_column(expression: syntax.Expression) -> bool:
    return isinstance(expression, syntax.Name) or any(map(_names_a_column, children(expression)))


@singledispatch
def _requirement(expression: object, texts: Texts) -> str:
    return ""


def requirement(expression: syntax.Expression, texts: Texts, *, wanted: bool) -> str:
    """Return what would make `expression` come out as `wanted`. texts: values of it and its operands."""
    text = to_text(expression)
    if not wanted:
        return _avoidance(expression, texts) or f"{text} would have to be false"
    now = " (it is NULL)" if texts[text] == _NULL else ""
    return _requirement(expression, texts) or f"{text} would have to be true{now}"


def _avoidance(expression: syntax.Expression, texts: Texts) -> str:
    """Return what would make a condition false, where there is a plain word for it."""
    match expression:
        case syntax.Binary(operator="="):
            return _requirement(replace(expression, operator="<>"), texts)
        case syntax.InList(negated=False):
            return _requirement(replace(expression, negated=True), texts)
        case syntax.Quantified(operator="=", every=False, left=left, right=right) if not isinstance(
            right, syntax.Select
        ) and not is_constant(left):
            return f"{_called(left)} would have to be none of {_value(right, texts)}{_now(left, texts)}"
    return ""


@_requirement.register
def _(binary: syntax.Binary, texts: Texts) -> str:
    left, operator, right = binary.left, binary.operator, binary.right
    if is_constant(left) or (_names_a_column(right) and not _names_a_column(left)):
        left, operator, right = right, _OPPOSITES.get(operator, operator), left
    if operator == "=":
        return _equality(left, right, texts)
    target = _value(right, texts)
    if operator == "<>":
        return f"{_called(left)} would have to be anything but {target}{_now(left, texts)}"
    if operator in _COMPARED:
        return f"{_called(left)} would have to be {_COMPARED[operator]} {target}{_now(left, texts)}"
    matched = {**_MATCHED, **_UNMATCHED}.get(operator)
    return f"{_called(left)} would have to {matched} {target}{_now(left, texts)}" if matched else ""


def _equality(subject: syntax.Expression, target: syntax.Expression, texts: Texts) -> str:
    value = _value(target, texts)
    if value == _NULL:
        return f"{_called(target)} would have to be set: it is NULL, and nothing equals NULL"
    if _is_first_folder(subject) and value.startswith("'"):
        return f"the name would have to begin with {value[:-1]}/'{_first_folder_now(subject, texts)}"
    return f"{_called(subject)} would have to be {value}{_now(subject, texts)}"


def _first_folder_now(subject: syntax.Expression, texts: Texts) -> str:
    now = _now(subject, texts, "its first folder")
    return " (it is in no folder)" if now.endswith(f"{_NULL})") else now


def _is_first_folder(expression: syntax.Expression) -> bool:
    """Tell whether this is `(storage.foldername(name))[1]` or `split_part(name, '/', 1)`."""
    match expression:
        case syntax.Subscript(
            operand=syntax.Call(name=("storage", "foldername"), arguments=(argument,)),
            index=syntax.Literal(value=1),
        ):
            return _is_name_column(argument)
        case syntax.Call(
            name=("split_part",),
            arguments=(argument, syntax.Literal(value="/"), syntax.Literal(value=1)),
        ):
            return _is_name_column(argument)
    return False


def _is_name_column(expression: syntax.Expression) -> bool:
    return isinstance(expression, syntax.Name) and expression.parts[-1] == "name"


@_requirement.register
def _(test: syntax.InList, texts: Texts) -> str:
    items = ", ".join(_value(item, texts) for item in test.items)
    word = "none" if test.negated else "one"
    return f"{_called(test.operand)} would have to be {word} of {items}{_now(test.operand, texts)}"


@_requirement.register
def _(test: syntax.Quantified, texts: Texts) -> str:
    if test.operator != "=" or test.every or isinstance(test.right, syntax.Select):
        return ""
    if is_constant(test.left) or (_names_a_column(test.right) and not _names_a_column(test.left)):
        return f"{_called(test.right)} would have to hold {_value(test.left, texts)}{_now(test.right, texts)}"
    target = _value(test.right, texts)
    return f"{_called(test.left)} would have to be one of {target}{_now(test.left, texts)}"


@_requirement.register
def _(test: syntax.InSelect, texts: Texts) -> str:
    word = "none" if test.negated else "one"
    rows = f"the results of {select_text(test.select)}"
    return f"{_called(test.operand)} would have to be {word} of {rows}{_now(test.operand, texts)}"


@_requirement.register
def _(test: syntax.Exists, texts: Texts) -> str:
    return f"{select_text(test.select)} would have to find a row"


@_requirement.register
def _(test: syntax.IsTest, texts: Texts) -> str:
    wanted = f"not {test.what}" if test.negated else test.what
    if wanted == "not null":
        return f"{_called(test.operand)} would have to be set (it is NULL)"
    return f"{_called(test.operand)} would have to be {wanted}{_now(test.operand, texts)}"


@_requirement.register
def _(name: syntax.Name, texts: Texts) -> str:
    return f"{to_text(name)} would have to be true{_now(name, texts)}"


def _called(expression: syntax.Expression) -> str:
    """Return what people call an expression: `auth.uid()::text` is the caller's user id."""
    inner = _unwrapped(expression)
    known = _CALLERS.get(".".join(inner.name)) if isinstance(inner, syntax.Call) else None
    return known or to_text(expression)


def _unwrapped(expression: syntax.Expression) -> syntax.Expression:
    match expression:
        case syntax.Cast(operand=operand):
            return _unwrapped(operand)
        case syntax.ScalarSelect(select=syntax.Select(items=(item,), joins=(), where=None)) if not isinstance(
            item, syntax.Star
        ):
            return _unwrapped(item)
    return expression


def _value(expression: syntax.Expression, texts: Texts) -> str:
    if isinstance(expression, syntax.Literal) and isinstance(expression.value, str):
        return quoted_text(expression.value)
    text = to_text(expression)
    return texts.get(text, text)


def _now(expression: syntax.Expression, texts: Texts, called: str = "it") -> str:
    value = texts.get(to_text(expression))
    return "" if value is None else f" ({called} is {value})"
