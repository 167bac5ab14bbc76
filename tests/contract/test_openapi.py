"""The description of the API tells the truth: what it names is served, and answers are as it says."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openapi_schema_validator import OAS31Validator, oas31_format_checker
from openapi_spec_validator import OpenAPIV31SpecValidator

from .client import Target, object_path, put_object, sign_object, sign_upload, unique

METHODS = {"get", "head", "post", "put", "delete"}
CREDENTIALS: list[dict[str, list[str]]] = [{"bearer": []}, {"apikey": []}]
VALID_FOR_ALL = {
    **{"name": "a", "public": True, "prefix": "", "prefixes": ["a"], "paths": ["a"], "expiresIn": 1},
    **{"bucketId": "a", "sourceKey": "a", "destinationKey": "b"},
    **{"bucket": "a", "to_prefix": "b/"},
}


class Description:
    """The document as clients read it."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for path, item in self.document["paths"].items():
            for method in sorted(METHODS & item.keys()):
                yield method, path, item[method]

    def assert_fits(self, response: httpx.Response, path: str) -> None:
        """Assert that the status, body and headers of `response` are those of an operation at `path`."""
        method = response.request.method.lower()
        described = self.document["paths"][path][method]["responses"]
        assert str(response.status_code) in described, (response.status_code, response.text)
        answer = described[str(response.status_code)]
        for name in answer["headers"].keys() & {"X-Request-Id", "ETag", "Content-Range", "Last-Modified"}:
            if response.status_code < 400:
                assert name in response.headers, (path, name)
        media = answer.get("content", {}).get("application/json")
        if media is not None:
            self.assert_valid(media["schema"], response.json())

    def assert_valid(self, schema: dict[str, Any], value: object) -> None:
        whole = {**schema, "components": self.document["components"]}
        OAS31Validator(whole, format_checker=oas31_format_checker).validate(value)


def some_url(path: str) -> str:
    return path.replace("{bucket}", unique("none")).replace("{name}", "a.txt")


@pytest.fixture(scope="session")
def description(nobody: httpx.Client) -> Description:
    return Description(nobody.get("/openapi.json").json())


def test_document_is_open_valid_and_at_both_places(nobody: httpx.Client) -> None:
    answer = nobody.get("/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert nobody.get("/documentation/json").content == answer.content
    OpenAPIV31SpecValidator(answer.json()).validate()


def test_document_says_where_and_which_version_the_server_is(
    target: Target, nobody: httpx.Client, description: Description
) -> None:
    assert description.document["servers"] == [{"url": target.base_path}]
    assert description.document["info"]["version"] == nobody.get("/version").text


def test_page_is_html_that_runs_nothing_and_is_framed_by_nobody(nobody: httpx.Client) -> None:
    answer = nobody.get("/documentation")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    assert answer.headers["content-security-policy"] == policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "<script" not in answer.text
    assert "createBucket" in answer.text


def test_every_described_operation_is_served(nobody: httpx.Client, description: Description) -> None:
    for method, path, operation in description.operations():
        answer = nobody.request(method, some_url(path))
        assert str(answer.status_code) in operation["responses"], (method, path, answer.status_code)
        assert not re.search(r"Route \S+ not found", answer.text), (method, path)


def test_operations_that_need_a_token_are_those_described_so(
    nobody: httpx.Client, description: Description
) -> None:
    for method, path, operation in description.operations():
        body = VALID_FOR_ALL if method in {"post", "put", "delete"} else None
        answer = nobody.request(method, some_url(path), json=body)
        if method != "head":
            is_asked_for = "required property 'authorization'" in answer.text
            assert is_asked_for == (operation["security"] == CREDENTIALS), (method, path, answer.text)


def test_bucket_answers_are_as_described(
    service: httpx.Client, bucket: str, description: Description
) -> None:
    name = unique("described")
    description.assert_fits(service.post("/bucket", json={"name": name, "file_size_limit": "1kb"}), "/bucket")
    description.assert_fits(service.get("/bucket", params={"limit": 5}), "/bucket")
    one = "/bucket/{bucket}"
    description.assert_fits(service.get(f"/bucket/{name}"), one)
    description.assert_fits(service.head(f"/bucket/{name}"), one)
    description.assert_fits(service.put(f"/bucket/{name}", json={"public": True}), one)
    description.assert_fits(service.post(f"/bucket/{name}/empty"), "/bucket/{bucket}/empty")
    description.assert_fits(service.delete(f"/bucket/{name}"), one)
    description.assert_fits(service.get(f"/bucket/{name}"), one)


def test_write_answers_are_as_described(service: httpx.Client, bucket: str, description: Description) -> None:
    named = "/object/{bucket}/{name}"
    description.assert_fits(put_object(service, bucket, "a.txt"), named)
    description.assert_fits(put_object(service, bucket, "a.txt"), named)
    form = service.put(
        object_path(bucket, "b.txt"),
        files={"": ("b.txt", b"form", "text/plain")},
        data={"metadata": '{"a":1}'},
    )
    assert form.status_code == 200
    description.assert_fits(form, named)
    pair = {"bucketId": bucket, "sourceKey": "a.txt", "destinationKey": "c.txt"}
    description.assert_fits(service.post("/object/copy", json=pair), "/object/copy")
    description.assert_fits(service.post("/object/move", json=pair | {"destinationKey": "d"}), "/object/move")
    description.assert_fits(service.delete(object_path(bucket, "c.txt")), named)
    many = service.request("DELETE", f"/object/{bucket}", json={"prefixes": ["b.txt", "d", "none"]})
    assert len(many.json()) == 2
    description.assert_fits(many, "/object/{bucket}")


@pytest.mark.parametrize("door", ["", "authenticated", "public"])
def test_download_answers_are_as_described(
    service: httpx.Client, public_bucket: str, description: Description, door: str
) -> None:
    put_object(service, public_bucket, "a.txt", b"content")
    url = object_path(public_bucket, "a.txt", door)
    path = url.replace(public_bucket, "{bucket}").replace("a.txt", "{name}")
    whole = service.get(url)
    answers = [whole, service.head(url), service.get(url, headers={"range": "bytes=1-2"})]
    answers += [service.get(url, headers={"if-none-match": whole.headers["etag"]})]
    answers += [service.get(url, headers={"if-match": '"other"'})]
    answers += [service.get(url, headers={"range": "bytes=99-"}), service.get(f"{url}.none")]
    assert [each.status_code for each in answers] == [200, 200, 206, 304, 412, 416, 400]
    for answer in answers:
        description.assert_fits(answer, path)


@pytest.mark.parametrize("door", ["info", "info/authenticated", "info/public"])
def test_info_answers_are_as_described(
    service: httpx.Client, public_bucket: str, description: Description, door: str
) -> None:
    put_object(service, public_bucket, "a.txt")
    description.assert_fits(
        service.get(object_path(public_bucket, "a.txt", door)), f"/object/{door}/{{bucket}}/{{name}}"
    )


def test_list_answers_are_as_described(service: httpx.Client, bucket: str, description: Description) -> None:
    for name in ("a.txt", "d/b.txt"):
        put_object(service, bucket, name)
    v1 = service.post(f"/object/list/{bucket}", json={"prefix": ""})
    assert len(v1.json()) == 2
    description.assert_fits(v1, "/object/list/{bucket}")
    for body in ({}, {"limit": 1}, {"with_delimiter": True}, {"cursor": "none"}):
        v2 = service.post(f"/object/list-v2/{bucket}", json=body)
        description.assert_fits(v2, "/object/list-v2/{bucket}")


def test_signed_url_answers_are_as_described(
    service: httpx.Client, nobody: httpx.Client, bucket: str, description: Description
) -> None:
    put_object(service, bucket, "a.txt")
    one, upload = "/object/sign/{bucket}/{name}", "/object/upload/sign/{bucket}/{name}"
    description.assert_fits(service.post(object_path(bucket, "a.txt", "sign"), json={"expiresIn": 9}), one)
    many = service.post(f"/object/sign/{bucket}", json={"expiresIn": 9, "paths": ["a.txt", "none"]})
    description.assert_fits(many, "/object/sign/{bucket}")
    description.assert_fits(nobody.get(sign_object(service, bucket, "a.txt")), one)
    description.assert_fits(nobody.get(object_path(bucket, "a.txt", "sign"), params={"token": "x"}), one)
    description.assert_fits(service.post(object_path(bucket, "b.txt", "upload/sign")), upload)
    token = sign_upload(service, bucket, "c.txt")
    stored = nobody.put(object_path(bucket, "c.txt", "upload/sign"), params={"token": token}, content=b"c")
    assert stored.status_code == 200
    description.assert_fits(stored, upload)


@pytest.mark.parametrize("path", ["/status", "/version", "/health", "/metrics", "/openapi.json"])
def test_server_answers_are_as_described(service: httpx.Client, description: Description, path: str) -> None:
    answer = service.get(path)
    assert answer.status_code == 200
    description.assert_fits(answer, path)


def test_strict_refusals_are_as_described(service: httpx.Client, description: Description) -> None:
    answer = service.get(f"/bucket/{unique('none')}", headers={"prefer": "strict-status"})
    assert answer.status_code == 404
    description.assert_fits(answer, "/bucket/{bucket}")


def test_folder_and_job_answers_are_as_described(
    service: httpx.Client, bucket: str, description: Description
) -> None:
    service.post(object_path(bucket, "a/1"), content=b"1")
    transfer = {"bucket": bucket, "prefix": "a/", "to_prefix": "b/"}
    copied = service.post("/folder/copy", json=transfer)
    description.assert_fits(copied, "/folder/copy")
    description.assert_fits(service.post("/folder/copy", json=transfer), "/folder/copy")
    description.assert_fits(
        service.post("/folder/move", json=transfer | {"conflict": "replace"}), "/folder/move"
    )
    description.assert_fits(
        service.post("/folder/delete", json={"bucket": bucket, "prefix": "b/"}), "/folder/delete"
    )
    description.assert_fits(
        service.post("/folder/delete", json={"bucket": bucket, "prefix": "b"}), "/folder/delete"
    )
    one = f"/job/{copied.json()['job']['id']}"
    description.assert_fits(service.get(one), "/job/{id}")
    description.assert_fits(service.delete(one), "/job/{id}")
    description.assert_fits(service.get("/job/none"), "/job/{id}")
