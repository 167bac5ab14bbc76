"""Writing objects: put, copy, move and delete, alone and against each other."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from aerostore.domain import Conditions, Object, RlsContext
from aerostore.errors import (
    AccessDenied,
    EntityTooLarge,
    IncompleteBody,
    InvalidKey,
    InvalidMimeType,
    KeyAlreadyExists,
    NoSuchBucket,
    NoSuchKey,
    NoSuchRelation,
    PreconditionFailed,
    ResourceAlreadyExists,
)
from aerostore.service.copy import CopyRequest
from aerostore.service.digest import Digests
from aerostore.service.download import ReadRequest
from aerostore.service.publish import Upload, WriteCondition
from tests.blobs import in_chunks
from tests.conformance.executor_fixture import Rights, Who
from tests.service.conftest import MakeStage
from tests.service.stage import ANON, FILE_SIZE_LIMIT, OWNER, SERVICE, STRANGER, Stage, content_of


def blobs(stage: Stage) -> list[tuple[int, str]]:
    found = stage.rows("SELECT ref_count, status FROM storage_blobs")
    return sorted((row["ref_count"], row["status"]) for row in found)


# Put


def test_what_was_put_is_what_is_read(stage: Stage) -> None:
    stored = stage.put("a/ä\U0001f600.txt", b"bytes", mime_type="text/plain", cache_control="max-age=1")
    assert stage.get("a/ä\U0001f600.txt") == b"bytes"
    assert (stored.size_bytes, stored.mime_type, stored.cache_control) == (5, "text/plain", "max-age=1")
    assert stored.owner_id == OWNER.user_id
    assert len(stored.etag) == 64


def test_the_row_is_the_object_that_put_returned(stage: Stage) -> None:
    stored = stage.put("a", robots_tag="noindex", user_metadata={"k": "v"})
    assert stored.metadata["xRobotsTag"] == "noindex"
    assert stage.run(stage.storage.downloads.info(OWNER, "photos", "a")).object == stored


def test_the_same_bytes_are_stored_once(stage: Stage) -> None:
    stage.put("a")
    stage.put("b", by=STRANGER)
    assert blobs(stage) == [(2, "COMMITTED")]
    assert len(stage.keys_of_bytes()) == 1
    stage.delete("a")
    assert stage.get("b", by=STRANGER) == b"content"


def test_the_same_bytes_after_the_last_delete_are_stored_anew(stage: Stage) -> None:
    stage.put("a")
    stage.delete("a")
    stage.put("b")
    assert blobs(stage) == [(0, "DELETING"), (1, "COMMITTED")]
    assert stage.get("b") == b"content"


def test_bytes_that_a_scan_found_missing_are_not_pointed_at_again(stage: Stage) -> None:
    stage.put("damaged")
    [key] = stage.keys_of_bytes()
    stage.run(stage.backend.delete(key))
    stage.run(stage.reclaim.run(apply=True))
    stage.put("whole")
    assert stage.get("whole") == b"content"


def test_a_second_put_without_upsert_changes_nothing(stage: Stage) -> None:
    stage.put("a", b"first")
    before = stage.everything()
    with pytest.raises(KeyAlreadyExists):
        stage.put("a", b"second")
    assert stage.everything() == before


def test_upsert_replaces_content_and_keeps_id_and_creation(stage: Stage) -> None:
    first = stage.put("a", b"first", user_metadata={"k": "v"})
    stage.clock.advance(1)
    second = stage.put("a", b"second", upsert=True)
    assert stage.get("a") == b"second"
    assert (second.id, second.created_at) == (first.id, first.created_at)
    assert second.version != first.version
    assert second.updated_at > first.updated_at
    assert second.user_metadata is None
    assert blobs(stage) == [(0, "DELETING"), (1, "COMMITTED")]


def test_an_upsert_by_the_service_keeps_the_owner(stage: Stage) -> None:
    stage.put("a", b"first")
    assert stage.put("a", b"second", by=SERVICE, upsert=True).owner_id == OWNER.user_id


def test_of_sixteen_writers_exactly_one_wins(stage: Stage) -> None:
    async def race() -> list[Object | BaseException]:
        writers = (stage.aput("a", bytes([number]) * 5000) for number in range(16))
        return await asyncio.gather(*writers, return_exceptions=True)

    outcomes = stage.run(race())
    [winner] = [number for number, outcome in enumerate(outcomes) if isinstance(outcome, Object)]
    losers = [outcome for outcome in outcomes if not isinstance(outcome, Object)]
    assert [type(outcome) for outcome in losers] == [KeyAlreadyExists] * 15
    assert stage.get("a") == bytes([winner]) * 5000
    assert len(stage.keys_of_bytes()) == 1


def test_of_sixteen_upserts_the_last_one_wins_whole(stage: Stage) -> None:
    async def race() -> list[Object]:
        return await asyncio.gather(
            *(stage.aput("a", bytes([number]) * 5000, upsert=True) for number in range(16))
        )

    stored = stage.run(race())
    found = stage.run(stage.storage.downloads.info(OWNER, "photos", "a")).object
    assert found in stored
    assert stage.get("a") == bytes([stored.index(found)]) * 5000
    assert {each.id for each in stored} == {found.id}
    assert blobs(stage) == [(0, "DELETING")] * 15 + [(1, "COMMITTED")]


BAD_UPLOADS: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"bucket_id": "missing"}, NoSuchBucket),
    ({"name": "../a"}, InvalidKey),
    ({"name": ""}, InvalidKey),
    ({"mime_type": "text"}, InvalidMimeType),
    ({"mime_type": "text/plain\r\nx: y"}, InvalidMimeType),
    ({"size_bytes": 3}, IncompleteBody),
    ({"size_bytes": 300}, IncompleteBody),
]


@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])
@pytest.mark.parametrize(("options", "error"), BAD_UPLOADS, ids=str)
def test_a_refused_put_leaves_nothing(
    stage: Stage, options: dict[str, Any], error: type[Exception], chunked: bool
) -> None:
    before = stage.everything()
    upload = Upload(**{"bucket_id": "photos", "name": "a"} | options)
    body = in_chunks(b"cont", b"ent") if chunked else b"content"
    with pytest.raises(error):
        stage.run(stage.storage.files.put(OWNER, upload, body))
    assert stage.everything() == before


def test_a_body_over_the_limit_is_cut_off_while_it_arrives(stage: Stage) -> None:
    taken = 0

    async def long_body() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(100):
            taken += 100_000
            yield b"x" * 100_000

    with pytest.raises(EntityTooLarge):
        stage.run(stage.storage.files.put(OWNER, Upload(bucket_id="photos", name="a"), long_body()))
    assert taken <= FILE_SIZE_LIMIT + 100_000
    assert (stage.names(), stage.keys_of_bytes()) == ([], set())


def test_a_whole_body_over_the_servers_limit_is_refused(stage: Stage) -> None:
    with pytest.raises(EntityTooLarge):
        stage.put("a", b"x" * (FILE_SIZE_LIMIT + 1))
    assert (stage.names(), stage.keys_of_bytes()) == ([], set())


def test_a_refused_chunked_body_is_never_read(stage: Stage) -> None:
    taken: list[bytes] = []

    async def body() -> AsyncIterator[bytes]:
        taken.append(b"x")
        yield b"x"

    with pytest.raises(AccessDenied):
        stage.run(stage.storage.files.put(ANON, Upload(bucket_id="photos", name="a"), body()))
    assert taken == []


def test_a_body_that_breaks_off_leaves_nothing(stage: Stage) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise IncompleteBody

    with pytest.raises(IncompleteBody):
        stage.run(stage.storage.files.put(OWNER, Upload(bucket_id="photos", name="a"), broken()))
    assert (stage.names(), stage.keys_of_bytes()) == ([], set())


def test_uploads_are_counted_by_outcome_and_only_for_buckets_that_exist(stage: Stage) -> None:
    stage.put("a", b"four")
    for name, bucket in (("a", "photos"), ("a", "missing")):
        with pytest.raises((KeyAlreadyExists, NoSuchBucket)):
            stage.put(name, bucket_id=bucket)
    text = stage.telemetry.render().decode()
    assert 'storage_upload_total{bucket="photos",status="ok"} 1.0' in text
    assert 'storage_upload_total{bucket="photos",status="KeyAlreadyExists"} 1.0' in text
    assert 'storage_upload_bytes_total{bucket="photos"} 4.0' in text
    assert 'bucket="missing"' not in text


# Copy


def request(**options: Any) -> CopyRequest:
    values = {"bucket_id": "photos", "name": "a", "to_bucket_id": "photos", "to_name": "b"}
    return CopyRequest(**values | options)


def test_a_copy_is_another_object_with_the_same_bytes(stage: Stage) -> None:
    source = stage.put("a", mime_type="text/plain", user_metadata={"k": "v"})
    copy = stage.run(stage.storage.files.copy(OWNER, request()))
    assert stage.get("b") == b"content"
    assert copy.id != source.id
    assert (copy.etag, copy.mime_type, copy.user_metadata) == (source.etag, "text/plain", {"k": "v"})
    assert blobs(stage) == [(2, "COMMITTED")]
    stage.delete("a")
    assert stage.get("b") == b"content"


def test_a_copy_can_be_given_other_metadata(stage: Stage) -> None:
    stage.put("a", mime_type="text/plain", cache_control="max-age=1", user_metadata={"k": "v"})
    new = request(keep_metadata=False, mime_type="text/html")
    copy = stage.run(stage.storage.files.copy(OWNER, new))
    assert (copy.mime_type, copy.cache_control, copy.user_metadata) == ("text/html", "max-age=1", None)


def test_a_copy_replaces_only_with_upsert(stage: Stage) -> None:
    stage.put("a", b"from")
    old = stage.put("b", b"to")
    with pytest.raises(KeyAlreadyExists):
        stage.run(stage.storage.files.copy(OWNER, request()))
    copy = stage.run(stage.storage.files.copy(OWNER, request(upsert=True)))
    assert stage.get("b") == b"from"
    assert copy.id == old.id


BAD_COPIES: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"name": "missing"}, NoSuchKey),
    ({"bucket_id": "missing"}, NoSuchKey),
    ({"to_bucket_id": "missing"}, NoSuchRelation),
    ({"to_name": "a/../b"}, InvalidKey),
    ({"to_bucket_id": "small"}, EntityTooLarge),
    ({"to_bucket_id": "images"}, InvalidMimeType),
    ({"keep_metadata": False, "mime_type": "nonsense"}, InvalidMimeType),
]


@pytest.mark.parametrize(("options", "error"), BAD_COPIES, ids=str)
def test_a_refused_copy_leaves_nothing(stage: Stage, options: dict[str, Any], error: type[Exception]) -> None:
    stage.make_bucket("small", file_size_limit=3)
    stage.make_bucket("images", allowed_mime_types=["image/*"])
    stage.put("a")
    before = stage.everything()
    with pytest.raises(error):
        stage.run(stage.storage.files.copy(OWNER, request(**options)))
    assert stage.everything() == before


TOLD = {"contentEncoding": "gzip", "contentLanguage": "de", "tags": {"k": "v"}, "parts": [[2, 3], [1, 1]]}


def test_a_copy_keeps_all_that_was_told_of_its_source(stage: Stage) -> None:
    source = stage.put("a", digests=Digests("MD5", "CRC32"), extra=TOLD, cache_control="")
    copy = stage.run(stage.storage.files.copy(OWNER, request()))
    assert {**copy.metadata, "lastModified": ""} == {**source.metadata, "lastModified": ""}


def test_a_copy_that_is_told_anew_keeps_what_follows_from_the_bytes(stage: Stage) -> None:
    source = stage.put("a", digests=Digests("MD5", "CRC32"), extra=TOLD)
    new = request(
        keep_metadata=False,
        mime_type="text/html",
        cache_control="",
        user_metadata={"new": "1"},
        extra={"contentLanguage": "fr"},
    )
    copy = stage.run(stage.storage.files.copy(OWNER, new))
    assert "contentEncoding" not in copy.metadata
    assert (copy.metadata["contentLanguage"], copy.metadata["cacheControl"]) == ("fr", "")
    for kept in ("eTag", "size", "checksums", "parts", "tags"):
        assert copy.metadata[kept] == source.metadata[kept]


def test_a_copy_has_the_tags_that_it_is_given(stage: Stage) -> None:
    stage.put("a", extra=TOLD)
    tagged = stage.run(stage.storage.files.copy(OWNER, request(tags={"new": "1"})))
    assert (tagged.metadata["tags"], tagged.metadata["contentEncoding"]) == ({"new": "1"}, "gzip")
    assert stage.run(stage.storage.files.copy(OWNER, request(to_name="c", tags={}))).metadata["tags"] == {}


def test_a_copy_is_made_only_of_the_source_that_is_meant(stage: Stage) -> None:
    source = stage.put("a")
    soon = stage.clock() + timedelta(hours=1)
    for holds in (
        Conditions(if_match=(source.etag,)),
        Conditions(if_match=(source.etag,), if_unmodified_since=soon - timedelta(days=1)),
        Conditions(if_none_match=("other",)),
        Conditions(if_none_match=("other",), if_modified_since=soon),
    ):
        stage.run(stage.storage.files.copy(OWNER, request(conditions=holds, upsert=True)))
    before = stage.everything()
    for fails in (
        Conditions(if_match=("other",)),
        Conditions(if_none_match=(source.etag,)),
        Conditions(if_modified_since=soon),
        Conditions(if_unmodified_since=soon - timedelta(days=1)),
    ):
        with pytest.raises(PreconditionFailed):
            stage.run(stage.storage.files.copy(OWNER, request(conditions=fails, upsert=True)))
    assert stage.everything() == before


def test_a_copy_goes_only_over_what_is_meant(stage: Stage) -> None:
    stage.put("a")
    new = WriteCondition(absent=True)
    copy = stage.run(stage.storage.files.copy(OWNER, request(condition=new)))
    before = stage.everything()
    for condition, upsert in ((new, False), (WriteCondition(if_match="other"), True)):
        with pytest.raises(PreconditionFailed):
            stage.run(stage.storage.files.copy(OWNER, request(condition=condition, upsert=upsert)))
    assert stage.everything() == before
    over = WriteCondition(if_match=copy.etag)
    assert stage.run(stage.storage.files.copy(OWNER, request(condition=over, upsert=True))).id == copy.id


# Move


def move(stage: Stage, to_name: str, to_bucket_id: str = "photos", name: str = "a") -> None:
    stage.run(stage.storage.files.move(OWNER, "photos", name, to_bucket_id=to_bucket_id, to_name=to_name))


def test_a_move_keeps_id_and_bytes(stage: Stage) -> None:
    stage.make_bucket("albums")
    old = stage.put("a")
    move(stage, "b", "albums")
    found = stage.run(stage.storage.downloads.info(OWNER, "albums", "b")).object
    assert (found.id, found.created_at, found.blob_id) == (old.id, old.created_at, old.blob_id)
    assert found.version != old.version
    with pytest.raises(NoSuchKey):
        stage.get("a")


def test_a_move_to_the_same_name_changes_nothing(stage: Stage) -> None:
    stage.put("a")
    before = stage.everything()
    move(stage, "a")
    assert stage.everything() == before


BAD_MOVES: list[tuple[dict[str, str], type[Exception]]] = [
    ({"to_name": "b", "name": "missing"}, NoSuchKey),
    ({"to_name": "taken"}, ResourceAlreadyExists),
    ({"to_name": "b", "to_bucket_id": "missing"}, NoSuchRelation),
    ({"to_name": "."}, InvalidKey),
    ({"to_name": "b", "to_bucket_id": "small"}, EntityTooLarge),
    ({"to_name": "b", "to_bucket_id": "images"}, InvalidMimeType),
]


@pytest.mark.parametrize(("options", "error"), BAD_MOVES, ids=str)
def test_a_refused_move_leaves_everything(
    stage: Stage, options: dict[str, str], error: type[Exception]
) -> None:
    stage.make_bucket("small", file_size_limit=3)
    stage.make_bucket("images", allowed_mime_types=["image/*"])
    stage.put("a")
    stage.put("taken")
    before = stage.everything()
    with pytest.raises(error):
        move(stage, **options)
    assert stage.everything() == before


def test_what_may_be_seen_but_not_changed_does_not_move(make_stage: MakeStage) -> None:
    stage = make_stage(Rights(update=Who.NOBODY))
    stage.put("a")
    before = stage.everything()
    with pytest.raises(NoSuchKey):
        move(stage, "b")
    assert stage.everything() == before


def test_who_may_not_have_a_name_does_not_learn_that_it_is_taken(make_stage: MakeStage) -> None:
    stage = make_stage(
        rights="""
            create policy "everything but the vault" on storage.objects for all to authenticated
                using (owner_id = (select auth.jwt() ->> 'sub') and name not like 'vault/%')
        """
    )
    stage.put("a")
    stage.put("vault/taken", by=SERVICE)
    for name in ("vault/taken", "vault/free"):
        with pytest.raises(AccessDenied, match="new row violates"):
            move(stage, name)


def test_of_two_moves_of_one_object_exactly_one_wins(stage: Stage) -> None:
    stage.put("a")

    async def race() -> list[BaseException | None]:
        moves = (
            stage.storage.files.move(OWNER, "photos", "a", to_bucket_id="photos", to_name=name)
            for name in ("b", "c")
        )
        return await asyncio.gather(*moves, return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in stage.run(race())) == ["NoSuchKey", "NoneType"]
    assert stage.names() in (["b"], ["c"])


# Delete


def test_a_deleted_object_is_gone_at_once(stage: Stage) -> None:
    stage.put("a")
    stage.delete("a")
    with pytest.raises(NoSuchKey):
        stage.get("a")
    with pytest.raises(NoSuchKey):
        stage.delete("a")
    assert stage.keys_of_bytes() != set()  # the bytes wait for reclaim


def test_open_bytes_stay_readable_after_a_delete(stage: Stage) -> None:
    stage.put("a", b"x" * 700_000)
    opened = stage.run(stage.storage.downloads.open(OWNER, "photos", "a", ReadRequest()))
    stage.delete("a")
    [key] = stage.keys_of_bytes()
    stage.run(stage.backend.delete(key))
    assert stage.run(content_of(opened)) == b"x" * 700_000


def test_delete_many_returns_what_it_deleted_and_skips_the_rest(stage: Stage) -> None:
    for name in ("a", "b"):
        stage.put(name)
    stage.put("theirs", by=STRANGER)
    wanted = ["a", "missing", "theirs", "a", "b", ".."]
    deleted = stage.run(stage.storage.files.delete_many(OWNER, "photos", wanted))
    assert sorted(each.name for each in deleted) == ["a", "b"]
    assert stage.names() == ["theirs"]
    assert stage.run(stage.storage.files.delete_many(OWNER, "photos", [])) == []


def test_delete_many_goes_in_batches(stage: Stage) -> None:
    names = [f"{number:04}" for number in range(1001)]

    async def fill() -> None:
        await asyncio.gather(*(stage.aput(name) for name in names))

    stage.run(fill())
    deleted = stage.run(stage.storage.files.delete_many(OWNER, "photos", names))
    assert sorted(each.name for each in deleted) == names
    assert (
        stage.rows("SELECT count(*) AS n FROM storage_events WHERE type LIKE 'ObjectRemoved%'")[0]["n"]
        == 1001
    )


# Remove: what is not there is as good as gone


def remove(stage: Stage, name: str, by: RlsContext = OWNER, **options: Any) -> None:
    stage.run(stage.storage.files.remove(by, options.pop("bucket_id", "photos"), name, **options))


def test_what_is_removed_is_gone_and_may_be_removed_again(stage: Stage) -> None:
    stage.put("a")
    remove(stage, "a")
    assert stage.names() == []
    remove(stage, "a")
    assert (
        stage.rows("SELECT count(*) AS n FROM storage_events WHERE type LIKE 'ObjectRemoved%'")[0]["n"] == 1
    )


def test_what_is_hidden_is_as_good_as_gone_and_stays(make_stage: MakeStage) -> None:
    stage = make_stage(Rights(select=Who.OWNER))
    etag = stage.put("a").etag
    before = stage.everything()
    remove(stage, "a", STRANGER)
    assert stage.run(stage.storage.files.remove_many(STRANGER, "photos", ["a"])) == set()
    with pytest.raises(NoSuchKey):
        remove(stage, "a", STRANGER, if_match=etag)
    assert stage.everything() == before


def test_who_may_look_and_not_delete_is_told(make_stage: MakeStage) -> None:
    stage = make_stage(Rights(delete=Who.OWNER))
    stage.put("a")
    stage.put("theirs", by=STRANGER)
    before = stage.everything()
    with pytest.raises(AccessDenied):
        remove(stage, "a", STRANGER)
    assert stage.everything() == before
    wanted = ["a", "missing", "theirs", "a"]
    assert stage.run(stage.storage.files.remove_many(STRANGER, "photos", wanted)) == {"a"}
    assert stage.names() == ["a"]


def test_what_is_another_by_now_is_not_removed(stage: Stage) -> None:
    old = stage.put("a", b"old").etag
    new = stage.put("a", b"new", upsert=True).etag
    with pytest.raises(PreconditionFailed):
        remove(stage, "a", if_match=old)
    remove(stage, "a", if_match=new)
    with pytest.raises(NoSuchKey):
        remove(stage, "a", if_match="*")


def test_nothing_is_removed_from_no_bucket(stage: Stage) -> None:
    with pytest.raises(NoSuchBucket):
        remove(stage, "a", bucket_id="missing")
    with pytest.raises(NoSuchBucket):
        stage.run(stage.storage.files.remove_many(OWNER, "missing", ["a"]))


def test_many_are_removed_in_batches(stage: Stage) -> None:
    names = [f"{number:04}" for number in range(501)]

    async def fill() -> None:
        await asyncio.gather(*(stage.aput(name) for name in names))

    stage.run(fill())
    assert stage.run(stage.storage.files.remove_many(OWNER, "photos", [*names, *names])) == set()
    assert stage.names() == []
