"""A page of S3's list costs what it shows, however many keys there are: told by steps and rows, not by time.

Each engine has its own unit: SQLite counts what its machine executes, PostgreSQL the rows that it reads.
"""

import asyncio
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, cast

import pytest

from aerostore.domain import SYSTEM, RlsContext
from aerostore.errors import NoSuchBucket
from aerostore.executor import Executor, Statement, Work
from aerostore.executor import statements as sql
from aerostore.service.listing import KeyQuery, Listing
from tests.conformance.executor_fixture import a_bucket, an_object
from tests.service.explain_scene import ALICE, BOB, SERVICE, postgres_scene, user
from tests.service.listing_counter import Counter, PostgresCounter, SqliteCounter

OWN_FOLDER = """create policy "own folder" on storage.objects for select to authenticated
    using ((storage.foldername(name))[1] = auth.uid()::text);"""
NOBODY = "31ab0000-0000-4000-8000-00000000000c"
GROUPS = 5
MANY = 10_000
# More than a page may show: it reads so many names to find out whether they share folders.
FEW = 1_200
# Two users, each with GROUPS groups of keys called `user/group日本number`.
FILES = [f"{ALICE}/z{number}" for number in range(9)]
NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < :last)"
FILL = (
    f"{NUMBERS} INSERT INTO storage_objects (id, bucket_id, name, version)"
    " SELECT lower(hex(randomblob(16))), 'photos', :head || substr('0000' || i, -5), '1' FROM n"
)
FILL_POSTGRES = (
    f"{NUMBERS} INSERT INTO storage_objects (bucket_id, name, version)"
    " SELECT 'photos', :head || lpad(i::text, 5, '0'), '1' FROM n"
)


@dataclass(frozen=True)
class Asked:
    """One page, and what it must show."""

    by: RlsContext
    shows: list[str]
    query: KeyQuery


def groups_of(*users: str, first: int = 0) -> list[str]:
    return [f"{user}/{number}日本" for user in users for number in range(first, GROUPS)]


def asked(by: RlsContext, shows: list[str], **query: Any) -> Asked:
    return Asked(by, shows, KeyQuery(**query))


MIDDLE = [f"{BOB}/3日本{number:05}" for number in range(20, 26)]
PAGES: Mapping[str, Asked] = {
    "users": asked(SERVICE, [f"{ALICE}/", f"{BOB}/"], delimiter="/"),
    "my folder": asked(user(ALICE), [f"{ALICE}/"], delimiter="/"),
    "groups of all": asked(SERVICE, [*groups_of(ALICE), *FILES, *groups_of(BOB)], delimiter="日本"),
    "my groups": asked(user(ALICE), [*groups_of(ALICE), *FILES], delimiter="日本"),
    "two of my groups": asked(user(BOB), groups_of(BOB)[:2], delimiter="本", limit=2),
    "from within a group": asked(
        user(ALICE),
        [*groups_of(ALICE, first=2), *FILES],
        prefix=f"{ALICE}/",
        delimiter="日本",
        after=f"{ALICE}/1日本00020",
    ),
    "keys in the middle": asked(user(BOB), MIDDLE[1:], after=MIDDLE[0], limit=5),
    "nothing of that name": asked(user(ALICE), [], prefix=f"{ALICE}/nothing"),
    "nothing of mine": asked(user(NOBODY), []),
}


def fill(text: str, many: int) -> Iterator[Statement]:
    yield sql.insert_bucket(a_bucket())
    for head in groups_of(ALICE, BOB):
        yield Statement(sql=text, parameters={"head": head, "last": many - 1})
    for name in FILES:
        yield sql.insert_object(an_object(name))


@pytest.fixture(scope="module")
def sqlite_counters() -> Iterator[tuple[Counter, Counter]]:
    with (
        closing(sqlite3.connect(":memory:", isolation_level=None)) as few,
        closing(sqlite3.connect(":memory:", isolation_level=None)) as many,
    ):
        yield (
            SqliteCounter(few, OWN_FOLDER, fill(FILL, FEW)),
            SqliteCounter(many, OWN_FOLDER, fill(FILL, MANY)),
        )


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_page_takes_sqlite_no_more_steps_among_a_hundred_thousand_keys(
    sqlite_counters: tuple[Counter, Counter], page: Asked
) -> None:
    few, many = (asyncio.run(cost_of(counter, page)) for counter in sqlite_counters)
    assert many <= few * 1.1


@pytest.fixture(scope="module", params=["ANALYZE storage.objects", "SELECT 'no statistics yet'"])
def postgres_counter(request: pytest.FixtureRequest) -> Iterator[tuple[asyncio.Runner, Counter]]:
    with asyncio.Runner() as runner:
        scene = postgres_scene(request, runner, OWN_FOLDER)

        def filled() -> Work[None]:
            yield from fill(FILL_POSTGRES, MANY)
            yield Statement(sql=request.param)

        runner.run(scene.executor.write(SYSTEM, filled))
        yield runner, PostgresCounter(scene.executor)
        scene.close()


@pytest.mark.postgres
@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_page_takes_postgres_few_rows_more_than_it_shows(
    postgres_counter: tuple[asyncio.Runner, Counter], page: Asked
) -> None:
    runner, counter = postgres_counter
    names = page.query.limit + 1 if page.query.delimiter else 0
    # As many names as it may show; behind them a seek for each entry and one that finds the next page; the
    # row of each; the bucket's own.
    assert runner.run(cost_of(counter, page)) <= names + 2 * (len(page.shows) + 1) + 2


async def cost_of(counter: Counter, page: Asked) -> int:
    """Return what a page takes, and see that it is the right one."""
    counter.cost = 0
    try:
        entries, _ = await Listing(cast(Executor, counter)).list_keys(page.by, "photos", page.query)
    except NoSuchBucket:
        entries = []
    assert [entry.name for entry in entries] == page.shows
    return counter.cost
