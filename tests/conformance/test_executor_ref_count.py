"""ref_count follows every row that points at a blob, whoever writes that row: asked of every executor."""

import asyncio
import random
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from aerostore.domain import Blob, Object
from aerostore.errors import StorageError
from aerostore.executor import Executor, Statement
from aerostore.executor import statements as sql
from tests.conformance.executor_fixture import (
    NOW,
    MakeExecutor,
    Rights,
    a_blob,
    add_bucket,
    an_object,
    count,
    rows,
    write,
)

Scenario = Callable[[Executor], Coroutine[Any, Any, None]]
Play = Callable[[Scenario], None]


@pytest.fixture
def play(make_executor: MakeExecutor) -> Play:
    async def from_start(scenario: Scenario) -> None:
        executor = make_executor(Rights())
        await executor.start()
        try:
            await add_bucket(executor)
            await scenario(executor)
        finally:
            await executor.close()

    return lambda scenario: asyncio.run(from_start(scenario))


async def add_object(executor: Executor, blob: Blob, name: str = "a") -> Object:
    new = an_object(name, blob_id=blob.id)
    await write(executor, sql.insert_object(new))
    return new


async def add_blob(executor: Executor) -> Blob:
    blob = a_blob()
    await write(executor, sql.insert_blob(blob, NOW))
    return blob


async def state_of(executor: Executor, blob: Blob) -> tuple[int, str]:
    statement = Statement(
        sql="SELECT ref_count, status FROM storage_blobs WHERE id = :id", parameters={"id": blob.id}
    )
    [row] = await rows(executor, statement)
    return row["ref_count"], row["status"]


def insert_upload(upload_id: str) -> Statement:
    return Statement(
        sql=(
            "INSERT INTO storage_uploads (id, protocol, bucket_id, name, metadata, created_at, expires_at)"
            " VALUES (:id, 'tus', 'photos', 'a', :metadata, :now, :now)"
        ),
        parameters={"id": upload_id, "metadata": {}, "now": NOW},
    )


def insert_part(upload_id: str, part_number: int, blob: Blob) -> Statement:
    return Statement(
        sql=(
            "INSERT INTO storage_upload_parts (upload_id, part_number, blob_id, size_bytes, etag, created_at)"
            " VALUES (:id, :number, :blob_id, 1, '', :now)"
        ),
        parameters={"id": upload_id, "number": part_number, "blob_id": blob.id, "now": NOW},
    )


def plain(text: str, **parameters: str | None) -> Statement:
    return Statement(sql=text, parameters=parameters)


def test_each_object_that_points_at_a_blob_counts(play: Play) -> None:
    async def scenario(executor: Executor) -> None:
        blob = await add_blob(executor)
        assert await state_of(executor, blob) == (0, "COMMITTED")
        for number in (1, 2, 3):
            await add_object(executor, blob, f"{number}")
            assert await state_of(executor, blob) == (number, "COMMITTED")

    play(scenario)


def test_an_upsert_lets_go_of_the_old_blob_and_takes_the_new_one(play: Play) -> None:
    async def scenario(executor: Executor) -> None:
        old, new = await add_blob(executor), await add_blob(executor)
        await add_object(executor, old)
        await write(executor, sql.upsert_object(an_object("a", blob_id=new.id)))
        assert await state_of(executor, old) == (0, "DELETING")
        assert await state_of(executor, new) == (1, "COMMITTED")

    play(scenario)


def test_an_upsert_with_the_same_blob_keeps_it(play: Play) -> None:
    async def scenario(executor: Executor) -> None:
        blob = await add_blob(executor)
        await add_object(executor, blob)
        await write(executor, sql.upsert_object(an_object("a", blob_id=blob.id)))
        assert await state_of(executor, blob) == (1, "COMMITTED")

    play(scenario)


def test_a_move_keeps_the_blob(play: Play) -> None:
    async def scenario(executor: Executor) -> None:
        blob = await add_blob(executor)
        old = await add_object(executor, blob)
        await write(executor, sql.move_object(old, replace(old, name="b")))
        assert await state_of(executor, blob) == (1, "COMMITTED")

    play(scenario)


LETTING_GO = {
    "the delete statement": lambda found: sql.delete_object(found.id),
    "a batch delete": lambda found: sql.delete_objects([found.id, str(uuid.uuid4())]),
    "plain SQL delete": lambda found: plain("DELETE FROM storage_objects WHERE name = :n", n=found.name),
    "plain SQL update": lambda _found: plain("UPDATE storage_objects SET blob_id = NULL"),
}


@pytest.mark.parametrize("release", LETTING_GO.values(), ids=LETTING_GO)
def test_the_last_row_to_let_go_marks_the_blob_deleting(
    play: Play, release: Callable[[Object], Statement]
) -> None:
    async def scenario(executor: Executor) -> None:
        blob = await add_blob(executor)
        await write(executor, release(await add_object(executor, blob)))
        assert await state_of(executor, blob) == (0, "DELETING")
        # Released at the database's own time, which the test cannot set.
        [row] = await rows(executor, sql.list_deleting_blobs(NOW + timedelta(days=100_000), 9))
        assert row["id"] == blob.id

    play(scenario)


def test_a_blob_with_another_holder_stays_committed(play: Play) -> None:
    async def scenario(executor: Executor) -> None:
        blob = await add_blob(executor)
        one = await add_object(executor, blob, "one")
        await add_object(executor, blob, "other")
        await write(executor, sql.delete_object(one.id))
        assert await state_of(executor, blob) == (1, "COMMITTED")

    play(scenario)


def test_an_undone_write_does_not_count(play: Play) -> None:
    async def scenario(executor: Executor) -> None:
        blob = await add_blob(executor)
        old = await add_object(executor, blob)
        undone = [sql.delete_object(old.id), plain("INSERT INTO storage_objects (id) VALUES ('broken')")]
        with pytest.raises(StorageError):
            await write(executor, *undone)
        assert await state_of(executor, blob) == (1, "COMMITTED")

    play(scenario)


def test_upload_parts_hold_their_blobs_until_the_upload_goes(play: Play) -> None:
    async def scenario(executor: Executor) -> None:
        one, other = await add_blob(executor), await add_blob(executor)
        await write(executor, insert_upload("u"), insert_part("u", 1, one), insert_part("u", 2, one))
        assert await state_of(executor, one) == (2, "COMMITTED")
        await write(
            executor, plain("UPDATE storage_upload_parts SET blob_id = :b WHERE part_number = 2", b=other.id)
        )
        assert await state_of(executor, one) == (1, "COMMITTED")
        assert await state_of(executor, other) == (1, "COMMITTED")
        await write(executor, sql.delete_expired_uploads(NOW + timedelta(seconds=1), 9))
        assert await state_of(executor, one) == (0, "DELETING")
        assert await state_of(executor, other) == (0, "DELETING")
        assert await count(executor, "storage_upload_parts") == 0

    play(scenario)


async def a_released_blob(executor: Executor) -> Blob:
    blob = await add_blob(executor)
    await write(executor, sql.delete_object((await add_object(executor, blob, "released")).id))
    return blob


POINTING: dict[str, Callable[[Blob], Statement]] = {
    "insert": lambda blob: sql.insert_object(an_object("b", blob_id=blob.id)),
    "upsert": lambda blob: sql.upsert_object(an_object("holder", blob_id=blob.id)),
    "plain SQL update": lambda blob: plain("UPDATE storage_objects SET blob_id = :b", b=blob.id),
    "upload part": lambda blob: insert_part("u", 1, blob),
    "plain SQL part update": lambda blob: plain("UPDATE storage_upload_parts SET blob_id = :b", b=blob.id),
}


@pytest.mark.parametrize("point", POINTING.values(), ids=POINTING)
def test_no_row_can_start_to_point_at_a_deleting_blob(play: Play, point: Callable[[Blob], Statement]) -> None:
    async def scenario(executor: Executor) -> None:
        held = await add_blob(executor)
        await add_object(executor, held, "holder")
        await write(executor, insert_upload("u"), insert_part("u", 9, held))
        released = await a_released_blob(executor)
        with pytest.raises(StorageError):
            await write(executor, point(released))
        assert await state_of(executor, released) == (0, "DELETING")
        assert await state_of(executor, held) == (2, "COMMITTED")

    play(scenario)


def test_only_a_deleting_blob_nobody_points_at_can_be_deleted(play: Play) -> None:
    async def scenario(executor: Executor) -> None:
        held, released = await add_blob(executor), await a_released_blob(executor)
        await add_object(executor, held)
        results = await write(executor, sql.delete_blob(held.id), sql.delete_blob(released.id))
        assert [result.changed for result in results] == [0, 1]

    play(scenario)


def a_random_write(choose: random.Random, names: list[str], blobs: list[Blob]) -> Statement:
    name, blob = choose.choice(names), choose.choice(blobs)
    return choose.choice(
        [
            sql.upsert_object(an_object(name, blob_id=blob.id)),
            sql.upsert_object(an_object(name, blob_id=blob.id)),
            insert_part("u", choose.randrange(1, 9), blob),
            plain("DELETE FROM storage_objects WHERE name = :n", n=name),
            plain("UPDATE storage_objects SET blob_id = :b WHERE name = :n", b=blob.id, n=name),
            plain("UPDATE storage_objects SET name = :to WHERE name = :n", to=str(uuid.uuid4()), n=name),
            plain("DELETE FROM storage_upload_parts WHERE blob_id = :b", b=blob.id),
        ]
    )


def test_after_any_writes_ref_count_is_the_number_of_pointers(play: Play) -> None:
    pointers = (
        "SELECT ref_count, status, (SELECT count(*) FROM storage_objects WHERE blob_id = b.id)"
        " + (SELECT count(*) FROM storage_upload_parts WHERE blob_id = b.id) AS pointers"
        " FROM storage_blobs AS b"
    )

    async def scenario(executor: Executor) -> None:
        choose = random.Random(7)
        await write(executor, insert_upload("u"))
        for _ in range(20):
            blobs = [await add_blob(executor) for _ in range(3)]
            for _ in range(10):
                try:
                    await write(executor, a_random_write(choose, ["a", "b", "c", "d"], blobs))
                except StorageError:
                    continue  # refused: the blob was let go, or the part is there
            found = await rows(executor, plain(pointers))
            assert [row["ref_count"] for row in found] == [row["pointers"] for row in found]
            assert all(row["pointers"] == 0 for row in found if row["status"] == "DELETING")

    play(scenario)
