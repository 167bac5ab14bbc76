"""Scrub: what it reads, what it finds, how it goes on, and that it never cries wolf."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from aerostore.backend import BlobReader
from aerostore.domain import ByteRange, ScrubRound, to_iso
from aerostore.errors import Corrupted, LockTimeout, Unavailable
from aerostore.service.scrub import ROUNDS_KEPT, Scrub, ScrubReport
from tests.faults import CrashNow, FaultyBackend
from tests.service.conftest import Kind, MakeStage, expecting_losses, in_memory
from tests.service.stage import GRACE_S, Stage

on_disk = pytest.mark.parametrize(
    "make_stage",
    [Kind("sqlite", "local"), pytest.param(Kind("postgres", "local"), marks=pytest.mark.postgres)],
    ids=str,
    indirect=True,
)
"""For bytes that can be damaged behind the backend's back."""

pytestmark = expecting_losses

QUARANTINE = "SELECT backend_key, kind FROM storage_quarantine ORDER BY backend_key"


class FakeTime:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleeps: list[float] = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def make_scrub(stage: Stage, **options: Any) -> Scrub:
    time = FakeTime()
    values: dict[str, Any] = {
        "bytes_per_s": 10**9,
        "sleep": time.sleep,
        "monotonic": time.monotonic,
    } | options
    backend = values.pop("backend", stage.backend)
    return Scrub(stage.executor, backend, clock=stage.clock, telemetry=stage.telemetry, **values)


def scrub(stage: Stage, **options: Any) -> ScrubReport:
    stage.clock.advance(1)  # rounds are ordered by their beginning
    return stage.run(make_scrub(stage).run(**options))


def newest(report: ScrubReport) -> ScrubRound:
    return report.rounds[0]


def rounds(stage: Stage) -> list[ScrubRound]:
    return list(stage.run(make_scrub(stage).look()).rounds)


def key_of(stage: Stage, name: str) -> str:
    [row] = stage.rows(
        "SELECT backend_key FROM storage_blobs WHERE id ="
        f" (SELECT blob_id FROM storage_objects WHERE name = '{name}')"
    )
    return str(row["backend_key"])


def flip(stage: Stage, key: str, at: int = 0) -> None:
    path = stage.folder / "blobs" / key
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def put_many(stage: Stage, count: int) -> list[str]:
    """Store `count` different contents; return their keys in the order of a scrub."""
    for number in range(count):
        stage.put(f"{number}", f"{number}".encode())
    return sorted(stage.keys_of_bytes())


def quarantined(stage: Stage) -> list[tuple[str, str]]:
    found = stage.rows(QUARANTINE)
    return [(row["backend_key"], row["kind"]) for row in found]


# What it finds


def test_a_round_reads_every_blob_once_and_is_kept_as_a_report(stage: Stage) -> None:
    put_many(stage, 5)
    stage.put("twin of 0", b"0")
    stage.backend.calls.clear()
    report = scrub(stage)
    assert stage.backend.calls.count("open") == 5
    done = newest(report)
    assert (done.checked, done.checked_bytes, done.damaged, done.missing) == (5, 5, 0, 0)
    assert done.finished_at == stage.clock()
    assert (report.refused, report.damaged, report.missing) == ("", [], [])


@on_disk
@pytest.mark.parametrize(("size", "at"), [(1, 0), (1000, 999), (700_000, 0), (700_000, 699_999)])
def test_a_flipped_bit_is_found_noted_and_counted(stage: Stage, size: int, at: int) -> None:
    stage.put("whole", b"whole")
    stage.put("a", b"x" * size)
    key = key_of(stage, "a")
    flip(stage, key, at)
    report = scrub(stage)
    assert (report.damaged, report.damaged_count, report.missing) == ([key], 1, [])
    assert (newest(report).checked, newest(report).damaged) == (2, 1)
    assert quarantined(stage) == [(key, "damaged")]
    assert b"storage_damaged_files 1.0" in stage.telemetry.render()


@on_disk
def test_missing_and_cut_bytes_are_found_as_reclaim_finds_them(stage: Stage) -> None:
    for name in ("gone", "cut", "whole"):
        stage.put(name, name.encode())
    gone, cut = key_of(stage, "gone"), key_of(stage, "cut")
    (stage.folder / "blobs" / gone).unlink()
    (stage.folder / "blobs" / cut).write_bytes(b"c")
    report = scrub(stage)
    assert report.missing == sorted([gone, cut])
    assert (newest(report).missing, newest(report).damaged) == (2, 0)
    reclaimed = stage.run(stage.reclaim.run(apply=True))
    assert sorted(reclaimed.missing) == report.missing


@on_disk
def test_bytes_that_are_whole_again_leave_quarantine(stage: Stage) -> None:
    stage.put("a")
    key = key_of(stage, "a")
    flip(stage, key)
    assert scrub(stage).damaged == [key]
    flip(stage, key)
    report = scrub(stage)
    assert (report.damaged, newest(report).damaged) == ([], 0)
    assert quarantined(stage) == []
    assert b"storage_damaged_files 0.0" in stage.telemetry.render()


@on_disk
def test_bytes_that_were_put_right_are_known_to_be_before_the_round_goes_on(stage: Stage) -> None:
    for number in range(3):
        stage.put(f"{number}", f"{number}".encode())
    last = max(stage.keys_of_bytes())
    flip(stage, last)
    assert scrub(stage).damaged == [last]
    flip(stage, last)
    seen: list[list[tuple[str, str]]] = []

    async def look_while_it_waits(_seconds: float) -> None:
        seen.append([(row["kind"], row["backend_key"]) for row in await stage._rows(QUARANTINE, False)])

    stage.clock.advance(1)
    stage.run(make_scrub(stage, sleep=look_while_it_waits).run())
    # Each file is waited for twice: for opening it and for its content.
    assert [bool(losses) for losses in seen] == [True] * 2 + [False] * 6


@on_disk
def test_uploading_the_content_again_mends_what_a_scrub_found(stage: Stage) -> None:
    stage.put("a")
    stage.put("b")
    key = key_of(stage, "a")
    flip(stage, key)
    assert scrub(stage).damaged == [key]
    stage.put("a", upsert=True)
    assert stage.get("a") == stage.get("b") == b"content"
    assert scrub(stage).damaged == []


@in_memory
def test_a_place_that_cannot_be_read_is_damage(make_stage: MakeStage) -> None:
    stage = make_stage(plan={"open": [Unavailable()]})
    first, _second = put_many(stage, 2)
    report = scrub(stage)
    assert report.damaged == [first]
    assert newest(report).checked == 2


class SurprisingBackend(FaultyBackend):
    """A backend in which something happens right after bytes were opened, which then turn out damaged."""

    def __init__(self, inner: FaultyBackend, happens: Any) -> None:
        super().__init__(inner)
        self._happens = happens

    async def open(
        self, key: str, byte_range: ByteRange | None = None, *, piece_sums: bytes = b""
    ) -> BlobReader:
        await self._happens()
        raise Corrupted


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM storage_objects",
        "UPDATE storage_blobs SET backend_key = 'mended'",
    ],
    ids=["deleted", "replaced"],
)
def test_bytes_that_nobody_needs_any_more_after_the_look_are_no_finding(stage: Stage, change: str) -> None:
    stage.put("a")

    async def happens() -> None:
        await stage._rows(change, True)

    job = make_scrub(stage, backend=SurprisingBackend(stage.backend, happens))
    report = stage.run(job.run())
    assert (report.damaged, newest(report).damaged) == ([], 0)
    assert quarantined(stage) == []


# How it goes on


@in_memory
def test_a_round_that_is_cancelled_keeps_what_was_done(stage: Stage) -> None:
    keys = put_many(stage, 6)
    watched: list[ScrubRound] = []

    def stop_after_three(reached: ScrubRound) -> None:
        watched.append(reached)
        if len(watched) == 3:
            asyncio.current_task().cancel()  # type: ignore[union-attr] # there is one: a job runs

    async def cancelled() -> None:
        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(make_scrub(stage).run(watch=stop_after_three))

    stage.run(cancelled())
    [kept] = rounds(stage)
    reached = kept.checked
    assert (kept.after_key, kept.finished_at) == (keys[reached - 1], None)
    assert reached >= 3
    stage.backend.calls.clear()
    done = newest(scrub(stage))
    assert (done.id, done.checked, done.checked_bytes) == (kept.id, 6, 6)
    assert stage.backend.calls.count("open") == 6 - reached


@in_memory
def test_a_round_whose_process_was_killed_goes_on_from_the_last_save(make_stage: MakeStage) -> None:
    stage = make_stage(plan={"open": [None, None, CrashNow()]})
    put_many(stage, 4)
    # One byte a second and a cost of opening: every blob takes longer than the pause between two saves.
    with pytest.raises(CrashNow):
        stage.run(make_scrub(stage, bytes_per_s=1).run())
    [kept] = rounds(stage)
    assert (kept.checked, kept.finished_at) == (2, None)
    stage.backend.calls.clear()
    done = newest(scrub(stage))
    assert (done.id, done.checked) == (kept.id, 4)
    assert stage.backend.calls.count("open") == 2


@in_memory
def test_a_backend_that_is_away_stops_the_round_and_damages_nothing(make_stage: MakeStage) -> None:
    stage = make_stage(plan={"size": [None, Unavailable()]})
    put_many(stage, 3)
    with pytest.raises(Unavailable):
        scrub(stage)
    assert quarantined(stage) == []
    assert newest(scrub(stage)).checked == 3


@in_memory
def test_a_read_that_fails_because_the_backend_goes_away_is_no_damage(make_stage: MakeStage) -> None:
    stage = make_stage(plan={"open": [Unavailable()], "size": [None, Unavailable()]})
    put_many(stage, 1)
    with pytest.raises(Unavailable):
        scrub(stage)
    assert quarantined(stage) == []


@in_memory
def test_restart_gives_up_the_round_under_way(make_stage: MakeStage) -> None:
    stage = make_stage(plan={"open": [None, CrashNow()]})
    put_many(stage, 3)
    with pytest.raises(CrashNow):
        scrub(stage)
    report = scrub(stage, restart=True)
    assert [(each.checked, each.finished_at is None) for each in report.rounds] == [(3, False)]


@in_memory
def test_only_the_newest_rounds_are_kept(stage: Stage) -> None:
    for _ in range(ROUNDS_KEPT + 2):
        stage.clock.advance(1)
        last = scrub(stage)
    assert len(last.rounds) == ROUNDS_KEPT
    assert newest(last).started_at == stage.clock()


# Pace and leases


@in_memory
def test_it_reads_no_faster_than_it_may(stage: Stage) -> None:
    sizes = (500_000, 300_000, 1)
    for size in sizes:
        stage.put(f"{size}", b"x" * size)
    time = FakeTime()
    job = make_scrub(stage, bytes_per_s=100_000, sleep=time.sleep, monotonic=time.monotonic)
    stage.run(job.run())
    files = len(sizes)
    assert sum(time.sleeps) == pytest.approx((sum(sizes) + files * 4096) / 100_000)
    assert max(time.sleeps) <= 10, "a lease of a minute must outlive each sleep"


def test_of_two_scrubs_one_reads(stage: Stage) -> None:
    put_many(stage, 3)
    stage.backend.calls.clear()

    async def race() -> list[ScrubReport]:
        return await asyncio.gather(*(make_scrub(stage).run() for _ in range(3)))

    reports = stage.run(race())
    refused = [report.refused for report in reports]
    assert sorted(refused) == ["", *["another process is scrubbing now"] * 2]
    assert stage.backend.calls.count("open") == 3


def test_a_scrub_that_lost_its_lease_stops_and_leaves_the_round_to_the_other(stage: Stage) -> None:
    put_many(stage, 3)

    async def another_takes_over(_seconds: float) -> None:
        stage.clock.advance(40)
        ends_at = to_iso(stage.clock() + timedelta(seconds=60))
        await stage._rows(f"UPDATE storage_leases SET holder = 'another', expires_at = '{ends_at}'", True)

    with pytest.raises(LockTimeout):
        stage.run(make_scrub(stage, bytes_per_s=1000, sleep=another_takes_over).run())
    [left] = rounds(stage)
    assert (left.checked, left.finished_at) == (0, None)
    assert quarantined(stage) == [], "a lost lease says nothing about bytes"
    assert "another process" in scrub(stage).refused


# The job


class Enough(Exception):
    """Ends a job that never ends by itself."""


def run_job(stage: Stage, looks: int, *, advance_s: float = 0.0, interval_s: float = 3600) -> None:
    left = looks

    async def count_down(seconds: float) -> None:
        nonlocal left
        if seconds < 1:
            return
        assert seconds == min(interval_s, 60)
        stage.clock.advance(advance_s)
        left -= 1
        if not left:
            raise Enough

    with pytest.raises(Enough):
        stage.run(make_scrub(stage, sleep=count_down).run_for_ever(interval_s))


@in_memory
def test_the_job_begins_a_round_when_the_last_one_began_long_enough_ago(stage: Stage) -> None:
    put_many(stage, 1)
    run_job(stage, looks=5, advance_s=900)
    assert len(rounds(stage)) == 2
    run_job(stage, looks=1)
    assert len(rounds(stage)) == 2


@in_memory
def test_the_job_goes_on_with_an_interrupted_round_and_outlives_failures(make_stage: MakeStage) -> None:
    stage = make_stage(plan={"size": [Unavailable(), RuntimeError()]})
    put_many(stage, 2)
    run_job(stage, looks=3)
    [done] = rounds(stage)
    assert (done.checked, done.finished_at is None) == (2, False)


@in_memory
def test_a_clock_that_was_put_back_does_not_put_off_the_next_round(stage: Stage) -> None:
    stage.clock.advance(10 * 365 * 24 * 3600)
    run_job(stage, looks=1)
    stage.clock.advance(-10 * 365 * 24 * 3600)
    run_job(stage, looks=1)
    assert len(rounds(stage)) == 2


# Beside reclaim


def reclaim_after_grace(stage: Stage) -> Any:
    stage.clock.advance(GRACE_S + 60)
    return stage.run(stage.reclaim.run(apply=True))


@on_disk
def test_reclaim_neither_forgets_nor_deletes_what_is_damaged(stage: Stage) -> None:
    stage.put("a")
    key = key_of(stage, "a")
    flip(stage, key)
    scrub(stage)
    for _ in range(3):
        assert reclaim_after_grace(stage).missing == []
        assert quarantined(stage) == [(key, "damaged")]
    assert stage.keys_of_bytes() == {key}


@on_disk
def test_damage_is_not_forgotten_when_the_file_goes_and_comes_back_damaged(stage: Stage) -> None:
    stage.put("a")
    key = key_of(stage, "a")
    flip(stage, key)
    scrub(stage)
    path = stage.folder / "blobs" / key
    content = path.read_bytes()
    path.unlink()
    assert reclaim_after_grace(stage).missing == [key]
    path.write_bytes(content)
    assert reclaim_after_grace(stage).missing == []
    assert quarantined(stage) == [(key, "damaged")]


@on_disk
def test_a_damaged_object_that_is_deleted_leaves_nothing(stage: Stage) -> None:
    stage.put("a")
    flip(stage, key_of(stage, "a"))
    scrub(stage)
    stage.delete("a")
    for _ in range(2):
        reclaim_after_grace(stage)
    assert (quarantined(stage), stage.keys_of_bytes()) == ([], set())


@on_disk
def test_a_damaged_file_that_was_replaced_waits_like_any_orphan(stage: Stage) -> None:
    stage.put("a")
    key = key_of(stage, "a")
    flip(stage, key)
    for _ in range(3):
        stage.clock.advance(GRACE_S + 60)
        scrub(stage)
    stage.put("a", upsert=True)
    assert key_of(stage, "a") != key
    assert reclaim_after_grace(stage).orphans_removed == 0
    stage.clock.advance(GRACE_S - 60)
    assert stage.run(stage.reclaim.run(apply=True)).orphans_removed == 0
    assert reclaim_after_grace(stage).orphans_removed == 1
    assert stage.get("a") == b"content"
