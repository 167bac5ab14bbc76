"""Expressions back to text: what the parser reads from the text is the expression again."""

from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aerostore.policy.describe.sql import to_text
from aerostore.policy.parse.source import parse_expression
from aerostore.policy.syntax import (
    And,
    ArrayOf,
    ArraySelect,
    Between,
    Binary,
    Call,
    Case,
    Cast,
    Collate,
    Exists,
    Expression,
    InList,
    InSelect,
    IsDistinct,
    IsTest,
    Join,
    Literal,
    Name,
    Not,
    Or,
    Quantified,
    ScalarSelect,
    Select,
    Slice,
    Star,
    Subscript,
    TableItem,
    TypeName,
    Unary,
)

OPERATORS = (
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "<",
    "=",
    ">=",
    "<>",
    "||",
    "->",
    "->>",
    "@>",
    "?",
    "~",
    "~~",
    "!~~*",
)
Expressions = st.SearchStrategy[Expression]


@pytest.mark.parametrize(
    "text",
    [
        "bucket_id = 'avatars' AND (storage.foldername(name))[1] = auth.uid()::text",
        "a OR b AND NOT (c OR d)",
        "(a OR b) AND c",
        "NOT a IS NULL",
        "a - (b - c) - d",
        "(-1)::int4",
        "a + b > c * (d + e)",
        "(SELECT auth.uid()) = owner",
        "name LIKE 'it''s%'",
        "name NOT ILIKE 'a!%' ESCAPE '!'",
        "name SIMILAR TO '(a|b)%'",
        "substring(name FROM '^x' FOR '#')",
        "storage.extension(name) = ANY (ARRAY['png', 'jpg'])",
        "bucket_id IN (SELECT b.id FROM storage.buckets AS b JOIN t ON b.id = t.id WHERE b.public)",
        "EXISTS (SELECT * FROM public.members AS m WHERE m.user_id = auth.uid() ORDER BY m.id DESC LIMIT 1)",
        "CASE WHEN a THEN b ELSE c END",
        "coalesce(a, '') IS DISTINCT FROM lower(b)",
        "name COLLATE \"C\" < 'm'",
        '"left"(name, 2) = "Mixed Case".path_tokens[1]',
        "metadata ->> 'size' = '5'",
    ],
)
def test_text_without_needless_parentheses_stays_as_it_is(text: str) -> None:
    assert to_text(parse_expression(text)) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("((a))=((b))", "a = b"),
        ("a != b", "a <> b"),
        ("trim(both 'x' from name)", "pg_catalog.btrim(name, 'x')"),
        ("- (- a)", "- -a"),
        ("( SELECT auth.uid() AS uid)", "(SELECT auth.uid())"),
        ("(a is null) is true", "(a IS NULL) IS TRUE"),
        ("x between (1) and 2", "x BETWEEN 1 AND 2"),
        ("((a)[1])[2:]", "(a[1])[2:]"),
    ],
)
def test_text_is_the_plainest_spelling(text: str, told: str) -> None:
    assert to_text(parse_expression(text)) == told


def plain(node: object) -> object:
    """Return a tree without the places of its parts."""
    if isinstance(node, tuple):
        return tuple(plain(each) for each in node)
    if not is_dataclass(node):
        return type(node), node
    values = [plain(getattr(node, each.name)) for each in fields(node) if each.name != "at"]
    return type(node), *values


names = st.sampled_from([("name",), ("objects", "name"), ("left",), ("Mixed Case",), ("a", 'b"c')]).map(
    lambda parts: Name(0, parts)
)
literals = st.one_of(
    st.text("ab'%\\é\n", max_size=4), st.integers(-9, 9), st.booleans(), st.none(), st.just(Decimal("1.5"))
).map(lambda value: Literal(0, value))
types = st.builds(
    TypeName, st.just(0), st.sampled_from([("text",), ("uuid",), ("public", "Mood")]), st.booleans()
)


def compound(inner: Expressions) -> Expressions:
    """Build every kind of node over `inner`, in the shapes that the parser makes."""
    signless = inner.filter(lambda each: not isinstance(each, Literal))
    several = st.lists(inner, min_size=1, max_size=3).map(tuple)
    selects = st.builds(selected, several, st.none() | inner, st.booleans())
    listed = several.filter(lambda items: not (len(items) == 1 and isinstance(items[0], ScalarSelect)))
    arrays = inner.filter(lambda each: not isinstance(each, ScalarSelect))
    flag, at = st.booleans(), st.just(0)
    return st.one_of(
        st.builds(Binary, at, st.sampled_from(OPERATORS), inner, inner),
        st.builds(Unary, at, st.sampled_from(("-", "+", "@")), signless),
        connectives(And, inner),
        connectives(Or, inner),
        st.builds(Not, at, inner),
        st.builds(IsTest, at, inner, st.sampled_from(("null", "true", "false", "unknown")), flag),
        st.builds(IsDistinct, at, inner, inner, flag),
        st.builds(Between, at, inner, inner, inner, flag, flag),
        st.builds(InList, at, inner, listed, flag),
        st.builds(InSelect, at, inner, selects, flag),
        st.builds(Quantified, at, st.sampled_from(("=", "~~", "||", "<")), inner, arrays | selects, flag),
        st.builds(Call, at, st.sampled_from([("lower",), ("auth", "uid"), ("left",)]), several),
        st.builds(Call, at, st.just(("coalesce",)), several, keyword=st.just(True)),
        st.builds(Cast, at, inner, types),
        st.builds(Collate, at, inner, st.just(("C",))),
        st.builds(Subscript, at, inner, inner),
        st.builds(Slice, at, inner, st.none() | inner, st.none() | inner),
        st.builds(ArrayOf, at, several),
        st.builds(ArraySelect, at, selects),
        st.builds(ScalarSelect, at, selects),
        st.builds(Exists, at, selects),
        st.builds(Case, at, st.none() | inner, st.tuples(st.tuples(inner, inner)), st.none() | inner),
    )


def connectives(kind: type[And] | type[Or], inner: Expressions) -> Expressions:
    """Build AND or OR; the parser would flatten one that begins with its own kind."""
    first = inner.filter(lambda each: not isinstance(each, kind))
    rest = st.lists(inner, min_size=1, max_size=2)
    return st.builds(lambda one, more: kind(0, (one, *more)), first, rest)


def selected(items: tuple[Expression, ...], where: Expression | None, distinct: bool) -> Select:
    joins = (
        Join(TableItem(0, ("public", "t"), alias="x")),
        Join(TableItem(0, ("u",)), on=where, kind="left" if where else "inner"),
    )
    chosen: tuple[Any, ...] = (*items, Star(0))
    order = ((Name(0, ("x", "id")), True),) if not distinct else ()
    return Select(0, chosen, joins, where, distinct, order, Literal(0, 3) if where else None)


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # nested trees are wordy
@settings(max_examples=1_000, deadline=None)
@given(st.recursive(names | literals, compound, max_leaves=8))
def test_the_parser_reads_the_same_expression_from_the_text(expression: Expression) -> None:
    text = to_text(expression)
    assert plain(parse_expression(text)) == plain(expression), text
