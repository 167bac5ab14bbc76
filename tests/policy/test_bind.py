"""Names, types and operators of policies: what they are bound to, and what is refused, where and why."""

from pathlib import Path

import pytest

from aerostore.policy import syntax
from aerostore.policy.bind.binder import Binder
from aerostore.policy.bind.declare import declare
from aerostore.policy.catalog import Catalog
from aerostore.policy.parse.source import parse
from aerostore.policy.problem import Refusal, Source
from tests.policy.binding import bound, refused
from tests.policy.shape import shape

CORPUS = Path(__file__).parent / "corpus"


def fixture_catalog() -> Catalog:
    catalog = Catalog()
    path = CORPUS / "00_fixture_pg.sql"
    for statement in parse(Source(path=path.name, text=path.read_text("utf-8")))[0]:
        declare(statement, catalog)
    return catalog


def conditions(name: str) -> list[tuple[str, syntax.Expression, str]]:
    statements, _ = parse(Source(path=name, text=(CORPUS / name).read_text("utf-8")))
    return [
        (statement.name, condition, ".".join(statement.table))
        for statement in statements
        if isinstance(statement, syntax.CreatePolicy | syntax.AlterPolicy)
        for condition in (statement.using, statement.check)
        if condition is not None
    ]


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("10_supabase_docs.sql", 21),
        ("20_storage_api_tests.sql", 21),
        ("30_public_repos_pure.sql", 85),
        ("40_public_repos_tables.sql", 20),
    ],
)
def test_every_policy_of_the_corpus_has_a_meaning(name: str, least: int) -> None:
    binder = Binder(fixture_catalog())
    found = [binder.bind_condition(condition, table) for _, condition, table in conditions(name)]
    assert len(found) >= least


REFUSED_IN_CORPUS = {
    "r array like": "42883",
    "r array eq text": "22P02",
    "r uuid eq text": "42883",
    "r text eq uuid": "42883",
    "r folder eq uuid": "42883",
    "r no such column": "42703",
    "r no such fn": "42883",
    "r not boolean": "42804",
    "r bad uuid literal": "22P02",
    "r aggregate": "42803",
    "r plpgsql fn": "0A000",
    "r self recursion": "42P17",
    "r tsquery": "0A000",
    "r system catalog": "0A000",
    "r inet": "0A000",
    "r random": "0A000",
    "r to_json row": "0A000",
    "r other table": "42P01",
    "r regex backref": "0A000",
    "r jsonpath": "0A000",
}


def test_what_must_be_refused_is_refused_with_its_sqlstate() -> None:
    binder = Binder(fixture_catalog())
    found = {}
    for name, condition, table in conditions("50_refuse.sql"):
        try:
            binder.bind_condition(condition, table)
        except Refusal as refusal:
            found[name] = refusal.code
    assert found == REFUSED_IN_CORPUS


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("owner_id ^= auth.uid()", "42883", "operator does not exist: text = uuid"),
        ("^missing = 1", "42703", 'column "missing" does not exist'),
        ("^projects.name = 'a'", "42P01", 'missing FROM-clause entry for table "projects"'),
        ("^objects.missing = 'a'", "42703", "column objects.missing does not exist"),
        ("owner = ^'not-a-uuid'", "22P02", 'invalid input syntax for type uuid: "not-a-uuid"'),
        ("^name", "42804", "argument of POLICY must be type boolean, not type text"),
        ("true and ^name", "42804", "argument of AND must be type boolean, not type text"),
        ("not ^1", "42804", "argument of NOT must be type boolean, not type integer"),
        ("^name is true", "42804", "argument of IS TRUE must be type boolean, not type text"),
        ("(^name)[1] = 'a'", "42804", "cannot subscript type text because it does not support subscripting"),
        ("path_tokens[^name] = 'a'", "42804", "array subscript must have type integer"),
        ("(^id)::int = 1", "42846", "cannot cast type uuid to integer"),
        (
            "case when true then ^name else id end is null",
            "42804",
            "CASE types uuid and text cannot be matched",
        ),
        ("coalesce(name, ^id) is null", "42804", "COALESCE types text and uuid cannot be matched"),
        ("^array[] = path_tokens", "42P18", "cannot determine type of empty array"),
        ("name ^= any (bucket_id)", "42809", "op ANY/ALL (array) requires array on right side"),
        ("^lower(id) = 'a'", "42883", "function lower(uuid) does not exist"),
        ("^count(*) > 0", "42803", "aggregate functions are not allowed in policy expressions"),
        ("^lower(*) = 'a'", "42883", "function lower(*) does not exist"),
        ("'1' ^- '2' = 1", "42725", "operator is not unique: unknown - unknown"),
        ("name = ^sum(1)", "0A000", "sum() is not available: of the aggregates only count() is available"),
        ("name in (select ^unknown_table.a from projects)", "42P01", None),
        (
            "exists (select 1 from ^nowhere)",
            "42P01",
            'relation "nowhere" does not exist in the embedded database',
        ),
        ("exists (select 1 from ^auth.users)", "0A000", None),
        ("exists (select 1 from projects p, ^members p)", "42712", 'table name "p" specified more than once'),
        ("exists (select 1 from projects, members where ^org_id is null)", "42702", None),
        ("exists (select 1 from ^storage.objects o)", "42P17", None),
        ("name = (^select id, name from projects)", "42601", "subquery must return only one column"),
        ("name in (^select id, name from projects)", "42601", "subquery has too many columns"),
        (
            "exists (select 1 from projects where ^name)",
            "42804",
            "argument of WHERE must be type boolean, not type text",
        ),
        (
            "exists (select 1 from projects where ^count(*) > 0)",
            "42803",
            "aggregate functions are not allowed in WHERE",
        ),
        (
            "exists (select 1 from members where ^place is null)",
            "0A000",
            'type "inet" is not available in the embedded database',
        ),
    ],
)
def test_refusal_has_the_words_and_the_place_of_postgresql(text: str, code: str, message: str | None) -> None:
    refusal = refused(text.replace("^", ""))
    assert (refusal.code, refusal.at) == (code, text.index("^"))
    if message is not None:
        assert str(refusal) == message


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("owner_id = auth.uid()", "cast one side: auth.uid()::text"),
        ("storage.foldername(name) like 'a%'", "compare with one element, (storage.foldername(name))[1], "),
        ("owner_idd = 'a'", 'did you mean "owner_id"?'),
        ("exists (select 1 from nowhere)", "declare it with CREATE TABLE in a policy file"),
        ("name < 'b'", 'compare bytewise: name COLLATE "C" < ...'),
        ("public.not_there(name)", "declare it with CREATE FUNCTION ... LANGUAGE sql in a policy file"),
        ("json_array_length(metadata::json) = 1", "use jsonb_array_length"),
        ("json_extract_path_text(metadata::json, 'a') = 'b'", "use jsonb_extract_path_text"),
        ("scale(1) = 1", "call yours as public.scale"),
        ("substring(name from '(a)(b)') = 'a'", "take a part of a path by storage.foldername or split_part"),
        ("substring(name from '^a|b') = 'a'", "take a part of a path by storage.foldername or split_part"),
        ("substring(name from 'a#\"b#\"' for '#') = 'b'", "take a part of a path by storage.foldername or "),
    ],
)
def test_refusal_says_what_to_do(text: str, hint: str) -> None:
    assert hint in refused(text).hint


@pytest.mark.parametrize(
    ("text", "type_name"),
    [
        ("'a'", "text"),
        ("null", "text"),
        ("1", "integer"),
        ("-2147483648", "integer"),
        ("2147483648", "bigint"),
        ("9223372036854775808", "numeric"),
        ("1.5", "numeric"),
        ("array['a', null]", "text[]"),
        ("array[1, 2.5]", "numeric[]"),
        ("array['1', 2]", "integer[]"),
        ("1::smallint + 1", "integer"),
        ("1 + 5000000000", "bigint"),
        ("1 / 2.0", "numeric"),
        ("'a' || 'b'", "text"),
        ("auth.uid() || '/'", "text"),
        ("path_tokens || 'a'::text", "text[]"),
        ("nullif('317eadce-631a-4429-a0bb-f19a7a517b4a', owner)", "uuid"),
        ("nullif(1::smallint, 5000000000)", "smallint"),
        ("coalesce(1, 2.5)", "numeric"),
        ("case when true then 1 else 5000000000 end", "bigint"),
        ("created_at - interval '1 day'", "timestamp with time zone"),
        ("now() - created_at", "interval"),
        ("created_at - '2026-01-31'", "interval"),
        ("date_trunc('day', current_date)", "timestamp with time zone"),
        ("metadata -> 'a' ->> 'b'", "text"),
        ("path_tokens[1]", "text"),
        ("path_tokens[1:2]", "text[]"),
        ("(select count(*) from projects)", "bigint"),
        ("array(select id from projects)", "uuid[]"),
        ("(select 'a')", "text"),
        ("greatest(1, 2.5)", "numeric"),
        ("text(id)", "text"),
    ],
)
def test_expression_has_the_type_that_postgresql_gives_it(text: str, type_name: str) -> None:
    assert str(bound(text).type) == type_name


def test_literal_is_read_as_the_type_of_its_neighbour() -> None:
    assert shape(bound("created_at > '2026-01-31'")).endswith(":timestamptz)")
    assert shape(bound("path_tokens = '{a,b}'")) == "=(path_tokens, ('a', 'b'):_text)"


def test_column_of_the_subquery_hides_the_one_of_the_row() -> None:
    text = "exists (select 1 from projects p where name = 'a' and bucket_id = 'b')"
    assert shape(bound(text)) == (
        "EXISTS[FROM public.projects 1 WHERE (=(1.name, 'a':text) AND =(bucket_id, 'b':text))]"
    )


def test_row_is_reached_by_its_tables_name_from_inside_a_subquery() -> None:
    for name in ("objects.name", "storage.objects.name"):
        assert "=(1.name, name)" in shape(bound(f"exists (select 1 from projects p where p.name = {name})"))


def test_alias_hides_the_name_of_its_table() -> None:
    assert refused("exists (select 1 from projects p where projects.name = 'a')").code == "42P01"


def test_list_becomes_one_comparison_but_columns_are_compared_one_by_one() -> None:
    assert shape(bound("name in ('a', 'b')")) == "(name = ANY array('a':text, 'b':text))"
    assert shape(bound("name not in ('a', bucket_id, 'b')")) == (
        "((name <> ALL array('a':text, 'b':text)) AND <>(name, bucket_id))"
    )
    assert shape(bound("name in ('a')")) == "=(name, 'a':text)"
    assert shape(bound("path_tokens in ('{a}', '{b}')")) == (
        "(=(path_tokens, ('a',):_text) OR =(path_tokens, ('b',):_text))"
    )


def test_list_has_the_type_common_to_all_items() -> None:
    assert shape(bound("length(name) in (1, 5000000000)")) == (
        "(integer::bigint(length(name)) = ANY array(integer::bigint(1:int4), 5000000000:int8))"
    )
    assert refused("id in (name, 'a', 'b')").code == "22P02"


def test_between_symmetric_takes_its_bounds_in_either_order() -> None:
    assert shape(bound("1 between symmetric 3 and 2")) == (
        "((>=(1:int4, 3:int4) AND <=(1:int4, 2:int4)) OR (>=(1:int4, 2:int4) AND <=(1:int4, 3:int4)))"
    )
    assert shape(bound("1 not between 2 and 3")) == "(<(1:int4, 2:int4) OR >(1:int4, 3:int4))"


def test_distinct_from_a_plain_null_is_a_test_for_null() -> None:
    assert shape(bound("metadata is distinct from null")) == "(metadata IS NOT None)"
    assert shape(bound("name is not distinct from 'a'")) == "(name IS NOT DISTINCT FROM 'a':text)"


@pytest.mark.parametrize("text", ["name < 'b'", "name between 'a' and 'b'", "name > any (path_tokens)"])
def test_order_of_text_is_refused(text: str) -> None:
    refusal = refused(text)
    assert (refusal.code, "collation" in str(refusal)) == ("0A000", True)


def test_order_of_text_is_accepted_bytewise() -> None:
    assert shape(bound("name < 'b' collate \"C\"")) == "<(name, 'b':text)"
    assert shape(bound("name collate \"C\" between 'a' and 'b'")).startswith("(>=(name")


@pytest.mark.parametrize(
    "text",
    [
        "name < 'b' collate \"de_DE\"",
        "lower(name collate \"C\") = 'a'",
        "greatest(name, 'a') = 'a'",
        '1 = 1 collate "C"',
    ],
)
def test_collation_is_refused_where_it_changes_more_than_an_order(text: str) -> None:
    assert refused(text).code in {"0A000", "42804"}


@pytest.mark.parametrize(
    "text", ["metadata < '{}'", "path_tokens < array['a']", "interval '1 day' * 2.0 is null"]
)
def test_operator_that_only_postgresql_has_is_refused_and_not_taken_for_another(text: str) -> None:
    assert refused(text).code == "0A000"


@pytest.mark.parametrize(
    "text",
    [
        "name ~ '(a)\\1'",
        "name ~ any (array['a', '(b)\\1'])",
        "name !~* '(a)\\1'",
        "substring(name from '^(a)(b)') = 'a'",
        "substring(name, 'b$') = 'b'",
        "substring(name from 'a#\"b#\"' for '#') = 'b'",
    ],
)
def test_pattern_that_cannot_be_matched_exactly_is_refused(text: str) -> None:
    assert refused(text).code == "0A000"


@pytest.mark.parametrize(
    "call",
    [
        "json_array_elements(metadata::json)",
        "age(created_at)",
        "jsonb_contains(metadata, '{}')",
        "pg_catalog.to_char(created_at, 'YYYY')",
        "pg_relation_size('a')",
        "crypt('a', 'b')",
        "extensions.digest('a', 'md5')",
        "extensions.whatever()",
        "storage.get_size_by_bucket()",
        "scale(1)",
    ],
)
def test_function_that_postgresql_has_is_not_available(call: str) -> None:
    refusal = refused(f"{call} is null")
    assert refusal.code == "0A000"
    assert "is not available" in str(refusal)


def test_function_that_nobody_has_does_not_exist() -> None:
    for call in ("public.json_array_elements(metadata)", "shorten(name)", "pg_catalog.shorten(name)"):
        assert refused(f"{call} is null").code == "42883"


def test_declared_function_hides_one_of_an_extension_but_none_of_postgresqls_own() -> None:
    assert shape(bound("digest(name)")).startswith("run(")
    assert refused("digest(id) is null").code == "42883"
    assert shape(bound("public.scale(1)")).startswith("run(")


def test_policy_belongs_to_a_known_table() -> None:
    assert refused("true", "public.nowhere").code == "42P01"
    assert shape(bound("org_id = auth.uid()", "public.members")) == "=(org_id, auth.uid())"
