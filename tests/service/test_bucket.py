"""Buckets: create, read, list, change, empty, delete."""

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from aerostore.domain import Bucket, RlsContext, to_iso
from aerostore.errors import (
    AccessDenied,
    BucketAlreadyExists,
    BucketNotEmpty,
    BucketTooLarge,
    EntityTooLarge,
    InvalidBucketName,
    InvalidInput,
    InvalidMimeType,
    NoSuchBucket,
    RoleNotAllowed,
)
from aerostore.permissions.predicate import Predicate
from aerostore.service.bucket import BucketQuery
from tests.conformance.executor_fixture import Rights, Who
from tests.service.conftest import MakeStage, only_in_sqlite
from tests.service.stage import ANON, EMPTY_AT_MOST, FILE_SIZE_LIMIT, OWNER, SERVICE, Stage


def create(stage: Stage, name: str = "new", by: RlsContext = SERVICE, **options: Any) -> Bucket:
    return stage.run(stage.storage.buckets.create(by, name=name, **options))


def get(stage: Stage, bucket_id: str, by: RlsContext = SERVICE) -> Bucket:
    return stage.run(stage.storage.buckets.get(by, bucket_id))


def ids(stage: Stage, by: RlsContext = SERVICE, **query: Any) -> list[str]:
    return [bucket.id for bucket in stage.run(stage.storage.buckets.list(by, BucketQuery(**query)))]


def update(
    stage: Stage, changes: dict[str, Any], bucket_id: str = "photos", by: RlsContext = SERVICE
) -> None:
    stage.run(stage.storage.buckets.update(by, bucket_id, changes))


def delete(stage: Stage, bucket_id: str = "photos", by: RlsContext = SERVICE) -> None:
    stage.run(stage.storage.buckets.delete(by, bucket_id))


def empty(stage: Stage, bucket_id: str = "photos", by: RlsContext = SERVICE) -> int:
    return stage.run(stage.storage.buckets.empty(by, bucket_id))


def add_upload(stage: Stage, upload_id: str = "u", bucket_id: str = "photos", lasts_s: int = 60) -> None:
    expires_at = to_iso(stage.clock() + timedelta(seconds=lasts_s))
    stage.rows(
        "INSERT INTO storage_uploads (id, protocol, bucket_id, name, expires_at)"
        f" VALUES ('{upload_id}', 'tus', '{bucket_id}', 'a', '{expires_at}')"
    )


def test_a_created_bucket_is_the_one_that_is_read(stage: Stage) -> None:
    made = create(stage, public=True, file_size_limit="20KB", allowed_mime_types=["image/*", ""])
    assert get(stage, "new") == made
    assert (made.id, made.public, made.file_size_limit) == ("new", True, 20_000)
    assert made.allowed_mime_types == ["image/*"]


def test_id_and_name_may_differ_and_are_unique_each(stage: Stage) -> None:
    assert create(stage, "name", bucket_id="id").id == "id"
    for name, bucket_id in (("name", "other"), ("other", "id"), ("photos", None)):
        with pytest.raises(BucketAlreadyExists):
            create(stage, name, bucket_id=bucket_id)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"name": "a/b"}, InvalidBucketName),
        ({"name": " "}, InvalidBucketName),
        ({"name": "a", "bucket_id": ".."}, InvalidBucketName),
        ({"name": "a", "file_size_limit": FILE_SIZE_LIMIT + 1}, EntityTooLarge),
        ({"name": "a", "file_size_limit": "many"}, InvalidInput),
        ({"name": "a", "allowed_mime_types": ["nonsense"]}, InvalidMimeType),
    ],
    ids=str,
)
def test_a_bad_bucket_is_not_created(stage: Stage, options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        create(stage, **options)
    assert ids(stage) == ["photos"]


def test_lists_are_searched_sorted_and_paged(stage: Stage) -> None:
    for name in ("b_1", "B.2", "c"):
        stage.clock.advance(1)
        create(stage, name)
    assert ids(stage) == ["B.2", "b_1", "c", "photos"]
    assert ids(stage, search="B") == ["B.2", "b_1"]
    assert ids(stage, search="b_") == ["b_1"]
    assert ids(stage, search="%") == []
    assert ids(stage, column="created_at", order="desc") == ["c", "B.2", "b_1", "photos"]
    assert ids(stage, limit=2, offset=1) == ["b_1", "c"]
    assert ids(stage, offset=3) == ["photos"]


def test_only_the_changes_that_are_given_are_made(stage: Stage) -> None:
    create(stage, file_size_limit=5, allowed_mime_types=["image/*"])
    before = get(stage, "new")
    stage.clock.advance(1)
    update(stage, {"public": True}, "new")
    after = get(stage, "new")
    assert (after.public, after.file_size_limit, after.allowed_mime_types) == (True, 5, ["image/*"])
    assert after.updated_at > before.updated_at == after.created_at
    update(stage, {"file_size_limit": None, "allowed_mime_types": None}, "new")
    assert (get(stage, "new").file_size_limit, get(stage, "new").allowed_mime_types) == (None, None)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"file_size_limit": FILE_SIZE_LIMIT + 1}, EntityTooLarge),
        ({"allowed_mime_types": ["x"]}, InvalidMimeType),
    ],
    ids=str,
)
def test_a_bad_change_is_not_made(stage: Stage, changes: dict[str, Any], error: type[Exception]) -> None:
    before = stage.everything()
    with pytest.raises(error):
        update(stage, {"public": True} | changes)
    assert stage.everything() == before


def test_a_bucket_nobody_may_see_does_not_exist(stage: Stage) -> None:
    stage.put("a")
    for caller in (OWNER, ANON):
        assert ids(stage, by=caller) == []
        for ask in (get, delete):
            with pytest.raises(NoSuchBucket):
                ask(stage, "photos", by=caller)
        with pytest.raises(NoSuchBucket):
            update(stage, {"public": True}, by=caller)
        with pytest.raises(AccessDenied):
            create(stage, by=caller)
        with pytest.raises(RoleNotAllowed):
            empty(stage, by=caller)
    assert stage.names() == ["a"]


@pytest.mark.parametrize("ask", [get, delete, empty])
def test_a_missing_bucket_is_no_such_bucket(stage: Stage, ask: Any) -> None:
    with pytest.raises(NoSuchBucket) as raised:
        ask(stage, "missing")
    assert raised.value.resource == "missing"


def test_only_an_empty_bucket_can_be_deleted(stage: Stage) -> None:
    stage.put("a")
    with pytest.raises(BucketNotEmpty):
        delete(stage)
    stage.delete("a")
    add_upload(stage)
    delete(stage)
    assert ids(stage) == []
    assert stage.rows("SELECT id FROM storage_uploads") == []


def test_emptying_removes_every_object_that_was_there(stage: Stage) -> None:
    async def fill() -> None:
        await asyncio.gather(*(stage.aput(f"{number}", by=OWNER) for number in range(1001)))

    stage.run(fill())
    create(stage, "other")
    stage.put("kept", bucket_id="other")
    assert empty(stage) == 1001
    assert stage.names() == ["kept"]
    removed = stage.rows("SELECT name FROM storage_events WHERE type = 'ObjectRemoved:Delete'")
    assert len(removed) == 1001
    assert empty(stage) == 0


def test_emptying_asks_no_clock(stage: Stage) -> None:
    stage.clock.advance(60)
    stage.put("of the future")
    stage.clock.advance(-3600)
    assert empty(stage) == 1
    assert stage.names() == []


def test_a_bucket_with_too_many_objects_is_not_emptied(stage: Stage) -> None:
    values = ", ".join(f"('{uuid.uuid4()}', 'photos', '{number}', '')" for number in range(EMPTY_AT_MOST + 1))
    stage.rows(f"INSERT INTO storage_objects (id, bucket_id, name, version) VALUES {values}")
    stage.clock.advance(60)
    with pytest.raises(BucketTooLarge):
        empty(stage)
    stage.rows("DELETE FROM storage_objects WHERE name = '0'")
    assert empty(stage) == EMPTY_AT_MOST


class UnbypassedRights(Rights):
    """Rights that bind even the service role."""

    def where(self, table: str, command: str, context: RlsContext, known: Mapping[str, Any]) -> Predicate:
        return super().where(table, command, replace(context, can_bypass_rls=False), known)


def test_who_sees_a_bucket_but_may_not_delete_it_is_told_there_is_none(make_stage: MakeStage) -> None:
    stage = make_stage(Rights(delete=Who.NOBODY))
    with pytest.raises(NoSuchBucket):
        delete(stage, by=OWNER)
    assert ids(stage) == ["photos"]


@only_in_sqlite
def test_emptying_stops_at_an_object_that_may_not_be_deleted(make_stage: MakeStage) -> None:
    stage = make_stage(UnbypassedRights(delete=Who.NOBODY))
    stage.put("a")
    before = stage.everything()
    with pytest.raises(AccessDenied):
        empty(stage)
    assert stage.everything() == before


def page(stage: Stage, by: RlsContext = SERVICE, **query: Any) -> tuple[list[str], bool]:
    buckets, follows = stage.run(stage.storage.buckets.list_by_id(by, **query))
    return [bucket.id for bucket in buckets], follows


def test_pages_by_id_begin_after_a_bucket_and_hold_a_prefix(stage: Stage) -> None:
    for name in ("a", "a b", "aa", "B", "photos-2"):
        create(stage, name)
    assert page(stage, limit=10) == (["B", "a", "a b", "aa", "photos", "photos-2"], False)
    assert page(stage, limit=6) == (["B", "a", "a b", "aa", "photos", "photos-2"], False)
    assert page(stage, limit=2) == (["B", "a"], True)
    assert page(stage, limit=2, after="a") == (["a b", "aa"], True)
    assert page(stage, limit=9, prefix="a", after="a b") == (["aa"], False)
    assert page(stage, limit=9, prefix="a", after="B") == (["a", "a b", "aa"], False)
    assert page(stage, limit=9, prefix="a", after="b") == ([], False)
    assert page(stage, limit=1, prefix="photos") == (["photos"], True)
    assert page(stage, limit=9, prefix="%") == ([], False)
    assert page(stage, by=OWNER, limit=9) == ([], False)


class SeenOperations(Rights):
    """Rights that hold for everybody, and the operations that were judged by them."""

    names: ClassVar[list[str]] = []

    def where(self, table: str, command: str, context: RlsContext, known: Mapping[str, Any]) -> Predicate:
        self.names.append(context.operation)
        return super().where(table, command, context, known)


@only_in_sqlite
def test_policies_see_by_which_operation_a_bucket_is_looked_at(make_stage: MakeStage) -> None:
    stage = make_stage(SeenOperations())
    buckets = stage.storage.buckets
    SeenOperations.names.clear()
    for ask in (buckets.head, buckets.get_location, buckets.get_versioning):
        assert stage.run(ask(replace(OWNER, door="s3"), "photos")).id == "photos"
        with pytest.raises(NoSuchBucket):
            stage.run(ask(OWNER, "missing"))
    assert SeenOperations.names[::2] == [
        f"storage.s3.bucket.{name}" for name in ("head", "get_location", "get_versioning")
    ]
