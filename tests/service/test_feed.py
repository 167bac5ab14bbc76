"""Streams of events: everything once and in order, to whom it may be shown, for as long as anybody reads."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from aerostore.domain import Event, EventType, RlsContext
from aerostore.errors import Overloaded, SlowDown
from aerostore.executor import Work
from aerostore.executor import statements as sql
from aerostore.service.feed import (
    MAX_STREAMS,
    MAX_STREAMS_OF_ONE,
    Beat,
    End,
    EventFeed,
    FeedQuery,
    Gap,
    Item,
    Refusal,
)
from aerostore.service.feed_tail import BATCH, EVENTS_KEPT
from aerostore.service.identifier import new_id
from tests.service.conftest import IN_POSTGRES, Kind
from tests.service.stage import ANON, OWNER, SERVICE, STRANGER, Stage

TIMEOUT_S = 20.0
SEEN_BY_ALL = SERVICE
# Bytes are of no concern to streams.
pytestmark = pytest.mark.parametrize(
    "make_stage", [Kind("sqlite", "memory"), *IN_POSTGRES], ids=str, indirect=True
)
Items = AsyncIterator[Item]


def feed_of(stage: Stage) -> EventFeed:
    return EventFeed(stage.executor, clock=stage.clock, poll_s=0.01)


async def always() -> bool:
    return True


@asynccontextmanager
async def following(
    feed: EventFeed,
    by: RlsContext = SEEN_BY_ALL,
    *,
    session_id: str = "session",
    is_open: Callable[[], Awaitable[bool]] = always,
    **query: Any,
) -> AsyncIterator[Items]:
    """Open a stream that has begun: what happens from now on will be in it."""
    stream = feed.follow(by, FeedQuery(**query), session_id=session_id, is_open=is_open)
    try:
        async with aclosing(stream.items()) as items, asyncio.timeout(TIMEOUT_S):
            yield items
    finally:
        stream.close()


async def take(items: Items, count: int) -> list[Item]:
    """Read that many items besides beats."""
    taken: list[Item] = []
    while len(taken) < count:
        item = await anext(items)
        taken += [] if isinstance(item, Beat) else [item]
    return taken


async def names(items: Items, count: int) -> list[str]:
    return [item.name for item in await take(items, count) if isinstance(item, Event)]


def history(stage: Stage, by: RlsContext, count: int, **query: Any) -> list[Item]:
    """Read the first items of all that ever happened."""

    async def reading() -> list[Item]:
        async with following(feed_of(stage), by, **{"after": 0} | query) as items:
            return await take(items, count)

    return stage.run(reading())


def shown(stage: Stage, by: RlsContext, **query: Any) -> list[str]:
    """Return type and name of everything in the past that is shown, up to `end`, which is put behind it."""
    stage.put("end", by=OWNER, upsert=True)

    async def reading() -> list[str]:
        async with following(feed_of(stage), by, **{"after": 0} | query) as items:
            told: list[str] = []
            while not told or not told[-1].endswith(" end"):
                told += [
                    f"{item.type} {item.name}" for item in await take(items, 1) if isinstance(item, Event)
                ]
            return told[:-1]

    return stage.run(reading())


async def flood(stage: Stage, count: int) -> list[str]:
    """Let as many things happen at once to objects that nobody has; return their names."""
    now = stage.clock()
    events = [
        Event(
            seq=0,
            id=new_id(),
            type=EventType.CREATED,
            bucket_id="photos",
            name=f"flood/{new_id()}",
            object_id=new_id(),
            payload={"version": "1", "metadata": {}},
            created_at=now,
        )
        for _ in range(count)
    ]

    def work() -> Work[None]:
        yield sql.insert_events(events, delivered_at=now)

    await stage.executor.write(SERVICE, work)
    return [event.name for event in events]


def seqs(stage: Stage) -> list[int]:
    return [row["seq"] for row in stage.rows("SELECT seq FROM storage_events ORDER BY seq")]


def test_a_stream_begins_with_what_happens_from_now_on(stage: Stage) -> None:
    stage.put("before")

    async def reading() -> list[str]:
        async with following(feed_of(stage)) as items:
            assert isinstance(await anext(items), Beat)
            await stage.aput("one")
            await stage.aput("two")
            return await names(items, 2)

    assert stage.run(reading()) == ["one", "two"]


def test_a_reader_that_comes_back_gets_everything_once(stage: Stage) -> None:
    stage.put("one")
    first = history(stage, SERVICE, 1)[0]
    assert isinstance(first, Event)
    for name in ("two", "three"):
        stage.put(name)
    later = history(stage, SERVICE, 2, after=first.seq)
    assert [item.name for item in later if isinstance(item, Event)] == ["two", "three"]


def test_a_beat_tells_from_where_a_reader_can_go_on_that_was_shown_nothing(stage: Stage) -> None:
    stage.put("hidden", by=SERVICE)

    async def reading() -> Item:
        async with following(feed_of(stage), STRANGER) as items:
            return await anext(items)

    assert stage.run(reading()) == Beat(seqs(stage)[-1])


def test_many_events_come_in_order_and_once(stage: Stage) -> None:
    expected = stage.run(flood(stage, 2 * BATCH + 7))
    found = history(stage, SERVICE, len(expected))
    assert [item.name for item in found if isinstance(item, Event)] == expected
    assert [item.seq for item in found if isinstance(item, Event)] == seqs(stage)


def test_a_slow_reader_falls_behind_what_is_kept_in_memory_and_misses_nothing(stage: Stage) -> None:
    feed = feed_of(stage)

    async def begin(items: Items) -> None:
        assert isinstance(await anext(items), Beat)

    async def reading() -> None:
        async with following(feed) as slow, following(feed, session_id="another") as quick:
            await begin(slow)
            await begin(quick)
            expected: list[str] = []
            while len(expected) <= EVENTS_KEPT:
                many = await flood(stage, 400)
                assert await names(quick, len(many)) == many
                expected += many
            assert await names(slow, len(expected)) == expected

    stage.run(reading())


def test_a_user_is_shown_events_of_objects_that_it_may_select(stage: Stage) -> None:
    stage.put("mine", by=OWNER)
    stage.put("theirs", by=STRANGER)
    stage.put("of the service", by=SERVICE)
    assert shown(stage, OWNER) == ["ObjectCreated:Post mine"]
    assert len(shown(stage, SERVICE)) == 3


def test_operators_are_told_who_did_it_and_users_are_not(stage: Stage) -> None:
    stage.put("a", by=OWNER)
    stage.put("b", by=SERVICE)
    stage.put("b", by=SERVICE, upsert=True)
    stage.run(stage.storage.files.delete_many(SERVICE, "photos", ["b"]))
    owner, service = {"role": "authenticated", "sub": "owner"}, {"role": "service_role", "sub": None}
    told = [item.actor for item in history(stage, SERVICE, 4) if isinstance(item, Event)]
    assert told == [owner, service, service, service]
    [mine] = history(stage, OWNER, 1)
    assert isinstance(mine, Event)
    assert (mine.name, mine.actor) == ("a", None)


def test_nobody_else_is_shown_anything(stage: Stage) -> None:
    stage.put("mine", by=OWNER)

    async def reading(by: RlsContext) -> Item:
        async with following(feed_of(stage), by, after=0) as items:
            assert isinstance(await anext(items), Beat)
            async with asyncio.timeout(0.2):
                return await anext(items)

    for by in (ANON, replace(STRANGER, user_id="another")):
        with pytest.raises(TimeoutError):
            stage.run(reading(by))


def test_what_is_gone_is_shown_to_the_service_only(stage: Stage) -> None:
    stage.put("gone", by=OWNER)
    stage.delete("gone")
    assert shown(stage, OWNER) == []
    assert shown(stage, SERVICE)[:2] == ["ObjectCreated:Post gone", "ObjectRemoved:Delete gone"]


def test_the_name_that_an_object_had_before_is_not_shown(stage: Stage) -> None:
    stage.put("secret-name", by=OWNER)
    stage.run(
        stage.storage.files.move(OWNER, "photos", "secret-name", to_bucket_id="photos", to_name="shown")
    )
    assert shown(stage, OWNER) == ["ObjectCreated:Move shown"]


def test_the_object_that_had_a_name_before_is_not_shown(stage: Stage) -> None:
    stage.put("taken over", by=STRANGER)
    stage.delete("taken over", by=SERVICE)
    stage.put("taken over", by=OWNER)
    assert shown(stage, OWNER) == ["ObjectCreated:Post taken over"]


def test_of_a_version_that_was_replaced_a_user_learns_nothing_but_that_it_was(stage: Stage) -> None:
    stage.put("a", b"12345", by=OWNER)
    stage.put("a", b"123", by=OWNER, upsert=True)
    old, new = (item for item in history(stage, OWNER, 2) if isinstance(item, Event))
    assert old.payload == {}
    assert new.payload["metadata"]["size"] == 3
    kept = history(stage, SERVICE, 1)[0]
    assert isinstance(kept, Event)
    assert kept.payload["metadata"]["size"] == 5


def test_what_the_server_keeps_for_itself_is_shown_to_the_service_only(stage: Stage) -> None:
    stage.put("a", by=OWNER)
    [for_user] = history(stage, OWNER, 1)
    [for_service] = history(stage, SERVICE, 1)
    assert isinstance(for_user, Event)
    assert isinstance(for_service, Event)
    assert set(for_user.payload) == {"metadata"}
    assert for_service.payload["reqId"] == "request"


def test_a_stream_can_be_of_one_bucket_and_of_some_types(stage: Stage) -> None:
    stage.make_bucket("another")
    stage.put("a")
    stage.put("a", bucket_id="another")
    stage.delete("a")
    stage.put("a", upsert=True)
    stage.put("a", upsert=True)
    assert shown(stage, SERVICE, bucket_id="photos", types=("ObjectCreated:",)) == [
        "ObjectCreated:Post a",
        "ObjectCreated:Post a",
        "ObjectCreated:Put a",
    ]
    removed = history(stage, SERVICE, 1, types=("ObjectRemoved:Delete",))
    assert [item.name for item in removed if isinstance(item, Event)] == ["a"]


def test_events_that_were_trimmed_leave_a_gap_that_is_told(stage: Stage) -> None:
    for name in ("one", "two", "three"):
        stage.put(name)
    first, second, third = seqs(stage)
    stage.rows(f"DELETE FROM storage_events WHERE seq < {third}")
    gap, event = history(stage, SERVICE, 2, after=first)
    assert gap == Gap(third, third - 1)
    assert isinstance(event, Event)
    assert event.seq == third
    assert [type(item) for item in history(stage, SERVICE, 1, after=second)] == [Event]
    assert [type(item) for item in history(stage, SERVICE, 1, after=0)] == [Event]


def test_a_number_that_was_never_given_is_told_and_the_stream_goes_on(stage: Stage) -> None:
    stage.put("one")
    newest = seqs(stage)[-1]

    async def reading() -> list[Item]:
        async with following(feed_of(stage), after=newest + 1000) as items:
            taken = await take(items, 1)
            await stage.aput("two")
            return [*taken, *await take(items, 1)]

    gap, event = stage.run(reading())
    assert gap == Gap(newest, newest)
    assert isinstance(event, Event)
    assert event.name == "two"


def test_nothing_is_shown_after_the_session_has_ended(stage: Stage) -> None:
    open_sessions = {"session"}

    async def is_open() -> bool:
        return "session" in open_sessions

    async def reading() -> Sequence[Item]:
        async with following(feed_of(stage), is_open=is_open) as items:
            assert isinstance(await anext(items), Beat)
            await stage.aput("shown")
            taken = await take(items, 1)
            open_sessions.clear()
            await stage.aput("not shown")
            return [*taken, *[item async for item in items]]

    event, end = stage.run(reading())
    assert isinstance(event, Event)
    assert end == End("session")


def test_a_session_that_ends_while_a_reader_takes_its_time_ends_its_batch(stage: Stage) -> None:
    stage.run(flood(stage, 3))
    open_sessions = {"session"}

    async def is_open() -> bool:
        return "session" in open_sessions

    async def reading() -> Sequence[Item]:
        # At each look a minute has passed.
        feed = EventFeed(stage.executor, clock=stage.clock, monotonic=itertools.count(0, 60).__next__)
        async with following(feed, is_open=is_open, after=0) as items:
            taken = await take(items, 1)
            open_sessions.clear()
            return [*taken, *[item async for item in items]]

    event, end = stage.run(reading())
    assert isinstance(event, Event)
    assert end == End("session")


def test_a_feed_that_closes_ends_its_streams_and_those_that_come(stage: Stage) -> None:
    feed = feed_of(stage)

    async def reading() -> tuple[list[Item], list[Item]]:
        async with following(feed) as items:
            assert isinstance(await anext(items), Beat)
            waiting = asyncio.create_task(rest(items))
            await asyncio.sleep(0)
            feed.close()
            ended = await waiting
        async with following(feed) as late:
            return ended, [item async for item in late if not isinstance(item, Beat)]

    assert stage.run(reading()) == ([End("shutdown")], [End("shutdown")])


async def rest(items: Items) -> list[Item]:
    return [item async for item in items]


def tasks_of_feeds() -> list[str]:
    return [shown for task in asyncio.all_tasks() if "FeedTail" in (shown := repr(task.get_coro()))]


def test_a_reader_that_leaves_gives_its_place_back_and_nothing_is_polled_any_more(stage: Stage) -> None:
    feed = feed_of(stage)

    async def reading() -> list[Item]:
        stream = feed.follow(SERVICE, FeedQuery(), session_id="session", is_open=always)
        async with aclosing(stream.items()) as items:
            assert isinstance(await anext(items), Beat)
            assert tasks_of_feeds()
            waiting = asyncio.create_task(rest(items))
            await asyncio.sleep(0)
            stream.leave()
            left = await waiting
        stream.close()
        assert not tasks_of_feeds()
        return left

    assert stage.run(reading()) == []


def test_streams_are_bounded_for_one_session_and_for_all(stage: Stage) -> None:
    feed = feed_of(stage)

    def open_one(session_id: str) -> Any:
        return feed.follow(SERVICE, FeedQuery(), session_id=session_id, is_open=always)

    opened = [open_one("mine") for _ in range(MAX_STREAMS_OF_ONE)]
    with pytest.raises(SlowDown):
        open_one("mine")
    opened[0].close()
    opened[0] = open_one("mine")
    opened += [open_one(f"session {number}") for number in range(MAX_STREAMS - len(opened))]
    with pytest.raises(Overloaded):
        open_one("one more")


NEW_DENIAL = (
    "INSERT INTO storage_denials (id, request_id, created_at, operation, bucket_id, name, role, code,"
    " claims, question, story) VALUES ('{id}', 'request', '{at}', 'storage.object.upload', 'photos', 'a',"
    " 'anon', 'AccessDenied', '{{}}', '{{\"op\": \"upload\"}}', '{{}}')"
)


def test_refusals_are_told_to_the_service_once_and_not_again(stage: Stage) -> None:
    def refuse(id: str, seconds_ago: float) -> str:
        at = stage.clock() - timedelta(seconds=seconds_ago)
        return NEW_DENIAL.format(id=id, at=at.isoformat(timespec="milliseconds"))

    stage.rows(refuse("before", 1).replace("+00:00", "Z"))

    async def reading() -> list[Item]:
        async with following(feed_of(stage), denied_only=True) as items:
            assert isinstance(await anext(items), Beat)
            for id, seconds_ago in (("new", 0), ("late", 5)):
                await stage._rows(refuse(id, seconds_ago).replace("+00:00", "Z"), True)
                assert [item.told["id"] for item in await take(items, 1) if isinstance(item, Refusal)] == [id]
            await stage.aput("no refusal")
            await stage._rows(refuse("last", 0).replace("+00:00", "Z"), True)
            return await take(items, 1)

    [last] = stage.run(reading())
    assert isinstance(last, Refusal)
    assert (last.told["id"], last.told["bucket"], last.told["sub"]) == ("last", "photos", None)


def test_a_user_is_told_of_no_refusals(stage: Stage) -> None:
    async def reading() -> list[Item]:
        async with following(feed_of(stage), OWNER) as items:
            assert isinstance(await anext(items), Beat)
            at = stage.clock().isoformat(timespec="milliseconds").replace("+00:00", "Z")
            await stage._rows(NEW_DENIAL.format(id="one", at=at), True)
            await stage.aput("mine")
            return await take(items, 1)

    assert [type(item) for item in stage.run(reading())] == [Event]
