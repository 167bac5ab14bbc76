"""How values are stored in SQLite, and that declared tables take no others."""

import sqlite3
from typing import Any
from uuid import UUID

import pytest

from aerostore.policy.sqlite.layout import create_table, decoder, encode
from aerostore.policy.value import BOOL, FLOAT8, INT8, JSONB, NUMERIC, TEXT, TIMESTAMPTZ, Json, Type, array_of
from aerostore.policy.value import UUID as UUID_TYPE
from tests.policy.typed import NOW, OWNER, catalog


@pytest.mark.parametrize(
    ("type_", "value", "stored"),
    [
        (TEXT, "é", "é"),
        (BOOL, True, 1),
        (INT8, -(2**63), -(2**63)),
        (FLOAT8, 0.1, 0.1),
        (UUID_TYPE, UUID(OWNER), OWNER),
        (TIMESTAMPTZ, NOW, "2026-01-31T09:00:00.000Z"),
        (JSONB, Json({"a": [1, None]}), '{"a": [1, null]}'),
        (array_of(TEXT), ("a", None, "é"), '["a",null,"é"]'),
        (array_of(UUID_TYPE), (UUID(OWNER),), f'["{OWNER}"]'),
        (NUMERIC, decoder(NUMERIC)("1.50"), "1.50"),
        (TEXT, None, None),
    ],
)
def test_values_come_back_as_they_were_stored(type_: Type, value: Any, stored: Any) -> None:
    assert encode(type_, value) == stored
    assert stored is None or decoder(type_)(stored) == value


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("person", OWNER.upper()),
        ("person", None),
        ("flag", 2),
        ("joined", "2026-01-31 09:00:00"),
        ("data", "{"),
        ("names", "{}"),
        ("small", 40_000),
        ("word", "a\0b"),
        ("word", b"a"),
    ],
)
def test_a_declared_table_takes_only_canonical_values(column: str, value: Any) -> None:
    declared = """create table kinds (person uuid, flag boolean, joined timestamptz, data jsonb,
        names text[], small smallint, word text, primary key (person))"""
    row = {"person": OWNER, "flag": 1, "joined": "2026-01-31T09:00:00.000Z", "data": "{}", "names": "[]"}
    insert = "INSERT INTO public_kinds VALUES (?, ?, ?, ?, ?, ?, ?)"
    connection = sqlite3.connect(":memory:")
    connection.execute(create_table(catalog(declared).tables["public.kinds"]))
    good = {**row, "small": 1, "word": "x"}

    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(insert, list({**good, column: value}.values()))
    connection.execute(insert, list(good.values()))
    connection.close()
