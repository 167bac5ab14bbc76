"""Uploads over plain HTTP: raw and form bodies, upsert, metadata, limits and the name rule."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from .client import (
    KEY_EXISTS,
    NO_SUCH_BUCKET,
    TOO_LARGE,
    WireError,
    encode_metadata,
    error_of,
    get_object,
    invalid_key,
    object_path,
    put_object,
    unique,
)
from .conftest import MakeBucket

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def info_of(caller: httpx.Client, bucket: str, name: str) -> dict[str, Any]:
    response = caller.get(object_path(bucket, name, "info"))
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def invalid_content(message: str) -> WireError:
    return WireError(400, "400", "InvalidRequest", message, "InvalidRequest")


class TestRawBody:
    @pytest.mark.parametrize("method", ["POST", "PUT"])
    def test_answer_is_key_and_id(self, service: httpx.Client, bucket: str, method: str) -> None:
        response = service.request(method, object_path(bucket, "dir/ü.txt"), content=b"x")
        assert response.status_code == 200
        assert list(response.json())[:2] == ["Key", "Id"]
        assert response.json()["Key"] == f"{bucket}/dir/ü.txt"
        assert UUID.fullmatch(response.json()["Id"])

    def test_headers_become_metadata(self, service: httpx.Client, bucket: str) -> None:
        headers = {
            "content-type": "application/x-odd; version=2",
            "cache-control": "public, max-age=7",
            "x-metadata": encode_metadata({"a": 1}),
        }
        put_object(service, bucket, "a", b"12345", headers)
        info = info_of(service, bucket, "a")
        assert (info["size"], info["content_type"]) == (5, "application/x-odd; version=2")
        assert (info["cache_control"], info["metadata"]) == ("public, max-age=7", {"a": 1})

    def test_defaults_without_headers(self, service: httpx.Client, bucket: str) -> None:
        service.post(object_path(bucket, "a"), content=b"x")
        info = info_of(service, bucket, "a")
        assert (info["content_type"], info["cache_control"]) == ("application/octet-stream", "no-cache")
        assert info["metadata"] == {}

    @pytest.mark.parametrize("kind", ["application/json", "text/html", "application/x-www-form-urlencoded"])
    def test_body_is_stored_verbatim_whatever_its_type(
        self, service: httpx.Client, bucket: str, kind: str
    ) -> None:
        put_object(service, bucket, "a", b'{"not": parsed&=%', {"content-type": kind})
        assert get_object(service, bucket, "a").content == b'{"not": parsed&=%'

    def test_empty_body_is_an_empty_object(self, service: httpx.Client, bucket: str) -> None:
        assert put_object(service, bucket, "empty", b"").status_code == 200
        assert info_of(service, bucket, "empty")["size"] == 0

    def test_chunked_body_is_stored(self, service: httpx.Client, bucket: str) -> None:
        assert service.post(object_path(bucket, "a"), content=iter([b"one ", b"two"])).status_code == 200
        assert get_object(service, bucket, "a").content == b"one two"

    def test_large_body_comes_back_unchanged(self, service: httpx.Client, bucket: str) -> None:
        content = bytes(range(256)) * 20_000
        put_object(service, bucket, "large.bin", content)
        assert get_object(service, bucket, "large.bin").content == content

    def test_existing_name_is_a_duplicate_and_keeps_its_bytes(
        self, service: httpx.Client, bucket: str
    ) -> None:
        put_object(service, bucket, "a", b"first")
        assert error_of(put_object(service, bucket, "a", b"second")) == KEY_EXISTS
        assert get_object(service, bucket, "a").content == b"first"

    @pytest.mark.parametrize("value", ["true", "True", "TRUE"])
    def test_upsert_header_ignores_case(self, service: httpx.Client, bucket: str, value: str) -> None:
        put_object(service, bucket, "a", b"first")
        assert put_object(service, bucket, "a", b"second", {"x-upsert": value}).status_code == 200
        assert get_object(service, bucket, "a").content == b"second"

    @pytest.mark.parametrize("value", ["false", "1", "yes", ""])
    def test_other_upsert_values_do_not_replace(self, service: httpx.Client, bucket: str, value: str) -> None:
        put_object(service, bucket, "a", b"first")
        assert error_of(put_object(service, bucket, "a", b"second", {"x-upsert": value})) == KEY_EXISTS

    def test_upsert_keeps_the_id_and_replaces_everything_else(
        self, service: httpx.Client, bucket: str
    ) -> None:
        first = put_object(service, bucket, "a", b"1", {"x-metadata": encode_metadata({"old": 1})}).json()
        before = info_of(service, bucket, "a")
        second = put_object(service, bucket, "a", b"22", {"x-upsert": "true"}).json()
        after = info_of(service, bucket, "a")
        assert (second["Id"], after["id"], after["created_at"]) == (
            first["Id"],
            before["id"],
            before["created_at"],
        )
        assert (after["metadata"], after["size"]) == ({}, 2)
        assert after["version"] != before["version"]

    @pytest.mark.parametrize("value", ["not base64!", "e30", encode_metadata("x")[:-3], "===="])
    def test_unparsable_metadata_is_ignored(self, service: httpx.Client, bucket: str, value: str) -> None:
        assert put_object(service, bucket, "a", b"x", {"x-metadata": value}).status_code == 200

    @pytest.mark.parametrize("value", [[1], "text", 5], ids=str)
    def test_metadata_that_is_no_object_stores_nothing(
        self, service: httpx.Client, bucket: str, value: object
    ) -> None:
        error = error_of(put_object(service, bucket, "a", b"x", {"x-metadata": encode_metadata(value)}))
        assert (error.status, error.status_code) == (400, "400")
        assert error_of(get_object(service, bucket, "a")).status_code == "404"

    def test_missing_bucket_is_not_found(self, service: httpx.Client) -> None:
        assert error_of(put_object(service, unique("absent"), "a")) == NO_SUCH_BUCKET


class TestForm:
    def test_fields_describe_the_first_file(self, service: httpx.Client, bucket: str) -> None:
        response = service.post(
            object_path(bucket, "a.png"),
            data={"cacheControl": "60", "metadata": '{"a": "ü"}'},
            files=[("", ("x.png", b"first", "image/png")), ("file", ("y.txt", b"second", "text/plain"))],
            headers={"cache-control": "ignored"},
        )
        assert response.status_code == 200
        info = info_of(service, bucket, "a.png")
        assert (info["content_type"], info["cache_control"]) == ("image/png", "max-age=60")
        assert info["metadata"] == {"a": "ü"}
        assert get_object(service, bucket, "a.png").content == b"first"

    def test_content_type_field_overrides_the_part(self, service: httpx.Client, bucket: str) -> None:
        files = {"file": ("x", b"x", "application/octet-stream")}
        service.post(object_path(bucket, "a"), data={"contentType": "text/css"}, files=files)
        assert info_of(service, bucket, "a")["content_type"] == "text/css"

    def test_user_metadata_field_is_a_fallback(self, service: httpx.Client, bucket: str) -> None:
        files = {"file": ("x", b"x", "text/plain")}
        service.post(object_path(bucket, "a"), data={"userMetadata": '{"k": 1}'}, files=files)
        assert info_of(service, bucket, "a")["metadata"] == {"k": 1}

    def test_no_fields_mean_no_cache(self, service: httpx.Client, bucket: str) -> None:
        service.post(object_path(bucket, "a"), files={"file": ("x", b"x", "text/plain")})
        assert info_of(service, bucket, "a")["cache_control"] == "no-cache"

    def test_file_name_of_the_part_is_irrelevant(self, service: httpx.Client, bucket: str) -> None:
        service.post(object_path(bucket, "a"), files={"file": ("../../etc/passwd", b"x", "text/plain")})
        assert get_object(service, bucket, "a").content == b"x"

    def test_form_without_a_file_has_no_content(self, service: httpx.Client, bucket: str) -> None:
        body = b'--b\r\nContent-Disposition: form-data; name="cacheControl"\r\n\r\n60\r\n--b--\r\n'
        headers = {"content-type": "multipart/form-data; boundary=b"}
        response = service.post(object_path(bucket, "a"), content=body, headers=headers)
        assert error_of(response) == invalid_content("No content provided")

    def test_form_without_a_boundary_is_invalid(self, service: httpx.Client, bucket: str) -> None:
        response = put_object(service, bucket, "a", b"x", {"content-type": "multipart/form-data"})
        assert error_of(response) == invalid_content("Multipart: Boundary not found")

    def test_form_that_ends_early_stores_nothing(self, service: httpx.Client, bucket: str) -> None:
        body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nhalf a fi'
        headers = {"content-type": "multipart/form-data; boundary=b"}
        response = service.post(object_path(bucket, "a"), content=body, headers=headers)
        assert error_of(response) == invalid_content("Unexpected end of multipart data")
        assert error_of(get_object(service, bucket, "a")).status_code == "404"

    def test_metadata_beyond_a_mebibyte_is_too_large(self, service: httpx.Client, bucket: str) -> None:
        metadata = json.dumps({"k": "x" * (1 << 20)})
        response = service.post(
            object_path(bucket, "a"), data={"metadata": metadata}, files={"file": ("x", b"x", "text/plain")}
        )
        assert error_of(response).status_code == "413"


class TestLimits:
    def test_size_limit_is_inclusive(self, service: httpx.Client, make_bucket: MakeBucket) -> None:
        bucket = make_bucket(file_size_limit=4)
        assert put_object(service, bucket, "fits", b"1234").status_code == 200
        assert error_of(put_object(service, bucket, "over", b"12345")) == TOO_LARGE

    def test_chunked_body_obeys_the_limit(self, service: httpx.Client, make_bucket: MakeBucket) -> None:
        bucket = make_bucket(file_size_limit=4)
        assert error_of(service.post(object_path(bucket, "a"), content=pieces(5))) == TOO_LARGE
        assert error_of(get_object(service, bucket, "a")).status_code == "404"

    def test_form_limit_counts_only_the_file(self, service: httpx.Client, make_bucket: MakeBucket) -> None:
        bucket = make_bucket(file_size_limit=4)
        fits, over = {"file": ("x", b"1234", "text/plain")}, {"file": ("x", b"12345", "text/plain")}
        assert service.post(object_path(bucket, "fits"), files=fits).status_code == 200
        assert error_of(service.post(object_path(bucket, "over"), files=over)) == TOO_LARGE

    def test_limits_win_over_denial(self, stranger: httpx.Client, make_bucket: MakeBucket) -> None:
        assert error_of(put_object(stranger, make_bucket(file_size_limit=1), "a", b"22")) == TOO_LARGE

    def test_service_role_does_not_bypass_limits(
        self, service: httpx.Client, make_bucket: MakeBucket
    ) -> None:
        bucket = make_bucket(allowed_mime_types=["image/png"])
        assert error_of(put_object(service, bucket, "a")).status_code == "415"

    def test_folder_placeholder_skips_types_but_must_be_empty(
        self, service: httpx.Client, make_bucket: MakeBucket
    ) -> None:
        bucket = make_bucket(allowed_mime_types=["image/png"])
        assert put_object(service, bucket, "d/.emptyFolderPlaceholder", b"").status_code == 200
        assert error_of(put_object(service, bucket, "e/.emptyFolderPlaceholder", b"x")) == TOO_LARGE

    @pytest.mark.parametrize("kind", ["nonsense", "a b/c", "/"])
    def test_unparsable_content_type_is_refused(
        self, service: httpx.Client, make_bucket: MakeBucket, kind: str
    ) -> None:
        bucket = make_bucket(allowed_mime_types=["text/*"])
        assert error_of(put_object(service, bucket, "a", b"x", {"content-type": kind})).status_code == "415"


def pieces(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b"x"


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            "a b",
            "a/b/c.tar.gz",
            "über/日本語/😀.txt",
            "double//slash",
            "trailing/",
            'a#b?c%d~e[f]g{h}i^j|k"l<m>n\\o',
            "%2e%2e",
            "...",
            ".hidden",
            "public/x",
            "CON",
            "\u00e9",
            "e\u0301",
            "x" * 1024,
        ],
        ids=lambda name: ascii(name)[:30],
    )
    def test_any_name_round_trips(self, service: httpx.Client, bucket: str, name: str) -> None:
        content = name.encode()
        assert put_object(service, bucket, name, content).json()["Key"] == f"{bucket}/{name}"
        assert get_object(service, bucket, name).content == content
        assert info_of(service, bucket, name)["name"] == name

    def test_names_that_look_alike_stay_apart(self, service: httpx.Client, bucket: str) -> None:
        names = ["\u00e9", "e\u0301", "a/b", "a//b", "A/b", "a%2Fb", "a+b", "a b"]
        for name in names:
            assert put_object(service, bucket, name, name.encode()).status_code == 200
        assert [get_object(service, bucket, name).content for name in names] == [
            name.encode() for name in names
        ]

    @pytest.mark.parametrize(
        "name", ["x" * 1025, "é" * 513, "tab\there", "line\nbreak", "del\x7f"], ids=ascii
    )
    def test_names_outside_the_rule_are_invalid(self, service: httpx.Client, bucket: str, name: str) -> None:
        error = error_of(put_object(service, bucket, name))
        assert (error.status, error.status_code, error.error, error.code) == (
            400,
            "400",
            "InvalidKey",
            "InvalidKey",
        )
        # Control characters may be shown as something else, and long names shortened.
        assert error.message.startswith(f"Invalid key: {name[:3]}")

    def test_empty_name_is_invalid(self, service: httpx.Client, bucket: str) -> None:
        assert error_of(service.post(f"/object/{bucket}/", content=b"x")) == invalid_key("")

    def test_encoded_slash_is_a_slash(self, service: httpx.Client, bucket: str) -> None:
        service.post(f"/object/{bucket}/a%2Fb", content=b"x")
        assert get_object(service, bucket, "a/b").content == b"x"


class TestRobots:
    def test_robots_tag_is_stored_and_served(self, service: httpx.Client, bucket: str) -> None:
        put_object(service, bucket, "a", b"x", {"x-robots-tag": "noindex, max-snippet:5"})
        assert get_object(service, bucket, "a").headers["x-robots-tag"] == "noindex, max-snippet:5"

    def test_robots_tag_is_none_by_default(self, service: httpx.Client, bucket: str) -> None:
        put_object(service, bucket, "a")
        assert get_object(service, bucket, "a").headers["x-robots-tag"] == "none"

    @pytest.mark.parametrize(
        "tag", ["indeed", "max-snippet: many", "noindex, nonsense", "max-image-preview: huge"]
    )
    def test_unknown_robots_directive_is_refused(self, service: httpx.Client, bucket: str, tag: str) -> None:
        error = error_of(put_object(service, bucket, "a", b"x", {"x-robots-tag": tag}))
        assert (error.status, error.status_code, error.error) == (400, "400", "invalid_x_robots_tag")
        assert error.message.startswith("Invalid X-Robots-Tag header: ")
        assert error.code == "InvalidRequest"
