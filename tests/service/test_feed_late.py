"""Streams beside transactions that end in another order than their events are numbered."""

import asyncio
from contextlib import closing

import psycopg
import pytest

from aerostore.service.feed import Beat
from tests.service.conftest import IN_POSTGRES
from tests.service.rows import PostgresRows
from tests.service.stage import Stage
from tests.service.test_feed import feed_of, following, names
from tests.service.test_horizon import NEW_EVENT


@pytest.mark.postgres
@pytest.mark.parametrize("make_stage", IN_POSTGRES, ids=str, indirect=True)
def test_an_event_that_is_committed_late_is_not_left_out(stage: Stage) -> None:
    assert isinstance(stage.own_rows, PostgresRows)
    stage.make_bucket("another")
    conninfo = stage.own_rows.conninfo

    async def reading() -> list[str]:
        async with following(feed_of(stage)) as items:
            assert isinstance(await anext(items), Beat)
            with closing(psycopg.connect(conninfo)) as slow:
                slow.execute("UPDATE storage.buckets SET public = public WHERE id = 'photos'")
                slow.execute(NEW_EVENT)
                await stage.aput("quick", bucket_id="another")
                shown = asyncio.create_task(names(items, 2))
                # Long enough to look many times.
                assert await asyncio.wait([shown], timeout=0.3) == (set(), {shown})
                slow.commit()
            return await shown

    assert stage.run(reading()) == ["slow", "quick"]
