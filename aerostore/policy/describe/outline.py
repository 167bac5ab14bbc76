"""A condition taken apart for people: connectives inside, conditions at the leaves, and what each came to.

Every part is valued by itself, also one that AND or OR would not have reached.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from aerostore.policy import syntax
from aerostore.policy.describe.requirement import children, is_constant, requirement
from aerostore.policy.describe.sql import to_text

Kind = Literal["and", "or", "not", "condition"]
_KINDS: Mapping[type, Kind] = {syntax.And: "and", syntax.Or: "or", syntax.Not: "not"}


@dataclass(frozen=True, slots=True)
class Outline:
    """A condition and its parts. operands: of a leaf, what is worth showing the value of."""

    kind: Kind
    expression: syntax.Expression
    parts: tuple["Outline", ...] = ()
    operands: tuple[syntax.Expression, ...] = ()

    def expressions(self) -> Iterator[syntax.Expression]:
        """List everything in it that has a value to show: itself, its operands, its parts."""
        yield self.expression
        yield from self.operands
        for part in self.parts:
            yield from part.expressions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What an expression came to. text: the value as SQL, or what was wrong; truth: of a condition."""

    text: str
    truth: bool | None = None
    error: str = ""
    """The SQLSTATE when it could not be evaluated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """Something that a condition compares, with its value as SQL."""

    expression: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a condition with its value. needs: the fewest changes that would turn it, if it must be."""

    kind: Kind
    expression: str
    value: str
    needs: tuple[str, ...] = ()
    operands: tuple[Operand, ...] = ()
    parts: tuple["Part", ...] = ()


def outline(expression: syntax.Expression) -> Outline:
    """Take a condition apart."""
    kind = _KINDS.get(type(expression), "condition")
    if isinstance(expression, syntax.And | syntax.Or):
        return Outline(kind, expression, tuple(outline(each) for each in expression.operands))
    if isinstance(expression, syntax.Not):
        return Outline(kind, expression, (outline(expression.operand),))
    return Outline(kind, expression, operands=tuple(_telling_operands(expression)))


def valued(outlined: Outline, values: Mapping[str, Value], *, wanted: bool = True) -> Part:
    """Return `outlined` with the values of its expressions, by their text. wanted: what should come out."""
    own = values[to_text(outlined.expression)]
    texts = {text: value.text for text, value in values.items()}
    inner = wanted != (outlined.kind == "not")
    parts = tuple(valued(part, values, wanted=inner) for part in outlined.parts)
    return Part(
        kind=outlined.kind,
        expression=to_text(outlined.expression),
        value=own.text,
        needs=() if own.truth is wanted else _needs(outlined, parts, texts, wanted=wanted),
        operands=tuple(_shown(each, texts) for each in outlined.operands),
        parts=parts,
    )


def _needs(
    outlined: Outline, parts: tuple[Part, ...], texts: Mapping[str, str], *, wanted: bool
) -> tuple[str, ...]:
    if outlined.kind == "condition":
        return (requirement(outlined.expression, texts, wanted=wanted),)
    one_is_enough = outlined.kind == ("or" if wanted else "and")
    if one_is_enough:
        return min((part.needs for part in parts), key=len)
    return tuple(need for part in parts for need in part.needs)


def _shown(operand: syntax.Expression, texts: Mapping[str, str]) -> Operand:
    text = to_text(operand)
    return Operand(expression=text, value=texts[text])


def _telling_operands(expression: syntax.Expression) -> Iterator[syntax.Expression]:
    """List what a leaf is made of, without what is constant anyway."""
    for child in children(expression):
        if not is_constant(child):
            yield child
