"""What reading asks of the rows: one step each, and policies only where their answer counts."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from aerostore.backend.memory import MemoryBackend
from aerostore.domain import SYSTEM, DownloadLink, RlsContext, utc_now
from aerostore.errors import AccessDenied, InvalidKey, InvalidToken, NoSuchBucket, NoSuchKey, PolicyFailed
from aerostore.executor import Executor, Statement, Work, WorkFactory
from aerostore.executor.sqlite import SqliteExecutor
from aerostore.permissions.compiled import CompiledPolicies
from aerostore.policy import Source, load
from aerostore.service import FileStorage
from aerostore.service.assemble import Limits, file_storage
from aerostore.service.download import ReadRequest
from aerostore.service.outbox import Outbox
from aerostore.service.publish import Upload
from aerostore.service.signed_url import LinkSigner
from aerostore.telemetry import Telemetry

T = TypeVar("T")
MINE = "create policy a on storage.objects for select using (owner_id = auth.jwt() ->> 'sub');"
FAILING = "create policy a on storage.objects for select using (owner_id::uuid = auth.uid());"
OWNER = RlsContext(role="authenticated", user_id="owner", claims={"sub": "owner"})
UNREADABLE = RlsContext(role="authenticated", user_id="owner", claims={"sub": "owner", "x": float("nan")})
WHOLE = ReadRequest()


class Watched:
    """`inner`, noting the steps of each unit that reads: by the tables that they are about."""

    name = "watched"

    def __init__(self, inner: Executor) -> None:
        self._inner = inner
        self.start, self.close = inner.start, inner.close
        self.write, self.probe = inner.write, inner.probe
        self.steps: list[Statement] = []

    async def read(self, context: RlsContext, work: WorkFactory[T]) -> T:
        return await self._inner.read(context, lambda: self._noted(work()))

    def _noted(self, unit: Work[T]) -> Work[T]:
        try:
            step = next(unit)
            while True:
                self.steps.append(step)
                step = unit.send((yield step))
        except StopIteration as stop:
            value: T = stop.value
            return value


class Scene:
    """A storage with an object in a public and in a private bucket, both of OWNER."""

    def __init__(self, runner: asyncio.Runner, folder: Path, policies: str) -> None:
        self._runner = runner
        law = CompiledPolicies(load([Source(path="test.sql", text=policies)]))
        self.executor = Watched(SqliteExecutor(folder / "rows.db", law))
        self.storage = self._storage()
        self.run(self.executor.start())
        owner = RlsContext(role="service_role", user_id="owner", can_bypass_rls=True)
        for bucket_id, public in (("open", True), ("closed", False)):
            self.run(self.storage.buckets.create(SYSTEM, name=bucket_id, public=public))
            self.run(self.storage.files.put(owner, Upload(bucket_id=bucket_id, name="a"), b"content"))
        self.executor.steps.clear()

    def _storage(self) -> FileStorage:
        return file_storage(
            self.executor,
            MemoryBackend(clock=utc_now),
            Outbox(self.executor, (), clock=utc_now),
            LinkSigner(["key"], clock=utc_now),
            Limits(file_size_limit=1000, empty_at_most=10),
            clock=utc_now,
            telemetry=Telemetry(),
        )

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(coroutine)

    def open(self, by: RlsContext, bucket_id: str, name: str = "a") -> None:
        download = self.run(self.storage.downloads.open(by, bucket_id, name, WHOLE))
        assert download.reader is not None
        self.run(download.reader.aclose())

    def link(self, bucket_id: str) -> DownloadLink:
        token = self.run(self.storage.signed_urls.sign(SYSTEM, bucket_id, "a", expires_in_s=60))
        return self.storage.signed_urls.verify_download(token, bucket_id, "a")


MakeScene = Callable[..., Scene]


@pytest.fixture
def make_scene(tmp_path: Path) -> Iterator[MakeScene]:
    with asyncio.Runner() as runner:
        made: list[Scene] = []

        def make(policies: str = MINE) -> Scene:
            made.append(Scene(runner, tmp_path, policies))
            return made[-1]

        yield make
        for scene in made:
            scene.run(scene.executor.close())


WAYS: dict[str, Callable[[Scene], Coroutine[Any, Any, Any]]] = {
    "get": lambda scene: scene.storage.downloads.open(OWNER, "closed", "a", WHOLE),
    "get from a public bucket": lambda scene: scene.storage.downloads.open(OWNER, "open", "a", WHOLE),
    "head": lambda scene: scene.storage.downloads.head(OWNER, "closed", "a", WHOLE),
    "info": lambda scene: scene.storage.downloads.info(OWNER, "closed", "a"),
    "public get": lambda scene: scene.storage.downloads.open_public(OWNER, "open", "a", WHOLE),
    "sign": lambda scene: scene.storage.signed_urls.sign(OWNER, "closed", "a", expires_in_s=60),
    "sign many": lambda scene: scene.storage.signed_urls.sign_many(
        OWNER, "closed", ["a", "b"], expires_in_s=60
    ),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_read_is_one_step_that_ends_its_unit(
    make_scene: MakeScene, way: Callable[[Scene], Coroutine[Any, Any, Any]]
) -> None:
    scene = make_scene()
    scene.run(way(scene))
    [step] = scene.executor.steps
    assert step.ends_unit


def test_a_read_by_link_is_one_step_that_ends_its_unit(make_scene: MakeScene) -> None:
    scene = make_scene()
    link = scene.link("closed")
    scene.executor.steps.clear()
    scene.run(scene.storage.downloads.open_signed(OWNER, link, WHOLE))
    [step] = scene.executor.steps
    assert step.ends_unit


def test_nobody_is_asked_for_what_is_public(make_scene: MakeScene) -> None:
    scene = make_scene("")
    scene.open(OWNER, "open")
    with pytest.raises(NoSuchKey):
        scene.open(OWNER, "closed")


@pytest.mark.parametrize("caller", [OWNER, UNREADABLE], ids=["a subject", "claims"])
def test_a_policy_that_fails_is_nothing_to_readers_of_a_public_bucket(
    make_scene: MakeScene, caller: RlsContext
) -> None:
    scene = make_scene(FAILING)
    scene.open(caller, "open")
    scene.run(scene.storage.downloads.head(caller, "open", "a", WHOLE))
    with pytest.raises(NoSuchKey):
        scene.open(caller, "open", "missing")


@pytest.mark.parametrize(
    ("caller", "error"), [(OWNER, PolicyFailed), (UNREADABLE, InvalidToken)], ids=["a subject", "claims"]
)
def test_a_policy_that_fails_is_told_to_readers_of_a_private_bucket(
    make_scene: MakeScene, caller: RlsContext, error: type[AccessDenied]
) -> None:
    scene = make_scene(FAILING)
    with pytest.raises(error):
        scene.open(caller, "closed")


def test_a_bucket_that_is_missing_comes_before_a_policy_that_fails(make_scene: MakeScene) -> None:
    scene = make_scene(FAILING)
    with pytest.raises(NoSuchBucket):
        scene.open(OWNER, "missing")


@pytest.mark.parametrize("name", ["", "a\0b", "a/../b", "\ud800", "x" * 1025])
def test_a_bucket_that_is_missing_comes_before_a_name_that_cannot_be(
    make_scene: MakeScene, name: str
) -> None:
    scene = make_scene()
    downloads = scene.storage.downloads
    for bucket_id, error in (("missing", NoSuchBucket), ("closed", InvalidKey), ("open", InvalidKey)):
        with pytest.raises(error):
            scene.open(OWNER, bucket_id, name)
    for bucket_id, error in (("closed", NoSuchBucket), ("open", InvalidKey)):
        with pytest.raises(error):
            scene.run(downloads.open_public(OWNER, bucket_id, name, WHOLE))


def test_a_link_to_what_is_gone_opens_nothing_that_has_its_name_now(make_scene: MakeScene) -> None:
    scene = make_scene()
    link = scene.link("closed")
    scene.run(scene.storage.files.delete(SYSTEM, "closed", "a"))
    with pytest.raises(NoSuchKey):
        scene.run(scene.storage.downloads.open_signed(OWNER, link, WHOLE))
    scene.run(scene.storage.files.put(SYSTEM, Upload(bucket_id="closed", name="a"), b"other"))
    with pytest.raises(NoSuchKey):
        scene.run(scene.storage.downloads.open_signed(OWNER, link, WHOLE))
    assert link.expires_at > datetime.now(UTC)
