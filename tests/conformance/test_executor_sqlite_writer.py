"""The thread that writes to SQLite: what waits is committed together and answered together."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aerostore.domain import SYSTEM
from aerostore.errors import KeyAlreadyExists, NoSuchKey
from aerostore.executor import Work
from aerostore.executor import statements as sql
from aerostore.executor.sqlite import SqliteExecutor
from aerostore.executor.sqlite_writer import CAREFUL_COMMITS
from tests.conformance.executor_fixture import Rights, add_bucket, an_object, connections_of, count

UNITS = 20


async def behind_one_that_waits(
    executor: SqliteExecutor, units: list[Callable[[], Work[None]]]
) -> list[BaseException | None]:
    """Run `units` when all of them wait, which is while another one runs; return how they ended."""
    begun, go_on = threading.Event(), threading.Event()

    def first() -> Work[None]:
        begun.set()
        go_on.wait()
        yield sql.find_bucket("photos")

    writing = asyncio.ensure_future(executor.write(SYSTEM, first))
    await asyncio.to_thread(begun.wait)
    others = [asyncio.ensure_future(executor.write(SYSTEM, unit)) for unit in units]
    await asyncio.sleep(0)
    go_on.set()
    await writing
    return await asyncio.gather(*others, return_exceptions=True)


def insertion(name: str) -> Callable[[], Work[None]]:
    def work() -> Work[None]:
        yield sql.insert_object(an_object(name))

    return work


def refused() -> Work[None]:
    yield sql.find_bucket("photos")
    raise NoSuchKey


def spoiling() -> Work[None]:
    yield sql.insert_object(an_object("spoiled"))
    raise NoSuchKey


async def opened(folder: Path) -> SqliteExecutor:
    executor = SqliteExecutor(folder / "rows.db", Rights())
    await executor.start()
    await add_bucket(executor)
    return executor


def test_units_that_wait_are_one_commit_and_wake_the_event_loop_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        executor = await opened(tmp_path)
        loop = asyncio.get_running_loop()
        wakes: list[Any] = []
        commits: list[str] = []
        wake = loop.call_soon_threadsafe
        connections_of(executor)[0].set_trace_callback(
            lambda text: commits.append(text) if text == "COMMIT" else None
        )

        def counted(callback: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
            if threading.current_thread().name == "sqlite-write":
                wakes.append(callback)
            return wake(callback, *arguments, **options)

        monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
        await behind_one_that_waits(executor, [insertion(str(number)) for number in range(UNITS)])
        assert (len(commits), len(wakes)) == (2, 2)
        assert await count(executor, "storage_objects") == UNITS
        await executor.close()

    asyncio.run(scenario())


def test_whoever_does_not_wait_any_more_takes_nobody_along(tmp_path: Path) -> None:
    async def scenario() -> None:
        executor = await opened(tmp_path)
        impatient = asyncio.ensure_future(executor.write(SYSTEM, insertion("impatient")))
        await asyncio.sleep(0)
        impatient.cancel()
        outcomes = await behind_one_that_waits(executor, [insertion("a"), insertion("a"), insertion("b")])
        assert [type(each) for each in outcomes] == [type(None), KeyAlreadyExists, type(None)]
        with pytest.raises(asyncio.CancelledError):
            await impatient
        assert await count(executor, "storage_objects") == 3
        await executor.close()

    asyncio.run(scenario())


def test_no_page_is_copied_for_units_that_succeed(tmp_path: Path) -> None:
    async def scenario() -> None:
        executor = await opened(tmp_path)
        texts: list[str] = []
        connections_of(executor)[0].set_trace_callback(texts.append)
        await behind_one_that_waits(executor, [insertion(str(number)) for number in range(UNITS)])
        assert not [text for text in texts if text.startswith("SAVEPOINT")]
        await executor.close()

    asyncio.run(scenario())


def test_a_unit_that_fails_having_changed_nothing_costs_the_others_no_second_run(tmp_path: Path) -> None:
    async def scenario() -> None:
        executor = await opened(tmp_path)
        runs: list[str] = []

        def counted() -> Work[None]:
            runs.append("run")
            yield sql.insert_object(an_object("counted"))

        outcomes = await behind_one_that_waits(executor, [counted, refused])
        assert [type(each) for each in outcomes] == [type(None), NoSuchKey]
        assert len(runs) == 1
        await executor.close()

    asyncio.run(scenario())


def test_a_unit_that_fails_runs_once_and_what_it_did_not_spoil_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        executor = await opened(tmp_path)
        runs: list[str] = []

        def noted(name: str, then: Callable[[], Work[None]]) -> Callable[[], Work[None]]:
            def work() -> Work[None]:
                runs.append(name)
                yield from then()

            return work

        await behind_one_that_waits(executor, [noted("good", insertion("a")), noted("bad", spoiling)])
        assert runs == ["good", "bad", "good"]
        await executor.close()

    asyncio.run(scenario())


def test_of_a_unit_that_fails_nothing_is_left_and_of_the_others_everything(tmp_path: Path) -> None:
    async def scenario() -> None:
        executor = await opened(tmp_path)
        for turn in range(2):  # first with nothing amiss before, then with care
            units = [insertion(f"{turn}/a"), spoiling, insertion(f"{turn}/b"), refused]
            outcomes = await behind_one_that_waits(executor, units)
            assert [type(each) for each in outcomes] == [type(None), NoSuchKey, type(None), NoSuchKey]
            assert await count(executor, "storage_objects") == 2 * (turn + 1)
        await executor.close()

    asyncio.run(scenario())


def test_care_ends_after_some_commits_in_which_nothing_was_amiss(tmp_path: Path) -> None:
    async def scenario() -> None:
        executor = await opened(tmp_path)
        await behind_one_that_waits(executor, [insertion("a"), spoiling])
        texts: list[str] = []
        connections_of(executor)[0].set_trace_callback(texts.append)
        for number in range(CAREFUL_COMMITS + 3):
            await executor.write(SYSTEM, insertion(str(number)))
        assert sum(text.startswith("SAVEPOINT") for text in texts) == CAREFUL_COMMITS - 1
        await executor.close()

    asyncio.run(scenario())


def test_two_servers_that_write_all_the_time_both_come_to_their_turn(tmp_path: Path) -> None:
    async def scenario() -> None:
        one = await opened(tmp_path)
        other = SqliteExecutor(tmp_path / "rows.db", Rights())
        await other.start()

        async def write_many(executor: SqliteExecutor, name: str) -> None:
            for number in range(UNITS):
                await executor.write(SYSTEM, insertion(f"{name}/{number}"))

        await asyncio.gather(write_many(one, "one"), write_many(other, "other"))
        assert await count(one, "storage_objects") == 2 * UNITS
        await one.close()
        await other.close()

    asyncio.run(scenario())
