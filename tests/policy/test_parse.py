"""What the parser makes of expressions: trees, values, places, refusals."""

from decimal import Decimal

import pytest

from aerostore.policy import syntax
from aerostore.policy.parse.source import parse_expression
from aerostore.policy.problem import Refusal
from tests.policy.meaning import meaning


def refusal(text: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        parse_expression(text)
    return caught.value


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("name ~ '^a' || 'b'", "(name ~ '^a') || 'b'"),
        ("a is null + b", "(a is null) + b"),
        ("b notnull / c", "(b notnull) / c"),
        ("a is null is not null", "(a is null) is not null"),
        ("a = b is true", "(a = b) is true"),
        ("not a = b and c", "(not (a = b)) and c"),
        ("a or b and c", "a or (b and c)"),
        ("a + not b = c", "a + (not (b = c))"),
        ("a like b = c", "(a like b) = c"),
        ("a = b like c", "a = (b like c)"),
        ("a not like b || c escape d", "a not like (b || c) escape d"),
        ("a between b and c and d", "(a between b and c) and d"),
        ("a between b < c and d", "a between (b < c) and d"),
        ("a = any (b) = c", "(a = any (b)) = c"),
        ("a in (b) in (c)", "(a in (b)) in (c)"),
        ("-a ^ b", "(-a) ^ b"),
        ("-a::int", "-(a::int)"),
        ("@ a || b", "(@ a) || b"),
        ("a * @ b + c", "a * (@ (b + c))"),
        ("a -> 'b' ->> 'c' = 'd'", "((a -> 'b') ->> 'c') = 'd'"),
        ('a || b collate "C"', 'a || (b collate "C")'),
        ("a != b", "a <> b"),
        ("a@-b", "a @- b"),
        ("a*-b", "a * (-b)"),
        ("a/* comment /* inside */ */+b--c", "a + b"),
        ("a not in (select 1)", "not (a in (select 1))"),
        ("a in ((select 1))", "a in (select 1)"),
        ("((select 1))", "(select 1)"),
    ],
)
def test_operators_bind_as_in_postgresql(written: str, meant: str) -> None:
    assert meaning(parse_expression(written)) == meaning(parse_expression(meant))


@pytest.mark.parametrize(
    "text", ["a = b = c", "a < b >= c", "a like b like c", "a is distinct from b is null"]
)
def test_operators_that_do_not_associate_cannot_be_chained(text: str) -> None:
    assert refusal(text).code == "42601"


def test_parentheses_on_the_left_only_join_a_chain() -> None:
    left = parse_expression("(a and b) and c")
    right = parse_expression("a and (b and c)")
    assert isinstance(left, syntax.And)
    assert isinstance(right, syntax.And)
    assert (len(left.operands), len(right.operands)) == (3, 2)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'it''s'", "it's"),
        ("'a\\n'", "a\\n"),
        ("'two'\n  -- parts\n  'parts'", "twoparts"),
        (r"E'\'\x41\u00e9\101\b\t\q\\'", "'AéA\b\tq\\"),
        (r"E'\U0001F600\ud83d\ude00'", "\U0001f600\U0001f600"),
        (r"E'\xc3\xa9'", "é"),
        ("$$it's$$", "it's"),
        ("$a$ $$ $b$ $a$", " $$ $b$ "),
        ("12", 12),
        ("9223372036854775808", 9223372036854775808),
        ("-9223372036854775808", -9223372036854775808),
        ("- -1", 1),
        ("1.", Decimal(1)),
        (".5", Decimal("0.5")),
        ("1e3", Decimal("1e3")),
        ("-12345678901234567890123456789.5", Decimal("-12345678901234567890123456789.5")),
        ("TRUE", True),
        ("null", None),
    ],
)
def test_literal_has_the_value_that_postgresql_reads(text: str, value: object) -> None:
    literal = parse_expression(text)
    assert isinstance(literal, syntax.Literal)
    assert (literal.value, type(literal.value)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Owner_ID", "owner_id"),
        ("ÄbC", "Äbc"),
        ('"Owner ""ID"""', 'Owner "ID"'),
        ("x" * 70, "x" * 63),
        ("é" * 40, "é" * 31),
        ('"select"', "select"),
        ("between", "between"),
    ],
)
def test_name_is_folded_and_cut_as_postgresql_does(text: str, name: str) -> None:
    assert meaning(parse_expression(text)) == meaning(syntax.Name(0, (name,)))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("substring(a from b for c)", "pg_catalog.substring(a, b, c)"),
        ("substring(a for b)", "pg_catalog.substring(a, 1, b::int)"),
        ("substring(a, b)", '"substring"(a, b)'),
        ("trim(both a from b)", "pg_catalog.btrim(b, a)"),
        ("trim(leading from b)", "pg_catalog.ltrim(b)"),
        ("position(a in b)", "pg_catalog.position(b, a)"),
        ("extract(epoch from a)", "pg_catalog.extract('epoch', a)"),
        ("a like b escape c", "a ~~ pg_catalog.like_escape(b, c)"),
        ("a not similar to b", "a !~ pg_catalog.similar_to_escape(b)"),
        ("uuid 'x'", "'x'::uuid"),
        ("double precision '1'", "cast('1' as float)"),
        ("timestamp with time zone 'x'", "'x'::\"timestamptz\""),
    ],
)
def test_syntax_of_its_own_becomes_what_it_stands_for(text: str, meant: str) -> None:
    assert meaning(parse_expression(text)) == meaning(parse_expression(meant))


def test_type_is_known_by_its_own_name() -> None:
    cast = parse_expression("a::character varying(3)[]")
    assert isinstance(cast, syntax.Cast)
    assert cast.type_name == syntax.TypeName(3, ("varchar",), is_array=True, has_modifier=True)


def test_char_without_a_length_has_one() -> None:
    cast = parse_expression("a::char")
    assert isinstance(cast, syntax.Cast)
    assert cast.type_name.has_modifier


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("storage.foldername(name)[1]", 24, 'syntax error at or near "["'),
        ("bucket_id = = 'x'", 12, 'syntax error at or near "="'),
        ("(a", 2, "syntax error at end of input"),
        ("a b", 2, 'syntax error at or near "b"'),
        ("left", 4, "syntax error at end of input"),
        ("between(1)", 7, 'syntax error at or near "("'),
        ("storage.not like (a)", 8, 'syntax error at or near "not"'),
        ("a not b", 2, 'syntax error at or near "not"'),
        ("'abc", 0, 'unterminated quoted string at or near "\'abc"'),
        ('a = "b', 4, 'unterminated quoted identifier at or near ""b"'),
        ("a /* /* */", 2, 'unterminated /* comment at or near "/* /* */"'),
        ("$a$ x $b$", 0, 'unterminated dollar-quoted string at or near "$a$ x $b$"'),
        ('""', 0, 'zero-length delimited identifier at or near """"'),
        ("a = 1a", 4, 'trailing junk after numeric literal at or near "1a"'),
        ("{", 0, 'syntax error at or near "{"'),
        (r"E'\ud83d'", 0, "invalid Unicode surrogate pair"),
    ],
)
def test_syntax_error_has_the_place_and_the_words_of_postgresql(text: str, at: int, message: str) -> None:
    found = refusal(text)
    assert (found.at, found.code, found.message) == (at, "42601", message)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("(a, b) = (1, 2)", 0),
        ("row(a, b) is null", 0),
        ("a at time zone 'utc' > b", 2),
        ("a operator(pg_catalog.=) b", 2),
        ("rank() over (order by a)", 7),
        ("count(*) filter (where a) > 1", 9),
        ("count(distinct a)", 6),
        ("f(a => 1)", 2),
        ("f(variadic a)", 2),
        ("a[1][2]", 4),
        ("(a).b", 3),
        ("to_jsonb(objects.*)", 17),
        ("U&'x' = a", 0),
        ("substring(a similar 'b' escape '#')", 12),
        ("a = b'101'", 4),
        ("a = E'\\v'", 4),
        ("interval '1' day", 13),
        ("exists (with x as (select 1) select 1)", 8),
        ("exists (values (1))", 8),
        ("exists (select 1 union select 2)", 17),
        ("exists (select 1 from t group by a)", 24),
        ("exists (select 1 from t offset 1)", 24),
        ("exists (select 1 from t for update)", 24),
        ("exists (select distinct on (a) a from t)", 24),
        ("exists (select 1 from (select 1) t)", 22),
        ("exists (select 1 from lateral f(a))", 22),
        ("exists (select 1 from only t)", 22),
        ("exists (select 1 from a right join b on true)", 24),
        ("exists (select 1 from a natural join b)", 24),
        ("exists (select 1 from a join b using (c))", 31),
        ("exists (select 1 from a, b join c on true)", 27),
        ("exists (select 1 from t tablesample system (1))", 24),
        ("(select 1 from t order by a nulls first)", 28),
        ("(select 1 from t order by 1)", 26),
        ("a is normalized", 5),
        ("current_timestamp(3) > a", 17),
        ("xmlelement(name a)", 0),
    ],
)
def test_what_only_postgresql_can_do_is_refused_where_it_stands_with_a_hint(text: str, at: int) -> None:
    found = refusal(text)
    assert (found.code, found.at) == ("0A000", at)
    assert found.hint


def test_alias_in_order_by_means_the_selected_expression() -> None:
    written = parse_expression("(select lower(p.id) as x from p order by x desc)")
    meant = parse_expression("(select lower(p.id) from p order by lower(p.id) desc)")
    assert meaning(written) == meaning(meant)


def test_name_in_order_by_that_no_selected_expression_has_is_a_column() -> None:
    query = parse_expression("(select 1 from t order by created_at)")
    assert isinstance(query, syntax.ScalarSelect)
    assert meaning(query.select.order_by) == meaning(((syntax.Name(0, ("created_at",)), False),))


def test_name_in_order_by_that_may_be_an_output_column_is_refused() -> None:
    assert refusal("(select lower(id) from p order by lower)").code == "0A000"


@pytest.mark.parametrize(
    "shape",
    [
        *(
            "({})",
            "not {}",
            "- {}",
            "@ {}",
            "f({})",
            "a[{}]",
            "array[{}]",
            "case when {} then 1 end",
            "(select {})",
        ),
        *("exists (select 1 where {})", "a in ({})", "a = any ({})", "cast({} as text)", "coalesce({})"),
        *("{}::text", "{} || a", "{} is null", "(a between 1 and {})", "(select 1 from f({}))"),
        *("trim(a from {})", "(select 1 order by {})", "array(select {})", "(select 1 from a join b on {})"),
    ],
)
def test_deep_nesting_is_refused_before_it_exhausts_the_stack(shape: str) -> None:
    before, after = shape.split("{}")
    parse_expression(before * 10 + "a" + after * 10)
    deep = before * 5_000 + "a" + after * 5_000
    assert refusal(deep).code == "54001"


def test_long_chains_of_conditions_are_not_deep() -> None:
    found = parse_expression(" or ".join(["bucket_id = 'a'"] * 3000))
    assert isinstance(found, syntax.Or)
    assert len(found.operands) == 3000


def test_parameter_outside_a_function_is_refused() -> None:
    assert refusal("a = $1").code == "42P02"
