"""Downloads over plain HTTP: headers, HEAD, ranges, conditions and attachments, on each door with bytes."""

import hashlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

import httpx
import pytest

from .client import (
    INVALID_RANGE,
    NO_SUCH_BUCKET,
    NO_SUCH_KEY,
    error_of,
    etag_of,
    get_object,
    object_path,
    put_object,
    unique,
)

CONTENT = b"0123456789"


@pytest.fixture
def stored(service: httpx.Client, bucket: str) -> str:
    """The path of an object that holds CONTENT."""
    put_object(service, bucket, "a.txt", CONTENT, {"cache-control": "max-age=60"})
    return object_path(bucket, "a.txt")


class TestHeaders:
    def test_success_carries_all_validators(self, service: httpx.Client, stored: str) -> None:
        headers = service.get(stored).headers
        assert headers["etag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'
        assert headers["accept-ranges"] == "bytes"
        assert headers["content-type"] == "text/plain"
        assert headers["content-length"] == "10"
        assert headers["x-robots-tag"] == "none"
        assert "max-age=60" in headers["cache-control"]
        assert "content-disposition" not in headers
        assert parsedate_to_datetime(headers["last-modified"]) <= datetime.now(UTC)

    def test_head_has_the_headers_of_get(self, service: httpx.Client, stored: str) -> None:
        got, head = service.get(stored).headers, service.head(stored)
        assert (head.status_code, head.content) == (200, b"")
        for name in (
            "etag",
            "content-length",
            "content-type",
            "last-modified",
            "accept-ranges",
            "x-robots-tag",
        ):
            assert head.headers[name] == got[name]

    @pytest.mark.parametrize("door", ["", "authenticated"])
    def test_private_bytes_are_not_for_shared_caches(
        self, service: httpx.Client, bucket: str, stored: str, door: str
    ) -> None:
        answer = service.get(object_path(bucket, "a.txt", door))
        assert answer.content == CONTENT
        assert "public" not in answer.headers["cache-control"]

    def test_unknown_query_is_ignored(self, service: httpx.Client, stored: str) -> None:
        assert service.get(stored, params={"cacheNonce": "1", "token": "x", "y": "z"}).content == CONTENT

    def test_html_is_served_as_plain_text(self, service: httpx.Client, bucket: str) -> None:
        put_object(service, bucket, "a.html", b"<p>", {"content-type": "text/html; charset=utf-8"})
        assert get_object(service, bucket, "a.html").headers["content-type"].startswith("text/plain")

    def test_same_bytes_have_the_same_etag_under_any_name(self, service: httpx.Client, bucket: str) -> None:
        for name in ("a", "b"):
            put_object(service, bucket, name, b"same")
        assert {get_object(service, bucket, name).headers["etag"] for name in ("a", "b")} == {
            etag_of(b"same")
        }


class TestRange:
    @pytest.mark.parametrize(
        ("value", "content", "content_range"),
        [
            ("bytes=0-3", b"0123", "bytes 0-3/10"),
            ("bytes=4-", b"456789", "bytes 4-9/10"),
            ("bytes=-3", b"789", "bytes 7-9/10"),
            ("bytes=8-100", b"89", "bytes 8-9/10"),
            ("bytes=-100", CONTENT, "bytes 0-9/10"),
            ("bytes=0-0", b"0", "bytes 0-0/10"),
        ],
    )
    def test_single_range_is_served(
        self, service: httpx.Client, stored: str, value: str, content: bytes, content_range: str
    ) -> None:
        answer = service.get(stored, headers={"range": value})
        assert (answer.status_code, answer.content) == (206, content)
        assert answer.headers["content-range"] == content_range
        assert answer.headers["content-length"] == str(len(content))

    @pytest.mark.parametrize("value", ["bytes=10-", "bytes=-0", "bytes=99-100"])
    def test_range_outside_the_object_is_416(self, service: httpx.Client, stored: str, value: str) -> None:
        answer = service.get(stored, headers={"range": value})
        assert error_of(answer) == INVALID_RANGE
        assert answer.headers["content-range"] == "bytes */10"

    def test_head_ignores_range(self, service: httpx.Client, stored: str) -> None:
        answer = service.head(stored, headers={"range": "bytes=0-3"})
        assert (answer.status_code, answer.headers["content-length"]) == (200, "10")

    def test_if_range_with_another_etag_serves_everything(self, service: httpx.Client, stored: str) -> None:
        answer = service.get(stored, headers={"range": "bytes=0-3", "if-range": '"other"'})
        assert (answer.status_code, answer.content) == (200, CONTENT)

    def test_if_range_with_this_etag_serves_the_range(self, service: httpx.Client, stored: str) -> None:
        answer = service.get(stored, headers={"range": "bytes=0-3", "if-range": etag_of(CONTENT)})
        assert (answer.status_code, answer.content) == (206, b"0123")


class TestConditions:
    @pytest.mark.parametrize("template", ["{}", '"other", {}', "W/{}", "*"])
    def test_matching_if_none_match_is_304(self, service: httpx.Client, stored: str, template: str) -> None:
        answer = service.get(stored, headers={"if-none-match": template.format(etag_of(CONTENT))})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == etag_of(CONTENT)

    def test_other_if_none_match_serves_the_bytes(self, service: httpx.Client, stored: str) -> None:
        assert service.get(stored, headers={"if-none-match": '"other"'}).content == CONTENT

    def test_echoed_last_modified_is_304(self, service: httpx.Client, stored: str) -> None:
        stamp = service.get(stored).headers["last-modified"]
        assert service.get(stored, headers={"if-modified-since": stamp}).status_code == 304

    def test_older_if_modified_since_serves_the_bytes(self, service: httpx.Client, stored: str) -> None:
        stamp = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
        assert service.get(stored, headers={"if-modified-since": stamp}).content == CONTENT

    def test_if_none_match_wins_over_if_modified_since(self, service: httpx.Client, stored: str) -> None:
        stamp = service.get(stored).headers["last-modified"]
        headers = {"if-none-match": '"other"', "if-modified-since": stamp}
        assert service.get(stored, headers=headers).status_code == 200

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_failed_if_match_is_412(self, service: httpx.Client, stored: str, method: str) -> None:
        assert service.request(method, stored, headers={"if-match": '"other"'}).status_code == 412

    def test_fulfilled_if_match_serves_the_bytes(self, service: httpx.Client, stored: str) -> None:
        assert service.get(stored, headers={"if-match": f'"other", {etag_of(CONTENT)}'}).content == CONTENT

    def test_failed_if_unmodified_since_is_412(self, service: httpx.Client, stored: str) -> None:
        stamp = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
        assert service.get(stored, headers={"if-unmodified-since": stamp}).status_code == 412

    def test_etag_changes_with_the_content(self, service: httpx.Client, bucket: str, stored: str) -> None:
        put_object(service, bucket, "a.txt", b"new", {"x-upsert": "true"})
        answer = service.get(stored, headers={"if-none-match": etag_of(CONTENT)})
        assert (answer.status_code, answer.content) == (200, b"new")


class TestAttachment:
    @pytest.mark.parametrize("query", ["download", "download="])
    def test_empty_download_has_no_name(self, service: httpx.Client, stored: str, query: str) -> None:
        assert service.get(f"{stored}?{query}").headers["content-disposition"] == "attachment;"

    @pytest.mark.parametrize(
        ("name", "encoded"),
        [
            ("test.txt", "test.txt"),
            ("true", "true"),
            ("a b.txt", "a%20b.txt"),
            ("täst.txt", "t%C3%A4st.txt"),
            ("it's(1)!*~-_.txt", "it's(1)!*~-_.txt"),
            ('"; filename=evil.exe', "%22%3B%20filename%3Devil.exe"),
            ("a/b\\c", "a%2Fb%5Cc"),
            ("😀", "%F0%9F%98%80"),
        ],
    )
    def test_download_name_is_encoded_twice(
        self, service: httpx.Client, stored: str, name: str, encoded: str
    ) -> None:
        header = service.get(stored, params={"download": name}).headers["content-disposition"]
        assert header == f"attachment; filename={encoded}; filename*=UTF-8''{encoded}"


class TestDoors:
    def test_public_bucket_is_open_on_every_door(
        self, service: httpx.Client, nobody: httpx.Client, anon: httpx.Client, public_bucket: str
    ) -> None:
        put_object(service, public_bucket, "a.txt", CONTENT)
        for path in (object_path(public_bucket, "a.txt", "public"), object_path(public_bucket, "a.txt")):
            assert nobody.get(path).content == CONTENT
            assert nobody.head(path).status_code == 200
        assert anon.get(object_path(public_bucket, "a.txt", "authenticated")).content == CONTENT

    def test_public_door_of_a_private_bucket_is_bucket_not_found(
        self, service: httpx.Client, nobody: httpx.Client, bucket: str, stored: str
    ) -> None:
        for caller in (service, nobody):
            assert error_of(caller.get(object_path(bucket, "a.txt", "public"))) == NO_SUCH_BUCKET

    def test_public_door_of_a_missing_bucket_is_bucket_not_found(self, nobody: httpx.Client) -> None:
        assert error_of(nobody.get(object_path(unique("absent"), "a", "public"))) == NO_SUCH_BUCKET

    def test_public_door_of_a_missing_object_is_not_found(
        self, nobody: httpx.Client, public_bucket: str
    ) -> None:
        assert error_of(nobody.get(object_path(public_bucket, "absent", "public"))) == NO_SUCH_KEY

    def test_private_bucket_without_a_token_is_bucket_not_found(
        self, nobody: httpx.Client, bucket: str, stored: str
    ) -> None:
        assert error_of(nobody.get(stored)) == NO_SUCH_BUCKET

    @pytest.mark.parametrize("door", ["", "authenticated", "info"])
    def test_missing_object_is_not_found(self, service: httpx.Client, bucket: str, door: str) -> None:
        assert error_of(service.get(object_path(bucket, "absent", door))) == NO_SUCH_KEY

    def test_head_of_a_missing_object_is_400_without_a_body(self, service: httpx.Client, bucket: str) -> None:
        answer = service.head(object_path(bucket, "absent"))
        assert (answer.status_code, answer.content) == (400, b"")
        assert answer.headers["content-type"].startswith("application/json")

    def test_bucket_made_private_closes_its_public_door(
        self, service: httpx.Client, nobody: httpx.Client, public_bucket: str
    ) -> None:
        put_object(service, public_bucket, "a.txt")
        service.put(f"/bucket/{public_bucket}", json={"public": False})
        assert error_of(nobody.get(object_path(public_bucket, "a.txt", "public"))) == NO_SUCH_BUCKET
