"""Reclaim: what it removes, when, and above all what it never removes."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from aerostore.domain import to_iso
from aerostore.errors import Unavailable
from aerostore.service.age import HOLD_PREFIX, SEQ_PREFIX
from aerostore.service.publish import Upload
from aerostore.service.reclaim import Reclaim, ReclaimReport
from tests.blobs import in_chunks
from tests.faults import Afterwards, CrashNow
from tests.service.conftest import MakeStage, expecting_losses
from tests.service.stage import GRACE_S, MAX_DELETES, OWNER, RETENTION_S, Stage

pytestmark = expecting_losses


def run(stage: Stage, *, apply: bool = True, accept_restored: bool = False) -> ReclaimReport:
    return stage.run(stage.reclaim.run(apply=apply, accept_restored=accept_restored))


def run_after_grace(stage: Stage) -> ReclaimReport:
    stage.clock.advance(GRACE_S + 60)  # files and triggers are dated by the real clock, which moves meanwhile
    return run(stage)


def add_orphan(stage: Stage, content: bytes = b"orphan") -> str:
    return stage.run(stage.backend.write(in_chunks(content), blob_id=str(uuid.uuid4()))).key


def quarantined(stage: Stage) -> list[tuple[str, int]]:
    found = stage.rows("SELECT kind, scans FROM storage_quarantine ORDER BY kind")
    return [(row["kind"], row["scans"]) for row in found]


def records(stage: Stage, prefix: str) -> list[str]:
    async def listed() -> list[str]:
        return [stored.key async for stored in stage.backend.list(prefix)]

    return stage.run(listed())


# Released blobs


def test_released_bytes_go_after_their_grace_and_not_before(stage: Stage) -> None:
    stage.put("a")
    stage.put("kept", b"kept")
    stage.delete("a")
    stage.clock.advance(GRACE_S - 60)
    early = run(stage)
    assert (early.released_removed, early.waiting, early.bytes_removed) == (0, 1, 0)
    assert len(stage.keys_of_bytes()) == 2
    stage.clock.advance(120)
    late = run(stage)
    assert (late.released_removed, late.waiting, late.bytes_removed) == (1, 0, 7)
    assert len(stage.keys_of_bytes()) == 1
    assert stage.get("kept") == b"kept"
    assert stage.rows("SELECT id FROM storage_blobs WHERE status = 'DELETING'") == []


def test_bytes_that_another_object_holds_stay(stage: Stage) -> None:
    stage.put("a")
    stage.put("b")
    stage.delete("a")
    assert run_after_grace(stage).released_removed == 0
    assert stage.get("b") == b"content"


def put_many(stage: Stage, count: int) -> list[str]:
    names = [f"{number}" for number in range(count)]

    async def fill() -> None:
        await asyncio.gather(*(stage.aput(name, name.encode()) for name in names))

    stage.run(fill())
    return names


def test_one_run_removes_no_more_than_its_cap(stage: Stage) -> None:
    for name in put_many(stage, MAX_DELETES + 5):
        stage.delete(name)
    first = run_after_grace(stage)
    assert (first.released_removed, first.waiting) == (MAX_DELETES, 5)
    assert run(stage).released_removed == 5


def test_a_cap_that_released_blobs_use_up_leaves_orphans_waiting(stage: Stage) -> None:
    add_orphan(stage)
    run_after_grace(stage)
    for name in put_many(stage, MAX_DELETES):
        stage.delete(name)
    report = run_after_grace(stage)
    assert (report.released_removed, report.orphans, report.orphans_removed) == (MAX_DELETES, 1, 0)
    assert run(stage).orphans_removed == 1


@pytest.mark.parametrize("fault", [CrashNow(), Afterwards(CrashNow())], ids=["before", "after"])
def test_a_removal_that_was_cut_off_is_finished_by_the_next_run(
    make_stage: MakeStage, fault: BaseException | Afterwards
) -> None:
    stage = make_stage(plan={"delete": [None, fault]})
    for name in ("a", "b", "c"):
        stage.put(name, name.encode())
        stage.delete(name)
    with pytest.raises(CrashNow):
        run_after_grace(stage)
    assert len(stage.rows("SELECT id FROM storage_blobs")) == 3
    assert run(stage).released_removed == 3
    assert (stage.keys_of_bytes(), stage.rows("SELECT id FROM storage_blobs")) == (set(), [])


# Orphans


def test_an_orphan_goes_after_two_scans_and_its_grace(stage: Stage) -> None:
    key = add_orphan(stage)
    young = run(stage)
    assert (young.scanned, young.orphans) == (1, 0)
    first = run_after_grace(stage)
    assert (first.orphans, first.orphan_bytes, first.orphans_removed) == (1, 6, 0)
    stage.clock.advance(GRACE_S - 60)
    second = run(stage)
    assert (second.orphans, second.orphans_removed) == (1, 0)
    assert quarantined(stage) == [("orphan", 2)]
    third = run_after_grace(stage)
    assert (third.orphans_removed, third.bytes_removed) == (1, 6)
    assert key not in stage.keys_of_bytes()
    assert quarantined(stage) == [("doomed", 0)]


def test_what_is_kept_of_removed_bytes_is_bounded(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aerostore.service.reclaim._DOOMED_KEPT", 2)
    for content in (b"1", b"2", b"3"):
        add_orphan(stage, content)
    run_after_grace(stage)
    assert run_after_grace(stage).orphans_removed == 3
    assert quarantined(stage) == [("doomed", 0)] * 2


def test_of_more_orphans_than_one_run_notes_all_go_in_the_end(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aerostore.service.reclaim._ORPHANS_NOTED", 2)
    for content in (b"1", b"2", b"3"):
        add_orphan(stage, content)
    first = run_after_grace(stage)
    assert (first.orphans, first.orphan_bytes, len(first.orphan_keys)) == (3, 3, 2)
    assert quarantined(stage) == [("orphan", 1)] * 2
    removed = [run_after_grace(stage).orphans_removed for _ in range(3)]
    assert (removed, stage.keys_of_bytes()) == ([2, 0, 1], set())


def test_one_scan_is_not_enough_however_long_ago_it_was(stage: Stage) -> None:
    add_orphan(stage)
    stage.clock.advance(100 * GRACE_S)
    run(stage)
    stage.rows("UPDATE storage_quarantine SET first_seen_at = '2020-01-01T00:00:00.000Z', scans = 0")
    assert run(stage).orphans_removed == 0
    assert run(stage).orphans_removed == 1


def claim(stage: Stage, key: str) -> None:
    """Give the bytes under `key` the row of an object, as a slow commit does."""
    stage.rows(
        f"INSERT INTO storage_blobs (id, backend_key, sha256, size_bytes) VALUES ('late', '{key}', 'late', 6)"
    )
    stage.rows(
        "INSERT INTO storage_objects (id, bucket_id, name, version, blob_id, owner_id)"
        f" VALUES ('{uuid.uuid4()}', 'photos', 'late', '', 'late', 'owner')"
    )


def test_an_orphan_that_gets_its_row_between_scans_survives(stage: Stage) -> None:
    claim_key = add_orphan(stage)
    run_after_grace(stage)
    assert quarantined(stage) == [("orphan", 1)]
    claim(stage, claim_key)
    for _ in range(3):
        report = run_after_grace(stage)
        assert (report.orphans, report.orphans_removed) == (0, 0)
    assert quarantined(stage) == []
    assert stage.get("late") == b"orphan"


def test_an_orphan_that_gets_its_row_after_the_scan_survives(stage: Stage) -> None:
    key = add_orphan(stage)
    run_after_grace(stage)
    claim(stage, key)
    # Ripe, as a scan just before the claim would have left it.
    stage.rows(
        "UPDATE storage_quarantine SET first_seen_at = '2020-01-01T00:00:00.000Z',"
        " last_seen_at = '9999-01-01T00:00:00.000Z', scans = 2"
    )
    assert run(stage).orphans_removed == 0
    assert stage.get("late") == b"orphan"


def test_an_upload_that_reclaim_overtakes_is_stored(stage: Stage) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        await stage.reclaim.run(apply=True)
        yield b"last"

    upload = Upload(bucket_id="photos", name="a")
    stage.run(stage.storage.files.put(OWNER, upload, body()))
    assert run(stage).orphans == 0
    assert stage.get("a") == b"firstlast"


def add_orphans(stage: Stage, count: int) -> None:
    for number in range(count):
        add_orphan(stage, f"{number}".encode())


def test_more_orphans_than_crashes_explain_stop_the_run(stage: Stage) -> None:
    stage.put("a")
    stage.delete("a")
    add_orphans(stage, 101)
    for _ in range(3):
        report = run_after_grace(stage)
        assert "101 of 102 stored blobs have no row" in report.refused
        assert (report.applied, report.orphans_removed, report.released_removed) == (False, 0, 0)
    assert len(stage.keys_of_bytes()) == 102


def test_many_orphans_go_once_somebody_accepts_them_twice(stage: Stage) -> None:
    add_orphans(stage, 101)
    for _ in range(3):
        run_after_grace(stage)
    assert run(stage, accept_restored=True).orphans_removed == 0
    stage.clock.advance(GRACE_S + 60)
    assert run(stage, accept_restored=True).orphans_removed == MAX_DELETES


def test_a_hundred_orphans_are_an_everyday_crash(stage: Stage) -> None:
    add_orphans(stage, 100)
    assert run_after_grace(stage).refused == ""


def test_more_keys_than_one_batch_are_all_scanned(stage: Stage) -> None:
    put_many(stage, 1001)
    report = run_after_grace(stage)
    assert (report.scanned, report.orphans, report.missing) == (1001, 0, [])


# Missing bytes


def test_missing_and_cut_bytes_are_reported_and_their_rows_kept(stage: Stage) -> None:
    stage.put("gone", b"gone")
    stage.put("cut", b"cut")
    stage.put("whole", b"whole")
    keys = {row["backend_key"] for row in stage.rows("SELECT backend_key FROM storage_blobs")}
    stage.rows("UPDATE storage_blobs SET size_bytes = 2 WHERE size_bytes = 3")
    [gone] = [
        row["backend_key"] for row in stage.rows("SELECT backend_key FROM storage_blobs WHERE size_bytes = 4")
    ]
    stage.run(stage.backend.delete(gone))
    for scans in (1, 2):
        report = run_after_grace(stage)
        assert gone in report.missing
        assert len(report.missing) == 2
        assert quarantined(stage) == [("missing", scans)] * 2
    assert stage.names() == ["cut", "gone", "whole"]
    assert stage.keys_of_bytes() == keys - {gone}
    assert b"storage_missing_files_total 2.0" in stage.telemetry.render()


def test_bytes_that_came_back_are_missing_no_longer(stage: Stage) -> None:
    stage.put("a", b"abc")
    stage.rows("UPDATE storage_blobs SET size_bytes = 2")
    assert len(run(stage).missing) == 1
    stage.rows("UPDATE storage_blobs SET size_bytes = 3")
    assert run_after_grace(stage).missing == []
    assert quarantined(stage) == []


# Uploads and events


def test_expired_uploads_let_go_of_their_parts(stage: Stage) -> None:
    key = add_orphan(stage)
    expires_at = to_iso(stage.clock() + timedelta(seconds=10))
    stage.rows(
        f"INSERT INTO storage_blobs (id, backend_key, sha256, size_bytes) VALUES ('part', '{key}', 'part', 6)"
    )
    stage.rows(
        "INSERT INTO storage_uploads (id, protocol, bucket_id, name, expires_at)"
        f" VALUES ('upload', 'tus', 'photos', 'a', '{expires_at}')"
    )
    stage.rows(
        "INSERT INTO storage_upload_parts (upload_id, part_number, blob_id, size_bytes, etag)"
        " VALUES ('upload', 1, 'part', 6, '')"
    )
    assert run(stage).expired_uploads == 0
    stage.clock.advance(11)
    assert run(stage, apply=False).expired_uploads == 1
    assert run(stage).expired_uploads == 1
    assert stage.rows("SELECT status FROM storage_blobs") == [{"status": "DELETING"}]
    assert run_after_grace(stage).released_removed == 1
    assert stage.keys_of_bytes() == set()


def test_old_events_go_but_the_newest_stays_as_the_databases_age(stage: Stage) -> None:
    for name in ("a", "b", "c"):
        stage.put(name)
    stage.clock.advance(RETENTION_S + 1)
    assert run(stage).events_trimmed == 2
    assert [row["name"] for row in stage.rows("SELECT name FROM storage_events")] == ["c"]
    stage.put("d")
    assert run(stage).refused == ""


def test_interrupted_writes_are_swept(make_stage: MakeStage) -> None:
    stage = make_stage()
    assert run(stage).temporary_removed == 0
    assert stage.backend.calls.count("sweep") == 1


# Dry runs and leases


def test_a_dry_run_reports_and_changes_nothing(stage: Stage) -> None:
    add_orphan(stage)
    stage.put("a")
    stage.delete("a")
    stage.clock.advance(GRACE_S + 60)
    before = (stage.everything(), quarantined(stage), records(stage, "meta/"))
    for _ in range(3):
        report = run(stage, apply=False)
        assert (report.applied, report.orphans, report.waiting) == (False, 1, 1)
    assert (stage.everything(), quarantined(stage), records(stage, "meta/")) == before
    assert stage.rows("SELECT name FROM storage_leases") == []


def test_of_two_processes_one_reclaims(stage: Stage) -> None:
    other = stage.another_reclaim()
    stage.rows(
        "INSERT INTO storage_leases (name, holder, expires_at)"
        f" VALUES ('reclaim', 'another', '{to_iso(stage.clock() + timedelta(seconds=60))}')"
    )
    for each in (stage.reclaim, other):
        report = stage.run(each.run(apply=True))
        assert (report.applied, report.refused) == (False, "another process is reclaiming now")
    stage.expire_leases()
    assert stage.run(other.run(apply=True)).applied
    assert run(stage).applied


def test_a_run_that_overlaps_another_stands_back(stage: Stage) -> None:
    for name in put_many(stage, 3):
        stage.delete(name)
    stage.clock.advance(GRACE_S + 60)

    async def race() -> list[ReclaimReport]:
        several = [stage.reclaim, stage.another_reclaim(), stage.another_reclaim()]
        return await asyncio.gather(*(each.run(apply=True) for each in several))

    reports = stage.run(race())
    assert [report.applied for report in reports].count(True) == 1
    assert sum(report.released_removed for report in reports) == 3


def test_the_lease_is_given_back_when_a_run_fails(make_stage: MakeStage) -> None:
    stage = make_stage(plan={"list": [Unavailable()]})
    with pytest.raises(Unavailable):
        run(stage)
    assert stage.run(stage.another_reclaim().run(apply=True)).applied


# A restored database


@pytest.fixture
def restored(make_stage: MakeStage) -> Stage:
    """A storage whose database was put back to before `lost` was written, while the bytes stayed."""
    stage = make_stage()
    stage.put("kept", b"kept")
    run(stage)
    restore = stage.back_up()
    stage.put("lost", b"lost")
    run(stage)
    restore()
    return stage


def test_a_restored_database_stops_every_run_until_it_is_accepted(restored: Stage) -> None:
    for _ in range(3):
        report = run_after_grace(restored)
        assert "older than the stored bytes" in report.refused
        assert (report.applied, report.orphans_removed) == (False, 0)
    assert len(restored.keys_of_bytes()) == 2
    accepted = run(restored, accept_restored=True)
    assert (accepted.applied, accepted.refused) == (True, "")
    # Refused runs count for nothing: whoever accepts by mistake has the whole grace period to notice.
    assert accepted.orphans_removed == 0
    assert run_after_grace(restored).orphans_removed == 1


def test_a_restored_database_that_has_caught_up_is_still_refused(restored: Stage) -> None:
    assert run(restored).refused
    for number in range(5):
        restored.put(f"{number}")
    for _ in range(2):
        assert "older than the stored bytes" in run_after_grace(restored).refused
    assert len(records(restored, HOLD_PREFIX)) == 1


def test_a_dry_run_on_a_restored_database_tells_and_notes_nothing(restored: Stage) -> None:
    assert "older" in run(restored, apply=False, accept_restored=True).refused
    assert records(restored, HOLD_PREFIX) == []


def test_the_mark_beside_the_bytes_moves_with_the_database(stage: Stage) -> None:
    for expected in (0, 0, 1, 1, 2):
        if expected > len(stage.names()):
            stage.put(f"{expected}")
        run(stage)
        marks = records(stage, SEQ_PREFIX)
        assert [int(key.removeprefix(SEQ_PREFIX).split(".")[0]) for key in marks] == [expected][:expected]


def test_a_foreign_record_is_no_mark(stage: Stage) -> None:
    stage.run(stage.backend.write_if_absent(f"{SEQ_PREFIX}99999999999999999999x", b""))
    assert run(stage).refused == ""


# The job


class Interrupted(Exception):
    """Ends a job that never ends by itself."""


def run_job(stage: Stage, monkeypatch: pytest.MonkeyPatch, rounds: int) -> None:
    left = rounds

    async def count_down(interval_s: float) -> None:
        nonlocal left
        assert interval_s == 5
        left -= 1
        if not left:
            raise Interrupted

    monkeypatch.setattr("aerostore.service.reclaim.asyncio.sleep", count_down)
    with pytest.raises(Interrupted):
        stage.run(stage.reclaim.run_for_ever(5))
    monkeypatch.undo()


def test_a_look_at_a_restored_database_is_remembered(restored: Stage) -> None:
    for _ in range(2):
        assert "older than the stored bytes" in restored.run(restored.reclaim.check_age())
    assert len(records(restored, HOLD_PREFIX)) == 1
    assert len(restored.keys_of_bytes()) == 2


def test_the_job_removes_and_outlives_a_backend_that_fails(
    make_stage: MakeStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = make_stage(plan={"list": [Unavailable()]})
    stage.put("a")
    stage.delete("a")
    stage.clock.advance(GRACE_S + 60)
    run_job(stage, monkeypatch, rounds=3)
    assert stage.keys_of_bytes() == set()


def test_a_run_with_no_deletes_allowed_only_looks(stage: Stage) -> None:
    stage.put("a")
    stage.delete("a")
    stage.clock.advance(GRACE_S + 60)
    careful: Reclaim = stage.another_reclaim(max_deletes=0)
    report = stage.run(careful.run(apply=True))
    assert (report.released_removed, report.waiting) == (0, 1)
