"""Background jobs hold a lease; what ends them must end them, also while the database is away."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from aerostore.service.lease import Lease
from aerostore.service.scrub import Scrub
from tests.service.conftest import MakeStage, in_memory
from tests.service.stage import Stage

DEADLINE_S = 30.0


class Standstill:
    """A sleep that lasts until somebody cancels it."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()

    async def sleep(self, _seconds: float) -> None:
        self.reached.set()
        await asyncio.Event().wait()


async def cancel_without_database(stage: Stage, job: Coroutine[Any, Any, None], pause: Standstill) -> bool:
    """Close the database while `job` stands still, cancel it, and tell whether that ended it."""
    task = asyncio.create_task(job)
    await asyncio.wait_for(pause.reached.wait(), DEADLINE_S)
    await stage.executor.close()
    task.cancel()
    await asyncio.wait({task}, timeout=DEADLINE_S)
    return task.cancelled()


@in_memory
def test_a_scrub_that_is_cancelled_while_the_database_is_away_ends(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.put("a")
    pause = Standstill()
    job = Scrub(
        stage.executor,
        stage.backend,
        bytes_per_s=1,
        clock=stage.clock,
        telemetry=stage.telemetry,
        sleep=pause.sleep,
    )
    assert stage.run(cancel_without_database(stage, job.run_for_ever(60), pause))


@in_memory
def test_what_ends_a_job_is_not_hidden_by_a_lease_that_cannot_be_given_back(stage: Stage) -> None:
    lease = Lease(stage.executor, "job", clock=stage.clock, seconds=60)
    pause = Standstill()

    async def job() -> None:
        await lease.hold()
        try:
            await pause.sleep(60)
        finally:
            await lease.release()

    assert stage.run(cancel_without_database(stage, job(), pause))
