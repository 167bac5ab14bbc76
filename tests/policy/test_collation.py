"""Functions of text know whether it comes from a column of COLLATE "C"."""

import pytest

from aerostore.policy.bind.binder import Binder
from aerostore.policy.bind.collation import collate
from aerostore.policy.catalog import BUCKETS, OBJECTS, Catalog
from aerostore.policy.expression import Apply, Expression, Quantified
from aerostore.policy.function import find_functions, find_operators
from aerostore.policy.parse.source import parse_expression
from aerostore.policy.tree import walk

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
)
LOCALE_DEPENDENT = {"lower", "upper", "~~*", "!~", "~"}


def collated(condition: str, target: str = OBJECTS) -> Expression:
    return collate(Binder(Catalog()).bind_condition(parse_expression(condition), target), target)


def is_default(expression: Expression) -> bool:
    """Return whether the only locale dependent function is the one of the default collation."""
    called = [part.function for part in walk(expression) if isinstance(part, Apply)]
    called += [part.operator for part in walk(expression) if isinstance(part, Quantified)]
    (found,) = [function for function in called if function.name in LOCALE_DEPENDENT]
    return found in (*find_functions((found.name,)), *find_operators(found.name))


@pytest.mark.parametrize("condition", BYTEWISE)
def test_text_from_a_bytewise_column_is_bytewise(condition: str) -> None:
    assert not is_default(collated(condition))


@pytest.mark.parametrize("condition", DEFAULT)
def test_other_text_has_the_default_collation(condition: str) -> None:
    assert is_default(collated(condition))


def test_columns_count_in_their_own_table() -> None:
    assert not is_default(collated("lower(id) = 'x'", BUCKETS))
    assert is_default(collated("lower(id::text) = 'x'"))
