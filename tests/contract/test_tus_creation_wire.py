"""Beginning an upload by tus 1.0.0: statuses, texts and headers as Supabase's server has them."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import pytest

from .client import get_object, put_object, unique
from .conftest import MakeBucket
from .tus import ENDPOINT, NO_SUCH_ID, OFFSET_TYPE, VERSION, create, encode, error_of, url_of

UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


# What the server can


@pytest.mark.parametrize("path", [ENDPOINT, f"{ENDPOINT}/", f"{ENDPOINT}/sign", f"{ENDPOINT}/{NO_SUCH_ID}"])
def test_options_tell_what_the_server_can_without_credentials(nobody: httpx.Client, path: str) -> None:
    answer = nobody.options(path)
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["tus-resumable"] == "1.0.0"
    assert set(answer.headers["tus-extension"].split(",")) == {
        *("creation", "creation-with-upload", "creation-defer-length"),
        *("termination", "expiration", "checksum"),
    }
    assert answer.headers["tus-max-size"] == "50000000000"
    assert answer.headers["tus-checksum-algorithm"] == "crc32,md5,sha1,sha256"
    assert answer.headers["access-control-allow-methods"] == "POST, HEAD, PATCH, OPTIONS, DELETE"
    assert answer.headers["access-control-max-age"] == "86400"


def test_browsers_preflight_is_told_what_the_server_can_as_well(nobody: httpx.Client) -> None:
    asked = "authorization,tus-resumable,upload-length,upload-metadata,x-upsert"
    answer = nobody.options(
        ENDPOINT,
        headers={
            "origin": "https://page.example",
            "access-control-request-method": "PATCH",
            "access-control-request-headers": asked,
        },
    )
    assert (answer.status_code, answer.text) == (204, "")
    assert answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert set(asked.split(",")) <= set(answer.headers["access-control-allow-headers"].split(","))


def test_scripts_of_other_origins_can_read_what_an_upload_needs(owner: httpx.Client, bucket: str) -> None:
    answer = create(owner, bucket, "a", 1, headers={"origin": "https://page.example"})
    exposed = {name.strip() for name in answer.headers["access-control-expose-headers"].lower().split(",")}
    assert exposed >= {
        *("location", "upload-offset", "upload-length", "upload-metadata", "upload-expires"),
        *("upload-defer-length", "tus-resumable", "tus-version", "tus-extension", "tus-max-size"),
    }


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_other_methods_are_not_found(owner: httpx.Client, method: str) -> None:
    assert error_of(owner.request(method, f"{ENDPOINT}/{NO_SUCH_ID}")) == (404, "Not found\n")


# Creating


def test_create_gives_an_address_that_nobody_can_guess(owner: httpx.Client, bucket: str) -> None:
    answer = create(owner, bucket, "a.bin", 10)
    assert (answer.status_code, answer.text) == (201, "")
    assert answer.headers["tus-resumable"] == "1.0.0"
    assert re.fullmatch(rf"{re.escape(str(answer.request.url))}/{UUID}", answer.headers["location"])
    assert "upload-offset" not in answer.headers


def test_create_tells_until_when_the_upload_can_go_on(owner: httpx.Client, bucket: str) -> None:
    expires = parsedate_to_datetime(create(owner, bucket, "a.bin", 10).headers["upload-expires"])
    assert 23 * 3600 < (expires - datetime.now(UTC)).total_seconds() <= 24 * 3600


def test_create_with_trailing_slash_is_the_same(owner: httpx.Client, bucket: str) -> None:
    answer = create(owner, bucket, "a.bin", 10, endpoint=f"{ENDPOINT}/")
    assert answer.status_code == 201
    assert owner.head(url_of(answer), headers=VERSION).status_code == 200


def test_create_with_the_first_bytes_says_how_many_it_took(owner: httpx.Client, bucket: str) -> None:
    answer = create(owner, bucket, "a.bin", 10, body=b"01234")
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "5")
    assert "tus-complete" not in answer.headers
    assert owner.head(url_of(answer), headers=VERSION).headers["upload-offset"] == "5"


def test_create_with_all_bytes_makes_the_object(owner: httpx.Client, bucket: str) -> None:
    answer = create(owner, bucket, "a.bin", 5, body=b"01234")
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "5")
    assert answer.headers["tus-complete"] == "1"
    assert "upload-expires" not in answer.headers
    assert get_object(owner, bucket, "a.bin").content == b"01234"


def test_create_of_nothing_makes_an_empty_object(owner: httpx.Client, bucket: str) -> None:
    answer = create(owner, bucket, "empty", 0)
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "0")
    assert answer.headers["tus-complete"] == "1"
    assert get_object(owner, bucket, "empty").content == b""
    assert owner.head(url_of(answer), headers=VERSION).headers["upload-offset"] == "0"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"tus-resumable": ""}, (412, "Invalid tus-resumable\n")),
        ({"tus-resumable": "0.2.2"}, (412, "Invalid tus-resumable\n")),
        ({"upload-length": "-1"}, (400, "Invalid upload-length\n")),
        ({"upload-length": "1.5"}, (400, "Invalid upload-length\n")),
        ({"upload-length": "ten"}, (400, "Invalid upload-length\n")),
        ({"upload-length": "9" * 20}, (400, "Invalid upload-length\n")),
        ({"upload-length": "9" * 19}, (413, "Maximum size exceeded\n")),
        ({"upload-length": "50000000001"}, (413, "Maximum size exceeded\n")),
        ({"upload-defer-length": "1"}, (400, "Upload-Length or Upload-Defer-Length header required\n")),
        ({"upload-metadata": ""}, (400, "Metadata header is required")),
        ({"upload-metadata": "bucketName"}, (400, "Bucket name invalid")),
        ({"upload-metadata": "bucketName YQ"}, (400, "Invalid upload-metadata\n")),
        ({"upload-metadata": "bucketName YQ==,bucketName Yg=="}, (400, "Invalid upload-metadata\n")),
        ({"upload-metadata": "bucketName YQ==,,"}, (400, "Invalid upload-metadata\n")),
        ({"upload-metadata": "bucketName /w==,objectName YQ=="}, (400, "Invalid upload-metadata\n")),
        ({"upload-metadata": "bucketName Yg==,objectName"}, (400, "Invalid key: ")),
        ({"upload-metadata": encode(objectName="a")}, (400, "Bucket name invalid")),
        (
            {"upload-metadata": ",".join(f"k{number} YQ==" for number in range(101))},
            (400, "Invalid upload-metadata\n"),
        ),
        ({"content-type": "text/plain"}, (400, "Invalid content-type\n")),
        ({"upload-concat": "partial"}, (501, None)),
        ({"upload-checksum": "crc99 AAAA", "content-type": OFFSET_TYPE}, (400, None)),
        ({"upload-checksum": "sha1 AAAA", "content-type": OFFSET_TYPE}, (400, None)),
    ],
)
def test_create_refuses_what_breaks_the_protocol(
    owner: httpx.Client, bucket: str, headers: dict[str, str], expected: tuple[int, str | None]
) -> None:
    status, text = error_of(create(owner, bucket, "a", 10, headers=headers))
    assert status == expected[0], text
    assert expected[1] in {None, text}


def test_create_without_version_names_the_one_to_use(owner: httpx.Client, bucket: str) -> None:
    metadata = {"upload-metadata": encode(bucketName=bucket, objectName="a")}
    answer = owner.post(ENDPOINT, headers={"upload-length": "1", **metadata})
    assert error_of(answer) == (412, "Tus-Resumable Required\n")
    assert answer.headers["tus-version"] == "1.0.0"


def test_create_without_any_length_is_refused(owner: httpx.Client, bucket: str) -> None:
    metadata = {"upload-metadata": encode(bucketName=bucket, objectName="a")}
    answer = owner.post(ENDPOINT, headers={**VERSION, **metadata})
    assert error_of(answer) == (400, "Upload-Length or Upload-Defer-Length header required\n")


def test_create_with_defer_length_other_than_one_is_refused(owner: httpx.Client, bucket: str) -> None:
    answer = create(owner, bucket, "a", None, headers={"upload-defer-length": "2"})
    assert error_of(answer) == (400, "Invalid upload-defer-length\n")


def test_create_without_metadata_is_refused(owner: httpx.Client) -> None:
    answer = owner.post(ENDPOINT, headers={**VERSION, "upload-length": "1"})
    assert error_of(answer) == (400, "Metadata header is required")


def test_create_in_a_missing_bucket_is_not_found(service: httpx.Client) -> None:
    assert error_of(create(service, unique("absent"), "a", 1)) == (404, "Bucket not found")


@pytest.mark.parametrize("name", ["../a", "a/./b", "a\x00b", "a\nb", "x" * 1025])
def test_create_refuses_names_that_no_object_may_have(owner: httpx.Client, bucket: str, name: str) -> None:
    status, text = error_of(create(owner, bucket, name, 1))
    assert (status, text[:13]) == (400, "Invalid key: ")


def test_create_of_a_taken_name_is_a_conflict(owner: httpx.Client, bucket: str) -> None:
    put_object(owner, bucket, "a")
    assert error_of(create(owner, bucket, "a", 1)) == (409, "The resource already exists")
    assert create(owner, bucket, "a", 1, headers={"x-upsert": "true"}).status_code == 201


def test_create_by_whom_no_policy_lets_is_denied(anon: httpx.Client, bucket: str) -> None:
    answer = create(anon, bucket, "a", 1)
    assert error_of(answer) == (403, "new row violates row-level security policy")
    assert answer.headers["x-error-code"] == "AccessDenied"
    assert answer.headers["x-error-hint"].startswith("An upload needs INSERT")


def test_create_over_the_limit_of_the_bucket_is_refused(owner: httpx.Client, make_bucket: MakeBucket) -> None:
    bucket = make_bucket(file_size_limit=100)
    assert error_of(create(owner, bucket, "a", 101)) == (413, "Maximum size exceeded\n")
    assert create(owner, bucket, "a", 100).status_code == 201


def test_create_of_a_type_that_the_bucket_does_not_take_is_refused(
    owner: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket(allowed_mime_types=["image/*"])
    refused = create(owner, bucket, "a", 1, contentType="text/plain")
    assert error_of(refused) == (415, "mime type text/plain is not supported")
    assert create(owner, bucket, "a", 1, contentType="image/png").status_code == 201


def test_create_without_type_does_not_get_around_the_types_of_a_bucket(
    owner: httpx.Client, make_bucket: MakeBucket
) -> None:
    refused = create(owner, make_bucket(allowed_mime_types=["image/*"]), "a", 1)
    assert error_of(refused) == (415, "mime type application/octet-stream is not supported")


@pytest.mark.parametrize("value", ["text/plain\r\nx: y", "text", "a/b\x7f"])
def test_create_refuses_types_that_no_header_can_hold(owner: httpx.Client, bucket: str, value: str) -> None:
    status, _text = error_of(create(owner, bucket, "a", 1, contentType=value))
    assert status == 415
