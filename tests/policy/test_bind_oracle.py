"""The binder beside PostgreSQL: what it accepts, PostgreSQL accepts with the same type."""

import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import psycopg
import pytest
from psycopg.pq import DiagnosticField, ExecStatus

from aerostore.policy.bind.binder import Binder
from aerostore.policy.catalog import Catalog
from aerostore.policy.parse.source import parse_expression
from aerostore.policy.problem import Refusal
from tests.conformance.postgres import PostgresCluster

pytestmark = pytest.mark.postgres

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

SEED = 20260131
CASES = 6000

SCHEMA = """
create schema auth;
create schema storage;
create function auth.uid() returns uuid language sql stable as $$ select null::uuid $$;
create function auth.role() returns text language sql stable as $$ select null::text $$;
create function auth.email() returns text language sql stable as $$ select null::text $$;
create function auth.jwt() returns jsonb language sql stable as $$ select null::jsonb $$;
create function storage.foldername(name text) returns text[] language sql as $$ select null::text[] $$;
create function storage.filename(name text) returns text language sql as $$ select null::text $$;
create function storage.extension(name text) returns text language sql as $$ select null::text $$;
create function storage.operation() returns text language sql as $$ select null::text $$;
create function storage.allow_only_operation(text) returns boolean language sql as $$ select true $$;
create function storage.allow_any_operation(text[]) returns boolean language sql as $$ select true $$;
create table storage.buckets (
    id text, name text, owner_id text, public boolean, type text, file_size_limit bigint,
    allowed_mime_types text[], versioning_status text, created_at timestamptz, updated_at timestamptz,
    owner uuid
);
create table storage.objects (
    id uuid, bucket_id text, name text, owner_id text, version text, blob_id text, metadata jsonb,
    user_metadata jsonb, created_at timestamptz, updated_at timestamptz, last_accessed_at timestamptz,
    archived_at timestamptz, is_delete_marker boolean, owner uuid, path_tokens text[]
);
"""

MISSING_HERE = re.compile(
    r"could not determine polymorphic type|operator does not exist: .*\[\].*\|\||\|\| .*\[\]"
)
"""Refusals for want of PostgreSQL's `anycompatible` types: here arrays and elements are of one type."""

REFUSED = [
    ("owner_id = auth.uid()", "42883"),
    ("storage.foldername(name) = 'a'", "22P02"),
    ("storage.foldername(name) like 'a%'", "42883"),
    ("name in (owner, 'a', 'b')", "42883"),
    ("owner in (name, 'a', 'b')", "22P02"),
    ("missing", "42703"),
    ("objects.missing", "42703"),
    ("nowhere.name", "42P01"),
    ("owner = 'not-a-uuid'", "22P02"),
    ("lower(owner)", "42883"),
    ("'1' - '2'", "42725"),
    ("name and true", "42804"),
    ("case when name then 1 end", "42804"),
    ("coalesce(name, owner)", "42804"),
    ("array[]", "42P18"),
    ("(name)[1]", "42804"),
    ("path_tokens[name]", "42804"),
    ("owner::int", "42846"),
    ("name = any (bucket_id)", "42809"),
    ('name collate "C" = 1 collate "C"', "42804"),
    ("(select id, name from storage.buckets)", "42601"),
    ("name in (select id, name from storage.buckets)", "42601"),
    ("exists (select 1 from storage.buckets b, storage.buckets b)", "42712"),
    ("exists (select 1 from storage.buckets a, storage.buckets b where owner_id = 'a')", "42702"),
    ("exists (select 1 from storage.buckets b (one, two) where id = bucket_id)", "42883"),
    ("exists (select 1 from nowhere)", "42P01"),
    ("exists (select 1 from storage.buckets where count(*) > 0)", "42803"),
    ("(select count(*) + length(name) from storage.buckets)", "42803"),
    ("lower(*)", "42883"),
]

TYPE_NAMES = ("bool", "int2", "int4", "int8", "numeric", "float8", "text", "uuid", "jsonb", "json")
TIME_NAMES = ("timestamptz", "timestamp", "date", "interval")


@dataclass(frozen=True)
class Verdict:
    """The type of an expression, or the SQLSTATE that refuses it."""

    type_name: str = ""
    code: str = ""


class Generator:
    """Makes expressions that are well typed more often than not. Every choice comes from one seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def expression(self) -> str:
        return self._of_type(self._pick([*ATOMS]), self._random.randint(1, 3))

    def _pick(self, options: list[str]) -> str:
        return self._random.choice(options)

    def _of_type(self, wanted: str, depth: int) -> str:
        if self._random.random() < 0.12:
            wanted = self._pick([*ATOMS])
        forms = COMPOUND.get(wanted, [])
        if depth == 0 or not forms or self._random.random() < 0.2:
            return self._atom(wanted)
        return self._fill(self._pick(forms + ANY_TYPE), wanted, depth - 1)

    def _atom(self, wanted: str) -> str:
        return self._pick(ATOMS[wanted] + LITERALS) if self._random.random() < 0.9 else "null"

    def _fill(self, form: str, wanted: str, depth: int) -> str:
        return SLOT.sub(lambda slot: self._part(wanted if slot[1] == "same" else slot[1], depth), form)

    def _part(self, name: str, depth: int) -> str:
        return self._pick(CHOICES[name]) if name in CHOICES else self._of_type(name, depth)


SLOT = re.compile(r"<([a-z]\w*(?:\[\])?)>")
LITERALS = ["'a'", "'1'", "'{a,b}'", "'t'", "'2026-01-31'", "'{\"a\": 1}'", "'1 day'"]
CHOICES = {
    "comparison": ["=", "<>", "<", "<=", ">", ">="],
    "equality": ["=", "<>"],
    "arithmetic": ["+", "-", "*", "/", "%"],
    "match": ["~~", "~~*", "!~~", "~", "!~*", "like", "not ilike"],
    "quantifier": ["any", "all"],
    "type": [*TYPE_NAMES, *TIME_NAMES, "text[]", "uuid[]", "int4[]"],
    "truth": ["true", "false", "unknown", "not true", "null", "not null"],
}
NUMBERS = ["int2", "int4", "int8", "numeric", "float8"]
ATOMS: dict[str, list[str]] = {
    "bool": ["is_delete_marker", "true", "false", "storage.allow_only_operation('object.list')"],
    "int2": ["1::int2", "'7'::smallint"],
    "int4": ["1", "42", "length(name)", "array_length(path_tokens, 1)"],
    "int8": ["5000000000", "1::int8", "(metadata->>'size')::bigint"],
    "numeric": ["1.5", "9223372036854775808", "1::numeric", "extract(year from created_at)"],
    "float8": ["1::float8", "'1e3'::double precision"],
    "text": ["name", "bucket_id", "objects.owner_id", "storage.objects.version", "auth.role()", "'a'::text"],
    "uuid": ["id", "owner", "auth.uid()", "'317eadce-631a-4429-a0bb-f19a7a517b4a'::uuid"],
    "jsonb": ["metadata", "user_metadata", "auth.jwt()", "'[1]'::jsonb"],
    "json": ["current_setting('request.jwt.claims', true)::json"],
    "timestamptz": ["created_at", "now()", "current_timestamp"],
    "timestamp": ["localtimestamp", "created_at::timestamp"],
    "date": ["current_date", "created_at::date"],
    "interval": ["interval '1 day'", "'1 hour'::interval"],
    "text[]": ["path_tokens", "storage.foldername(name)", "array['a', 'b']", "string_to_array(name, '/')"],
    "uuid[]": ["array[id, owner]", "array['317eadce-631a-4429-a0bb-f19a7a517b4a']::uuid[]"],
    "int4[]": ["array[1, 2]", "'{1,2}'::int[]"],
    "unknown": ["'a'", "null", "'1'"],
}
ANY_TYPE = [
    "(<same>)",
    "case when <bool> then <same> else <same> end",
    "case <text> when <text> then <same> when 'b' then <same> end",
    "coalesce(<same>, <same>)",
    "nullif(<same>, <same>)",
    "(select <same>)",
    "<same>::<type>",
    "(array[<same>, <same>])[1]",
    "greatest(<same>, <same>)",
]
COMPOUND: dict[str, list[str]] = {
    "bool": [
        "<bool> and <bool>",
        "<bool> or not <bool>",
        "<bool> is <truth>",
        "<text> <comparison> <text>",
        '<text> <comparison> <text> collate "C"',
        "<int4> <comparison> <int8>",
        "<numeric> <comparison> <float8>",
        "<int2> <comparison> <int4>",
        "<uuid> <comparison> <uuid>",
        "<jsonb> <equality> <jsonb>",
        "<timestamptz> <comparison> <timestamptz>",
        "<timestamp> <comparison> <date>",
        "<interval> <comparison> <interval>",
        "<text[]> <equality> <text[]>",
        "<bool> <comparison> <bool>",
        "<unknown> <comparison> <unknown>",
        "<text> <match> <text>",
        "<text> in (<text>, <text>, <unknown>)",
        "<uuid> in (<unknown>, <uuid>)",
        "<int4> not in (1, <int8>, <numeric>)",
        "<text> in (name, 'a')",
        "<int4> between <int4> and <int8>",
        "<timestamptz> not between symmetric <timestamptz> and <date>",
        "<text> is distinct from <text>",
        "<uuid> is not distinct from null",
        "<text> = <quantifier> (<text[]>)",
        "<uuid> <> <quantifier> (<uuid[]>)",
        "<int8> <comparison> <quantifier> (<int4[]>)",
        "<text> like <quantifier> (array['a%', 'b'])",
        "<text> = any ('{a,b}')",
        "<jsonb> ? <text>",
        "<jsonb> ?| <text[]>",
        "<jsonb> @> <jsonb>",
        "<text[]> @> <text[]>",
        "<text[]> && array[<text>]",
        "starts_with(<text>, <text>)",
        "exists (select 1 from storage.buckets b where b.id = <text>)",
        "exists (select from storage.buckets where name = <text> and owner = <uuid>)",
        "<text> in (select b.id from storage.buckets b where b.public)",
        "<text> in (select jsonb_array_elements_text(<jsonb>))",
        "<uuid> = any (select owner from storage.buckets)",
        "<int4> < all (select file_size_limit from storage.buckets)",
        "exists (select 1 from unnest(<text[]>) t where t = <text>)",
        "<truthful>",
    ],
    "int4": [
        "<int4> <arithmetic> <int4>",
        "<int2> <arithmetic> <int4>",
        "- <int4>",
        "length(<text>)",
        "position(<text> in <text>)",
        "cardinality(<text[]>)",
        "array_position(<text[]>, <text>)",
        "jsonb_array_length(<jsonb>)",
        "<date> - <date>",
    ],
    "int8": [
        "<int8> <arithmetic> <int4>",
        "(select count(*) from storage.buckets where owner_id = <text>)",
        "abs(<int8>)",
        "mod(<int8>, <int4>)",
    ],
    "numeric": ["<numeric> <arithmetic> <int4>", "- <numeric>", "abs(<numeric>)"],
    "float8": ["<float8> <arithmetic> <numeric>", "date_part('year', <timestamptz>)"],
    "text": [
        "<text> || <text>",
        "<text> || <uuid>",
        "<int4> || <text>",
        "<unknown> || <unknown>",
        "lower(<text>)",
        "upper(<text>)",
        "split_part(<text>, '/', <int4>)",
        "substring(<text>, <int4>)",
        "substring(<text> from <int4> for <int4>)",
        "left(<text>, <int4>)",
        "concat(<text>, <uuid>, <int4>)",
        "format('%s', <text>)",
        "replace(<text>, <text>, <text>)",
        "trim(both <text> from <text>)",
        "storage.filename(<text>)",
        "storage.extension(<text>)",
        "(<text[]>)[<int4>]",
        "<jsonb> ->> <text>",
        "<jsonb> ->> <int4>",
        "<jsonb> #>> <text[]>",
        "<jsonb> #>> '{a,0}'",
        "<json> ->> <text>",
        "array_to_string(<text[]>, <text>)",
        "current_user",
        "auth.email()",
        "(select id from storage.buckets where owner = <uuid> limit 1)",
        "text(<uuid>)",
        "jsonb_typeof(<jsonb>)",
    ],
    "uuid": ["(<text>)::uuid", "(<uuid[]>)[<int4>]"],
    "jsonb": [
        "<jsonb> -> <text>",
        "<jsonb> -> <int4>",
        "<jsonb> #> <text[]>",
        "<jsonb> || <jsonb>",
        "<jsonb> - <text>",
        "to_jsonb(<text>)",
        "jsonb_build_object('a', <text>)",
    ],
    "json": ["<json> -> <text>"],
    "timestamptz": [
        "<timestamptz> + <interval>",
        "<timestamptz> - <interval>",
        "date_trunc('day', <timestamptz>)",
    ],
    "timestamp": ["<timestamp> - <interval>", "<date> + <interval>"],
    "date": ["<date> + <int4>", "<date> - <int4>"],
    "interval": ["<timestamptz> - <timestamptz>", "<interval> + <interval>", "- <interval>"],
    "text[]": [
        "<text[]> || <text[]>",
        "<text[]> || <text>",
        "array[<text>, <unknown>]",
        "(<text[]>)[1:<int4>]",
        "string_to_array(<text>, <text>)",
        "storage.foldername(<text>)",
        "array_append(<text[]>, <text>)",
        "array(select id from storage.buckets)",
    ],
    "uuid[]": ["array[<uuid>, <unknown>]"],
    "int4[]": ["array[<int4>, <int2>]", "<int4[]> || <int4>"],
}
CHOICES["truthful"] = ["owner_id = auth.uid()::text", "(select auth.role()) = 'authenticated'"]


@pytest.fixture(scope="module")
def connection(cluster: PostgresCluster) -> Iterator[Connection]:
    database = cluster.create_database()
    with psycopg.connect(cluster.conninfo(database), autocommit=True) as opened:
        opened.execute(SCHEMA)
        yield opened
    cluster.drop_database(database)


class Typist:
    """Asks PostgreSQL for types without evaluating anything."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._names: dict[int, str] = {}

    def verdict(self, text: str) -> Verdict:
        server = self._connection.pgconn
        prepared = server.prepare(b"", f"select {text} from storage.objects".encode())
        if prepared.status != ExecStatus.COMMAND_OK:
            return Verdict(code=(prepared.error_field(DiagnosticField.SQLSTATE) or b"").decode())
        return Verdict(type_name=self._name(server.describe_prepared(b"").ftype(0)))

    def _name(self, oid: int) -> str:
        if oid not in self._names:
            row = self._connection.execute("select %s::oid::regtype::text", (oid,)).fetchone()
            assert row
            # current_user is of type name: here it is the text that it turns into.
            self._names[oid] = re.sub(r"\bname\b", "text", row[0])
        return self._names[oid]


def verdict_of_binder(binder: Binder, text: str) -> Verdict:
    try:
        return Verdict(type_name=str(binder.bind_value(parse_expression(text), "storage.objects").type))
    except Refusal as refusal:
        if MISSING_HERE.search(str(refusal)):
            return Verdict(code="0A000")
        return Verdict(code=refusal.code)


def test_binder_agrees_with_postgresql_about_types(connection: Connection) -> None:
    typist, binder, generator = Typist(connection), Binder(Catalog()), Generator(SEED)
    outcomes: Counter[str] = Counter()
    for _ in range(CASES):
        text = generator.expression()
        here, there = verdict_of_binder(binder, text), typist.verdict(text)
        if here.type_name:
            assert here == there, text
        elif there.type_name:
            assert here.code == "0A000", f"{text}: {here.code}, but PostgreSQL has {there.type_name}"
        outcomes["accepted" if here.type_name else "refused by both" if there.code else "refused here"] += 1
    assert outcomes["accepted"] > CASES / 3, outcomes
    assert outcomes["refused by both"] > CASES / 10, outcomes
    assert outcomes["refused here"] < CASES / 10, outcomes


@pytest.mark.parametrize(("text", "code"), REFUSED)
def test_refusal_has_the_sqlstate_of_postgresql(connection: Connection, text: str, code: str) -> None:
    assert Typist(connection).verdict(text) == Verdict(code=code)
    assert verdict_of_binder(Binder(Catalog()), text) == Verdict(code=code)
