"""Info, copy, move and delete over plain HTTP."""

from collections.abc import Callable

import httpx
import pytest

from .client import (
    KEY_EXISTS,
    NO_SUCH_BUCKET,
    NO_SUCH_KEY,
    NO_SUCH_RELATION,
    encode_metadata,
    error_of,
    etag_of,
    get_object,
    invalid_request,
    object_path,
    put_object,
    unique,
)
from .conftest import MakeBucket

Operation = Callable[..., httpx.Response]

ROW_FIELDS = {
    "name",
    "bucket_id",
    "owner",
    "owner_id",
    "version",
    "id",
    "updated_at",
    "created_at",
    "last_accessed_at",
    "metadata",
    "user_metadata",
}
INFO_FIELDS = {
    "id",
    "name",
    "version",
    "bucket_id",
    "size",
    "content_type",
    "cache_control",
    "etag",
    "metadata",
    "last_modified",
    "created_at",
}


def copy(
    caller: httpx.Client, bucket: str, source: str, destination: str, **options: object
) -> httpx.Response:
    body = {"bucketId": bucket, "sourceKey": source, "destinationKey": destination}
    return caller.post("/object/copy", json=body | options)


def move(
    caller: httpx.Client, bucket: str, source: str, destination: str, **options: object
) -> httpx.Response:
    body = {"bucketId": bucket, "sourceKey": source, "destinationKey": destination}
    return caller.post("/object/move", json=body | options)


class TestInfo:
    @pytest.mark.parametrize("door", ["info", "info/authenticated"])
    def test_info_has_exactly_the_fields_clients_model(
        self, service: httpx.Client, bucket: str, door: str
    ) -> None:
        put_object(service, bucket, "dir/a.txt", b"hello", {"cache-control": "max-age=5"})
        answer = service.get(object_path(bucket, "dir/a.txt", door))
        info = answer.json()
        assert set(info) == INFO_FIELDS
        assert (info["name"], info["bucket_id"], info["size"]) == ("dir/a.txt", bucket, 5)
        assert (info["content_type"], info["cache_control"]) == ("text/plain", "max-age=5")
        assert (info["etag"], info["metadata"]) == (etag_of(b"hello"), {})
        assert answer.headers["content-type"].startswith("application/json")
        assert answer.headers["etag"] == etag_of(b"hello")
        assert "last-modified" in answer.headers

    def test_public_info_needs_no_token(
        self, service: httpx.Client, nobody: httpx.Client, public_bucket: str
    ) -> None:
        put_object(service, public_bucket, "a.txt", b"hello")
        assert nobody.get(object_path(public_bucket, "a.txt", "info/public")).json()["size"] == 5

    def test_public_info_of_a_private_bucket_is_bucket_not_found(
        self, service: httpx.Client, nobody: httpx.Client, bucket: str
    ) -> None:
        put_object(service, bucket, "a.txt")
        assert error_of(nobody.get(object_path(bucket, "a.txt", "info/public"))) == NO_SUCH_BUCKET

    def test_head_of_info_has_no_body(self, service: httpx.Client, bucket: str) -> None:
        put_object(service, bucket, "a.txt")
        answer = service.head(object_path(bucket, "a.txt", "info"))
        assert (answer.status_code, answer.content) == (200, b"")


class TestCopy:
    def test_copy_answers_with_key_id_and_the_row(self, service: httpx.Client, bucket: str) -> None:
        put_object(
            service,
            bucket,
            "a",
            b"x",
            {"x-metadata": encode_metadata({"k": 1}), "cache-control": "max-age=9"},
        )
        row = copy(service, bucket, "a", "dir/b").json()
        assert list(row)[:2] == ["Key", "Id"]
        assert row["Key"] == f"{bucket}/dir/b"
        assert row.keys() >= ROW_FIELDS
        assert (row["name"], row["bucket_id"], row["user_metadata"]) == ("dir/b", bucket, {"k": 1})
        assert (row["metadata"]["mimetype"], row["metadata"]["cacheControl"]) == ("text/plain", "max-age=9")

    def test_copy_has_its_own_identity(self, service: httpx.Client, bucket: str) -> None:
        source = put_object(service, bucket, "a", b"same").json()
        assert copy(service, bucket, "a", "b").json()["Id"] != source["Id"]
        put_object(service, bucket, "a", b"changed", {"x-upsert": "true"})
        assert get_object(service, bucket, "b").content == b"same"

    def test_copy_survives_the_deletion_of_its_source(self, service: httpx.Client, bucket: str) -> None:
        put_object(service, bucket, "a", b"kept")
        copy(service, bucket, "a", "b")
        service.delete(object_path(bucket, "a"))
        assert get_object(service, bucket, "b").content == b"kept"

    def test_copy_to_another_bucket(self, service: httpx.Client, make_bucket: MakeBucket) -> None:
        first, second = make_bucket(), make_bucket()
        put_object(service, first, "a", b"x")
        assert copy(service, first, "a", "b", destinationBucket=second).json()["Key"] == f"{second}/b"
        assert get_object(service, second, "b").content == b"x"

    def test_copy_without_metadata_takes_the_given_fields(self, service: httpx.Client, bucket: str) -> None:
        put_object(
            service,
            bucket,
            "a",
            b"x",
            {"x-metadata": encode_metadata({"old": 1}), "cache-control": "max-age=9"},
        )
        copy(service, bucket, "a", "b", copyMetadata=False, metadata={"mimetype": "text/css"})
        info = service.get(object_path(bucket, "b", "info")).json()
        assert (info["content_type"], info["cache_control"]) == ("text/css", "max-age=9")
        assert info["metadata"] is None

    def test_copy_onto_itself_updates_metadata(self, service: httpx.Client, bucket: str) -> None:
        put_object(service, bucket, "a", b"x")
        body = {"bucketId": bucket, "sourceKey": "a", "destinationKey": "a", "copyMetadata": False}
        headers = {"x-upsert": "true", "x-metadata": encode_metadata({"new": 1})}
        assert service.post("/object/copy", json=body, headers=headers).status_code == 200
        assert service.get(object_path(bucket, "a", "info")).json()["metadata"] == {"new": 1}
        assert get_object(service, bucket, "a").content == b"x"

    def test_copy_onto_an_existing_object_needs_upsert(self, service: httpx.Client, bucket: str) -> None:
        for name in ("a", "b"):
            put_object(service, bucket, name, name.encode())
        assert error_of(copy(service, bucket, "a", "b")) == KEY_EXISTS
        body = {"bucketId": bucket, "sourceKey": "a", "destinationKey": "b"}
        assert service.post("/object/copy", json=body, headers={"x-upsert": "true"}).status_code == 200
        assert get_object(service, bucket, "b").content == b"a"

    def test_copy_of_a_missing_source_is_not_found(self, service: httpx.Client, bucket: str) -> None:
        assert error_of(copy(service, bucket, "absent", "b")) == NO_SUCH_KEY
        assert error_of(copy(service, unique("absent"), "a", "b")) == NO_SUCH_KEY

    def test_copy_into_a_missing_bucket_is_not_found(self, service: httpx.Client, bucket: str) -> None:
        put_object(service, bucket, "a")
        answer = copy(service, bucket, "a", "b", destinationBucket=unique("absent"))
        assert error_of(answer) == NO_SUCH_RELATION

    @pytest.mark.parametrize("call", [copy, move], ids=["copy", "move"])
    @pytest.mark.parametrize("name", ["", "..", "a/../b", "x" * 1025, "line\nbreak"], ids=ascii)
    def test_destination_obeys_the_name_rule(
        self, service: httpx.Client, bucket: str, call: Operation, name: str
    ) -> None:
        put_object(service, bucket, "a")
        error = error_of(call(service, bucket, "a", name))
        assert (error.status, error.status_code) == (400, "400")
        assert get_object(service, bucket, "a").status_code == 200

    @pytest.mark.parametrize("field", ["bucketId", "sourceKey", "destinationKey"])
    @pytest.mark.parametrize("verb", ["copy", "move"])
    def test_required_fields_are_named(self, service: httpx.Client, verb: str, field: str) -> None:
        body = {"bucketId": "b", "sourceKey": "s", "destinationKey": "d"}
        del body[field]
        expected = invalid_request(f"body must have required property '{field}'")
        assert error_of(service.post(f"/object/{verb}", json=body)) == expected


class TestMove:
    def test_move_keeps_the_identity_and_answers_with_words(self, service: httpx.Client, bucket: str) -> None:
        put_object(service, bucket, "a", b"x", {"x-metadata": encode_metadata({"k": 1})})
        before = service.get(object_path(bucket, "a", "info")).json()
        assert move(service, bucket, "a", "dir/b").json() == {"message": "Successfully moved"}
        after = service.get(object_path(bucket, "dir/b", "info")).json()
        for field in ("id", "created_at", "metadata", "etag", "content_type"):
            assert after[field] == before[field]
        assert after["version"] != before["version"]
        assert error_of(get_object(service, bucket, "a")) == NO_SUCH_KEY

    def test_move_to_another_bucket(self, service: httpx.Client, make_bucket: MakeBucket) -> None:
        first, second = make_bucket(), make_bucket()
        put_object(service, first, "a", b"x")
        assert move(service, first, "a", "a", destinationBucket=second).status_code == 200
        assert get_object(service, second, "a").content == b"x"
        assert error_of(get_object(service, first, "a")) == NO_SUCH_KEY

    def test_move_onto_an_existing_object_is_a_duplicate_even_with_upsert(
        self, service: httpx.Client, bucket: str
    ) -> None:
        for name in ("a", "b"):
            put_object(service, bucket, name, name.encode())
        body = {"bucketId": bucket, "sourceKey": "a", "destinationKey": "b"}
        error = error_of(service.post("/object/move", json=body, headers={"x-upsert": "true"}))
        assert (error.status, error.status_code, error.error) == (400, "409", "Duplicate")
        assert error.code == "ResourceAlreadyExists"
        assert [get_object(service, bucket, name).content for name in ("a", "b")] == [b"a", b"b"]

    def test_move_onto_itself_changes_nothing(self, service: httpx.Client, bucket: str) -> None:
        put_object(service, bucket, "a", b"x")
        assert move(service, bucket, "a", "a").json() == {"message": "Successfully moved"}
        assert get_object(service, bucket, "a").content == b"x"

    def test_move_of_a_missing_source_is_not_found(self, service: httpx.Client, bucket: str) -> None:
        assert error_of(move(service, bucket, "absent", "b")) == NO_SUCH_KEY

    def test_move_into_a_missing_bucket_moves_nothing(self, service: httpx.Client, bucket: str) -> None:
        put_object(service, bucket, "a")
        error = error_of(move(service, bucket, "a", "b", destinationBucket=unique("absent")))
        assert (error.status, error.status_code) == (400, "404")
        assert get_object(service, bucket, "a").status_code == 200


class TestDelete:
    def test_delete_one_answers_with_words(self, service: httpx.Client, bucket: str) -> None:
        put_object(service, bucket, "dir/a")
        assert service.delete(object_path(bucket, "dir/a")).json() == {"message": "Successfully deleted"}
        assert error_of(get_object(service, bucket, "dir/a")) == NO_SUCH_KEY

    def test_delete_one_twice_is_not_found(self, service: httpx.Client, bucket: str) -> None:
        put_object(service, bucket, "a")
        service.delete(object_path(bucket, "a"))
        assert error_of(service.delete(object_path(bucket, "a"))) == NO_SUCH_KEY

    def test_deleted_name_can_be_used_again(self, service: httpx.Client, bucket: str) -> None:
        for content in (b"first", b"second"):
            put_object(service, bucket, "a", content)
            assert get_object(service, bucket, "a").content == content
            service.delete(object_path(bucket, "a"))

    def test_delete_many_returns_the_full_rows_it_deleted(self, service: httpx.Client, bucket: str) -> None:
        for name in ("a", "b", "kept"):
            put_object(service, bucket, name)
        names = ["a", "b", "absent", "..", "a"]
        rows = service.request("DELETE", f"/object/{bucket}", json={"prefixes": names}).json()
        assert sorted(row["name"] for row in rows) == ["a", "b"]
        assert all(set(row) == ROW_FIELDS for row in rows)
        assert get_object(service, bucket, "kept").status_code == 200

    def test_delete_many_takes_names_and_not_prefixes(self, service: httpx.Client, bucket: str) -> None:
        put_object(service, bucket, "dir/a")
        for name in ("dir", "dir/", "dir/%", "*"):
            assert service.request("DELETE", f"/object/{bucket}", json={"prefixes": [name]}).json() == []
        assert get_object(service, bucket, "dir/a").status_code == 200

    @pytest.mark.parametrize("body", [{}, {"prefixes": []}, {"prefixes": "a"}, []], ids=str)
    def test_delete_many_needs_names(self, service: httpx.Client, bucket: str, body: object) -> None:
        error = error_of(service.request("DELETE", f"/object/{bucket}", json=body))
        assert (error.status, error.status_code, error.error, error.code) == (
            400,
            "400",
            "Error",
            "InvalidRequest",
        )

    def test_row_names_its_owner(self, owner: httpx.Client, bucket: str) -> None:
        put_object(owner, bucket, "a")
        (row,) = owner.request("DELETE", f"/object/{bucket}", json={"prefixes": ["a"]}).json()
        assert row["owner_id"].startswith("owner-")
        assert row["owner"] == ""
