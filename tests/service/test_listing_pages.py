"""A page costs the same wherever it is and however large the bucket: told by counts, not by time."""

import asyncio
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any, cast

import pytest

from aerostore.domain import SYSTEM, ListedObject
from aerostore.executor import Executor, Statement, Work
from aerostore.executor import statements as sql
from aerostore.service.listing import Cursor, Entry, FolderQuery, KeyQuery, Listing, PrefixQuery
from tests.conformance.executor_fixture import a_bucket
from tests.service.explain_scene import ALICE, postgres_scene, user
from tests.service.listing_counter import Counter, PostgresCounter, SqliteCounter

POLICIES = """
create policy "own folder" on storage.objects for select to authenticated
    using (bucket_id = 'photos' and (storage.foldername(name))[1] = (select auth.uid()::text));
create policy "add to own folder" on storage.objects for insert to authenticated
    with check (bucket_id = 'photos' and (storage.foldername(name))[1] = (select auth.uid()::text));
create policy "change own folder" on storage.objects for update to authenticated
    using (bucket_id = 'photos' and (storage.foldername(name))[1] = (select auth.uid()::text));
create policy "delete own" on storage.objects for delete to authenticated
    using (owner_id = (select auth.uid()::text));
create policy "team" on storage.objects for select to authenticated
    using (bucket_id = 'teams' and (storage.foldername(name))[1] = (auth.jwt() -> 'app_metadata' ->> 'team'));
create policy "pictures only" on storage.objects for insert to authenticated
    with check (bucket_id = 'avatars' and storage.extension(name) = 'png');
create policy "shared" on storage.objects for select to authenticated using (bucket_id = 'shared');
create policy "own" on storage.objects for select to authenticated
    using (owner_id = (select auth.jwt() ->> 'sub'));
"""
ME = user(ALICE)
PAGE = 1000
FEW, MANY = 10_000, 100_000
NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < :last)"
COLUMNS = "bucket_id, name, owner_id, version"
FILL = Statement(
    sql=(
        f"{NUMBERS} INSERT INTO storage_objects (id, {COLUMNS}) SELECT lower(hex(randomblob(16))),"
        " 'photos', :head || substr('000000' || i, -6) || :tail, :owner, '1' FROM n"
    ),
    postgres=(
        f"{NUMBERS} INSERT INTO storage_objects ({COLUMNS})"
        " SELECT 'photos', :head || lpad(i::text, 6, '0') || :tail, :owner, '1' FROM n"
    ),
)
Ask = Callable[[Listing], Any]


def name(number: int) -> str:
    return f"{ALICE}/{number:06}.png"


def filled(many: int) -> Iterator[Statement]:
    """Yield what fills a bucket: my folder with `many` files, and two of mine with a page of folders each."""
    yield sql.insert_bucket(a_bucket())
    folders = [(f"{ALICE}-{name}/", "/x", PAGE) for name in ("folders", "More")]
    for head, tail, count in [(f"{ALICE}/", ".png", many), *folders]:
        yield replace(FILL, parameters={"head": head, "tail": tail, "owner": ALICE, "last": count - 1})


def after(number: int) -> str:
    return Cursor(name=name(number), order="asc", column="name").encode()


def page_after(number: int | None, delimiter: str | None = None) -> Ask:
    """Return how to ask for a page of list v2 that follows a file."""
    cursor = None if number is None else after(number)
    asked = PrefixQuery(prefix=f"{ALICE}/", limit=PAGE, cursor=cursor, delimiter=delimiter)
    return lambda listing: listing.list_prefix(ME, "photos", asked)


def keys_after(number: int | None, delimiter: str = "") -> Ask:
    start = "" if number is None else name(number)
    asked = KeyQuery(prefix=f"{ALICE}/", limit=PAGE, after=start, delimiter=delimiter)
    return lambda listing: listing.list_keys(ME, "photos", asked)


def folder_page(prefix: str, **options: Any) -> Ask:
    asked = FolderQuery(prefix=prefix, limit=PAGE, **options)
    return lambda listing: listing.list_folder(ME, "photos", asked)


async def entries_of(counter: Counter, ask: Ask) -> list[Entry]:
    """Ask from zero on; return what the page shows."""
    counter.cost = counter.statements = 0
    page = await ask(Listing(cast(Executor, counter)))
    entries: list[Entry] = page[0] if isinstance(page, tuple) else page
    return entries


def cost_of(counter: Counter, ask: Ask) -> int:
    """Return what a whole page of files takes."""
    entries = asyncio.run(entries_of(counter, ask))
    assert len(entries) == PAGE
    assert all(isinstance(entry, ListedObject) for entry in entries)
    return counter.cost


@pytest.fixture(scope="module")
def sqlite_counters() -> Iterator[tuple[SqliteCounter, SqliteCounter]]:
    with (
        closing(sqlite3.connect(":memory:", isolation_level=None)) as few,
        closing(sqlite3.connect(":memory:", isolation_level=None)) as many,
    ):
        yield SqliteCounter(few, POLICIES, filled(FEW)), SqliteCounter(many, POLICIES, filled(MANY))


KINDS = {
    "v2": page_after,
    "v2 by folder": lambda number: page_after(number, "/"),
    "S3": keys_after,
    "S3 by folder": lambda number: keys_after(number, "/"),
}


@pytest.mark.parametrize("ask", KINDS.values(), ids=KINDS)
def test_the_first_page_the_middle_and_the_last_take_sqlite_the_same_steps(
    sqlite_counters: tuple[Counter, Counter], ask: Callable[[int | None], Ask]
) -> None:
    few, many = sqlite_counters
    first = cost_of(few, ask(None))
    others = [cost_of(few, ask(number)) for number in (FEW // 2, FEW - PAGE - 1)]
    others += [cost_of(many, ask(number)) for number in (None, MANY // 2, MANY - PAGE - 1)]
    assert all(abs(other - first) <= 0.03 * first for other in others)


def test_a_page_of_list_v1_takes_sqlite_steps_by_its_offset_and_not_by_the_bucket(
    sqlite_counters: tuple[Counter, Counter],
) -> None:
    few, many = (cost_of(counter, folder_page(ALICE)) for counter in sqlite_counters)
    assert many <= few * 1.03
    beyond = cost_of(sqlite_counters[1], folder_page(ALICE, offset=9 * PAGE))
    assert beyond <= few * 10


STATEMENTS = {
    "v2": (page_after(5), 1),
    "v2 by folder": (page_after(5, "/"), 2),
    "S3": (keys_after(5), 1),
    "S3 by folder": (keys_after(5, "/"), 2),
    "v1": (folder_page(ALICE), 2),
    "v1 by time": (folder_page(ALICE, column="created_at"), 2),
}


@pytest.mark.parametrize(("ask", "statements"), STATEMENTS.values(), ids=STATEMENTS)
def test_a_page_of_files_takes_as_few_statements_as_it_can(
    sqlite_counters: tuple[Counter, Counter], ask: Ask, statements: int
) -> None:
    cost_of(sqlite_counters[0], ask)
    assert sqlite_counters[0].statements == statements


@pytest.mark.parametrize("folder", ["folders", "More"])
def test_a_page_of_folders_takes_no_more_statements_than_one_of_ten(
    sqlite_counters: tuple[Counter, Counter], folder: str
) -> None:
    counter = sqlite_counters[0]
    prefix = f"{ALICE}-{folder}"
    many = asyncio.run(entries_of(counter, folder_page(prefix)))
    statements = counter.statements
    few = asyncio.run(entries_of(counter, folder_page(prefix, search="00099")))
    assert (len(many), len(few)) == (PAGE, 10)
    assert statements <= counter.statements + 1


BOUNDS: dict[str, Any] = {"lower": "a", "upper": "b"}
IN_ORDER = {
    f"{kind.__name__} {order}": kind("photos", **BOUNDS, order=order, limit=PAGE)
    for kind in (sql.listing.list_listed, sql.listing.names_between, sql.folder.folded_names_between)
    for order in ("asc", "desc")
}
LOOKED_UP = {
    "find_listed": sql.listing.find_listed("photos", [name(number) for number in range(PAGE)]),
    "find_first_names": sql.folder.find_first_names("photos", [(name(1), name(3)), (name(5), name(9))]),
}


@pytest.mark.parametrize("statement", [*IN_ORDER.values(), *LOOKED_UP.values()], ids=[*IN_ORDER, *LOOKED_UP])
def test_sqlite_finds_objects_by_their_names_in_an_index_and_sorts_none(
    sqlite_counters: tuple[SqliteCounter, SqliteCounter], statement: Statement
) -> None:
    plan = sqlite_counters[0].plan(statement, ME)
    [found] = [line for line in plan if "storage_objects" in line]
    assert re.search(r"SEARCH .* USING .*INDEX .* \(bucket_id=\? AND (folded_)?name[=>]", found)
    assert not [line for line in plan if "TEMP B-TREE" in line]


@pytest.fixture(scope="module")
def postgres_counter(request: pytest.FixtureRequest) -> Iterator[tuple[asyncio.Runner, PostgresCounter]]:
    with asyncio.Runner() as runner:
        scene = postgres_scene(request, runner, POLICIES)

        def filling() -> Work[None]:
            yield from filled(MANY)

        runner.run(scene.executor.write(SYSTEM, filling))
        yield runner, PostgresCounter(scene.executor)
        scene.close()


@pytest.mark.postgres
@pytest.mark.parametrize("ask", KINDS.values(), ids=KINDS)
def test_every_page_takes_postgres_about_the_same_memory_and_few_statements(
    postgres_counter: tuple[asyncio.Runner, PostgresCounter], ask: Callable[[int | None], Ask]
) -> None:
    runner, counter = postgres_counter
    looked_at = []
    for number in (None, MANY // 2, MANY - PAGE - 1):
        counter.pages = 0
        assert len(runner.run(entries_of(counter, ask(number)))) == PAGE
        assert counter.statements <= 2
        looked_at.append(counter.pages)
    # A look-up of each row by its name takes three or four pages.
    assert max(looked_at) <= min(2 * min(looked_at), 5 * PAGE)
