"""How many steps and statements a write takes. Over a network a step is a round trip: more are only slow."""

import os
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from aerostore.domain import Object, RlsContext
from aerostore.executor import Executor, Result, Statement, Work, WorkFactory
from aerostore.service.copy import CopyRequest
from aerostore.service.file import Files
from aerostore.service.identifier import new_id, new_request_id
from aerostore.service.publish import Upload
from tests.service.stage import OWNER, Stage

T = TypeVar("T")


class WatchedExecutor:
    """`inner`, and the steps of the units that it writes."""

    name = "watched"

    def __init__(self, inner: Executor) -> None:
        self._inner = inner
        self.steps: list[Statement] = []

    async def start(self) -> None:
        """Do nothing: `inner` is running."""

    async def close(self) -> None:
        """Do nothing: `inner` is closed by its owner."""

    async def read(self, context: RlsContext, work: WorkFactory[T]) -> T:
        return await self._inner.read(context, work)

    async def write(self, context: RlsContext, work: WorkFactory[T]) -> T:
        return await self._inner.write(context, lambda: self._noting(work()))

    async def probe(self, context: RlsContext, work: WorkFactory[T]) -> T:
        return await self._inner.probe(context, work)

    def _noting(self, unit: Work[T]) -> Work[T]:
        answer: Result | None = None
        try:
            while True:
                step = next(unit) if answer is None else unit.send(answer)
                self.steps.append(step)
                answer = yield step
        except StopIteration as stop:
            value: T = stop.value
            return value


def steps_of(stage: Stage, deed: Callable[[Files], Coroutine[Any, Any, object]]) -> list[Statement]:
    executor = WatchedExecutor(stage.executor)
    stage.run(deed(stage.files_over(executor, stage.backend)))
    return executor.steps


def put(name: str, content: bytes, *, upsert: bool = False) -> Callable[[Files], Coroutine[Any, Any, Object]]:
    return lambda files: files.put(OWNER, Upload(bucket_id="photos", name=name, upsert=upsert), content)


@pytest.mark.parametrize(("upsert", "is_there"), [(False, False), (True, False), (True, True)])
def test_new_content_is_shown_in_two_steps_of_which_the_last_is_the_end(
    stage: Stage, upsert: bool, is_there: bool
) -> None:
    if is_there:
        stage.put("a", b"before")
    steps = steps_of(stage, put("a", b"content", upsert=upsert))
    assert [step.ends_unit for step in steps] == [False, True]
    assert [len(step.then) for step in steps] == [1, 3 if upsert else 2]
    assert stage.get("a") == b"content"


def test_an_upsert_reports_the_object_that_keeps_its_id(stage: Stage) -> None:
    first = stage.put("a", b"first")
    second = stage.put("a", b"second", upsert=True)
    assert second.id == first.id
    found = stage.rows("SELECT type, object_id FROM storage_events ORDER BY seq")
    assert [str(row["object_id"]) for row in found] == [first.id, first.id]
    assert [row["type"] for row in found] == ["ObjectCreated:Post", "ObjectCreated:Put"]


def test_a_copy_ends_with_its_second_step(stage: Stage) -> None:
    stage.put("a", b"content")
    request = CopyRequest(bucket_id="photos", name="a", to_bucket_id="photos", to_name="b")
    steps = steps_of(stage, lambda files: files.copy(OWNER, request))
    assert [step.ends_unit for step in steps] == [False, True]


def deletion_of(names: list[str]) -> Callable[[Files], Coroutine[Any, Any, object]]:
    return lambda files: files.delete_many(OWNER, "photos", names)


def test_many_objects_are_deleted_with_as_many_statements_as_few(stage: Stage) -> None:
    counts = []
    for count in (2, 40):
        names = [f"{number:02}" for number in range(count)]
        for name in names:
            stage.put(name, name.encode())
        steps = steps_of(stage, deletion_of(names))
        counts.append(sum(1 + len(step.then) for step in steps))
    assert counts == [4, 4]


def test_events_of_many_objects_are_numbered_in_the_order_of_their_names(stage: Stage) -> None:
    names = ["é", "b", 'quote"s', "a"]
    for name in names:
        stage.put(name, name.encode())
    deleted = stage.run(stage.storage.files.delete_many(OWNER, "photos", names))
    found = stage.rows(
        "SELECT name, object_id, payload, created_at, delivered_at FROM storage_events"
        " WHERE type = 'ObjectRemoved:Delete' ORDER BY seq"
    )
    assert [row["name"] for row in found] == [each.name for each in deleted]
    assert [str(row["object_id"]) for row in found] == [each.id for each in deleted]
    assert all(row["created_at"] == row["delivered_at"] for row in found)


def test_identifiers_are_uuids_that_nobody_had_and_sort_by_their_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    moments = iter([1_700_000_000_000_000_000, 1_700_000_000_001_000_000])
    monkeypatch.setattr("time.time_ns", lambda: next(moments))
    first, second = new_id(), new_id()
    assert first < second
    assert (first[14], first[19], len(first)) == ("7", "8", 36)


def test_processes_that_were_forked_give_out_different_identifiers() -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, new_request_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 100).decode() != new_request_id()
    os.close(reading)
    os.close(writing)
