"""Reclaim of what uploads in several requests leave behind: rows that expired, drafts of nobody."""

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from aerostore.domain import to_iso
from aerostore.errors import LockTimeout, NoSuchUpload, Unavailable
from aerostore.service.abandoned import AbandonedUploads
from aerostore.service.age import HOLD_PREFIX
from aerostore.service.bookkeeping import Bookkeeping
from aerostore.service.portion import Portion
from aerostore.service.publish import Upload
from aerostore.service.reclaim import ReclaimReport
from tests.blobs import in_chunks
from tests.faults import Afterwards, CrashNow, Fault
from tests.service.conftest import MakeStage
from tests.service.stage import GRACE_S, LIMITS, MAX_DELETES, OWNER, Stage

LIFETIME_S = LIMITS.resumable_lifetime_s


def run(stage: Stage, *, apply: bool = True, accept_restored: bool = False) -> ReclaimReport:
    return stage.run(stage.reclaim.run(apply=apply, accept_restored=accept_restored))


def begin(stage: Stage, content: bytes = b"some") -> str:
    """Begin a resumable upload that ends at 8 bytes, and send `content` of it."""
    upload = Upload(bucket_id="photos", name="a", size_bytes=8, upsert=True)

    async def send() -> str:
        session = await stage.storage.resumable.create(OWNER, upload, echo={})
        await stage.storage.resumable.append(OWNER, session.id, Portion(body=in_chunks(content)))
        return session.id

    return stage.run(send())


def go_on(stage: Stage, upload_id: str, content: bytes = b"more", offset: int = 4) -> None:
    stage.run(
        stage.storage.resumable.append(OWNER, upload_id, Portion(body=in_chunks(content), offset=offset))
    )


def leave_draft(stage: Stage, content: bytes = b"draft") -> str:
    """Leave a draft without a row, as a request does that died before it was discarded."""
    draft_id = str(uuid.uuid4())

    async def leave() -> None:
        async with stage.backend.draft(draft_id) as draft:
            await draft.append(in_chunks(content), offset=0)

    stage.run(leave())
    return draft_id


def drafts(stage: Stage) -> set[str]:
    async def listed() -> set[str]:
        return {stored.key.removeprefix("draft/") async for stored in stage.backend.list("draft/")}

    return stage.run(listed())


def test_an_expired_upload_goes_with_its_draft_and_not_before(stage: Stage) -> None:
    upload_id = begin(stage)
    stage.clock.advance(LIFETIME_S - 60)
    early = run(stage)
    assert (early.expired_uploads, early.drafts, early.drafts_removed) == (0, 0, 0)
    assert drafts(stage) == {upload_id}
    stage.clock.advance(120)
    looked = run(stage, apply=False)
    assert (looked.expired_uploads, looked.drafts, looked.draft_bytes, looked.drafts_removed) == (1, 1, 4, 0)
    assert drafts(stage) == {upload_id}
    late = run(stage)
    assert (late.expired_uploads, late.drafts, late.draft_bytes) == (1, 1, 4)
    assert (late.drafts_removed, late.bytes_removed) == (1, 4)
    assert (drafts(stage), stage.rows("SELECT id FROM storage_uploads")) == (set(), [])
    assert b"storage_reclaimed_bytes_total 4.0" in stage.telemetry.render()


def test_an_upload_that_somebody_goes_on_with_keeps_its_draft_however_old_it_is(stage: Stage) -> None:
    upload_id = begin(stage)
    later = to_iso(stage.clock() + timedelta(days=1000))
    stage.rows(f"UPDATE storage_uploads SET expires_at = '{later}'")
    for days in (1, 10, 100):
        stage.clock.advance(days * 24 * 3600)
        assert run(stage).drafts == 0
    go_on(stage, upload_id)
    assert stage.get("a") == b"some" + b"more"


def test_a_completed_upload_is_remembered_until_it_expires_and_then_forgotten(stage: Stage) -> None:
    upload_id = begin(stage)
    go_on(stage, upload_id)
    stage.clock.advance(GRACE_S + 60)
    report = run(stage)
    assert (report.expired_uploads, report.drafts) == (0, 0)
    assert stage.rows("SELECT state FROM storage_uploads") == [{"state": "COMPLETED"}]
    stage.clock.advance(LIFETIME_S)
    assert run(stage).expired_uploads == 1
    assert stage.rows("SELECT id FROM storage_uploads") == []
    assert stage.get("a") == b"some" + b"more"


@pytest.mark.parametrize("fault", [CrashNow(), Afterwards(CrashNow())], ids=["before", "after"])
def test_a_draft_whose_discard_a_crash_cut_off_goes_and_its_object_stays(
    make_stage: MakeStage, fault: Fault
) -> None:
    stage = make_stage(plan={"discard": [fault]})
    upload_id = begin(stage)
    with pytest.raises(CrashNow):
        go_on(stage, upload_id)
    assert run(stage).drafts == 0
    stage.clock.advance(GRACE_S + 60)
    left = 0 if isinstance(fault, Afterwards) else 1
    report = run(stage)
    assert (report.drafts, report.drafts_removed) == (left, left)
    assert drafts(stage) == set()
    assert stage.get("a") == b"some" + b"more"


def test_a_draft_without_a_row_goes_once_it_is_older_than_the_grace_period(stage: Stage) -> None:
    draft_id = leave_draft(stage)
    stage.clock.advance(GRACE_S - 60)
    assert run(stage).drafts == 0
    assert drafts(stage) == {draft_id}
    stage.clock.advance(120)
    assert run(stage).drafts_removed == 1
    assert drafts(stage) == set()


def test_a_draft_that_a_request_holds_is_left_to_it(stage: Stage) -> None:
    draft_id = leave_draft(stage)
    stage.clock.advance(GRACE_S + 60)

    async def hold_and_reclaim() -> ReclaimReport:
        async with stage.backend.draft(draft_id) as draft:
            report = await stage.reclaim.run(apply=True)
            assert draft.size_bytes == 5
            return report

    held = stage.run(hold_and_reclaim())
    assert (held.drafts, held.drafts_removed) == (1, 0)
    assert drafts(stage) == {draft_id}
    assert run(stage).drafts_removed == 1


def test_an_upload_that_expires_while_its_last_bytes_come_is_refused_whole(stage: Stage) -> None:
    upload_id = begin(stage)

    async def overtaken() -> None:
        async def body() -> AsyncIterator[bytes]:
            yield b"mo"
            stage.clock.advance(LIFETIME_S + 60)
            report = await stage.reclaim.run(apply=True)
            assert (report.expired_uploads, report.drafts_removed) == (1, 0)
            yield b"re"

        await stage.storage.resumable.append(OWNER, upload_id, Portion(body=body(), offset=4))

    with pytest.raises(NoSuchUpload):
        stage.run(overtaken())
    assert stage.names() == []
    stage.clock.advance(GRACE_S + 60)
    assert run(stage).drafts_removed == 1
    assert drafts(stage) == set()


def test_one_run_removes_no_more_drafts_than_its_cap(stage: Stage) -> None:
    for _ in range(MAX_DELETES + 3):
        leave_draft(stage)
    stage.put("released")
    stage.delete("released")
    stage.clock.advance(GRACE_S + 60)
    first = run(stage)
    assert (first.drafts, first.released_removed) == (MAX_DELETES + 3, 1)
    assert first.drafts_removed == MAX_DELETES - 1
    assert run(stage).drafts_removed == 4
    careful = stage.another_reclaim(max_deletes=0)
    kept = leave_draft(stage)
    stage.clock.advance(GRACE_S + 60)
    assert stage.run(careful.run(apply=True)).drafts_removed == 0
    assert drafts(stage) == {kept}


def test_more_uploads_than_one_batch_expire_in_one_run(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aerostore.service.abandoned._BATCH", 2)
    for _ in range(5):
        begin(stage)
    stage.clock.advance(LIFETIME_S + 60)
    report = run(stage)
    assert (report.expired_uploads, report.drafts, report.drafts_removed) == (5, 5, 5)


def test_a_run_that_is_refused_leaves_drafts_and_so_does_the_one_that_is_told_to_go_on(stage: Stage) -> None:
    draft_id = leave_draft(stage)
    begin(stage)
    stage.run(stage.backend.write_if_absent(f"{HOLD_PREFIX}{uuid.uuid4()}", b""))
    stage.clock.advance(LIFETIME_S + 60)
    for _ in range(2):
        refused = run(stage)
        assert "older" in refused.refused
        assert (refused.expired_uploads, refused.drafts, refused.drafts_removed) == (1, 2, 0)
    assert draft_id in drafts(stage)
    accepted = run(stage, accept_restored=True)
    assert (accepted.applied, accepted.drafts, accepted.drafts_removed) == (True, 2, 0)
    assert run(stage).drafts_removed == 2


def test_a_draft_dated_by_a_clock_that_was_ahead_does_not_stay_for_ever(stage: Stage) -> None:
    leave_draft(stage)
    stage.clock.advance(-365 * 24 * 3600)
    assert run(stage).drafts_removed == 1


def test_an_upload_begun_after_the_clock_was_put_back_keeps_its_draft(stage: Stage) -> None:
    abandoned = AbandonedUploads(Bookkeeping(stage.executor), stage.backend, grace_s=GRACE_S)
    ahead = stage.clock() + timedelta(days=365)
    stage.run(abandoned.forget_expired(ahead))
    begin(stage)
    assert stage.run(abandoned.find_drafts(ahead, MAX_DELETES)) == []
    leave_draft(stage)
    assert len(stage.run(abandoned.find_drafts(ahead, MAX_DELETES))) == 1


@pytest.mark.parametrize(
    "plan",
    [{"draft": [Unavailable()]}, {"discard": [Unavailable()]}, {"list": [None, Unavailable()]}],
    ids=["draft", "discard", "list"],
)
def test_a_run_that_cannot_reach_drafts_fails_and_the_next_one_finishes(
    make_stage: MakeStage, plan: dict[str, list[Fault]]
) -> None:
    stage = make_stage()
    leave_draft(stage)
    stage.clock.advance(GRACE_S + 60)
    stage.backend.plan_anew(plan)
    with pytest.raises(Unavailable):
        run(stage)
    assert run(stage).drafts_removed == 1


def test_a_draft_that_another_process_takes_between_look_and_removal_is_left(make_stage: MakeStage) -> None:
    stage = make_stage(plan={"draft": [None, LockTimeout()]})
    draft_id = leave_draft(stage)
    stage.clock.advance(GRACE_S + 60)
    report = run(stage)
    assert (report.drafts, report.drafts_removed) == (1, 0)
    assert drafts(stage) == {draft_id}
