"""Letters beyond ASCII: which collation text has where columns of COLLATE "C" meet others."""

from itertools import product
from random import Random

import pytest

from tests.law.case import BUCKETS, OBJECTS, Caller, World
from tests.law.comparison import Tally
from tests.law.corpus import Shape
from tests.law.level import both_filled, compare_shape
from tests.law.population import Population
from tests.law.postgres_side import PostgresSide

pytestmark = pytest.mark.postgres

FUNCTIONS = """
create function lower_one(one text, two text) returns text language sql as 'select lower(one)';
create function lower_strictly(one text, two text) returns text language sql strict as 'select lower($1)';
create function nested(one text, two text) returns text language sql as 'select lower_one(one, two || $1)';
create function second(one text, two text) returns text language sql as 'select two';
create function is_like(one text, two text) returns boolean language sql as 'select one ilike two';
create function any_like(one text, two text[]) returns boolean language sql as 'select one ilike any (two)';
create function a_name() returns text language sql security definer
    as 'select name from storage.buckets order by id collate "C" limit 1';
create function names() returns setof text language sql as 'select name from storage.buckets';
create function owners(one text) returns setof text language sql as 'select owner_id from storage.buckets';
create function words(one text) returns setof text language sql as 'select unnest(array[''é'', one])';
create function fixed(one text) returns setof text language sql as 'select unnest(array[''é'', ''ü''])';
"""
CONDITIONS = (
    "lower(owner_id) = 'é'",
    "lower(name) = 'é'",
    "lower(owner_id || name) = 'éé'",
    "lower(owner_id || current_user) like 'é%'",
    "lower(nullif(owner_id, name)) = 'é'",
    "lower(nullif(owner_id, 'x')) = 'é'",
    "lower_one(owner_id, name) = 'é'",
    "lower_one(owner_id, version) = 'é'",
    "lower_one(owner_id, length(name)::text) = 'é'",
    "lower_one('É', name) = 'é'",
    "lower_strictly(owner_id, name) = 'é'",
    "nested(owner_id, name) = 'é'",
    "nested(owner_id, version) = 'é'",
    "lower(second(name, owner_id)) = 'é'",
    "lower(lower_one(version, owner_id) || owner_id) like '%é'",
    "is_like(owner_id, name)",
    "is_like(owner_id, 'é')",
    "any_like(owner_id, storage.foldername(name))",
    "any_like(owner_id, path_tokens)",
    "lower(a_name()) = 'é'",
    "lower(a_name() || name) like '%é'",
    "exists (select 1 from names() each where each ilike owner_id)",
    "owner_id ilike any (select names())",
    "exists (select 1 from owners(name) one where one ilike 'é')",
    "exists (select 1 from owners(version) one where one ilike 'é')",
    "owner_id ilike any (select owners(name))",
    "exists (select 1 from words(name) one where one ilike 'é/É')",
    "exists (select 1 from words(owner_id) one where 'É' ilike one)",
    "owner_id ilike any (select words(name))",
    "exists (select 1 from fixed(name) one where one ilike 'É')",
    "exists (select 1 from fixed(owner_id) one where one ilike 'É')",
    "exists (select 1 from unnest(storage.foldername(name)) one where one ilike 'é')",
    "exists (select 1 from unnest(path_tokens) one where one ilike 'é')",
)


def world_of_letters() -> World:
    """Return objects and buckets called and owned by accented letters of both cases."""
    population = Population(Random(1), ())
    words = ("É", "é", "É/é", "é/É", "ü")
    buckets = [dict(population.bucket_row(word)) | {"owner_id": word, "public": True} for word in words]
    objects = [
        dict(population.object_row(owner)) | {"name": name, "owner_id": owner, "version": "É"}
        for name, owner in product(words, repeat=2)
    ]
    return {BUCKETS: buckets, OBJECTS: objects}


def test_letters_are_folded_where_postgres_folds_them(postgres: PostgresSide) -> None:
    world = world_of_letters()
    ids = {OBJECTS: [row["id"] for row in world[OBJECTS]], BUCKETS: []}
    tally = Tally(world)
    with both_filled(postgres, world) as engine:
        for condition in CONDITIONS:
            policy = f"create policy letters on storage.objects using ({condition})"
            shape = Shape(id="", name="letters", table=OBJECTS, text=FUNCTIONS + policy)
            for comparison in compare_shape(postgres, engine, shape, [Caller(role="anon")], ids):
                tally.add(comparison)
    tally.require_agreement()
