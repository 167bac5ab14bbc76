"""What is left when a part fails in the middle: nothing visible, nothing lost, the rest for reclaim."""

import asyncio

import pytest

from aerostore.domain import Object
from aerostore.errors import (
    AccessDenied,
    Corrupted,
    InsufficientStorage,
    KeyAlreadyExists,
    NoSuchKey,
    StorageError,
    Unavailable,
)
from aerostore.executor.sqlite import SqliteExecutor
from tests.conformance.executor_fixture import connections_of
from tests.faults import Afterwards, CrashNow
from tests.service.conftest import MakeStage, only_in_sqlite
from tests.service.stage import ANON, GRACE_S, OWNER, Stage


def count_rows(stage: Stage, table: str) -> int:
    return int(stage.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"])


def assert_nothing_visible(stage: Stage) -> None:
    for table in ("storage_objects", "storage_blobs", "storage_events"):
        assert count_rows(stage, table) == 0


@pytest.mark.parametrize("error", [InsufficientStorage(), Unavailable(), CrashNow()], ids=repr)
def test_a_write_that_fails_leaves_nothing(make_stage: MakeStage, error: BaseException) -> None:
    stage = make_stage(plan={"write": [error]})
    with pytest.raises(type(error)):
        stage.put("a")
    assert_nothing_visible(stage)
    assert stage.keys_of_bytes() == set()
    stage.put("a")
    assert stage.get("a") == b"content"


@pytest.mark.parametrize("error", [Unavailable(), CrashNow()], ids=repr)
def test_bytes_whose_receipt_was_lost_are_left_to_reclaim(
    make_stage: MakeStage, error: BaseException
) -> None:
    stage = make_stage(plan={"write": [Afterwards(error)]})
    with pytest.raises(type(error)):
        stage.put("a")
    assert_nothing_visible(stage)
    assert len(stage.keys_of_bytes()) == 1


def test_a_refused_commit_discards_its_bytes(stage: Stage) -> None:
    with pytest.raises(AccessDenied):
        stage.put("a", by=ANON)
    assert_nothing_visible(stage)
    assert stage.backend.calls.count("delete") == 1
    assert stage.keys_of_bytes() == set()


def test_a_discard_that_fails_does_not_hide_the_refusal(make_stage: MakeStage) -> None:
    stage = make_stage(plan={"delete": [Unavailable()]})
    with pytest.raises(AccessDenied):
        stage.put("a", by=ANON)
    assert_nothing_visible(stage)
    assert len(stage.keys_of_bytes()) == 1


def test_a_twin_whose_bytes_cannot_be_dropped_is_still_stored(make_stage: MakeStage) -> None:
    stage = make_stage(plan={"delete": [Unavailable()]})
    stage.put("a")
    stage.put("b")
    assert stage.get("b") == b"content"
    assert len(stage.keys_of_bytes()) == 2


def test_a_put_cancelled_while_it_commits_is_whole_or_absent(stage: Stage) -> None:
    async def cut_later_and_later() -> None:
        turns, outcome = 0, None
        while not isinstance(outcome, Object):
            putting = asyncio.create_task(stage.aput(f"{turns}", f"{turns}".encode()))
            for _ in range(turns):
                await asyncio.sleep(0)
            putting.cancel()
            [outcome] = await asyncio.gather(putting, return_exceptions=True)
            turns += 1 + turns // 4

    stage.run(cut_later_and_later())
    for name in stage.names():
        assert stage.get(name) == name.encode()
    pointers = stage.rows("SELECT name FROM storage_events ORDER BY name")
    assert [row["name"] for row in pointers] == stage.names()


def test_after_a_cancelled_put_reclaim_leaves_exactly_the_visible_bytes(stage: Stage) -> None:
    test_a_put_cancelled_while_it_commits_is_whole_or_absent(stage)
    reclaim = stage.another_reclaim(max_deletes=1_000)
    for _ in range(2):
        stage.clock.advance(2 * GRACE_S)
        stage.run(reclaim.run(apply=True))
    known = {row["backend_key"] for row in stage.rows("SELECT backend_key FROM storage_blobs")}
    assert stage.keys_of_bytes() == known
    assert len(known) == len(stage.names())


def test_a_closed_database_refuses_and_keeps_the_bytes_for_reclaim(stage: Stage) -> None:
    stage.run(stage.executor.close())
    with pytest.raises(Unavailable):
        stage.put("a")
    assert len(stage.keys_of_bytes()) == 1


def test_a_read_whose_bytes_are_gone_says_corrupted(stage: Stage) -> None:
    stage.put("a")
    [key] = stage.keys_of_bytes()
    stage.run(stage.backend.delete(key))
    with pytest.raises(Corrupted):
        stage.get("a")
    text = stage.telemetry.render().decode()
    assert 'storage_download_total{bucket="photos",status="Corrupted"} 1.0' in text


def test_an_object_without_a_blob_says_corrupted(stage: Stage) -> None:
    stage.put("a")
    stage.rows("UPDATE storage_objects SET blob_id = NULL")
    with pytest.raises(Corrupted):
        stage.get("a")


def fill_database(stage: Stage) -> list[str]:
    """Stop the database from growing, and put until it is full; return what was stored."""
    assert isinstance(stage.executor, SqliteExecutor)
    for connection in connections_of(stage.executor):
        [(pages,)] = connection.execute("PRAGMA page_count").fetchall()
        connection.execute(f"PRAGMA max_page_count = {pages + 20}")
    stored: list[str] = []
    while True:
        name = f"{len(stored):05}" + "x" * 500
        try:
            stage.put(name)
        except InsufficientStorage:
            return stored
        stored.append(name)


@only_in_sqlite
def test_a_full_database_refuses_writes_while_reads_and_deletes_go_on(stage: Stage) -> None:
    stored = fill_database(stage)
    assert stage.names() == stored
    assert stage.get(stored[0]) == b"content"
    for name in stored:
        stage.delete(name)
    assert stage.names() == []
    stage.put("fits again")


def test_a_full_disk_refuses_writes_while_reads_and_deletes_go_on(make_stage: MakeStage) -> None:
    stage = make_stage(plan={"write": [None, InsufficientStorage()]})
    stage.put("a")
    with pytest.raises(InsufficientStorage):
        stage.put("b")
    assert stage.get("a") == b"content"
    stage.delete("a")
    assert stage.names() == []


def test_many_failing_and_many_good_puts_do_not_mix(make_stage: MakeStage) -> None:
    faults = [Unavailable() if number % 3 == 0 else None for number in range(30)]
    stage = make_stage(plan={"write": faults})

    async def crowd() -> list[Object | BaseException]:
        puts = (stage.aput(f"{number % 10}", bytes([number])) for number in range(30))
        return await asyncio.gather(*puts, return_exceptions=True)

    outcomes = stage.run(crowd())
    failures = [outcome for outcome in outcomes if not isinstance(outcome, Object)]
    assert {type(failure) for failure in failures} == {Unavailable, KeyAlreadyExists}
    stored = {outcome.name: outcome for outcome in outcomes if isinstance(outcome, Object)}
    assert sorted(stored) == stage.names()
    for name, each in stored.items():
        assert stage.run(stage.storage.downloads.info(OWNER, "photos", name)).object == each


def test_rows_removed_by_plain_sql_release_their_bytes(stage: Stage) -> None:
    stage.put("a")
    stage.rows("DELETE FROM storage_objects")
    with pytest.raises(NoSuchKey):
        stage.get("a")
    stage.clock.advance(2 * GRACE_S)
    assert stage.run(stage.reclaim.run(apply=True)).released_removed == 1
    assert stage.keys_of_bytes() == set()


def test_a_broken_table_is_one_of_the_family(stage: Stage) -> None:
    stage.rows("ALTER TABLE storage_events RENAME TO gone")
    with pytest.raises(StorageError):
        stage.put("a")
    assert stage.names() == []
