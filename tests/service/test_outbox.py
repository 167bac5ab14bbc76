"""Events: one for each committed change, delivered in order, at least once, or given up in sight."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from aerostore.domain import Event, EventType, RlsContext, to_iso
from aerostore.errors import AccessDenied, KeyAlreadyExists, NoSuchKey, Unavailable
from aerostore.events import MAX_ATTEMPTS, DeliveryFailed, EventSink
from aerostore.executor import Executor, WorkFactory
from aerostore.service.copy import CopyRequest
from aerostore.service.outbox import Outbox
from tests.faults import CrashNow
from tests.service.conftest import MakeStage, only_in_sqlite
from tests.service.stage import ANON, OWNER, SERVICE, ListSink, Stage

DAY_S = 24 * 3600


def recorded(stage: Stage) -> list[tuple[str, str]]:
    found = stage.rows("SELECT type, name FROM storage_events ORDER BY seq")
    return [(row["type"], row["name"]) for row in found]


def settled(stage: Stage) -> dict[str, str]:
    """Return by object name what became of the newest event."""
    states = (
        "CASE WHEN dead_at IS NOT NULL THEN 'dead' WHEN delivered_at IS NOT NULL THEN 'sent' ELSE 'due' END"
    )
    return {
        row["name"]: row["state"]
        for row in stage.rows(f"SELECT name, {states} AS state FROM storage_events ORDER BY seq")
    }


def deliver(stage: Stage) -> int:
    return stage.run(stage.outbox.deliver_due())


@pytest.fixture
def sink() -> ListSink:
    return ListSink()


@pytest.fixture
def watched(make_stage: MakeStage, sink: ListSink) -> Stage:
    """A storage whose events go to `sink`."""
    return make_stage(sinks=[sink])


# Recording


def test_every_committed_change_has_exactly_its_events(stage: Stage) -> None:
    files = stage.storage.files
    stage.put("a")
    stage.put("a", b"replaced", upsert=True)
    copy = CopyRequest(bucket_id="photos", name="a", to_bucket_id="photos", to_name="b")
    stage.run(files.copy(OWNER, copy))
    stage.run(files.move(OWNER, "photos", "b", to_bucket_id="photos", to_name="c"))
    stage.delete("c")
    stage.put("d")
    stage.run(files.delete_many(OWNER, "photos", ["a", "missing"]))
    stage.run(stage.storage.buckets.empty(SERVICE, "photos"))
    assert recorded(stage) == [
        (EventType.CREATED, "a"),
        (EventType.REPLACED, "a"),
        (EventType.COPIED, "b"),
        (EventType.MOVED_OUT, "b"),
        (EventType.MOVED_IN, "c"),
        (EventType.REMOVED, "c"),
        (EventType.CREATED, "d"),
        (EventType.REMOVED, "a"),
        (EventType.REMOVED, "d"),
    ]


def test_nothing_is_recorded_of_what_did_not_happen(make_stage: MakeStage) -> None:
    stage = make_stage(plan={"write": [None, Unavailable()]})
    stage.put("a")
    before = recorded(stage)
    files = stage.storage.files
    with pytest.raises(Unavailable):
        stage.put("b")
    with pytest.raises(KeyAlreadyExists):
        stage.put("a")
    with pytest.raises(AccessDenied):
        stage.delete("a", by=ANON)
    with pytest.raises(NoSuchKey):
        stage.run(files.move(ANON, "photos", "a", to_bucket_id="photos", to_name="b"))
    stage.run(files.delete_many(ANON, "photos", ["a"]))
    stage.run(files.move(OWNER, "photos", "a", to_bucket_id="photos", to_name="a"))
    assert recorded(stage) == before


def test_an_event_tells_what_a_webhook_needs(watched: Stage, sink: ListSink) -> None:
    stored = watched.put("a", upload_type="standard")
    watched.run(watched.storage.files.move(OWNER, "photos", "a", to_bucket_id="photos", to_name="b"))
    while deliver(watched):
        pass
    created, removed, moved = sink.received
    assert (created.type, created.object_id, created.bucket_id) == (EventType.CREATED, stored.id, "photos")
    assert created.payload == {
        "tenant": {"ref": "aerostore"},
        "name": "a",
        "version": stored.version,
        "bucketId": "photos",
        "metadata": stored.metadata,
        "reqId": "request",
        "uploadType": "standard",
    }
    assert removed.payload["name"] == "a"
    assert moved.payload["oldObject"] == {
        "name": "a",
        "bucketId": "photos",
        "version": stored.version,
        "reqId": "request",
    }


def test_without_a_receiver_events_are_kept_as_settled(stage: Stage) -> None:
    stage.put("a")
    assert settled(stage) == {"a": "sent"}
    assert deliver(stage) == 0
    stage.run(stage.outbox.deliver_for_ever(0.0))  # nothing to do, so it ends


# Delivering


def test_events_are_delivered_once_in_the_order_of_their_commits(watched: Stage, sink: ListSink) -> None:
    for number in range(5):
        watched.put("a", bytes([number]), upsert=True)
    assert [deliver(watched) for _ in range(6)] == [1, 1, 1, 1, 1, 0]
    assert [event.seq for event in sink.received] == sorted(event.seq for event in sink.received)
    assert len(sink.received) == 5
    assert settled(watched) == {"a": "sent"}


def test_a_receiver_that_fails_holds_up_only_that_object(watched: Stage, sink: ListSink) -> None:
    sink.refuse["bad"] = DeliveryFailed("receiver says no")
    for name in ("bad", "good"):
        for number in range(2):
            watched.put(name, bytes([number]), upsert=True)
    while deliver(watched):
        pass
    assert [event.name for event in sink.received] == ["good", "good"]
    sink.refuse.clear()
    watched.clock.advance(DAY_S)
    while deliver(watched):
        pass
    late = [event for event in sink.received if event.name == "bad"]
    assert [event.type for event in late] == [EventType.CREATED, EventType.REPLACED]


@pytest.mark.parametrize("mistake", [RuntimeError("a bug in the sink"), OSError("socket")], ids=repr)
def test_a_sink_that_breaks_holds_up_only_that_object(
    watched: Stage, sink: ListSink, mistake: Exception
) -> None:
    sink.refuse["bad"] = mistake
    for name in ("bad", "good"):
        watched.put(name)
    assert deliver(watched) == 2
    assert settled(watched) == {"bad": "due", "good": "sent"}
    assert watched.rows("SELECT last_error FROM storage_events WHERE name = 'bad'") == [
        {"last_error": type(mistake).__name__}
    ]


def test_a_failed_delivery_waits_longer_each_time_and_then_is_a_dead_letter(
    watched: Stage, sink: ListSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 1.0)  # without jitter: the longest wait
    sink.refuse["bad"] = DeliveryFailed("x" * 1000)
    watched.put("bad")
    waits: list[float] = []
    while settled(watched) == {"bad": "due"}:
        waited = 0.0
        while not deliver(watched):
            step = max(0.5, waits[-1] / 2 if waits else 0.0)
            watched.clock.advance(step)
            waited += step
        waits.append(waited)
    assert len(waits) == MAX_ATTEMPTS
    assert waits[:5] == [0.0, 1.0, 2.0, 4.0, 8.0]
    assert waits == sorted(waits)
    [row] = watched.rows("SELECT attempts, last_error FROM storage_events")
    assert row == {"attempts": MAX_ATTEMPTS, "last_error": "x" * 500}
    watched.clock.advance(DAY_S)
    assert deliver(watched) == 0


def test_a_permanent_failure_is_a_dead_letter_at_once_and_frees_the_next_event(
    watched: Stage, sink: ListSink
) -> None:
    sink.refuse["a"] = DeliveryFailed("gone", permanent=True)
    watched.put("a")
    watched.put("a", b"replaced", upsert=True)
    assert deliver(watched) == 1
    sink.refuse.clear()
    assert deliver(watched) == 1
    assert [event.type for event in sink.received] == [EventType.REPLACED]


def test_a_crash_between_sending_and_noting_sends_again(watched: Stage, sink: ListSink) -> None:
    class CrashAfter(ListSink):
        async def deliver(self, event: Event) -> None:
            await sink.deliver(event)
            raise CrashNow

    watched.put("a")
    crashing = Outbox(watched.executor, [CrashAfter()], clock=watched.clock)
    with pytest.raises(CrashNow):
        watched.run(crashing.deliver_due())
    assert settled(watched) == {"a": "due"}
    deliver(watched)
    first, second = sink.received
    assert first.id == second.id
    assert settled(watched) == {"a": "sent"}


def test_a_late_failure_does_not_put_off_what_another_process_has_delivered(
    watched: Stage, sink: ListSink
) -> None:
    class Overtaken(ListSink):
        async def deliver(self, event: Event) -> None:
            assert await watched.outbox.deliver_due() == 1
            raise DeliveryFailed("too late", permanent=True)

    watched.put("a")
    overtaken = Outbox(watched.executor, [Overtaken()], clock=watched.clock)
    watched.run(overtaken.deliver_due())
    assert settled(watched) == {"a": "sent"}
    assert deliver(watched) == 0
    assert len(sink.received) == 1


def test_every_receiver_gets_every_event(make_stage: MakeStage) -> None:
    sinks: Sequence[EventSink] = [ListSink(), ListSink()]
    stage = make_stage(sinks=sinks)
    stage.put("a")
    deliver(stage)
    assert [[event.name for event in each.received] for each in sinks if isinstance(each, ListSink)] == [
        ["a"]
    ] * 2


def test_more_events_than_one_batch_are_all_delivered(watched: Stage, sink: ListSink) -> None:
    async def fill() -> None:
        await asyncio.gather(*(watched.aput(f"{number}") for number in range(150)))

    watched.run(fill())
    while deliver(watched):
        pass
    assert len({event.id for event in sink.received}) == len(sink.received) == 150


# The job


class Interrupted(Exception):
    """Ends a job that never ends by itself."""


class UnreliableExecutor:
    """`inner`, except that the first reads fail."""

    name = "unreliable"

    def __init__(self, inner: Executor, failures: int) -> None:
        self._inner = inner
        self._failures = failures

    async def start(self) -> None:
        await self._inner.start()

    async def close(self) -> None:
        await self._inner.close()

    async def read(self, context: RlsContext, work: WorkFactory[Any]) -> Any:
        if self._failures:
            self._failures -= 1
            raise Unavailable
        return await self._inner.read(context, work)

    async def write(self, context: RlsContext, work: WorkFactory[Any]) -> Any:
        return await self._inner.write(context, work)

    async def probe(self, context: RlsContext, work: WorkFactory[Any]) -> Any:
        return await self._inner.probe(context, work)


def run_job(stage: Stage, outbox: Outbox, monkeypatch: pytest.MonkeyPatch, idles: int) -> None:
    """Run the job until it has nothing to do for the last of `idles` times."""
    left = idles

    async def count_down(_idle_s: float) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise Interrupted

    monkeypatch.setattr("aerostore.service.outbox.asyncio.sleep", count_down)
    with pytest.raises(Interrupted):
        stage.run(outbox.deliver_for_ever(1.0))
    monkeypatch.undo()


@only_in_sqlite
def test_the_job_outlives_a_row_that_cannot_be_read(
    watched: Stage, sink: ListSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.put("a")
    watched.rows("UPDATE storage_events SET payload = 'not JSON'")
    run_job(watched, watched.outbox, monkeypatch, idles=2)
    watched.rows("UPDATE storage_events SET payload = '{}'")
    run_job(watched, watched.outbox, monkeypatch, idles=1)
    assert [event.name for event in sink.received] == ["a"]


def test_the_job_delivers_until_there_is_nothing_and_outlives_a_database_that_fails(
    watched: Stage, sink: ListSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.put("a")
    watched.put("a", b"replaced", upsert=True)
    unreliable = UnreliableExecutor(watched.executor, failures=2)
    run_job(watched, Outbox(unreliable, [sink], clock=watched.clock), monkeypatch, idles=3)
    assert [event.type for event in sink.received] == [EventType.CREATED, EventType.REPLACED]


def test_of_two_processes_one_delivers_until_its_lease_ends(
    watched: Stage, sink: ListSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.put("a")
    watched.rows(
        "INSERT INTO storage_leases (name, holder, expires_at)"
        f" VALUES ('outbox', 'another', '{to_iso(watched.clock() + timedelta(seconds=20))}')"
    )
    run_job(watched, watched.outbox, monkeypatch, idles=2)
    assert sink.received == []
    watched.expire_leases()
    run_job(watched, watched.outbox, monkeypatch, idles=1)
    assert [event.name for event in sink.received] == ["a"]


def test_a_job_that_ends_gives_its_lease_back(
    watched: Stage, sink: ListSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_job(watched, watched.outbox, monkeypatch, idles=1)
    watched.put("a")
    run_job(watched, Outbox(watched.executor, [sink], clock=watched.clock), monkeypatch, idles=1)
    assert [event.name for event in sink.received] == ["a"]
