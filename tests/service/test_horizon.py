"""The horizon of events: whoever reads up to it, and goes on from there, misses none."""

import asyncio
from contextlib import closing

import psycopg
import pytest

from aerostore.service.horizon import EventHorizon
from tests.service.conftest import IN_POSTGRES
from tests.service.rows import PostgresRows
from tests.service.stage import Stage


def test_it_is_the_newest_event_when_nobody_writes(stage: Stage) -> None:
    horizon = EventHorizon(stage.executor)
    assert stage.run(horizon.reach()) == 0
    for expected in (1, 2):
        stage.put(f"{expected}")
        assert stage.run(horizon.reach()) == expected


def test_it_never_goes_back_when_events_are_trimmed(stage: Stage) -> None:
    horizon = EventHorizon(stage.executor)
    stage.put("a")
    stage.put("b")
    assert stage.run(horizon.reach()) == 2
    stage.rows("DELETE FROM storage_events WHERE seq = 2")
    assert stage.run(horizon.reach()) == 2


NEW_EVENT = """
    INSERT INTO aerostore.storage_events
        (id, type, bucket_id, name, object_id, payload, created_at, next_attempt_at)
    VALUES (gen_random_uuid()::text, 'test', 'photos', 'slow', gen_random_uuid(), '{}', now(), now())
"""


@pytest.mark.postgres
@pytest.mark.parametrize("make_stage", IN_POSTGRES, ids=str, indirect=True)
def test_it_waits_for_an_event_with_a_smaller_number_that_is_committed_late(stage: Stage) -> None:
    assert isinstance(stage.own_rows, PostgresRows)
    horizon = EventHorizon(stage.executor)
    with closing(psycopg.connect(stage.own_rows.conninfo)) as slow:
        slow.execute("UPDATE storage.buckets SET public = public")
        slow.execute(NEW_EVENT)
        stage.put("quick", bucket_id=make_another_bucket(stage))
        newest = stage.rows("SELECT max(seq) AS seq FROM storage_events")[0]["seq"]
        assert [stage.run(horizon.reach()) for _ in range(3)] == [0, 0, 0]
        slow.commit()
    assert stage.run(horizon.reach()) == newest
    assert [row["name"] for row in stage.rows("SELECT name FROM storage_events ORDER BY seq")] == [
        "slow",
        "quick",
    ]


def make_another_bucket(stage: Stage) -> str:
    stage.make_bucket("another")
    return "another"


@pytest.mark.postgres
@pytest.mark.parametrize("make_stage", IN_POSTGRES, ids=str, indirect=True)
def test_who_reads_up_to_it_under_load_misses_nothing(stage: Stage) -> None:
    horizon, read = EventHorizon(stage.executor), list[int]()

    async def write(worker: int) -> None:
        for number in range(12):
            await stage.aput(f"{worker}/{number}")

    async def follow(writing: "asyncio.Future[list[None]]") -> None:
        while not writing.done():
            await read_on()
        await read_on()

    async def read_on() -> None:
        reached = await horizon.reach()
        since = read[-1] if read else 0
        rows = await stage._rows(
            f"SELECT seq FROM storage_events WHERE seq > {since} AND seq <= {reached} ORDER BY seq", False
        )
        read.extend(row["seq"] for row in rows)

    async def both() -> None:
        writing = asyncio.gather(*(write(worker) for worker in range(6)))
        await asyncio.gather(follow(writing), writing)

    stage.run(both())
    assert read == [row["seq"] for row in stage.rows("SELECT seq FROM storage_events ORDER BY seq")]
    assert len(read) == 72
