"""Reclaim beside everything else that happens to rows, bytes and clocks: what it may never do, it never does.

A state machine acts on a storage in an order that `--crash-seed` decides; `--crash-size` makes it longer.
Two reclaims, stalled uploads and a scrub take turns at every call on rows or bytes.
"""

import hashlib
import os
import uuid
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from aerostore.domain import Object, to_iso
from aerostore.errors import Corrupted, StorageError, Unavailable
from aerostore.service.file import CopyRequest, Files, Upload
from aerostore.service.reclaim import Reclaim, ReclaimPolicy, ReclaimReport
from aerostore.service.scrub import Scrub
from tests.blobs import in_chunks
from tests.service.conftest import EVERY_KIND, MakeStage, expecting_losses
from tests.service.stage import (
    FILE_SIZE_LIMIT,
    GRACE_S,
    OWNER,
    RETENTION_S,
    SERVICE,
    Stage,
)
from tests.service.stepping import Actor, SteppedBackend, SteppedExecutor

pytestmark = expecting_losses

T = TypeVar("T")
YEAR_S = 365 * 24 * 3600
STEPS = 50
NAMES = [f"{number}" for number in range(5)]
CONTENTS = [b"", b"one", b"two", b"three"]
names = st.sampled_from(NAMES)
contents = st.sampled_from(CONTENTS)
turns = st.lists(st.integers(0, 99), max_size=60)
jumps = st.sampled_from([0, 60, *[GRACE_S + 60] * 4, 2 * GRACE_S, YEAR_S, -GRACE_S, -YEAR_S])

POINTING = """
    SELECT o.name, b.backend_key, b.sha256, b.size_bytes, b.status FROM storage_objects AS o
    JOIN storage_blobs AS b ON b.id = o.blob_id
"""


class Watch:
    """What a witness who knows nothing of reclaim saw: when bytes came, were let go, were listed."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.written_at: dict[str, datetime] = {}
        self.released_at: dict[str, datetime] = {}
        self.listed_at: dict[str, list[datetime]] = {}
        self.deleted: list[str] = []

    async def before_list(self, prefix: str) -> None:
        if not prefix.startswith("sha256"):
            return
        async for stored in self._stage.backend.list(prefix):
            self.listed_at.setdefault(stored.key, []).append(self._stage.clock())

    async def before_delete(self, key: str) -> None:
        """Judge a deletion that reclaim is about to make. Raises: AssertionError."""
        if not key.startswith("sha256"):
            return
        rows = await self._stage._rows(
            f"SELECT id, status FROM storage_blobs WHERE backend_key = '{key}'", False
        )
        if rows:
            self._judge_released(key, rows[0]["status"])
            pointing = f"SELECT name FROM storage_objects WHERE blob_id = '{rows[0]['id']}'"
            assert await self._stage._rows(pointing, False) == []
        else:
            self._judge_orphan(key)
        self.deleted.append(key)

    def _judge_released(self, key: str, status: str) -> None:
        assert status == "DELETING", f"{key} is in use"
        assert self._is_older_than_grace(self.released_at[key]), f"{key} was let go a moment ago"

    def _judge_orphan(self, key: str) -> None:
        sightings = self.listed_at.get(key, [])
        assert len(sightings) >= 2, f"{key} was seen once"
        # One that a run doomed and did not come to remove may go at once, even by a clock put back meanwhile.
        span = max([*sightings, self._stage.clock()]) - min(sightings)
        assert span >= timedelta(seconds=GRACE_S), f"{key} was seen just now"

    def _is_older_than_grace(self, moment: datetime) -> bool:
        return self._stage.clock() - moment >= timedelta(seconds=GRACE_S)

    def the_clock_was_turned(self) -> None:
        """Begin every grace period anew whose beginning lies in the future now."""
        now = self._stage.clock()
        self.released_at = {key: min(at, now) for key, at in self.released_at.items()}

    async def forget_what_is_needed_again(self) -> None:
        """Forget when blobs were let go that an older database knows as needed."""
        query = "SELECT backend_key FROM storage_blobs WHERE status = 'DELETING'"
        released = {row["backend_key"] for row in await self._stage._rows(query, False)}
        self.released_at = {key: at for key, at in self.released_at.items() if key in released}

    async def note_dates(self) -> None:
        """Date what is new by the clock of the stage: triggers and files have it from the machine's."""
        now = self._stage.clock()
        async for stored in self._stage.backend.list("sha256/"):
            if stored.key not in self.written_at:
                self.written_at[stored.key] = now
                path = self._stage.folder / "blobs" / stored.key
                if path.exists():
                    os.utime(path, (now.timestamp(), now.timestamp()))
        query = "SELECT id, backend_key FROM storage_blobs WHERE status = 'DELETING'"
        for row in await self._stage._rows(query, False):
            if row["backend_key"] not in self.released_at:
                self.released_at[row["backend_key"]] = now
                dated = f"UPDATE storage_blobs SET deleting_since = '{to_iso(now)}' WHERE id = '{row['id']}'"
                await self._stage._rows(dated, True)


class World(RuleBasedStateMachine):
    """A storage, what clients were told of it, and what was done to its bytes behind its back."""

    make_stage: MakeStage

    def __init__(self) -> None:
        super().__init__()
        self.stage: Stage = type(self).make_stage()
        self.watch = Watch(self.stage)
        self.told: dict[str, bytes] = {}
        self.lost: set[str] = set()
        self.uploads: dict[str, tuple[bytes, Actor[Object]]] = {}
        self.restore: Callable[[], None] | None = None
        self.told_then: dict[str, bytes] = {}
        self.latest = self.stage.clock()

    # The parts, as processes that take turns have them

    @property
    def executor(self) -> SteppedExecutor:
        return SteppedExecutor(lambda: self.stage.executor)

    @property
    def backend(self) -> SteppedBackend:
        watch = self.watch
        return SteppedBackend(
            self.stage.backend, before_delete=watch.before_delete, before_list=watch.before_list
        )

    @property
    def unwatched(self) -> SteppedBackend:
        """The bytes for an upload, which may delete what it has just written itself."""

        async def ignore(_text: str) -> None:
            """Requests have their own rules: decision 0006."""

        return SteppedBackend(self.stage.backend, before_delete=ignore, before_list=ignore)

    def reclaim(self) -> Reclaim:
        policy = ReclaimPolicy(grace_s=GRACE_S, max_deletes=1000, event_retention_s=RETENTION_S)
        stage = self.stage
        return Reclaim(self.executor, self.backend, policy, clock=stage.clock, telemetry=stage.telemetry)

    def scrub(self) -> Scrub:
        async def no_time_passes(_seconds: float) -> None:
            """The clock of the stage is for the machine to turn."""

        stage = self.stage
        return Scrub(
            self.executor,
            self.backend,
            bytes_per_s=10**9,
            clock=stage.clock,
            telemetry=stage.telemetry,
            sleep=no_time_passes,
        )

    def files(self) -> Files:
        stage = self.stage
        return Files(
            self.executor,
            self.unwatched,
            stage.outbox,
            clock=stage.clock,
            telemetry=stage.telemetry,
            file_size_limit=FILE_SIZE_LIMIT,
        )

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.stage.run(work)

    # What clients do

    @rule(name=names, content=contents)
    def upload(self, name: str, content: bytes) -> None:
        self.stage.put(name, content, upsert=True)
        self.told[name] = content

    @rule(name=names, by_plain_sql=st.booleans())
    def delete(self, name: str, by_plain_sql: bool) -> None:
        if self.told.pop(name, None) is None:
            return
        if by_plain_sql:
            self.stage.rows(f"DELETE FROM storage_objects WHERE name = '{name}'")
        else:
            self.stage.delete(name)

    @rule(name=names, new_name=names, move=st.booleans())
    def copy_or_move(self, name: str, new_name: str, move: bool) -> None:
        if name not in self.told or new_name in self.told:
            return
        files = self.stage.storage.files
        if move:
            self.run(files.move(OWNER, "photos", name, to_bucket_id="photos", to_name=new_name))
            self.told[new_name] = self.told.pop(name)
        else:
            request = CopyRequest(bucket_id="photos", name=name, to_bucket_id="photos", to_name=new_name)
            self.run(files.copy(OWNER, request))
            self.told[new_name] = self.told[name]

    @rule()
    def empty_the_bucket(self) -> None:
        self.finish_uploads_that_show()
        self.stage.clock.now = self.latest  # what has a date in the future is not emptied
        self.stage.clock.advance(1)
        self.run(self.stage.storage.buckets.empty(SERVICE, "photos"))
        self.told.clear()

    @rule(content=contents, steps=st.sampled_from([1, 1, 1, 2, 3]))
    def an_upload_stalls(self, content: bytes, steps: int) -> None:
        name = f"late-{uuid.uuid4()}"

        async def begin() -> Actor[Object]:
            upload = Upload(bucket_id="photos", name=name)
            actor = await Actor(self.files().put(OWNER, upload, content)).begin()
            for _ in range(steps):
                if not actor.has_ended:
                    await actor.step()
            return actor

        self.uploads[name] = (content, self.run(begin()))
        self.settle_uploads()

    @precondition(lambda self: self.uploads)
    @rule(pick=st.integers(0, 99))
    def a_stalled_upload_goes_on(self, pick: int) -> None:
        names = sorted(self.uploads)
        _content, actor = self.uploads[names[pick % len(names)]]
        self.run(actor.go_on_to_the_end())
        self.settle_uploads()

    def settle_uploads(self) -> None:
        """Note what became of the uploads that ended: stored, or refused with the word to try again."""
        for name, (content, actor) in list(self.uploads.items()):
            if not actor.has_ended:
                continue
            del self.uploads[name]
            if isinstance(actor.outcome, Object):
                self.told[name] = content
            else:
                assert isinstance(actor.outcome, Unavailable), actor.outcome

    def finish_uploads_that_show(self) -> None:
        shown = {row["name"] for row in self.stage.rows(POINTING)}
        for name in shown & set(self.uploads):
            self.run(self.uploads[name][1].go_on_to_the_end())
        self.settle_uploads()

    async def kill_uploads(self) -> None:
        for _content, actor in self.uploads.values():
            await actor.kill()
        self.uploads.clear()

    # What the background does

    @rule(after_s=jumps, times=st.integers(1, 3))
    def reclaim_runs(self, after_s: int, times: int) -> None:
        for _ in range(times):
            self.the_clock_jumps(after_s)
            self.run_reclaim(apply=True, accept=False)

    @rule()
    def somebody_looks_what_reclaim_would_do(self) -> None:
        self.run_reclaim(apply=False, accept=False)

    def run_reclaim(self, *, apply: bool, accept: bool) -> None:
        self.stage.expire_leases()
        missing, orphans = self.run(self.find_missing()), self.run(self.find_orphans())

        async def alone() -> ReclaimReport | BaseException:
            return await Actor(self.reclaim().run(apply=apply, accept_restored=accept)).go_on_to_the_end()

        report = self.run(alone())
        assert isinstance(report, ReclaimReport), report
        assert (sorted(report.missing), report.missing_count) == (missing, len(missing))
        assert (sorted(report.orphan_keys), report.orphans) == (orphans, len(orphans))

    @rule(after_s=jumps, picks=turns, and_scrub=st.booleans())
    def jobs_and_uploads_take_turns(self, after_s: int, picks: list[int], and_scrub: bool) -> None:
        """Run two reclaims that both hold the lease, as after a pause of one of them."""
        self.the_clock_jumps(after_s)
        self.run(self.take_turns(picks, and_scrub=and_scrub))
        self.settle_uploads()

    async def take_turns(self, picks: list[int], *, and_scrub: bool) -> None:
        jobs: list[Actor[Any]] = [await Actor(self.reclaim().run(apply=True)).begin() for _ in range(2)]
        jobs += [await Actor(self.scrub().run()).begin()] if and_scrub else []
        actors = [*jobs, *(actor for _content, actor in self.uploads.values())]
        for pick in picks:
            await self.stage._rows("DELETE FROM storage_leases", True)
            await self.step(actors[pick % len(actors)])
        for job in jobs:
            while not job.has_ended:
                await self.step(job)
            if isinstance(job.outcome, BaseException):
                assert isinstance(job.outcome, StorageError), job.outcome

    async def step(self, actor: Actor[Any]) -> None:
        if not actor.has_ended:
            await actor.step()
            await self.watch.note_dates()
            await self.check_pointers()

    @rule(steps=st.integers(1, 40))
    def reclaim_dies(self, steps: int) -> None:
        async def die() -> None:
            actor = await Actor(self.reclaim().run(apply=True)).begin()
            for _ in range(steps):
                await self.step(actor)
            await actor.kill()

        self.stage.expire_leases()
        self.run(die())
        self.stage.expire_leases()

    @rule()
    def scrub_runs(self) -> None:
        self.stage.expire_leases()

        async def alone() -> object:
            return await Actor(self.scrub().run()).go_on_to_the_end()

        outcome = self.run(alone())
        assert not isinstance(outcome, BaseException), outcome

    # What happens to the machine

    def the_clock_jumps(self, seconds: int) -> None:
        self.stage.clock.advance(seconds)
        self.latest = max(self.latest, self.stage.clock())
        self.watch.the_clock_was_turned()

    @rule()
    def the_database_is_backed_up(self) -> None:
        self.finish_uploads_that_show()
        if self.restore is None:
            self.restore, self.told_then = self.stage.back_up(), dict(self.told)

    @precondition(lambda self: self.restore is not None)
    @rule(accepted=st.booleans())
    def the_database_is_restored(self, accepted: bool) -> None:
        self.run(self.kill_uploads())
        assert self.restore is not None
        self.restore()
        self.restore, self.told = None, self.told_then
        self.run(self.watch.forget_what_is_needed_again())
        self.lost |= set(self.run(self.find_missing()))
        if accepted:
            self.run_reclaim(apply=True, accept=True)

    @rule(pick=st.integers(0, 99), whole_folder=st.booleans())
    def files_are_lost(self, pick: int, whole_folder: bool) -> None:
        keys = sorted(self.stage.keys_of_bytes())
        if not keys:
            return
        picked = keys[pick % len(keys)]
        gone = [key for key in keys if key == picked or (whole_folder and key[:10] == picked[:10])]
        for key in gone:
            self.run(self.stage.backend.delete(key))
        self.lost |= set(gone)

    @rule(content=contents)
    def a_file_is_planted_or_an_upload_died(self, content: bytes) -> None:
        self.run(self.stage.backend.write(in_chunks(content), blob_id=str(uuid.uuid4())))

    # What must be true

    @initialize()
    def date_what_is_there(self) -> None:
        self.run(self.watch.note_dates())

    @invariant()
    def rows_and_bytes_are_as_clients_were_told(self) -> None:
        self.run(self.watch.note_dates())
        self.run(self.check_pointers())
        stored = {row["name"]: row["sha256"] for row in self.stage.rows(POINTING)}
        late = {name: content for name, (content, _actor) in self.uploads.items() if name in stored}
        expected = {name: hashlib.sha256(it).hexdigest() for name, it in (self.told | late).items()}
        assert stored == expected

    async def check_pointers(self) -> None:
        """No row points at bytes that are gone, other than those that were lost behind our back."""
        for row in await self.stage._rows(POINTING, False):
            key = row["backend_key"]
            assert row["status"] == "COMMITTED", key
            if key not in self.lost:
                assert await self.is_whole(key, row["size_bytes"]), f"{row['name']} has lost {key}"

    async def is_whole(self, key: str, size_bytes: int) -> bool:
        try:
            return await self.stage.backend.size(key) == size_bytes
        except Corrupted:
            return False

    async def find_missing(self) -> list[str]:
        query = "SELECT backend_key, size_bytes FROM storage_blobs WHERE status = 'COMMITTED'"
        rows = await self.stage._rows(query, False)
        keys = [
            row["backend_key"]
            for row in rows
            if not await self.is_whole(row["backend_key"], row["size_bytes"])
        ]
        return sorted(keys)

    async def find_orphans(self) -> list[str]:
        """List the keys that no row knows and whose date is further away than the grace period."""
        known = {
            row["backend_key"]
            for row in await self.stage._rows("SELECT backend_key FROM storage_blobs", False)
        }
        now, grace = self.stage.clock(), timedelta(seconds=GRACE_S)
        stored = [each async for each in self.stage.backend.list("sha256/")]
        return sorted(
            each.key for each in stored if each.key not in known and abs(now - each.modified_at) > grace
        )

    def teardown(self) -> None:
        try:
            self.check_that_nothing_is_left_over()
        finally:
            self.run(self.kill_uploads())

    def check_that_nothing_is_left_over(self) -> None:
        """With an honest clock and nobody at work, rows and bytes come to agree."""
        self.run(self.kill_uploads())
        self.stage.expire_leases()
        self.stage.clock.now = self.latest
        for _ in range(4):
            self.stage.clock.advance(GRACE_S + 60)
            self.run(self.watch.note_dates())
            self.run(self.reclaim().run(apply=True, accept_restored=True))
        needed = {row["backend_key"] for row in self.stage.rows("SELECT backend_key FROM storage_blobs")}
        missing = self.run(self.find_missing())
        assert self.stage.keys_of_bytes() == needed - set(missing)
        assert self.stage.rows("SELECT id FROM storage_blobs WHERE status = 'DELETING'") == []
        left = self.stage.rows("SELECT backend_key, kind, scans FROM storage_quarantine")
        assert {(row["kind"], row["scans"]) for row in left if row["kind"] != "missing"} <= {("doomed", 0)}
        assert sorted(row["backend_key"] for row in left if row["kind"] == "missing") == missing


@pytest.mark.timeout(0)
@pytest.mark.parametrize("make_stage", EVERY_KIND, ids=str, indirect=True)
def test_whatever_happens_reclaim_takes_nothing_that_is_needed_and_leaves_nothing_over(
    make_stage: MakeStage, request: pytest.FixtureRequest
) -> None:
    size, number = (int(request.config.getoption(f"--crash-{option}")) for option in ("size", "seed"))
    machine = type("World", (World,), {"make_stage": staticmethod(make_stage)})
    in_postgres = "postgres" in request.node.name
    options = settings(
        max_examples=(3 if in_postgres else 10) * size,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=(Phase.generate,),  # to shrink takes minutes, and the steps are readable as they are
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    run_state_machine_as_test(seed(number)(machine), settings=options)
