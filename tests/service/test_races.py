"""What several servers do to each other on one database, each at the worst moment: PostgreSQL lets them."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from aerostore.domain import EventType, Object
from aerostore.errors import (
    BucketNotEmpty,
    NoSuchBucket,
    NoSuchKey,
    ResourceAlreadyExists,
    StorageError,
)
from aerostore.executor import Executor
from aerostore.service import FileStorage
from aerostore.service.copy import CopyRequest
from aerostore.service.publish import Upload
from tests.service.conftest import IN_POSTGRES
from tests.service.meddling import MeddledExecutor
from tests.service.rows import PostgresRows
from tests.service.stage import OWNER, SERVICE, Stage

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.parametrize("make_stage", IN_POSTGRES, ids=str, indirect=True),
]

Deed = Callable[[FileStorage], Awaitable[object]]
WRITE, DELETE, LOCK = "INSERT INTO storage_objects", "DELETE FROM storage_objects", "FOR UPDATE"


def put(name: str, content: bytes, *, upsert: bool = True) -> Deed:
    upload = Upload(bucket_id="photos", name=name, upsert=upsert)
    return lambda storage: storage.files.put(OWNER, upload, content)


def delete(name: str) -> Deed:
    return lambda storage: storage.files.delete(OWNER, "photos", name)


def delete_many(*names: str) -> Deed:
    return lambda storage: storage.files.delete_many(OWNER, "photos", names)


def move(name: str, to_name: str, to_bucket_id: str = "photos") -> Deed:
    return lambda storage: storage.files.move(
        OWNER, "photos", name, to_bucket_id=to_bucket_id, to_name=to_name
    )


def copy(name: str, to_name: str) -> Deed:
    request = CopyRequest(bucket_id="photos", name=name, to_bucket_id="photos", to_name=to_name, upsert=True)
    return lambda storage: storage.files.copy(OWNER, request)


def empty_bucket(storage: FileStorage) -> Awaitable[object]:
    return storage.buckets.empty(SERVICE, "photos")


def delete_bucket(storage: FileStorage) -> Awaitable[object]:
    return storage.buckets.delete(SERVICE, "photos")


def race(stage: Stage, deed: Deed, intruding: Deed, *, before: str) -> tuple[object, object]:
    """Do `deed` with the other one between its statements; return what both gave, or their refusals."""

    async def intrude(executor: Executor) -> object:
        return await intruding(stage.storage_over(executor))

    rows = stage.own_rows
    assert isinstance(rows, PostgresRows)
    meddled = MeddledExecutor(
        stage.executor, rows.executor(), intrude, before=before, is_stuck=rows.is_somebody_stuck
    )

    async def both() -> tuple[object, object]:
        outcome = await outcome_of(deed(stage.storage_over(meddled)))
        return outcome, await asyncio.to_thread(lambda: meddled.outcome)

    return stage.run(both())


async def outcome_of(doing: Awaitable[object]) -> object:
    try:
        return await doing
    except StorageError as refusal:
        return refusal


def events(stage: Stage) -> list[tuple[str, str, str]]:
    found = stage.rows("SELECT type, object_id, payload FROM storage_events ORDER BY seq")
    return [(row["type"], row["object_id"], version_in(row["payload"])) for row in found]


def version_in(payload: str) -> str:
    return payload.partition('"version": "')[2].partition('"')[0]


def current(stage: Stage, name: str) -> Object:
    return stage.run(stage.storage.downloads.info(OWNER, "photos", name)).object


# Writing


def test_an_upsert_that_meets_an_object_made_meanwhile_replaces_it(stage: Stage) -> None:
    ours, theirs = race(stage, put("a", b"ours"), put("a", b"theirs"), before=WRITE)
    assert isinstance(ours, Object)
    assert isinstance(theirs, Object)
    assert ours == current(stage, "a")
    assert (ours.id, ours.created_at) == (theirs.id, theirs.created_at)
    assert events(stage) == [
        (EventType.CREATED, theirs.id, theirs.version),
        (EventType.REPLACED, theirs.id, ours.version),
    ]
    assert stage.get("a") == b"ours"


def test_an_upsert_whose_object_was_deleted_meanwhile_makes_another(stage: Stage) -> None:
    old = stage.put("a", b"old")
    ours, _ = race(stage, put("a", b"ours"), delete("a"), before=WRITE)
    assert isinstance(ours, Object)
    assert ours == current(stage, "a")
    assert ours.id != old.id
    assert [event[:2] for event in events(stage)] == [
        (EventType.CREATED, old.id),
        (EventType.REMOVED, old.id),
        (EventType.CREATED, ours.id),
    ]


def test_a_copy_that_meets_an_object_made_meanwhile_replaces_it(stage: Stage) -> None:
    stage.put("source", b"source")
    ours, theirs = race(stage, copy("source", "a"), put("a", b"theirs"), before=WRITE)
    assert isinstance(ours, Object)
    assert isinstance(theirs, Object)
    assert ours == current(stage, "a")
    assert ours.id == theirs.id
    assert events(stage)[-1] == (EventType.COPIED, theirs.id, ours.version)
    assert stage.get("a") == b"source"


def test_equal_bytes_that_come_at_once_are_stored_once(stage: Stage) -> None:
    async def crowd() -> None:
        await asyncio.gather(*(stage.aput(f"{number}") for number in range(8)))

    stage.run(crowd())
    assert [row["ref_count"] for row in stage.rows("SELECT ref_count FROM storage_blobs")] == [8]
    assert len(stage.keys_of_bytes()) == 1


def test_an_upload_into_a_bucket_that_is_deleted_meanwhile_finds_no_bucket(stage: Stage) -> None:
    ours, theirs = race(stage, put("a", b"ours"), delete_bucket, before=WRITE)
    assert (type(ours), theirs) == (NoSuchBucket, None)
    assert stage.keys_of_bytes() == set()


def test_a_bucket_that_is_uploaded_into_meanwhile_stays(stage: Stage) -> None:
    ours, theirs = race(stage, delete_bucket, put("a", b"theirs"), before="DELETE FROM storage_buckets")
    assert isinstance(ours, BucketNotEmpty)
    assert isinstance(theirs, Object)
    assert stage.get("a") == b"theirs"


# Copying


def then_look(deed: Deed, name: str) -> Deed:
    """Do `deed`, then look what is known of `name`."""

    async def both(storage: FileStorage) -> object:
        await deed(storage)
        return await storage.downloads.info(OWNER, "photos", name)

    return both


@pytest.mark.parametrize("intruding", [put("source", b"new"), delete("source")], ids=["replaced", "deleted"])
def test_no_copy_appears_of_what_its_source_was_before(stage: Stage, intruding: Deed) -> None:
    stage.put("source", b"old")
    stage.put("other", b"old")  # or the old bytes would be on their way out, which no row may point at
    _, seen = race(stage, copy("source", "copy"), then_look(intruding, "copy"), before=WRITE)
    assert not isinstance(seen, NoSuchKey)
    assert stage.get("copy") == b"old"


def test_a_copy_of_what_is_moved_over_its_destination_meanwhile_does_not_meet_it_twice(stage: Stage) -> None:
    stage.put("a", b"a")
    request = CopyRequest(bucket_id="photos", name="a", to_bucket_id="photos", to_name="b")
    ours, theirs = race(
        stage, lambda storage: storage.files.copy(OWNER, request), move("a", "b"), before=WRITE
    )
    assert isinstance(ours, Object)  # it was first: there is no order in which it finds both names
    assert isinstance(theirs, ResourceAlreadyExists)


# Deleting


def test_the_event_of_a_delete_tells_what_was_deleted(stage: Stage) -> None:
    stage.put("a", b"old")
    _, theirs = race(stage, delete("a"), put("a", b"theirs"), before=LOCK)
    assert isinstance(theirs, Object)
    assert stage.names() == []
    assert events(stage)[-1] == (EventType.REMOVED, theirs.id, theirs.version)


def test_a_replacement_waits_for_a_delete_under_way_and_makes_a_new_object(stage: Stage) -> None:
    old = stage.put("a", b"old")
    _, theirs = race(stage, delete("a"), put("a", b"theirs"), before=DELETE)
    assert isinstance(theirs, Object)
    assert theirs.id != old.id
    assert [event[:2] for event in events(stage)] == [
        (EventType.CREATED, old.id),
        (EventType.REMOVED, old.id),
        (EventType.CREATED, theirs.id),
    ]
    assert stage.get("a") == b"theirs"


@pytest.mark.parametrize("before", [LOCK, DELETE])
def test_of_two_deletes_one_finds_nothing(stage: Stage, before: str) -> None:
    stage.put("a")
    outcomes = race(stage, delete("a"), delete("a"), before=before)
    assert sorted(str(type(outcome).__name__) for outcome in outcomes) == ["NoSuchKey", "NoneType"]
    assert [event[0] for event in events(stage)].count(EventType.REMOVED) == 1


@pytest.mark.parametrize("remove", [delete("a"), delete_many("a")], ids=["one", "many"])
@pytest.mark.parametrize(("before", "is_late"), [(LOCK, False), (DELETE, True)])
def test_what_was_moved_away_is_not_deleted_under_its_new_name(
    stage: Stage, remove: Deed, before: str, is_late: bool
) -> None:
    stage.put("a")
    _, theirs = race(stage, remove, move("a", "b"), before=before)
    assert stage.names() == ([] if is_late else ["b"])
    assert (type(theirs) is NoSuchKey) == is_late


@pytest.mark.parametrize(("before", "is_late"), [(LOCK, False), (DELETE, True)])
def test_emptying_spares_what_was_moved_to_another_bucket(stage: Stage, before: str, is_late: bool) -> None:
    stage.make_bucket("other")
    stage.put("a")
    stage.clock.advance(1)
    _, theirs = race(stage, empty_bucket, move("a", "a", to_bucket_id="other"), before=before)
    assert stage.names() == ([] if is_late else ["a"])
    assert (type(theirs) is NoSuchKey) == is_late


def test_emptying_goes_on_where_another_one_deletes(stage: Stage) -> None:
    for name in ("a", "b", "c"):
        stage.put(name)
    stage.clock.advance(1)
    ours, theirs = race(stage, empty_bucket, delete("b"), before=LOCK)
    assert (ours, theirs) == (2, None)
    assert stage.names() == []


# Moving


def test_a_move_takes_along_what_was_replaced_meanwhile(stage: Stage) -> None:
    stage.put("a", b"old")
    ours, theirs = race(stage, move("a", "b"), put("a", b"theirs"), before=LOCK)
    assert ours is None
    assert isinstance(theirs, Object)
    assert stage.get("b") == b"theirs"
    assert events(stage)[-2] == (EventType.MOVED_OUT, theirs.id, theirs.version)


def test_a_move_to_a_name_taken_meanwhile_is_refused(stage: Stage) -> None:
    stage.put("a", b"ours")
    ours, _ = race(stage, move("a", "b"), put("b", b"theirs"), before="UPDATE storage_objects")
    assert isinstance(ours, ResourceAlreadyExists)
    assert (stage.get("a"), stage.get("b")) == (b"ours", b"theirs")


def test_an_upsert_of_a_name_that_an_object_is_moved_to_meanwhile_replaces_that_object(stage: Stage) -> None:
    moved = stage.put("a", b"moved")
    ours, _ = race(stage, put("b", b"ours"), move("a", "b"), before=WRITE)
    assert isinstance(ours, Object)
    assert ours.id == moved.id
    assert ours == current(stage, "b")
    assert stage.names() == ["b"]


def test_objects_that_change_places_end_as_one_of_the_orders_would(stage: Stage) -> None:
    stage.put("a", b"a")
    stage.put("b", b"b")
    ours, theirs = race(stage, move("a", "b"), move("b", "a"), before="UPDATE storage_objects")
    assert ours is None or isinstance(ours, ResourceAlreadyExists)
    assert theirs is None or isinstance(theirs, ResourceAlreadyExists)
    assert {stage.get(name) for name in stage.names()} == {b"a", b"b"}
