"""Policies as operators read them, and what they come to: never other than what really happens."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from aerostore import policy
from aerostore.domain import RlsContext
from aerostore.errors import InvalidParameter, NoSuchBucket, RoleNotAllowed
from aerostore.executor.judge_postgres import read_origins
from aerostore.executor.law_book import LawBook
from aerostore.executor.law_book_postgres import PostgresLawBook
from aerostore.executor.law_book_sqlite import SqliteLawBook
from aerostore.executor.postgres import PostgresExecutor
from aerostore.policy.catalog import Catalog
from aerostore.service.law_listing import MAX_BUCKETS, OPERATIONS, ROLES, LawListing
from aerostore.service.question import Question
from tests.conformance.postgres import cluster as cluster
from tests.service.explain_scene import ALICE, ANON, SERVICE, Scene, postgres_scene, sqlite_scene, user

POLICIES = """
-- Everybody sees what is published.
create policy "published" on storage.objects for select using (bucket_id = 'published');

create policy "own folder" on storage.objects for all to authenticated
    using (bucket_id = 'photos' and (storage.foldername(name))[1] = auth.uid()::text);

create policy "members upload" on storage.objects for insert to authenticated
    with check (bucket_id = 'published' and auth.role() = 'authenticated');

create policy "the red team cleans up" on storage.objects for delete to authenticated
    using (bucket_id = 'published' and auth.jwt() ->> 'team' = 'red');

create policy "nothing leaves the archive" on storage.objects as restrictive for delete
    using (bucket_id <> 'archive');

create policy "anybody fills the archive" on storage.objects for all to anon
    using (bucket_id = 'archive') with check (bucket_id = 'archive');

create policy "see buckets" on storage.buckets for select to authenticated using (true);
"""
BUCKETS = ("photos", "published", "archive")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    with asyncio.Runner() as runner:
        if request.param == "sqlite":
            made = sqlite_scene(tmp_path, runner, POLICIES)
        else:
            made = postgres_scene(request, runner, POLICIES)
        for bucket in BUCKETS:
            made.make_bucket(bucket)
        yield made
        made.close()


@pytest.fixture
def law(scene: Scene) -> LawListing:
    return LawListing(scene.executor, book_of(scene))


def book_of(scene: Scene) -> LawBook:
    source = policy.Source(path="policies/test.sql", text=POLICIES)
    if isinstance(scene.executor, PostgresExecutor):
        return PostgresLawBook(scene.executor._conninfo, read_origins([source]))
    return SqliteLawBook(policy.load([source], Catalog()))


def coverage(scene: Scene, law: LawListing, *buckets: str) -> dict[tuple[str, str, str], str]:
    cells = scene.run(law.coverage(SERVICE, buckets or BUCKETS))
    return {(cell.bucket_id, cell.role, cell.operation): cell.verdict for cell in cells}


def test_policies_are_listed_with_where_and_why_they_were_written(scene: Scene, law: LawListing) -> None:
    policies = {each.name: each for each in scene.run(law.policies(SERVICE))}
    assert list(policies) == sorted(policies, key=lambda name: (policies[name].table, name))
    assert len(policies) == 7
    published = policies["published"]
    assert (published.table, published.command, published.roles) == ("storage.objects", "select", ("public",))
    assert (published.path, published.line) == ("policies/test.sql", 3)
    assert published.comment == "Everybody sees what is published."
    assert published.using is not None
    assert "'published'" in published.using
    assert published.with_check is None
    assert published.text.lower().startswith("create policy")
    assert not policies["nothing leaves the archive"].permissive
    assert policies["members upload"].using is None
    assert policies["see buckets"].table == "storage.buckets"


def test_coverage_has_a_cell_for_everything(scene: Scene, law: LawListing) -> None:
    assert set(coverage(scene, law)) == {
        (bucket, role, operation) for bucket in BUCKETS for role in ROLES for operation in OPERATIONS
    }


@pytest.mark.parametrize(
    ("bucket", "role", "operation", "verdict"),
    [
        ("published", "anon", "download", "allowed"),
        ("published", "authenticated", "list", "allowed"),
        ("photos", "anon", "download", "denied"),
        ("photos", "authenticated", "download", "conditional"),
        ("photos", "authenticated", "upload", "conditional"),
        ("archive", "authenticated", "upload", "denied"),
        ("published", "authenticated", "upload", "allowed"),
        ("published", "anon", "upload", "denied"),
        ("published", "authenticated", "upsert", "denied"),
        ("published", "authenticated", "delete", "conditional"),
        ("archive", "anon", "upsert", "allowed"),
        ("archive", "anon", "delete", "denied"),
        ("archive", "anon", "move", "allowed"),
        ("archive", "authenticated", "bucket.get", "allowed"),
        ("archive", "anon", "bucket.get", "denied"),
        ("archive", "authenticated", "bucket.update", "denied"),
    ],
)
def test_a_verdict_is_that_of_the_policies_for_the_bucket(
    scene: Scene, law: LawListing, bucket: str, role: str, operation: str, verdict: str
) -> None:
    assert coverage(scene, law, bucket)[bucket, role, operation] == verdict


def test_a_public_bucket_may_be_downloaded_from_and_nothing_else(scene: Scene, law: LawListing) -> None:
    scene.make_bucket("open", public=True)
    found = coverage(scene, law, "open")
    assert found["open", "anon", "download"] == "allowed"
    assert {found["open", "anon", operation] for operation in ("list", "upload", "delete")} == {"denied"}


def test_a_verdict_is_what_really_happens(scene: Scene, law: LawListing) -> None:
    """Whoever is allowed succeeds with any name; whoever is denied fails with each."""
    found = coverage(scene, law)
    callers = {"anon": ANON, "authenticated": user(ALICE, team="red")}
    for number, ((bucket, role, operation), verdict) in enumerate(found.items()):
        if verdict == "conditional" or operation == "list" or operation.startswith("bucket."):
            continue
        for name in (f"{number}/a", f"{ALICE}/{number}"):
            scene.put(name, ALICE, bucket_id=bucket)
            refused = scene.perform(callers[role], question(bucket, operation, name))
            assert (refused is None) == (verdict == "allowed"), (bucket, role, operation, name)


def question(bucket: str, operation: str, name: str) -> Question:
    is_new = operation == "upload"
    return Question(
        op=operation,
        bucket_id=bucket,
        name=f"{name}-new" if is_new else name,
        to_name=f"{name}-to",
        size_bytes=1,
        mime_type="text/plain",
    )


@pytest.mark.postgres
def test_what_only_postgresql_understands_is_conditional_for_its_roles(
    request: pytest.FixtureRequest,
) -> None:
    text = """
    create policy "by the hour" on storage.objects for select to authenticated
        using (extract(hour from now()) = ANY (array_append(array[1, 2], 3)));
    create policy "unreadable" on storage.objects for insert to authenticated
        with check (pg_catalog.pg_backend_pid() > 0);
    """
    with asyncio.Runner() as runner:
        scene = postgres_scene(request, runner, text)
        try:
            scene.make_bucket("photos")
            assert isinstance(scene.executor, PostgresExecutor)
            law = LawListing(scene.executor, PostgresLawBook(scene.executor._conninfo, {}))
            found = coverage(scene, law, "photos")
            assert found["photos", "authenticated", "upload"] == "conditional"
            assert found["photos", "anon", "upload"] == "denied"
            [written] = [each for each in runner.run(law.policies(SERVICE)) if each.name == "unreadable"]
            assert (written.path, written.line, written.comment) == (None, None, None)
        finally:
            scene.close()


def test_a_bucket_that_is_not_there_and_too_many_of_them_are_refused(scene: Scene, law: LawListing) -> None:
    with pytest.raises(NoSuchBucket):
        coverage(scene, law, "nowhere")
    for buckets in ([], ["photos"] * (MAX_BUCKETS + 1)):
        with pytest.raises(InvalidParameter):
            scene.run(law.coverage(SERVICE, buckets))


@pytest.mark.parametrize("by", [ANON, user(ALICE)], ids=["anon", "user"])
def test_policies_are_for_the_service_role(scene: Scene, law: LawListing, by: RlsContext) -> None:
    with pytest.raises(RoleNotAllowed):
        scene.run(law.policies(by))
    with pytest.raises(RoleNotAllowed):
        scene.run(law.coverage(by, ["photos"]))
