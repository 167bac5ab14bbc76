"""What the parser makes of policy files: statements, their places and texts, what is wrong with them."""

from typing import TypeVar

import pytest

from aerostore.policy import syntax
from aerostore.policy.parse.source import MAX_LENGTH, parse
from aerostore.policy.problem import Problem, Source
from tests.policy.meaning import meaning

TEXT = syntax.TypeName(0, ("text",))

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
    assert meaning(found.body.items) == meaning((syntax.Cast(0, syntax.Parameter(0, 1), TEXT),))


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


def test_file_that_is_too_long_is_refused() -> None:
    assert problems(" " * (MAX_LENGTH + 1))[0].code == "54000"


@pytest.mark.parametrize("character", ["\0", "\ud800"])
def test_character_that_no_database_stores_is_refused_where_it_stands(character: str) -> None:
    (problem,) = problems(f"-- {character}")
    assert (problem.code, problem.at) == ("22021", 3)


def test_nesting_and_size_are_bounded_in_files_too() -> None:
    assert problems(f"create policy p on t using ({'(' * 200}a{')' * 200})")[0].code == "54001"
    body = f"select {'(' * 200}a{')' * 200}"
    assert problems(f"create function f() returns int language sql as '{body}'")[0].code == "54001"
