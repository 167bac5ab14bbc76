"""Buckets over plain HTTP: bodies byte for byte, limits, validation and the name rule."""

import re
from typing import Any

import httpx
import pytest

from .client import (
    BUCKET_EXISTS,
    BUCKET_NOT_EMPTY,
    INVALID_BUCKET_NAME,
    NO_SUCH_BUCKET,
    TOO_LARGE,
    error_of,
    get_object,
    invalid_request,
    put_object,
    unique,
)
from .conftest import MakeBucket

BUCKET_FIELDS = [
    "id",
    "name",
    "owner",
    "public",
    "file_size_limit",
    "allowed_mime_types",
    "created_at",
    "updated_at",
]
ISO_MILLISECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
LEGACY_CLIENTS = [
    {"x-client-info": "supabase-py/2.17.9"},
    {"user-agent": "supabase-py/storage3 v0.12.0"},
]


def bucket_of(caller: httpx.Client, name: str) -> dict[str, Any]:
    body: dict[str, Any] = caller.get(f"/bucket/{name}").json()
    return body


def test_create_uses_the_name_as_id(service: httpx.Client) -> None:
    name = unique("bucket")
    response = service.post("/bucket", json={"name": name})
    assert (response.status_code, response.json()) == (200, {"name": name})
    assert bucket_of(service, name)["id"] == name


def test_create_keeps_an_id_that_differs_from_the_name(service: httpx.Client) -> None:
    bucket_id, name = unique("id"), unique("name")
    assert service.post("/bucket", json={"id": bucket_id, "name": name}).json() == {"name": name}
    found = bucket_of(service, bucket_id)
    assert (found["id"], found["name"]) == (bucket_id, name)


def test_get_has_exactly_the_fields_clients_model(service: httpx.Client, bucket: str) -> None:
    found = bucket_of(service, bucket)
    assert list(found) == BUCKET_FIELDS
    assert found["owner"] == ""
    assert ISO_MILLISECONDS.fullmatch(found["created_at"])
    assert ISO_MILLISECONDS.fullmatch(found["updated_at"])


def test_list_adds_the_type(service: httpx.Client, bucket: str) -> None:
    found = service.get("/bucket", params={"search": bucket}).json()
    assert [set(entry) for entry in found] == [{*BUCKET_FIELDS, "type"}]
    assert found[0]["type"] == "STANDARD"


@pytest.mark.parametrize("headers", LEGACY_CLIENTS, ids=["supabase-py", "storage3"])
def test_list_omits_the_type_for_clients_that_crash_on_it(
    service: httpx.Client, bucket: str, headers: dict[str, str]
) -> None:
    found = service.get("/bucket", params={"search": bucket}, headers=headers).json()
    assert [set(entry) for entry in found] == [set(BUCKET_FIELDS)]


def test_list_works_with_a_trailing_slash(service: httpx.Client, bucket: str) -> None:
    assert bucket in {entry["id"] for entry in service.get("/bucket/").json()}


def test_list_search_takes_wildcards_literally(service: httpx.Client) -> None:
    stem = unique("search")
    for suffix in ("_x", "yx"):
        service.post("/bucket", json={"name": stem + suffix})
    found = service.get("/bucket", params={"search": f"{stem}_".upper()}).json()
    assert [entry["name"] for entry in found] == [f"{stem}_x"]
    assert service.get("/bucket", params={"search": f"{stem}%"}).json() == []


@pytest.mark.parametrize(
    "params", [{"limit": "0"}, {"offset": "-1"}, {"sortColumn": "owner"}, {"sortOrder": "ASC"}], ids=str
)
def test_list_refuses_bad_paging(service: httpx.Client, params: dict[str, str]) -> None:
    error = error_of(service.get("/bucket", params=params))
    assert (error.status, error.status_code, error.error, error.code) == (
        400,
        "400",
        "Error",
        "InvalidRequest",
    )
    assert error.message.startswith(f"querystring/{next(iter(params))} ")


def test_create_twice_is_a_duplicate(service: httpx.Client, bucket: str) -> None:
    assert error_of(service.post("/bucket", json={"name": bucket})) == BUCKET_EXISTS


def test_create_needs_a_name(service: httpx.Client) -> None:
    expected = invalid_request("body must have required property 'name'")
    assert error_of(service.post("/bucket", json={})) == expected


@pytest.mark.parametrize("name", ["a", "A b", "a.b", "x" * 100, "!_.*'()&$@=;:+,?-"])
def test_create_accepts_every_character_of_the_name_rule(service: httpx.Client, name: str) -> None:
    response = service.post("/bucket", json={"name": name})
    assert response.status_code == 200 or error_of(response) == BUCKET_EXISTS


@pytest.mark.parametrize(
    "name",
    [
        "",
        " a",
        "a ",
        "x" * 101,
        "a/b",
        "a\\b",
        "a#b",
        "a%b",
        "a~b",
        "a[b",
        "a|b",
        "a<b",
        "ü",
        ".",
        "..",
        "a--table-s3",
        "a\nb",
    ],
)
def test_create_refuses_names_outside_the_rule(service: httpx.Client, name: str) -> None:
    error = error_of(service.post("/bucket", json={"name": name}))
    assert (error.status, error.status_code) == (400, "400")
    assert error == INVALID_BUCKET_NAME or name == ""


@pytest.mark.parametrize("bucket_id", ["a/b", "..", "a#b", "ü"])
def test_create_refuses_ids_outside_the_rule(service: httpx.Client, bucket_id: str) -> None:
    response = service.post("/bucket", json={"id": bucket_id, "name": unique("name")})
    assert error_of(response) == INVALID_BUCKET_NAME


@pytest.mark.parametrize(
    ("limit", "size_bytes"),
    [
        (10, 10),
        ("10", 10),
        ("20mb", 20_000_000),
        ("1.2345MB", 1_230_000),
        ("2KB", 2000),
        ("7b", 7),
        (None, None),
    ],
)
def test_file_size_limit_is_read_in_decimal_units(
    service: httpx.Client, make_bucket: MakeBucket, limit: object, size_bytes: int | None
) -> None:
    assert bucket_of(service, make_bucket(file_size_limit=limit))["file_size_limit"] == size_bytes


@pytest.mark.parametrize("limit", ["10 mb", "10tb", -1, "ten", [1]])
def test_file_size_limit_refuses_what_is_no_size(service: httpx.Client, limit: object) -> None:
    error = error_of(service.post("/bucket", json={"name": unique("bad"), "file_size_limit": limit}))
    assert (error.status, error.status_code, error.code) == (400, "400", "InvalidRequest")


@pytest.mark.parametrize("kind", ["not a type", "image", "/png", "image/png\r\nx: y"])
def test_allowed_mime_types_refuses_what_is_no_type(service: httpx.Client, kind: str) -> None:
    error = error_of(service.post("/bucket", json={"name": unique("bad"), "allowed_mime_types": [kind]}))
    assert (error.status, error.status_code, error.error) == (400, "415", "invalid_mime_type")


@pytest.mark.parametrize(
    "allowed", [["text/plain"], ["text/*"], ["*/*"], ["image/png", "text/plain"], []], ids=str
)
def test_allowed_mime_types_admit_a_type_with_parameters(
    service: httpx.Client, make_bucket: MakeBucket, allowed: list[str]
) -> None:
    name = make_bucket(allowed_mime_types=allowed)
    uploaded = put_object(service, name, "a.txt", headers={"content-type": "text/plain;charset=UTF-8"})
    assert uploaded.status_code == 200


@pytest.mark.parametrize("allowed", [["image/*"], ["text/html"], ["application/*"]], ids=str)
def test_allowed_mime_types_refuse_other_types(
    service: httpx.Client, make_bucket: MakeBucket, allowed: list[str]
) -> None:
    error = error_of(put_object(service, make_bucket(allowed_mime_types=allowed), "a.txt"))
    assert (error.status_code, error.error, error.code) == ("415", "invalid_mime_type", "InvalidMimeType")
    assert error.message == "mime type text/plain is not supported"


def test_update_of_one_field_leaves_the_others(service: httpx.Client, make_bucket: MakeBucket) -> None:
    name = make_bucket(file_size_limit=5, allowed_mime_types=["text/plain"])
    response = service.put(f"/bucket/{name}", json={"public": True, "name": "ignored", "id": "ignored"})
    assert (response.status_code, response.json()) == (200, {"message": "Successfully updated"})
    found = bucket_of(service, name)
    assert (found["public"], found["file_size_limit"], found["allowed_mime_types"]) == (
        True,
        5,
        ["text/plain"],
    )


def test_update_with_null_clears_limits(service: httpx.Client, make_bucket: MakeBucket) -> None:
    name = make_bucket(file_size_limit=5, allowed_mime_types=["text/plain"])
    service.put(f"/bucket/{name}", json={"file_size_limit": None, "allowed_mime_types": None})
    found = bucket_of(service, name)
    assert (found["file_size_limit"], found["allowed_mime_types"]) == (None, None)


def test_update_without_any_known_field_is_invalid(service: httpx.Client, bucket: str) -> None:
    error = error_of(service.put(f"/bucket/{bucket}", json={"name": bucket}))
    assert (error.status, error.status_code, error.code) == (400, "400", "InvalidRequest")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_missing_bucket_is_not_found(service: httpx.Client, method: str) -> None:
    response = service.request(method, f"/bucket/{unique('absent')}", json={"public": True})
    assert error_of(response) == NO_SUCH_BUCKET


@pytest.mark.parametrize("body", [None, b"", b"{}"], ids=["no body", "empty JSON", "{}"])
def test_empty_removes_everything_before_it_answers(
    service: httpx.Client, bucket: str, body: bytes | None
) -> None:
    put_object(service, bucket, "a/b.txt")
    headers = {} if body is None else {"content-type": "application/json"}
    response = service.post(f"/bucket/{bucket}/empty", content=body, headers=headers)
    assert response.json() == {"message": "Empty bucket has been queued. Completion may take up to an hour."}
    assert service.post(f"/object/list/{bucket}", json={"prefix": ""}).json() == []


@pytest.mark.parametrize("body", [None, b"", b"{}"], ids=["no body", "empty JSON", "{}"])
def test_delete_takes_any_empty_body(service: httpx.Client, bucket: str, body: bytes | None) -> None:
    headers = {} if body is None else {"content-type": "application/json"}
    response = service.request("DELETE", f"/bucket/{bucket}", content=body, headers=headers)
    assert (response.status_code, response.json()) == (200, {"message": "Successfully deleted"})
    assert error_of(service.get(f"/bucket/{bucket}")) == NO_SUCH_BUCKET


def test_delete_refuses_a_bucket_with_objects(service: httpx.Client, bucket: str) -> None:
    put_object(service, bucket, "a.txt")
    assert error_of(service.delete(f"/bucket/{bucket}")) == BUCKET_NOT_EMPTY
    assert get_object(service, bucket, "a.txt").status_code == 200


def test_deleted_bucket_can_be_created_again_and_is_empty(service: httpx.Client, bucket: str) -> None:
    put_object(service, bucket, "a.txt")
    service.post(f"/bucket/{bucket}/empty")
    service.delete(f"/bucket/{bucket}")
    assert service.post("/bucket", json={"name": bucket}).status_code == 200
    assert service.post(f"/object/list/{bucket}", json={"prefix": ""}).json() == []


def test_limit_lowered_later_applies_to_the_next_upload(service: httpx.Client, bucket: str) -> None:
    put_object(service, bucket, "a.txt", b"12345")
    service.put(f"/bucket/{bucket}", json={"file_size_limit": 4})
    assert error_of(put_object(service, bucket, "b.txt", b"12345")) == TOO_LARGE
    assert get_object(service, bucket, "a.txt").content == b"12345"
