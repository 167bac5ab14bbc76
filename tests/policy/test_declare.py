"""Tables, functions and grants that policy files declare."""

import pytest

from aerostore.policy.bind.binder import Binder
from aerostore.policy.bind.declare import declare
from aerostore.policy.catalog import Catalog
from aerostore.policy.parse.source import parse, parse_expression
from aerostore.policy.problem import Refusal, Source
from aerostore.policy.value import INT8, TEXT, UUID, array_of


def declared(text: str, catalog: Catalog | None = None) -> Catalog:
    catalog = catalog or Catalog()
    statements, problems = parse(Source(path="test.sql", text=text))
    assert not problems, problems
    for statement in statements:
        declare(statement, catalog)
    return catalog


def refused(text: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        declared(text)
    return caught.value


def test_table_has_its_columns_and_keys_and_no_reader() -> None:
    catalog = declared("""
        create table members (
            id uuid primary key, name varchar(20) unique, tags text[], size bigint not null, unique (id, size)
        )""")
    table = catalog.tables["public.members"]
    assert table.columns == {"id": UUID, "name": TEXT, "tags": array_of(TEXT), "size": INT8}
    assert set(table.keys) == {("id",), ("name",), ("id", "size")}
    assert "size" in table.not_null
    assert (table.declared, table.readable_by, table.row_security) == (True, frozenset(), False)


def test_table_is_found_along_the_search_path() -> None:
    catalog = declared("create table extensions.words (word text); create table members (id int)")
    found = [catalog.find_table((name,)) for name in ("words", "members")]
    assert [table and table.name for table in found] == ["extensions.words", "public.members"]
    assert catalog.find_table(("words",), ()) is None


def test_column_of_a_foreign_type_is_refused_only_when_it_is_used() -> None:
    binder = Binder(declared("create table members (id uuid, address inet, kind public.kind)"))
    binder.bind_condition(
        parse_expression("exists (select 1 from members m where m.id = auth.uid())"), "storage.objects"
    )
    with pytest.raises(Refusal) as caught:
        binder.bind_condition(parse_expression("exists (select kind from members)"), "storage.objects")
    assert (caught.value.code, str(caught.value)) == (
        "0A000",
        'type "public.kind" is not available in the embedded database',
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("create table storage.objects (id uuid)", "42P07"),
        ("create table if not exists storage.buckets (id text)", "42P07"),
        ("create table storage.blobs (id text)", "0A000"),
        ("create table auth.users (id uuid)", "0A000"),
        ("create table pg_temp.members (id uuid)", "0A000"),
        ("create table aerostore.members (id uuid)", "0A000"),
        ("create table a (id int); create table a (id int)", "42P07"),
        ('create table a (id int); create table "A" (id int)', "0A000"),
        ("create table a.b_c (id int); create table a_b.c (id int)", "0A000"),
        ("create table a (id int, id text)", "42701"),
        ('create table a (id int, "ID" text)', "0A000"),
        ("create table a (id int, primary key (missing))", "42703"),
        ("grant select on missing to anon", "42P01"),
        ("create table a (id int); grant select on a to nobody_known", "42704"),
        ("alter table missing enable row level security", "42P01"),
        ("alter table storage.objects disable row level security", "0A000"),
        ("create function auth.uid() returns uuid language sql as 'select null::uuid'", "0A000"),
        ("create function pg_catalog.mine() returns int language sql as 'select 1'", "0A000"),
    ],
)
def test_declaration_that_contradicts_the_catalog_is_refused(text: str, code: str) -> None:
    assert refused(text).code == code


def test_refusal_names_the_rooms_other_tenant() -> None:
    text = 'create table a (id int); create table "A" (id int)'
    refusal = refused(text)
    assert str(refusal) == '"public.A" and "public.a" would be one table in the embedded database'
    assert refusal.at == text.rindex("create")


def test_table_that_exists_is_left_alone_if_so_asked() -> None:
    catalog = declared("create table a (id int); create table if not exists a (other text)")
    assert list(catalog.tables["public.a"].columns) == ["id"]


def test_grant_of_select_adds_readers_and_others_do_not() -> None:
    catalog = declared("""
        create table a (id int); create table b (id int);
        grant select on a to anon; grant all on table a, b to authenticated; grant insert on b to anon;
        grant select on storage.objects to anon""")
    assert catalog.tables["public.a"].readable_by == {"anon", "authenticated"}
    assert catalog.tables["public.b"].readable_by == {"authenticated"}


def test_row_security_is_switched_on_and_off() -> None:
    catalog = declared("create table a (id int); alter table a enable row level security")
    assert catalog.tables["public.a"].row_security
    declared(
        "alter table a disable row level security; alter table storage.objects enable row level security",
        catalog,
    )
    assert not catalog.tables["public.a"].row_security


def test_function_replaces_one_with_the_same_parameters_only() -> None:
    catalog = declared("""
        create function f(a int) returns int language sql as 'select 1';
        create or replace function f(b integer) returns int language sql as 'select 2';
        create function f(a text) returns int language sql as 'select 3'""")
    assert [function.parameters[0][0] for function in catalog.functions["public.f"]] == ["b", "a"]


def test_functions_of_the_first_schema_in_the_path_come_first() -> None:
    catalog = declared("""
        create function extensions.f() returns int language sql as 'select 1';
        create function f() returns int language sql as 'select 2'""")
    assert [found.name[0] for found in catalog.find_functions(("f",), ("extensions", "public"))] == [
        "extensions",
        "f",
    ]
    assert len(catalog.find_functions(("public", "f"), ())) == 1
    assert catalog.find_functions(("f",), ()) == []
