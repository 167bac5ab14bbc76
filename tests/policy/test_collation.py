"""Functions of text know whether it comes from a column of COLLATE "C"."""

import pytest

from aerostore.policy.bind.binder import Binder
from aerostore.policy.bind.declare import declare
from aerostore.policy.catalog import BUCKETS, OBJECTS, Catalog
from aerostore.policy.expression import Apply, Collated, Expression, Function, Quantified
from aerostore.policy.function import bytewise, find_functions, find_operators
from aerostore.policy.parse.source import parse, parse_expression
from aerostore.policy.problem import Refusal, Source
from aerostore.policy.tree import walk

FUNCTIONS = """
create function first_lower(one text, two text) returns text language sql as 'select lower(one)';
create function strictly(one text, two text) returns text language sql strict as 'select lower($1)';
create function nested(one text, two text) returns text language sql as 'select first_lower(one, two || $1)';
create function second(one text, two text) returns text language sql as 'select two';
create function a_name() returns text language sql as 'select name from storage.buckets limit 1';
create function names() returns setof text language sql as 'select name from storage.buckets';
create function owners(one text) returns setof text language sql as 'select owner_id from storage.buckets';
create function words(one text) returns setof text language sql as 'select unnest(array[''a'', one])';
create function fixed(one text) returns setof text language sql as 'select unnest(array[''a'', ''b''])';
create function is_like(one text, two text) returns boolean language sql as 'select one ilike two';
create function any_like(one text, two text[]) returns boolean language sql as 'select one ilike any (two)';
create function matches(one text, two text) returns boolean language sql as 'select one ~ two';
create function is_similar(one text, two text) returns boolean language sql as 'select one similar to two';
"""
BYTEWISE = (
    "lower(name) = 'x'",
    "upper(objects.bucket_id) = 'X'",
    "lower((storage.foldername(name))[1]) = 'x'",
    "lower('x' || name) = 'x'",
    "lower(coalesce(auth.email(), name)) = 'x'",
    "lower(case when true then blob_id end) = 'x'",
    "lower((select name)) = 'x'",
    "lower(user_metadata ->> name) = 'x'",
    "lower((select b.name from storage.buckets b where b.id = bucket_id)) = 'x'",
    "name ilike 'x'",
    "auth.email() ~ name",
    "name !~ '\\s'",
    "name ilike any (array['x', 'y'])",
    "auth.email() ilike any (storage.foldername(name))",
    "exists (select 1 from storage.buckets b where b.name ilike 'x')",
    "lower(nullif(owner_id, name)) = 'x'",
    "lower(nullif('x', name)) = 'x'",
    "lower(owner_id || current_user) = 'x'",
    "exists (select 1 from unnest(storage.foldername(name)) folder where folder ilike 'x')",
    "exists (select 1 from unnest(storage.foldername(name)) folder where 'x' ilike folder)",
    "first_lower(owner_id, name) = 'x'",
    "first_lower('x', name) = 'x'",
    "strictly(owner_id, name) = 'x'",
    "nested(owner_id, name) = 'x'",
    "is_like(owner_id, name)",
    "any_like(name, path_tokens)",
    "any_like(owner_id, array[name])",
    "lower(second(name, owner_id)) = 'x'",
    "exists (select 1 from owners(name) owner where owner ilike 'x')",
    "'x' ilike any (select owners(name))",
    "exists (select 1 from words(name) word where word ilike 'x')",
    "'x' ilike any (select words(name))",
    "exists (select 1 from fixed(name) word where word ilike 'x')",
    "'x' ilike any (select fixed(name))",
    "matches(owner_id, name)",
)
DEFAULT = (
    "lower(owner_id) = 'x'",
    "lower(auth.email()) = name",
    "lower(metadata ->> 'mimetype') = 'x'",
    "lower(path_tokens[1]) = 'x'",
    "lower(case when name = 'x' then owner_id end) = 'x'",
    "lower((name = 'x')::text) = 'x'",
    "lower(length(name)::text) = 'x'",
    "exists (select 1 from storage.buckets b where b.owner_id ilike 'x' and b.name = name)",
    "'x' ilike any (path_tokens)",
    "lower(nullif(owner_id, 'x')) = 'x'",
    "first_lower(owner_id, 'x') = name",
    "first_lower(owner_id, length(name)::text) = 'x'",
    "lower(a_name()) = 'x'",
    "exists (select 1 from names() each where each ilike 'x')",
    "'x' ilike any (select names())",
    "exists (select 1 from words(owner_id) word where 'x' ilike word)",
    "exists (select 1 from unnest(path_tokens) token where token ilike 'x')",
)
PROBES = {
    "lower": ("É",),
    "upper": ("é",),
    "~~*": ("É", "é"),
    "~": ("\u2003", "\\s"),
    "!~": ("\u2003", "\\s"),
}
"""Arguments for which these functions depend on the collation."""


def collated(condition: str, target: str = OBJECTS) -> Expression:
    catalog = Catalog()
    statements, problems = parse(Source(path="functions.sql", text=FUNCTIONS))
    assert not problems, problems
    for statement in statements:
        declare(statement, catalog)
    return Binder(catalog).bind_condition(parse_expression(condition), target)


def is_default(expression: Expression) -> bool:
    """Return whether the only locale dependent function does what the one of the default collation does."""
    called = [part.function for part in walk(expression) if isinstance(part, Apply)]
    called += [part.operator for part in walk(expression) if isinstance(part, Quantified)]
    (found,) = [function for function in called if plain_name(function) in PROBES]
    default = default_of(plain_name(found))
    probe = PROBES[default.name]
    return bool(found.run(*probe) == default.run(*probe))


def plain_name(function: Function) -> str:
    return function.name.removeprefix("commuted ")


def default_of(name: str) -> Function:
    return (*find_functions((name,)), *find_operators(name))[0]


@pytest.mark.parametrize("name", PROBES)
def test_probes_tell_the_collations_apart(name: str) -> None:
    default = default_of(name)
    assert default.run(*PROBES[name]) != bytewise(default).run(*PROBES[name])


@pytest.mark.parametrize("condition", BYTEWISE)
def test_text_from_a_bytewise_column_is_bytewise(condition: str) -> None:
    assert not is_default(collated(condition))


@pytest.mark.parametrize("condition", DEFAULT)
def test_other_text_has_the_default_collation(condition: str) -> None:
    assert is_default(collated(condition))


def test_columns_count_in_their_own_table() -> None:
    assert not is_default(collated("lower(id) = 'x'", BUCKETS))
    assert is_default(collated("lower(id::text) = 'x'"))


@pytest.mark.parametrize("condition", ["matches(name, '(a')", "is_similar(name, '[[:alpha:]]')"])
def test_a_pattern_is_checked_whatever_collation_a_call_gives_it(condition: str) -> None:
    with pytest.raises(Refusal):
        collated(condition)


def test_a_bound_condition_holds_nothing_but_the_functions_that_collations_led_to() -> None:
    bound = collated("nested(owner_id, name) = nullif(owner_id, name)")
    assert not any(isinstance(part, Collated) for part in walk(bound))
