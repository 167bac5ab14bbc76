"""What the port `Executor` promises of transactions, asked of every adapter."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from aerostore.domain import SYSTEM, EventType
from aerostore.errors import (
    BucketAlreadyExists,
    Conflict,
    KeyAlreadyExists,
    NoSuchRelation,
    StorageError,
    Unavailable,
)
from aerostore.executor import Executor, Statement, Work
from aerostore.executor import statements as sql
from aerostore.executor.row import to_bucket, to_object
from tests.conformance.executor_fixture import (
    MakeExecutor,
    Rights,
    a_blob,
    a_bucket,
    add_bucket,
    add_objects,
    an_object,
    count,
    probe,
    rows,
    unit,
    write,
)
from tests.faults import CrashNow

Scenario = Callable[[Executor], Coroutine[Any, Any, None]]
Play = Callable[[Scenario], None]


@asynccontextmanager
async def running(executor: Executor) -> AsyncIterator[Executor]:
    await executor.start()
    try:
        yield executor
    finally:
        await executor.close()


@pytest.fixture
def play(make_executor: MakeExecutor) -> Play:
    """Run a scenario with a started executor whose rows hold the bucket `photos`."""

    async def from_start(scenario: Scenario) -> None:
        async with running(make_executor(Rights())) as executor:
            await add_bucket(executor)
            await scenario(executor)

    return lambda scenario: asyncio.run(from_start(scenario))


def failing_after(statement: Statement, error: BaseException) -> Work[None]:
    yield statement
    raise error


# Transactions


def test_each_read_sees_the_write_answered_before_it(play: Play) -> None:
    async def scenario(executor: Executor) -> None:
        for number in range(30):
            await add_objects(executor, f"{number}")
            assert len(await rows(executor, sql.find_object("photos", f"{number}"))) == 1

    play(scenario)


def test_a_read_transaction_cannot_write(play: Play) -> None:
    async def scenario(executor: Executor) -> None:
        with pytest.raises(StorageError):
            await rows(executor, sql.insert_object(an_object()))
        assert await count(executor, "storage_objects") == 0

    play(scenario)


def test_statements_of_a_unit_see_those_before_them(play: Play) -> None:
    async def scenario(executor: Executor) -> None:
        new = an_object()
        _, found = await write(executor, sql.insert_object(new), sql.find_object("photos", new.name))
        assert to_object(found.rows[0]) == new

    play(scenario)


@pytest.mark.parametrize("error", [ValueError("mine"), CrashNow()], ids=repr)
def test_an_exception_in_a_unit_undoes_it_and_passes_on(play: Play, error: BaseException) -> None:
    async def scenario(executor: Executor) -> None:
        with pytest.raises(type(error)) as raised:
            await executor.write(SYSTEM, lambda: failing_after(sql.insert_object(an_object()), error))
        assert raised.value is error
        await add_objects(executor, "later")
        assert await count(executor, "storage_objects") == 1

    play(scenario)


def test_a_refused_statement_undoes_the_ones_before_it(play: Play) -> None:
    async def scenario(executor: Executor) -> None:
        await add_objects(executor, "taken")
        with pytest.raises(KeyAlreadyExists):
            await add_objects(executor, "fresh", "taken")
        assert await count(executor, "storage_objects") == 1

    play(scenario)


def test_a_failing_unit_does_not_touch_its_neighbours(play: Play) -> None:
    async def scenario(executor: Executor) -> None:
        await add_objects(executor, "taken")
        names = ["a", "taken", "b", "taken", "c"]
        outcomes = await asyncio.gather(
            *(add_objects(executor, name) for name in names), return_exceptions=True
        )
        assert [type(outcome) for outcome in outcomes] == [
            type(None),
            KeyAlreadyExists,
            type(None),
            KeyAlreadyExists,
            type(None),
        ]
        assert await count(executor, "storage_objects") == 4

    play(scenario)


def test_one_hundred_concurrent_writes_survive_a_restart(make_executor: MakeExecutor) -> None:
    async def fill() -> None:
        async with running(make_executor(Rights())) as executor:
            await add_bucket(executor)
            await asyncio.gather(*(add_objects(executor, f"{number}") for number in range(100)))
            assert await count(executor, "storage_objects") == 100

    async def look() -> None:
        async with running(make_executor(Rights())) as executor:
            assert await count(executor, "storage_objects") == 100

    asyncio.run(fill())
    asyncio.run(look())


def test_a_cancelled_write_leaves_the_executor_working(play: Play) -> None:
    async def scenario(executor: Executor) -> None:
        writing = asyncio.create_task(add_objects(executor, "cut"))
        await asyncio.sleep(0)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        await add_objects(executor, "later")
        # The cut one may have happened or not, but never in part.
        assert await count(executor, "storage_objects") in {1, 2}

    play(scenario)


# Probes


def test_a_probe_gives_the_real_answer_and_leaves_nothing(play: Play) -> None:
    async def scenario(executor: Executor) -> None:
        new = an_object(blob_id=None)
        blob = a_blob()
        added = sql.insert_blob(blob, new.created_at), sql.insert_object(new)
        *_, found = await probe(executor, *added, sql.find_object("photos", new.name))
        assert to_object(found.rows[0]) == new
        assert await count(executor, "storage_objects") == 0
        assert await count(executor, "storage_blobs") == 0

    play(scenario)


def test_a_probe_is_refused_like_the_write(play: Play) -> None:
    async def scenario(executor: Executor) -> None:
        await add_objects(executor, "taken")
        with pytest.raises(KeyAlreadyExists):
            await probe(executor, sql.insert_object(an_object("taken")))

    play(scenario)


def test_probes_among_writes_leave_only_the_writes(play: Play) -> None:
    async def scenario(executor: Executor) -> None:
        asked = [probe(executor, sql.insert_object(an_object(f"probe-{n}"))) for n in range(20)]
        written = [write(executor, sql.insert_object(an_object(f"write-{n}"))) for n in range(20)]
        await asyncio.gather(*(each for pair in zip(asked, written, strict=True) for each in pair))
        assert await count(executor, "storage_objects") == 20

    play(scenario)


# Constraints


def test_a_taken_name_is_key_already_exists(play: Play) -> None:
    async def scenario(executor: Executor) -> None:
        await add_objects(executor, "taken")
        with pytest.raises(KeyAlreadyExists):
            await add_objects(executor, "taken")

    play(scenario)


def test_a_move_onto_a_taken_name_is_key_already_exists(play: Play) -> None:
    async def scenario(executor: Executor) -> None:
        one, other = an_object("one"), an_object("other")
        await write(executor, sql.insert_object(one), sql.insert_object(other))
        target = an_object("other", id=one.id)
        with pytest.raises(KeyAlreadyExists):
            await write(executor, sql.move_object(one, target))

    play(scenario)


@pytest.mark.parametrize("taken", [{"id": "photos", "name": "new"}, {"id": "new", "name": "photos"}], ids=str)
def test_a_taken_bucket_id_or_name_is_bucket_already_exists(play: Play, taken: dict[str, str]) -> None:
    async def scenario(executor: Executor) -> None:
        with pytest.raises(BucketAlreadyExists):
            await write(executor, sql.insert_bucket(a_bucket(**{"bucket_id": taken["id"], **taken})))

    play(scenario)


def test_any_other_taken_key_is_a_conflict(play: Play) -> None:
    async def scenario(executor: Executor) -> None:
        blob = sql.insert_blob(a_blob(), an_object().created_at)
        with pytest.raises(Conflict) as raised:
            await write(executor, blob, blob)
        assert type(raised.value) is Conflict

    play(scenario)


def test_an_object_in_a_missing_bucket_is_no_such_relation(play: Play) -> None:
    async def scenario(executor: Executor) -> None:
        with pytest.raises(NoSuchRelation):
            await write(executor, sql.insert_object(an_object(bucket_id="missing")))

    play(scenario)


# Values


def test_values_come_back_as_they_went_in(play: Play) -> None:
    async def scenario(executor: Executor) -> None:
        odd = {"k": [1, None, True, 0.5, "ä\U0001f600'\";--"], "": {}}
        new = an_object("'; DROP TABLE x; -- ä\U0001f600", metadata=odd, user_metadata=odd)
        bucket = a_bucket("full", public=True, file_size_limit=2**40, allowed_mime_types=["image/*"])
        await write(executor, sql.insert_object(new), sql.insert_bucket(bucket))
        assert to_object((await rows(executor, sql.find_object("photos", new.name)))[0]) == new
        assert to_bucket((await rows(executor, sql.find_bucket("full")))[0]) == bucket

    play(scenario)


def test_event_numbers_only_grow(play: Play) -> None:
    async def scenario(executor: Executor) -> None:
        seen = [0]
        for _ in range(3):
            await write(executor, Statement(sql="DELETE FROM storage_events"), an_event())
            [row] = await rows(executor, sql.newest_seq())
            seen.append(row["seq"])
        assert seen == sorted(set(seen))

    play(scenario)


def an_event() -> Statement:
    subject = an_object()
    row = {
        "id": subject.version,
        "type": EventType.CREATED.value,
        "bucket_id": subject.bucket_id,
        "name": subject.name,
        "object_id": subject.id,
        "payload": {},
        "created_at": subject.created_at,
        "next_attempt_at": subject.created_at,
    }
    columns = ", ".join(row)
    values = ", ".join(f":{name}" for name in row)
    return Statement(sql=f"INSERT INTO storage_events ({columns}) VALUES ({values})", parameters=row)


# Life


def test_an_open_executor_answers_a_ping(play: Play) -> None:
    async def scenario(executor: Executor) -> None:
        assert len(await rows(executor, sql.ping())) == 1

    play(scenario)


def test_close_finishes_waiting_writes(make_executor: MakeExecutor) -> None:
    async def close_early() -> None:
        async with running(make_executor(Rights())) as executor:
            await add_bucket(executor)
            waiting = [asyncio.create_task(add_objects(executor, f"{number}")) for number in range(20)]
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)

    async def look() -> None:
        async with running(make_executor(Rights())) as executor:
            assert await count(executor, "storage_objects") == 20

    asyncio.run(close_early())
    asyncio.run(look())


def test_a_write_that_comes_while_closing_is_answered(make_executor: MakeExecutor) -> None:
    async def scenario() -> None:
        executor = make_executor(Rights())
        await executor.start()
        closing = asyncio.create_task(executor.close())
        await asyncio.sleep(0)
        async with asyncio.timeout(30):
            with pytest.raises(Unavailable):
                await add_bucket(executor)
        await closing

    asyncio.run(scenario())


def test_a_closed_executor_is_unavailable(make_executor: MakeExecutor) -> None:
    async def scenario() -> None:
        executor = make_executor(Rights())
        async with running(executor):
            pass
        for ask in (executor.read, executor.write, executor.probe):
            with pytest.raises(Unavailable):
                await ask(SYSTEM, lambda: unit(sql.ping()))

    asyncio.run(scenario())
