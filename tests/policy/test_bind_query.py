"""Subqueries, set-returning functions and declared functions: what becomes of them."""

import pytest

from aerostore.policy.bind.binder import Binder
from aerostore.policy.bind.declare import declare
from aerostore.policy.catalog import OBJECTS
from aerostore.policy.expression import Quantified
from aerostore.policy.parse.source import parse, parse_expression
from aerostore.policy.problem import Source
from aerostore.policy.tree import walk
from tests.policy.binding import bound, declared, refused
from tests.policy.shape import shape


def test_select_without_from_is_a_plain_value_but_never_a_literal() -> None:
    assert shape(bound("(select auth.uid())")) == "run(auth.uid())"
    assert shape(bound("(select true)")) == "run(True:bool)"
    assert shape(bound("(select 'a' where is_delete_marker)")) == (
        "run(CASE WHEN is_delete_marker THEN 'a':text ELSE None:text)"
    )
    assert shape(bound("exists (select 1 where is_delete_marker)")) == "run((is_delete_marker IS True))"
    assert shape(bound("name in (select 'a')")) == "(name = ANY run(array('a':text)))"


def test_select_of_a_set_returning_function_is_an_array() -> None:
    assert shape(bound("name in (select jsonb_array_elements_text(metadata))")) == (
        "(name = ANY run(coalesce(jsonb_array_elements_text(metadata), ():_text)))"
    )
    assert "text[]::uuid[]" in shape(bound("id = any (select unnest(path_tokens)::uuid)"))


def test_set_returning_function_in_from_is_compared_as_an_array() -> None:
    text = "exists (select 1 from unnest(path_tokens) t where t = bucket_id and is_delete_marker)"
    assert shape(bound(text)) == (
        "run((((bucket_id = ANY coalesce(unnest(path_tokens), ():_text)) AND is_delete_marker) IS True))"
    )


def test_alias_of_a_function_does_not_capture_a_column_of_the_row() -> None:
    text = "exists (select 1 from jsonb_array_elements_text(metadata) name where name = 'a')"
    assert refused(text).code == "0A000"


def test_comparison_with_the_element_on_the_left_keeps_its_direction() -> None:
    found = bound("exists (select 1 from unnest(path_tokens) t where t like 'a%')")
    assert (
        shape(found) == "run((('a%':text commuted ~~ ANY coalesce(unnest(path_tokens), ():_text)) IS True))"
    )
    operator = next(part.operator for part in walk(found) if isinstance(part, Quantified))
    assert operator.run("a%", "abc") is True


@pytest.mark.parametrize(
    "text",
    [
        "exists (select 1 from unnest(path_tokens))",
        "exists (select 1 from unnest(path_tokens) a, projects)",
        "exists (select 1 from unnest(path_tokens) a where lower(a) = 'b')",
        "exists (select 1 from unnest(path_tokens) a where a = 'b' or a = 'c')",
        "(select unnest(path_tokens)) = 'a'",
        "name in (select lower(unnest(path_tokens)))",
        "unnest(path_tokens) = 'a'",
        "name in (select case when true then unnest(path_tokens) end)",
        "name in (select coalesce(unnest(path_tokens), unnest(path_tokens)))",
        "exists (select 1 from lower(name) t where t = 'a')",
    ],
)
def test_other_uses_of_set_returning_functions_are_refused(text: str) -> None:
    assert refused(text).code == "0A000"


def test_negated_comparison_with_a_query_is_negated_as_a_whole() -> None:
    assert shape(bound("name not in (select name from projects)")) == (
        "NOT (name = ANY ARRAY[1.name FROM public.projects 1])"
    )
    assert shape(bound("name <> all (select name from projects)")) == (
        "(name <> ALL ARRAY[1.name FROM public.projects 1])"
    )


def test_subqueries_keep_joins_order_and_limit() -> None:
    text = (
        "(select p.name from projects p left join members m on m.org_id = p.org_id and m.user_id = owner"
        " where p.id = objects.id order by p.id desc limit 1)"
    )
    assert shape(bound(text)) == (
        "[1.name FROM public.projects 1 LEFT FROM public.members 2"
        " ON (=(2.org_id, 1.org_id) AND =(2.user_id, owner)) WHERE =(1.id, id) ORDER BY 1.id DESC LIMIT 1]"
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("(select id from projects order by name limit 1) is null", "0A000"),
        ("(select id from projects limit 1 + 1) is null", "0A000"),
        ("exists (select 1 limit 0)", "0A000"),
        ("(select 'a' limit true) = 'a'", "0A000"),
        ("exists (select count(*) from projects)", "0A000"),
        ("(select count(*) + length(name) from projects) > 0", "42803"),
        ("(select count(objects.name) from projects) > 0", "42803"),
        ("(select count(*) from projects order by 1) > 0", "0A000"),
    ],
)
def test_query_is_refused_when_its_rows_would_not_be_certain(text: str, code: str) -> None:
    assert refused(text).code == code


def test_count_may_be_part_of_what_is_selected() -> None:
    assert shape(bound("(select count(*) > 0 from projects where name = bucket_id)")) == (
        "run(>([count(*) FROM public.projects 1 WHERE =(1.name, bucket_id)], integer::bigint(0:int4)))"
    )
    assert "count(1.name)" in shape(bound("(select count(name) from projects)"))


def test_function_is_replaced_by_its_query() -> None:
    assert shape(bound("is_admin()")) == (
        "run(run(EXISTS[FROM public.members 1 AS OWNER"
        " WHERE (=(1.user_id, auth.uid()) AND =(1.role, 'admin':text))]))"
    )


def test_function_of_one_value_takes_the_first_row() -> None:
    assert shape(bound("first_org(owner)")) == (
        "run([1.org_id FROM public.members 1 WHERE =(1.user_id, owner) ORDER BY 1.org_id LIMIT 1])"
    )


def test_set_returning_sql_function_joins_the_query_that_calls_it() -> None:
    expected = "(1.user_id, auth.uid())"
    assert shape(bound("bucket_id in (select my_orgs()::text)")) == (
        f"(bucket_id = ANY ARRAY[uuid::text(1.org_id) FROM public.members 1 WHERE ={expected}])"
    )
    assert shape(bound("exists (select 1 from my_orgs() o where o = id)")) == (
        f"EXISTS[FROM public.members 1 WHERE (={expected} AND =(1.org_id, id))]"
    )
    assert shape(bound("name in (select words())")) == (
        "(name = ANY run(run(coalesce(unnest(array('a':text, 'b':text)), ():_text))))"
    )


def test_strict_set_returning_function_has_no_rows_for_a_null_argument() -> None:
    assert shape(bound("id in (select orgs_of(owner))")) == (
        "(id = ANY ARRAY[1.org_id FROM public.members 1 WHERE ((owner IS NOT None) AND =(1.user_id, owner))])"
    )


def test_strict_function_is_null_for_a_null_argument() -> None:
    assert shape(bound("same(name, bucket_id)")) == (
        "CASE WHEN ((name IS None) OR (bucket_id IS None)) THEN None:bool ELSE run(run(=(name, bucket_id)))"
    )


def test_body_does_not_see_the_callers_columns_and_prefers_its_own_to_parameters() -> None:
    assert "[1.name FROM public.projects 1 LIMIT 1]" in shape(bound("name_of(bucket_id)"))
    assert refused("broken(1) = 1").code == "42703"


def test_argument_is_cast_to_the_parameter() -> None:
    assert "bigint::text(integer::bigint(1:int4))" in shape(bound("wide(1)"))
    assert refused("wide(1.5) = '1'").code == "42883"


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        ("procedural()", "0A000", "plpgsql"),
        ("sign(1) = 1", "0A000", "sign() is not available"),
        ("loop(1) = 1", "0A000", "calls itself"),
        ("kind_of('a') = 'a'", "0A000", 'type "public.kind"'),
        ("who() = 'a'", "0A000", "SECURITY DEFINER"),
        ("my_orgs() = id", "0A000", "not allowed in policy expressions"),
        ("truth()", "42P13", "return type mismatch in function declared to return boolean"),
        ("broken(1) = 1", "42703", "in function public.broken"),
    ],
)
def test_call_of_a_function_that_cannot_be_replaced_is_refused_at_the_call(
    call: str, code: str, words: str
) -> None:
    refusal = refused(f"true and {call}")
    assert (refusal.code, words in str(refusal)) == (code, True)
    assert refusal.at == len("true and ")


def test_security_definer_function_may_read_the_policys_own_table() -> None:
    catalog = declared()
    text = """create function public.taken(n text) returns boolean language sql security definer
        as 'select exists (select 1 from storage.objects o where o.name = n)'"""
    for statement in parse(Source(path="taken.sql", text=text))[0]:
        declare(statement, catalog)
    found = Binder(catalog).bind_condition(parse_expression("public.taken(name)"), OBJECTS)
    assert "FROM storage.objects 1 AS OWNER" in shape(found)


@pytest.mark.parametrize(
    "text",
    [
        "name = (select p.name from projects p order by length(p.name)::numeric limit 1)",
        "name = (select p.name from projects p order by now() - created_at limit 1)",
        "cardinality(array(select distinct length(p.name)::numeric from projects p)) = 1",
        "cardinality(array(select distinct to_jsonb(p.name) from projects p)) = 1",
    ],
)
def test_order_and_distinct_are_refused_where_stored_values_do_not_tell_them(text: str) -> None:
    assert refused(text).code == "0A000"


def test_more_tables_than_sqlite_joins_are_refused() -> None:
    tables = ", ".join(f"projects p{number}" for number in range(61))
    assert refused(f"exists (select 1 from {tables})").code == "54001"
