"""Expressions bound in a catalog that has a few tables and functions."""

import pytest

from aerostore.policy.bind.binder import Binder
from aerostore.policy.bind.declare import declare
from aerostore.policy.catalog import OBJECTS, Catalog
from aerostore.policy.expression import Expression
from aerostore.policy.parse.source import parse, parse_expression
from aerostore.policy.problem import Refusal, Source

DECLARATIONS = """
create table public.projects (id uuid primary key, owner_id uuid, name text, org_id uuid, tags text[]);
create table public.members (org_id uuid not null, user_id uuid not null, role text, place inet);
create function public.is_admin() returns boolean language sql stable security definer set search_path = ''
    as 'select exists (select 1 from public.members where user_id = auth.uid() and role = ''admin'')';
create function public.my_orgs() returns setof uuid language sql stable
    as 'select org_id from members where user_id = auth.uid()';
create function public.orgs_of(person uuid) returns setof uuid language sql strict
    as 'select org_id from members where user_id = person';
create function public.first_org(person uuid) returns uuid language sql
    as 'select org_id from members where user_id = person order by org_id';
create function public.same(a text, b text) returns boolean language sql strict as 'select a = $2';
create function public.words() returns setof text language sql as 'select unnest(array[''a'', ''b''])';
create function public.name_of(name text) returns text language sql as 'select name from projects p limit 5';
create function public.loop(n int) returns int language sql as 'select public.loop(n)';
create function public.broken(n int) returns int language sql as 'select nothing from members';
create function public.wide(n bigint) returns text language sql as 'select n::text';
create function public.kind_of(kind public.kind) returns text language sql as 'select ''a''::text';
create function public.procedural() returns boolean language plpgsql as 'begin return true; end';
create function public.who() returns text language sql security definer as 'select current_user';
create function public.sign(n int) returns int language sql as 'select n';
create function public.scale(n int) returns int language sql as 'select n';
create function public.digest(t text) returns text language sql as 'select md5(t)';
create function public.truth() returns boolean language sql as 'select ''yes''';
"""


def declared() -> Catalog:
    catalog = Catalog()
    statements, problems = parse(Source(path="declarations.sql", text=DECLARATIONS))
    assert not problems, problems
    for statement in statements:
        declare(statement, catalog)
    return catalog


def bound(text: str, target: str = OBJECTS) -> Expression:
    return Binder(declared()).bind_value(parse_expression(text), target)


def refused(text: str, target: str = OBJECTS) -> Refusal:
    with pytest.raises(Refusal) as caught:
        Binder(declared()).bind_condition(parse_expression(text), target)
    return caught.value
