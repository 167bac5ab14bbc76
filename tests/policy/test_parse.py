"""What the parser makes of policy files: trees, places, refusals."""

from decimal import Decimal
from typing import TypeVar

import pytest

from aerostore.policy import syntax
from aerostore.policy.parse import MAX_LENGTH, parse, parse_expression
from aerostore.policy.problem import Problem, Refusal, Source
from tests.policy.meaning import meaning

T = TypeVar("T")


def problems(text: str) -> list[Problem]:
    return parse(Source(path="p.sql", text=text))[1]


def only(kind: type[T], text: str) -> T:
    statements, found = parse(Source(path="p.sql", text=text))
    assert not found, found
    (statement,) = statements
    assert isinstance(statement, kind)
    return statement


def policy(text: str) -> syntax.CreatePolicy:
    return only(syntax.CreatePolicy, text)


def function(text: str) -> syntax.CreateFunction:
    return only(syntax.CreateFunction, text)


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
    assert problems(f"create policy p on t using ({deep})")[0].code == "54001"


def test_long_chains_of_conditions_are_not_deep() -> None:
    found = parse_expression(" or ".join(["bucket_id = 'a'"] * 3000))
    assert isinstance(found, syntax.Or)
    assert len(found.operands) == 3000


def test_file_that_is_too_long_is_refused() -> None:
    assert problems(" " * (MAX_LENGTH + 1))[0].code == "54000"


@pytest.mark.parametrize("character", ["\0", "\ud800"])
def test_character_that_no_database_stores_is_refused_where_it_stands(character: str) -> None:
    (problem,) = problems(f"-- {character}")
    assert (problem.code, problem.at) == ("22021", 3)


def test_policy_is_read_with_all_its_parts() -> None:
    found = policy(
        'create policy "a policy" on storage."objects" as restrictive for update'
        ' to authenticated, "Team", PUBLIC using (a) with check (b)'
    )
    assert (found.name, found.table) == ("a policy", ("storage", "objects"))
    assert (found.permissive, found.command) == (False, "update")
    assert [role for _, role in found.roles] == ["authenticated", "Team", "public"]
    assert meaning(found.using) == meaning(syntax.Name(0, ("a",)))
    assert meaning(found.check) == meaning(syntax.Name(0, ("b",)))


def test_policy_without_clauses_is_permissive_and_for_everyone() -> None:
    found = policy("create policy p on t")
    assert (found.permissive, found.command, found.using, found.check) == (True, "all", None, None)
    assert [role for _, role in found.roles] == ["public"]


def test_texts_and_places_of_a_policy_are_those_of_the_file() -> None:
    text = "select_ ;\n  create policy p on t\n using ( (a) /* why */ = 'é' -- so\n ) with check (b);"
    statements, _ = parse(Source(path="p.sql", text=text))
    (found,) = statements
    assert isinstance(found, syntax.CreatePolicy)
    assert text[found.start : found.end].startswith("create policy")
    assert text[found.start : found.end].endswith("with check (b)")
    assert found.using_text == "(a) /* why */ = 'é'"
    assert found.check_text == "b"
    assert isinstance(found.using, syntax.Binary)
    assert text[found.using.at] == "="


def test_comment_lines_right_above_a_policy_belong_to_it() -> None:
    text = "-- other\n\n-- Owners read\n  --  their files.\n  create policy p on t;"
    assert policy(text).comment == "Owners read\ntheir files."
    assert policy("-- other\n\ncreate policy p on t").comment == ""
    assert policy("-- other\n/* x */ create policy p on t").comment == ""


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        (
            "create policy p on t for insert using (true)",
            33,
            "only WITH CHECK expression allowed for INSERT",
        ),
        (
            "create policy p on t for select with check (true)",
            33,
            "WITH CHECK cannot be applied to SELECT or DELETE",
        ),
        ("create policy p on t as open", 25, 'unrecognized row security option "open"'),
        ("create policy if not exists p on t", 18, 'syntax error at or near "not"'),
        ("create policy p on t with check (a) using (b)", 37, 'syntax error at or near "using"'),
        ("create policy p on t using (a); ;", 0, ""),
        ("create policy p on t using (a) x;", 32, 'syntax error at or near "x"'),
        ("create policy p on t using (a", 30, "syntax error at end of input"),
        ("create policy p on t using (a;", 30, 'syntax error at or near ";"'),
    ],
)
def test_policy_statement_is_refused_as_postgresql_refuses_it(text: str, column: int, message: str) -> None:
    found = [(problem.source.line_and_column(problem.at)[1], problem.message) for problem in problems(text)]
    assert found == ([(column, message)] if message else [])


def test_role_of_the_session_and_the_reserved_role_are_refused() -> None:
    assert problems("create policy p on t to current_user")[0].code == "0A000"
    assert problems("create policy p on t to none")[0].code == "42939"


def test_each_faulty_statement_is_reported_and_the_others_are_read() -> None:
    text = "create policy a on t using (b =);\ndo $$;$$;\ncreate policy c on t using (d);\ncreate policy 'e"
    statements, found = parse(Source(path="p.sql", text=text))
    assert [statement.name for statement in statements if isinstance(statement, syntax.CreatePolicy)] == ["c"]
    assert [str(problem).partition(" (")[0] for problem in found] == [
        'p.sql:1:32 42601 syntax error at or near ")"',
        "p.sql:2:1 0A000 DO is not supported",
        'p.sql:4:15 42601 unterminated quoted string at or near "\'e"',
    ]


def test_policies_are_altered_renamed_and_dropped() -> None:
    changed = only(syntax.AlterPolicy, "alter policy p on s.t to anon using (a = 1) with check (b)")
    assert ([role for _, role in changed.roles or ()], changed.using_text) == (["anon"], "a = 1")
    assert only(syntax.AlterPolicy, "alter policy p on t using (a)").roles is None
    assert only(syntax.AlterPolicy, "alter policy p on t rename to q").new_name == "q"
    assert only(syntax.DropPolicy, "drop policy if exists p on t cascade").if_exists


def test_table_keeps_columns_keys_and_what_cannot_be_null() -> None:
    found = only(
        syntax.CreateTable,
        """create table if not exists public.members (
            team uuid not null default gen_random_uuid() references teams (id) on delete cascade,
            person text unique check (length(person) > 1),
            joined timestamp with time zone default (now() at time zone 'utc') not null,
            level int constraint known check (level in (1, 2)) deferrable,
            primary key (team, level), unique (joined), foreign key (person) references people (id))""",
    )
    assert found.keys == (("team", "level"), ("person",), ("joined",))
    assert [(column.name, column.not_null, column.unique) for column in found.columns] == [
        ("team", True, False),
        ("person", False, True),
        ("joined", True, False),
        ("level", True, False),
    ]
    assert [column.type_name.name for column in found.columns] == [
        ("uuid",),
        ("text",),
        ("timestamptz",),
        ("int4",),
    ]


@pytest.mark.parametrize(
    "text",
    [
        'create table t (a text collate "C")',
        "create table t (like u)",
        "create table t (a int generated always as (1) stored)",
        "create table t (a int) partition by list (a)",
        "create temporary table t (a int)",
        "alter table t force row level security",
        "alter table t add column b int",
        "grant select (a) on t to anon",
        "grant select on all tables in schema public to anon",
        "grant anon to authenticator",
        "set search_path = public",
        "create function f() returns int language sql begin atomic select 1; end",
        "create function f() returns int language sql return 1",
        "create function f(out a int) language sql as 'select 1'",
        "create index i on t (a)",
        "insert into t values (1)",
    ],
)
def test_statement_that_only_postgresql_can_run_is_refused_once_with_a_hint(text: str) -> None:
    (problem,) = problems(text)
    assert (problem.code, bool(problem.hint)) == ("0A000", True)


def test_row_security_is_switched() -> None:
    assert only(syntax.EnableRowSecurity, "alter table only s.t enable row level security").enabled
    assert not only(syntax.EnableRowSecurity, "alter table t disable row level security").enabled


def test_grant_on_tables_is_read_and_grants_on_other_things_say_nothing() -> None:
    found = only(syntax.Grant, "grant select, insert on table a, b.c to anon, public with grant option")
    assert (found.privileges, found.tables) == (("select", "insert"), (("a",), ("b", "c")))
    assert found.roles == ("anon", "public")
    ignored = "execute on function f(int)", "usage on schema s", "usage on sequence q"
    assert [parse(Source(path="p.sql", text=f"grant {what} to anon")) for what in ignored] == [([], [])] * 3


def test_harmless_statements_say_nothing() -> None:
    text = "begin; comment on policy p on t is 'why'; comment on function f(a int) is null; commit;"
    assert parse(Source(path="p.sql", text=text)) == ([], [])


def test_function_is_read_with_its_attributes_in_any_order() -> None:
    found = function(
        "create or replace function s.f(uid uuid, double precision) returns setof text set search_path to"
        " a, 'B' as $$ select $1::text where $2 > 1; $$ strict security definer immutable language sql"
    )
    assert (found.name, found.returns_set, found.strict) == (("s", "f"), True, True)
    assert [(name, kind.name) for name, kind in found.parameters] == [("uid", ("uuid",)), ("", ("float8",))]
    assert (found.security_definer, found.volatility, found.search_path) == (True, "immutable", ("a", "B"))
    assert found.body
    assert meaning(found.body.items) == meaning((parse_expression_in_function("$1::text"),))


def parse_expression_in_function(text: str) -> object:
    body = function(f"create function f() returns int language sql as $$ select {text} $$").body
    assert body
    return body.items[0]


def test_empty_search_path_of_a_function_names_no_schema() -> None:
    found = function("create function f() returns int language sql set search_path = '' as 'select 1'")
    assert found.search_path == ()


@pytest.mark.parametrize("body", ["$x$ select '', marked $x$", "' select '''', marked '"])
def test_places_in_a_function_body_are_those_of_the_file(body: str) -> None:
    text = f"create function f() returns int language sql as {body}"
    found = function(text).body
    assert found
    assert found.items[1].at == text.index("marked")


def test_error_in_a_function_body_is_reported_where_it_stands() -> None:
    text = "create function f() returns int language sql as $$\nselect a from b wher c = = d $$"
    (problem,) = problems(text)
    assert str(problem).startswith('p.sql:2:22 42601 syntax error at or near "c"')


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("returns int language plpgsql as $$ begin return 1; end $$", "LANGUAGE plpgsql"),
        ("returns int language sql as 'select 1; select 2'", "a body of several statements is not supported"),
        ("returns void language sql as 'delete from t'", "a body that is not a SELECT is not supported"),
        ("returns int language sql as 'with x as (select 1) select 1'", "WITH in a query is not supported"),
        ("returns table (a int) language sql as 'select 1'", "RETURNS TABLE"),
    ],
)
def test_function_that_cannot_be_called_here_says_why(text: str, why: str) -> None:
    found = function(f"create function f() {text}")
    assert (found.body, found.refused) == (None, why)


def test_default_value_of_a_parameter_makes_a_function_uncallable() -> None:
    found = function("create function f(a int default 1) returns int language sql as 'select a'")
    assert (found.body, found.refused) == (None, "default values of parameters")


def test_parameter_outside_a_function_is_refused() -> None:
    assert refusal("a = $1").code == "42P02"
