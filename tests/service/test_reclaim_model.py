"""Reclaim beside everything else that happens to rows, bytes and clocks: what it may never do, it never does.

A state machine acts on a storage in an order that `--crash-seed` decides; `--crash-size` makes it longer.
Two reclaims, stalled uploads and a scrub take turns at every call on rows or bytes.
"""

import hashlib
import os
import uuid
from collections.abc import Callable, Coroutine
from datetime import timedelta
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
from aerostore.service.copy import CopyRequest
from aerostore.service.file import Files
from aerostore.service.publish import Upload
from aerostore.service.reclaim import Reclaim, ReclaimPolicy, ReclaimReport
from aerostore.service.scrub import Scrub
from tests.blobs import in_chunks
from tests.drafts import append
from tests.service.conftest import EVERY_KIND, MakeStage, expecting_losses
from tests.service.reclaim_watch import Watch
from tests.service.stage import (
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
        self.resumables: dict[str, bytes] = {}
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
        return self.stage.files_over(self.executor, self.unwatched)

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

    @rule(content=contents, lifetime_s=st.sampled_from([600, 3 * GRACE_S, 2 * YEAR_S]))
    def a_resumable_upload_begins(self, content: bytes, lifetime_s: int) -> None:
        upload_id = str(uuid.uuid4())
        expires_at = to_iso(self.stage.clock() + timedelta(seconds=lifetime_s))
        self.stage.rows(
            "INSERT INTO storage_uploads (id, protocol, bucket_id, name, expires_at)"
            f" VALUES ('{upload_id}', 'tus', 'photos', 'resumable', '{expires_at}')"
        )
        self.resumables[upload_id] = b""
        self.run(self.grow(upload_id, content))

    @precondition(lambda self: self.resumables)
    @rule(pick=st.integers(0, 99), content=contents)
    def a_resumable_upload_goes_on(self, pick: int, content: bytes) -> None:
        self.forget_ended_uploads()
        if known := sorted(self.resumables):
            self.run(self.grow(known[pick % len(known)], content))

    async def grow(self, upload_id: str, content: bytes) -> None:
        """Add bytes to the draft, dated by the clock of the stage."""
        known = self.resumables[upload_id]
        async with self.stage.backend.draft(upload_id) as draft:
            await append(draft, content, offset=len(known))
        self.resumables[upload_id] = known + content
        now = self.stage.clock().timestamp()
        path = self.stage.folder / "blobs" / "draft" / upload_id
        if path.exists():
            os.utime(path, (now, now))

    @precondition(lambda self: self.resumables)
    @rule(pick=st.integers(0, 99), dies=st.booleans())
    def a_resumable_upload_is_complete(self, pick: int, dies: bool) -> None:
        """Its draft goes after the row has changed, if the process lives on."""
        self.forget_ended_uploads()
        if not (known := sorted(self.resumables)):
            return
        upload_id = known[pick % len(known)]
        self.stage.rows(f"UPDATE storage_uploads SET state = 'COMPLETED' WHERE id = '{upload_id}'")
        del self.resumables[upload_id]
        if not dies:
            self.run(self.stage.backend.delete(f"draft/{upload_id}"))

    def forget_ended_uploads(self) -> None:
        """Forget those that reclaim or the emptying of their bucket has ended."""
        rows = self.stage.rows("SELECT id FROM storage_uploads WHERE state = 'WRITING'")
        self.resumables = {
            row["id"]: self.resumables[row["id"]] for row in rows if row["id"] in self.resumables
        }

    @invariant()
    def uploads_under_way_have_their_drafts(self) -> None:
        self.forget_ended_uploads()
        for upload_id, content in self.resumables.items():
            assert self.run(self.stage.backend.size(f"draft/{upload_id}")) == len(content)

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
        # An older database may know uploads whose drafts went when they were complete or had expired.
        self.resumables = {key: self.resumables[key] for key in self.resumables if self.has_draft(key)}
        self.run(self.watch.forget_what_is_needed_again())
        self.lost |= set(self.run(self.find_missing()))
        if accepted:
            self.run_reclaim(apply=True, accept=True)

    def has_draft(self, upload_id: str) -> bool:
        return self.run(self.stage.backend.exists(f"draft/{upload_id}"))

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

    async def find_drafts(self) -> set[str]:
        return {each.key async for each in self.stage.backend.list("draft/")}

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
        for is_accepted in (True, True, True, True, False):  # whoever is told to go on spares drafts
            self.stage.clock.advance(GRACE_S + 60)
            self.run(self.watch.note_dates())
            self.run(self.reclaim().run(apply=True, accept_restored=is_accepted))
        unfinished = self.stage.rows("SELECT id FROM storage_uploads WHERE state = 'WRITING'")
        assert self.run(self.find_drafts()) <= {f"draft/{row['id']}" for row in unfinished}
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
