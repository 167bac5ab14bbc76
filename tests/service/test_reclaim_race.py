"""An upload that stood still for very long, against the reclaim that takes its bytes for waste."""

import uuid
from datetime import timedelta

import pytest

from aerostore.domain import Object, to_iso
from aerostore.errors import LockTimeout, Unavailable
from aerostore.service.age import HOLD_PREFIX
from aerostore.service.publish import Upload
from aerostore.service.reclaim import Reclaim, ReclaimPolicy
from tests.faults import Afterwards, CrashNow
from tests.service.conftest import MakeStage
from tests.service.stage import GRACE_S, OWNER, RETENTION_S, Stage
from tests.service.stepping import Actor, SteppedBackend, SteppedExecutor


async def ignore(_text: str) -> None:
    """Let every call be."""


def stepped(stage: Stage) -> tuple[SteppedExecutor, SteppedBackend]:
    backend = SteppedBackend(stage.backend, before_delete=ignore, before_list=ignore)
    return SteppedExecutor(lambda: stage.executor), backend


def reclaim(stage: Stage) -> Reclaim:
    policy = ReclaimPolicy(grace_s=GRACE_S, max_deletes=20, event_retention_s=RETENTION_S)
    return Reclaim(*stepped(stage), policy, clock=stage.clock, telemetry=stage.telemetry)


async def stalled_upload(stage: Stage, name: str) -> Actor[Object]:
    """Begin an upload that has stored its bytes and has not committed its row."""
    files = stage.files_over(*stepped(stage))
    upload = Upload(bucket_id="photos", name=name)
    actor = await Actor(files.put(OWNER, upload, name.encode())).begin()
    await actor.step()
    return actor


async def scan_once(stage: Stage) -> None:
    stage.clock.advance(GRACE_S + 60)
    await stage.reclaim.run(apply=True)
    stage.clock.advance(GRACE_S + 60)


async def commit_after(stage: Stage, name: str, steps: int) -> tuple[bool, bool]:
    """Let an upload commit after so many steps of the run that removes its bytes.

    Returns whether that run was over by then, and whether the upload was stored.
    """
    upload = await stalled_upload(stage, name)
    await scan_once(stage)
    run = await Actor(reclaim(stage).run(apply=True)).begin()
    for _ in range(steps):
        if not run.has_ended:
            await run.step()
    was_over = run.has_ended
    stored = await upload.go_on_to_the_end()
    await run.go_on_to_the_end()
    if isinstance(stored, Object):
        assert await stage.aget(name) == name.encode()
        await stage.storage.files.delete(OWNER, "photos", name)
        await scan_once(stage)
        await stage.reclaim.run(apply=True)
        return was_over, True
    assert isinstance(stored, Unavailable), stored
    assert await stage._rows("SELECT id FROM storage_objects", False) == []
    return was_over, False


def test_wherever_a_late_commit_meets_reclaim_it_is_readable_or_refused(stage: Stage) -> None:
    async def at_every_step() -> list[bool]:
        outcomes: list[bool] = []
        was_over = False
        while not was_over:
            was_over, stored = await commit_after(stage, f"{len(outcomes)}", len(outcomes))
            outcomes.append(stored)
        return outcomes

    outcomes = stage.run(at_every_step())
    assert outcomes == sorted(outcomes, reverse=True), (
        "stored until its bytes are doomed, refused from then on"
    )
    assert set(outcomes) == {True, False}


def test_an_upload_whose_bytes_were_removed_is_refused_however_late_it_comes(stage: Stage) -> None:
    async def far_too_late() -> object:
        upload = await stalled_upload(stage, "late")
        for _ in range(2):
            await scan_once(stage)
        for _ in range(3):
            stage.clock.advance(365 * 24 * 3600)
            await stage.reclaim.run(apply=True)
        return await upload.go_on_to_the_end()

    refused = stage.run(far_too_late())
    assert isinstance(refused, Unavailable)
    assert (stage.names(), stage.keys_of_bytes()) == ([], set())
    stage.put("late")
    assert stage.get("late") == b"content"


def test_no_row_is_moved_to_bytes_that_were_removed(stage: Stage) -> None:
    """As the mending of a damaged blob does, when it comes too late."""
    stage.put("a")
    stage.rows(
        "INSERT INTO storage_quarantine (backend_key, kind, size_bytes, first_seen_at, last_seen_at)"
        " VALUES ('gone', 'doomed', 0, '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z')"
    )
    with pytest.raises(Unavailable):
        stage.rows("UPDATE storage_blobs SET backend_key = 'gone'")
    assert stage.get("a") == b"content"


@pytest.mark.parametrize("fault", [CrashNow(), Afterwards(CrashNow())], ids=["before", "after"])
def test_a_run_that_died_at_doomed_bytes_is_finished_by_the_next_one(
    make_stage: MakeStage, fault: BaseException | Afterwards
) -> None:
    stage = make_stage(plan={"delete": [fault]})

    async def leave_an_orphan() -> None:
        await (await stalled_upload(stage, "a")).kill()
        await scan_once(stage)

    stage.run(leave_an_orphan())
    with pytest.raises(CrashNow):
        stage.run(stage.reclaim.run(apply=True))
    stage.expire_leases()
    assert stage.run(stage.reclaim.run(apply=True)).orphans_removed == 1
    assert stage.keys_of_bytes() == set()
    assert stage.run(stage.reclaim.run(apply=True)).orphans_removed == 0


# Clocks


YEAR_S = 365 * 24 * 3600


def test_dates_from_a_clock_that_was_ahead_do_not_keep_waste_for_ever(stage: Stage) -> None:
    stage.put("a")
    stage.delete("a")
    ahead = to_iso(stage.clock() + timedelta(seconds=YEAR_S))
    stage.rows(f"UPDATE storage_blobs SET deleting_since = '{ahead}'")

    async def leave_an_orphan() -> None:
        await (await stalled_upload(stage, "orphan")).kill()

    stage.run(leave_an_orphan())
    stage.clock.advance(-YEAR_S)
    for _ in range(3):
        stage.run(stage.reclaim.run(apply=True))
        assert len(stage.keys_of_bytes()) == 2
    stage.clock.advance(GRACE_S + 60)
    stage.run(stage.reclaim.run(apply=True))
    assert stage.keys_of_bytes() == set()


def test_a_lease_that_a_wrong_clock_took_does_not_stop_reclaim_for_a_year(stage: Stage) -> None:
    # Postgres has a clock of its own: from there the date looks just as wrong.
    ahead = to_iso(stage.clock() + timedelta(seconds=YEAR_S))
    stage.rows(
        f"INSERT INTO storage_leases (name, holder, expires_at) VALUES ('reclaim', 'another', '{ahead}')"
    )
    assert stage.run(stage.reclaim.run(apply=True)).applied


def test_a_process_whose_clock_was_put_back_asks_again_for_its_lease(stage: Stage) -> None:
    stage.put("a")

    async def overtaken() -> object:
        run = await Actor(reclaim(stage).run(apply=True)).begin()
        await run.step()
        stage.clock.advance(-60)
        await stage._rows("UPDATE storage_leases SET holder = 'another'", True)
        return await run.go_on_to_the_end()

    assert isinstance(stage.run(overtaken()), LockTimeout)


def test_accepting_a_restored_database_gives_its_orphans_a_whole_grace_period(stage: Stage) -> None:
    async def leave_an_orphan() -> None:
        await (await stalled_upload(stage, "orphan")).kill()
        await scan_once(stage)

    stage.run(leave_an_orphan())
    assert stage.run(stage.backend.write_if_absent(f"{HOLD_PREFIX}{uuid.uuid4()}", b""))
    assert "older" in stage.run(stage.reclaim.run(apply=True)).refused
    accepted = stage.run(stage.reclaim.run(apply=True, accept_restored=True))
    assert (accepted.orphans, accepted.orphans_removed) == (1, 0)
    stage.clock.advance(GRACE_S + 60)
    assert stage.run(stage.reclaim.run(apply=True)).orphans_removed == 1
