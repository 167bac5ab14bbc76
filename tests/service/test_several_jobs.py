"""Background jobs of several processes on the same rows: together they do what one would do."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from aerostore.service.reclaim import Reclaim
from aerostore.service.scrub import Scrub
from tests.service.stage import Stage

INTERVAL_S = 3600.0


class Enough(Exception):
    """Ends a job that never ends by itself."""


def a_scrub(stage: Stage, sleep: Callable[[float], Awaitable[object]]) -> Scrub:
    return Scrub(
        stage.executor,
        stage.backend,
        bytes_per_s=10**9,
        clock=stage.clock,
        telemetry=stage.telemetry,
        sleep=sleep,
        monotonic=lambda: 0.0,
    )


async def no_time(_seconds: float) -> None:
    await asyncio.sleep(0)


async def stop(seconds: float) -> None:
    if seconds >= 1:
        raise Enough


def test_a_scrub_that_finds_a_round_due_does_not_repeat_what_another_process_has_just_read(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.put("a")
    late = a_scrub(stage, stop)
    hold = late._lease.hold

    async def hold_after_another_process() -> bool:
        monkeypatch.undo()
        await a_scrub(stage, no_time).run()
        return await hold()

    monkeypatch.setattr(late._lease, "hold", hold_after_another_process)
    with pytest.raises(Enough):
        stage.run(late.run_for_ever(INTERVAL_S))
    assert len(stage.rows("SELECT id FROM storage_scrubs")) == 1


def test_of_several_processes_one_reclaims_in_each_interval(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="aerostore.reclaim")
    one, other = stage.another_reclaim(), stage.another_reclaim()

    def looks_in_an_interval(job: Reclaim) -> int:
        caplog.clear()
        left = INTERVAL_S

        async def count_down(seconds: float) -> None:
            nonlocal left
            left -= seconds
            if left < 0:
                raise Enough

        monkeypatch.setattr("aerostore.service.reclaim.asyncio.sleep", count_down)
        with pytest.raises(Enough):
            stage.run(job.run_for_ever(INTERVAL_S))
        monkeypatch.undo()
        return [record.message for record in caplog.records].count("reclaim")

    assert (looks_in_an_interval(one), looks_in_an_interval(other)) == (1, 0)
    stage.expire_leases()
    assert (looks_in_an_interval(other), looks_in_an_interval(one)) == (1, 0)
