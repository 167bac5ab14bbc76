"""A storage on either engine under the policies of a text, and `explain` beside it."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest

from aerostore import policy
from aerostore.backend.memory import MemoryBackend
from aerostore.domain import RlsContext, utc_now
from aerostore.errors import StorageError
from aerostore.executor import Executor
from aerostore.executor.judge import Judge
from aerostore.executor.judge_postgres import PostgresJudge, read_origins
from aerostore.executor.judge_sqlite import SqliteJudge
from aerostore.executor.postgres import PostgresExecutor
from aerostore.executor.sqlite import SqliteExecutor
from aerostore.permissions.compiled import CompiledPolicies
from aerostore.policy.catalog import Catalog
from aerostore.service import FileStorage
from aerostore.service.assemble import Limits, file_storage
from aerostore.service.bucket import BucketQuery
from aerostore.service.copy import CopyRequest
from aerostore.service.denial import Denials
from aerostore.service.download import ReadRequest
from aerostore.service.explain import Explain
from aerostore.service.explanation import Explanation
from aerostore.service.listing import FolderQuery, PrefixQuery
from aerostore.service.outbox import Outbox
from aerostore.service.publish import Upload
from aerostore.service.question import Question
from aerostore.service.rehearsal import Rehearsal
from aerostore.service.signed_url import LinkSigner
from aerostore.telemetry import Telemetry
from tests.conformance.executor_fixture import installed_template
from tests.conformance.postgres import PostgresCluster

T = TypeVar("T")
FILE_SIZE_LIMIT = 100_000
EMPTY_AT_MOST = 700
ALICE = "31ab0000-0000-4000-8000-00000000000a"
BOB = "31ab0000-0000-4000-8000-00000000000b"
SERVICE = RlsContext(role="service_role", can_bypass_rls=True)
ANON = RlsContext(role="anon", claims={"role": "anon"})


def user(sub: str, **claims: Any) -> RlsContext:
    return RlsContext(
        role="authenticated", user_id=sub, claims={"role": "authenticated", "sub": sub, **claims}
    )


@dataclass
class Scene:
    """One storage, and the loop that it runs on."""

    runner: asyncio.Runner
    executor: Executor
    judge: Judge

    def __post_init__(self) -> None:
        executor, backend, telemetry = self.executor, MemoryBackend(clock=utc_now), Telemetry()
        self.telemetry = telemetry
        outbox = Outbox(executor, (), clock=utc_now)
        limits = Limits(file_size_limit=FILE_SIZE_LIMIT, empty_at_most=EMPTY_AT_MOST)
        signer = LinkSigner(["key"], clock=utc_now)
        self.storage = file_storage(
            executor, backend, outbox, signer, limits, clock=utc_now, telemetry=telemetry
        )
        rehearsal = Rehearsal(executor=executor, clock=utc_now, limits=limits)
        self.explainer = Explain(executor, self.judge, rehearsal)
        self.denials = Denials(executor, self.explainer, clock=utc_now, telemetry=telemetry)
        self.run(executor.start())

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    def close(self) -> None:
        self.run(self.executor.close())

    def make_bucket(self, bucket_id: str, **options: Any) -> None:
        self.run(self.storage.buckets.create(SERVICE, name=bucket_id, **options))

    def put(self, name: str, owner: str | None, bucket_id: str = "photos", size: int = 1) -> None:
        """Store an object as the service role; it belongs to `owner`."""
        by = RlsContext(role="service_role", user_id=owner, can_bypass_rls=True)
        upload = Upload(bucket_id=bucket_id, name=name, mime_type="text/plain")
        self.run(self.storage.files.put(by, upload, b"x" * size))

    def explain(self, context: RlsContext, op: str, name: str = "", **details: Any) -> Explanation:
        question = Question(**{"op": op, "bucket_id": "photos", "name": name} | details)
        return self.run(self.explainer.explain(context, question))

    def perform(self, context: RlsContext, question: Question) -> StorageError | None:
        """Do it for real; return the refusal."""

        async def performing() -> None:
            await _PERFORMED[question.op](self.storage, context, question)

        try:
            self.run(performing())
        except StorageError as refusal:
            return refusal
        return None


def _upload(question: Question) -> Upload:
    return Upload(
        bucket_id=question.bucket_id,
        name=question.name,
        mime_type=question.mime_type,
        upsert=question.upsert or question.op in ("upsert", "update"),
        is_update=question.op == "update",
        size_bytes=question.size_bytes,
    )


def _copy(question: Question) -> CopyRequest:
    return CopyRequest(
        bucket_id=question.bucket_id,
        name=question.name,
        to_bucket_id=question.to_bucket_id or question.bucket_id,
        to_name=question.to_name,
        upsert=question.upsert,
    )


Performed = Callable[[FileStorage, RlsContext, Question], Coroutine[Any, Any, object]]
_PERFORMED: dict[str, Performed] = {
    "upload": lambda s, c, q: s.files.put(c, _upload(q), b"x" * q.size_bytes),
    "upsert": lambda s, c, q: s.files.put(c, _upload(q), b"x" * q.size_bytes),
    "update": lambda s, c, q: s.files.put(c, _upload(q), b"x" * q.size_bytes),
    "download": lambda s, c, q: s.downloads.open(c, q.bucket_id, q.name, ReadRequest()),
    "info": lambda s, c, q: s.downloads.info(c, q.bucket_id, q.name),
    "list": lambda s, c, q: s.listing.list_folder(c, q.bucket_id, FolderQuery(prefix=q.name)),
    "list_v2": lambda s, c, q: s.listing.list_prefix(c, q.bucket_id, PrefixQuery(prefix=q.name)),
    "copy": lambda s, c, q: s.files.copy(c, _copy(q)),
    "move": lambda s, c, q: s.files.move(
        c, q.bucket_id, q.name, to_bucket_id=q.to_bucket_id or q.bucket_id, to_name=q.to_name
    ),
    "delete": lambda s, c, q: s.files.delete(c, q.bucket_id, q.name),
    "sign": lambda s, c, q: s.signed_urls.sign(c, q.bucket_id, q.name, expires_in_s=60),
    "sign_upload": lambda s, c, q: s.signed_urls.sign_upload(c, _upload(q)),
    "bucket.create": lambda s, c, q: s.buckets.create(c, name=q.bucket_id),
    "bucket.get": lambda s, c, q: s.buckets.get(c, q.bucket_id),
    "bucket.list": lambda s, c, _q: s.buckets.list(c, BucketQuery()),
    "bucket.update": lambda s, c, q: s.buckets.update(c, q.bucket_id, {"public": False}),
    "bucket.delete": lambda s, c, q: s.buckets.delete(c, q.bucket_id),
    "bucket.empty": lambda s, c, q: s.buckets.empty(c, q.bucket_id),
}

MakeScene = Callable[[str], Scene]


def sqlite_scene(folder: Path, runner: asyncio.Runner, text: str) -> Scene:
    catalog = Catalog()
    policies = policy.load([policy.Source(path="policies/test.sql", text=text)], catalog)
    path = folder / "rows.db"
    return Scene(
        runner=runner,
        executor=SqliteExecutor(path, CompiledPolicies(policies)),
        judge=SqliteJudge(path, policies, catalog),
    )


def postgres_scene(request: pytest.FixtureRequest, runner: asyncio.Runner, text: str) -> Scene:
    cluster: PostgresCluster = request.getfixturevalue("cluster")
    database = cluster.create_database(template=installed_template(cluster))
    request.addfinalizer(lambda: cluster.drop_database(database))
    with psycopg.connect(cluster.conninfo(database)) as connection:
        connection.execute("SET LOCAL search_path = public")
        connection.execute(text.encode())
    url = cluster.conninfo(database)
    source = policy.Source(path="policies/test.sql", text=text)
    return Scene(
        runner=runner, executor=PostgresExecutor(url), judge=PostgresJudge(url, read_origins([source]))
    )
