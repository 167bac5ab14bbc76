"""Going on with an upload by tus 1.0.0: statuses, texts and headers as Supabase's server has them."""

import base64
import hashlib
import zlib

import httpx
import pytest

from .client import Target, get_object, invalid_token, object_path, put_object
from .client import error_of as rest_error_of
from .conftest import MakeBucket
from .tus import ENDPOINT, NO_SUCH_ID, OFFSET_TYPE, VERSION, begin, create, decode, error_of

UNKNOWN = (404, "The file for this url was not found\n")


# Who may


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        (None, "Invalid Compact JWS"),
        ("", "Invalid Compact JWS"),
        ("Bearer nonsense", "Invalid Compact JWS"),
    ],
)
def test_a_bad_token_is_refused_as_json(
    nobody: httpx.Client, bucket: str, authorization: str | None, message: str
) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    answer = create(nobody, bucket, "a", 1, headers=headers)
    assert rest_error_of(answer) == invalid_token(message)
    assert answer.headers["tus-resumable"] == "1.0.0"


def test_an_expired_token_is_refused_as_json(target: Target, bucket: str) -> None:
    with target.connect(target.token("authenticated", sub="owner", exp=1)) as caller:
        answer = create(caller, bucket, "a", 1)
    assert rest_error_of(answer) == invalid_token('"exp" claim timestamp check failed')


@pytest.mark.parametrize("who", ["stranger", "anon"])
def test_an_upload_is_unknown_to_all_but_its_creator(
    request: pytest.FixtureRequest, owner: httpx.Client, bucket: str, who: str
) -> None:
    upload = begin(owner, bucket, size_bytes=2)
    theirs = upload.by(request.getfixturevalue(who))
    head = theirs.head()
    assert (head.status_code, head.text) == (404, "")
    assert error_of(theirs.patch(0, b"ab")) == UNKNOWN
    assert error_of(theirs.delete()) == UNKNOWN
    assert upload.offset() == 0


def test_an_unknown_upload_looks_like_one_of_somebody_else(
    owner: httpx.Client, stranger: httpx.Client, bucket: str
) -> None:
    url = begin(owner, bucket).url
    there, not_there = (stranger.head(each, headers=VERSION) for each in (url, f"{ENDPOINT}/{NO_SUCH_ID}"))
    assert (there.status_code, *_telling(there)) == (not_there.status_code, *_telling(not_there))


def _telling(answer: httpx.Response) -> list[tuple[str, str]]:
    return sorted((name, value) for name, value in answer.headers.items() if name != "x-request-id")


@pytest.mark.parametrize("upload_id", ["nonsense", "a/b", NO_SUCH_ID.upper()[:-1] + "A", "%00"])
def test_what_is_no_id_is_told_so(owner: httpx.Client, upload_id: str) -> None:
    headers = {**VERSION, "content-type": OFFSET_TYPE, "upload-offset": "0"}
    answer = owner.patch(f"{ENDPOINT}/{upload_id}", headers=headers)
    assert error_of(answer) == (400, "Invalid upload id")


# Going on


def test_patches_add_up_to_the_object(owner: httpx.Client, bucket: str) -> None:
    upload = begin(owner, bucket, "folder/a.txt", 10, contentType="text/plain", cacheControl="60")
    first = upload.patch(0, b"01234")
    assert (first.status_code, first.headers["upload-offset"], first.text) == (204, "5", "")
    assert "upload-expires" in first.headers
    assert "tus-complete" not in first.headers
    last = upload.patch(5, b"56789")
    assert (last.status_code, last.headers["upload-offset"]) == (204, "10")
    assert last.headers["tus-complete"] == "1"
    stored = get_object(owner, bucket, "folder/a.txt")
    assert stored.content == b"0123456789"
    assert stored.headers["content-type"] == "text/plain"
    assert stored.headers["cache-control"] == "max-age=60"
    assert stored.headers["etag"] == f'"{hashlib.sha256(b"0123456789").hexdigest()}"'


def test_nothing_is_there_before_the_last_byte(owner: httpx.Client, bucket: str) -> None:
    begin(owner, bucket, "a", 10).patch(0, b"012345678")
    assert get_object(owner, bucket, "a").status_code == 400


def test_a_patch_may_come_without_a_length(owner: httpx.Client, bucket: str) -> None:
    upload = begin(owner, bucket, "a", 6)
    answer = upload.patch(0, iter([b"ab", b"cd", b"ef"]))
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, "6")
    assert get_object(owner, bucket, "a").content == b"abcdef"


def test_user_metadata_comes_with_the_upload(owner: httpx.Client, bucket: str) -> None:
    create(owner, bucket, "a", 1, body=b"x", metadata='{"colour": "grün"}')
    assert owner.get(object_path(bucket, "a", "info")).json()["metadata"] == {"colour": "grün"}


@pytest.mark.parametrize("text", ["not json", "{"])
def test_user_metadata_that_is_no_json_is_ignored(owner: httpx.Client, bucket: str, text: str) -> None:
    assert create(owner, bucket, "a", 1, body=b"x", metadata=text).status_code == 201
    assert owner.get(object_path(bucket, "a", "info")).json()["metadata"] == {}


def test_head_tells_how_far_the_upload_is(owner: httpx.Client, bucket: str) -> None:
    upload = begin(owner, bucket, "a", 10, contentType="text/plain", cacheControl="3600", mine="ü", empty="")
    upload.patch(0, b"0123")
    answer = upload.head()
    assert (answer.status_code, answer.text) == (200, "")
    assert answer.headers["upload-offset"] == "4"
    assert answer.headers["upload-length"] == "10"
    assert answer.headers["cache-control"] == "no-store"
    assert "upload-expires" in answer.headers
    assert decode(answer.headers["upload-metadata"]) == {
        "bucketName": bucket,
        "objectName": "a",
        "contentType": "text/plain",
        "cacheControl": "max-age=3600",
        "mine": "ü",
        "empty": "",
    }


@pytest.mark.parametrize("given", ["", "public", "-1", "1.5"])
def test_head_tells_no_cache_without_a_number_of_seconds(
    owner: httpx.Client, bucket: str, given: str
) -> None:
    metadata = decode(begin(owner, bucket, cacheControl=given).head().headers["upload-metadata"])
    assert metadata["cacheControl"] == "no-cache"


def test_head_of_a_complete_upload_tells_that_nothing_is_missing(owner: httpx.Client, bucket: str) -> None:
    upload = begin(owner, bucket, "a", 3)
    upload.patch(0, b"abc")
    answer = upload.head()
    assert (answer.status_code, answer.headers["upload-offset"]) == (200, "3")
    assert "upload-expires" not in answer.headers


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        (0, (409, "Upload-Offset conflict\n")),
        (6, (409, "Upload-Offset conflict\n")),
        ("9" * 19, (409, "Upload-Offset conflict\n")),
        ("9" * 20, (400, "Invalid upload-offset\n")),
        (-1, (400, "Invalid upload-offset\n")),
        ("1e1", (400, "Invalid upload-offset\n")),
        ("", (400, "Invalid upload-offset\n")),
        ("0x1", (400, "Invalid upload-offset\n")),
    ],
)
def test_patch_from_another_offset_is_refused(
    owner: httpx.Client, bucket: str, offset: int | str, expected: tuple[int, str]
) -> None:
    upload = begin(owner, bucket, "a", 10)
    upload.patch(0, b"01234")
    assert error_of(upload.patch(offset, b"x")) == expected
    assert upload.offset() == 5


def test_patch_without_offset_or_type_is_refused(owner: httpx.Client, bucket: str) -> None:
    url = begin(owner, bucket).url
    without_offset = owner.patch(url, headers={**VERSION, "content-type": OFFSET_TYPE}, content=b"x")
    assert error_of(without_offset) == (403, "Upload-Offset header required\n")
    without_type = owner.patch(url, headers={**VERSION, "upload-offset": "0"}, content=b"x")
    assert error_of(without_type) == (403, "Content-Type header required\n")
    other = {**VERSION, "upload-offset": "0", "content-type": "application/octet-stream"}
    assert error_of(owner.patch(url, headers=other, content=b"x")) == (400, "Invalid content-type\n")


@pytest.mark.parametrize("chunks", [b"01234567890", [b"0123456789", b"0"]], ids=["announced", "chunked"])
def test_more_bytes_than_the_declared_length_are_refused(
    owner: httpx.Client, bucket: str, chunks: bytes | list[bytes]
) -> None:
    upload = begin(owner, bucket, "a", 10)
    answer = upload.patch(0, chunks if isinstance(chunks, bytes) else iter(chunks))
    assert error_of(answer) == (413, "upload's size exceeded\n")
    assert get_object(owner, bucket, "a").status_code == 400
    assert upload.patch(0, b"0123456789").status_code == 204


def test_name_taken_meanwhile_is_a_conflict_until_it_is_free(owner: httpx.Client, bucket: str) -> None:
    upload = begin(owner, bucket, "a", 4)
    upload.patch(0, b"ab")
    put_object(owner, bucket, "a", b"other")
    assert error_of(upload.patch(2, b"cd")) == (409, "The resource already exists")
    owner.delete(object_path(bucket, "a"))
    offset = upload.offset()
    assert upload.patch(offset, b"abcd"[offset:]).headers["tus-complete"] == "1"
    assert get_object(owner, bucket, "a").content == b"abcd"


def test_upsert_replaces_what_has_the_name(owner: httpx.Client, bucket: str) -> None:
    put_object(owner, bucket, "a", b"old")
    begin(owner, bucket, "a", 3, headers={"x-upsert": "true"}).patch(0, b"new")
    assert get_object(owner, bucket, "a").content == b"new"


# Lengths that come later


def test_deferred_length_is_told_by_the_last_patch(owner: httpx.Client, bucket: str) -> None:
    upload = begin(owner, bucket, "a", None)
    upload.patch(0, b"0123")
    head = upload.head()
    assert (head.headers["upload-defer-length"], "upload-length" in head.headers) == ("1", False)
    last = upload.patch(4, b"45", {"upload-length": "6"})
    assert (last.status_code, last.headers["tus-complete"]) == (204, "1")
    assert get_object(owner, bucket, "a").content == b"012345"


def test_deferred_length_can_be_told_without_bytes(owner: httpx.Client, bucket: str) -> None:
    upload = begin(owner, bucket, "a", None)
    upload.patch(0, b"0123")
    assert upload.patch(4, b"", {"upload-length": "4"}).headers["tus-complete"] == "1"
    assert get_object(owner, bucket, "a").content == b"0123"


@pytest.mark.parametrize(
    ("length", "status"), [("3", 413), ("101", 413), ("x", 400), ("-1", 400), ("9" * 19, 413)]
)
def test_deferred_length_that_cannot_be_is_refused(
    owner: httpx.Client, make_bucket: MakeBucket, length: str, status: int
) -> None:
    upload = begin(owner, make_bucket(file_size_limit=100), "a", None)
    upload.patch(0, b"0123")
    assert error_of(upload.patch(4, b"", {"upload-length": length}))[0] == status
    assert upload.offset() == 4


def test_deferred_length_does_not_get_around_the_limit(owner: httpx.Client, make_bucket: MakeBucket) -> None:
    upload = begin(owner, make_bucket(file_size_limit=100), "a", None)
    assert error_of(upload.patch(0, iter([b"x" * 101])))[0] == 413
    assert upload.offset() == 0


def test_a_length_cannot_change(owner: httpx.Client, bucket: str) -> None:
    upload = begin(owner, bucket, "a", 10)
    status, text = error_of(upload.patch(0, b"x", {"upload-length": "9"}))
    assert (status, text) == (400, "The length of an upload cannot change")


# Ending


def test_delete_ends_an_upload(owner: httpx.Client, bucket: str) -> None:
    upload = begin(owner, bucket)
    upload.patch(0, b"01")
    answer = upload.delete()
    assert (answer.status_code, answer.text, answer.headers["tus-resumable"]) == (204, "", "1.0.0")
    assert upload.head().status_code == 404
    assert error_of(upload.patch(2, b"23")) == UNKNOWN
    assert error_of(upload.delete()) == UNKNOWN


def test_delete_of_a_complete_upload_is_refused(owner: httpx.Client, bucket: str) -> None:
    upload = begin(owner, bucket, "a", 1)
    upload.patch(0, b"x")
    assert error_of(upload.delete()) == (400, "Cannot terminate an already completed upload")
    assert get_object(owner, bucket, "a").content == b"x"


# Checksums


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [
        ("sha1", hashlib.sha1(b"0123").digest()),
        ("md5", hashlib.md5(b"0123").digest()),
        ("sha256", hashlib.sha256(b"0123").digest()),
        ("crc32", zlib.crc32(b"0123").to_bytes(4, "big")),
    ],
)
def test_checksum_guards_one_patch(owner: httpx.Client, bucket: str, algorithm: str, digest: bytes) -> None:
    upload = begin(owner, bucket, "a", 8)
    header = {"upload-checksum": f"{algorithm} {base64.b64encode(digest).decode()}"}
    wrong = upload.patch(0, b"9999", header)
    assert error_of(wrong) == (460, "Checksum mismatch\n")
    assert upload.offset() == 0
    assert upload.patch(0, b"0123", header).headers["upload-offset"] == "4"


def test_checksum_that_does_not_match_the_last_bytes_makes_no_object(
    owner: httpx.Client, bucket: str
) -> None:
    upload = begin(owner, bucket, "a", 4)
    header = {"upload-checksum": f"sha256 {base64.b64encode(hashlib.sha256(b'0123').digest()).decode()}"}
    assert upload.patch(0, b"0124", header).status_code == 460
    assert get_object(owner, bucket, "a").status_code == 400
    assert upload.patch(0, b"0123", header).headers["tus-complete"] == "1"


# Methods in a header


def test_method_override_stands_for_patch_head_and_delete(owner: httpx.Client, bucket: str) -> None:
    upload = begin(owner, bucket, "a", 4)
    given = {**VERSION, "content-type": OFFSET_TYPE, "upload-offset": "0"}
    patched = owner.post(upload.url, headers={**given, "x-http-method-override": "PATCH"}, content=b"ab")
    assert (patched.status_code, patched.headers["upload-offset"]) == (204, "2")
    told = owner.post(upload.url, headers={**VERSION, "x-http-method-override": "head"})
    assert (told.status_code, told.headers["upload-offset"]) == (200, "2")
    assert owner.post(upload.url, headers={**VERSION, "x-http-method-override": "DELETE"}).status_code == 204
    assert upload.head().status_code == 404


@pytest.mark.parametrize("method", ["PUT", "GET", "TRACE", "PATCH x"])
def test_method_override_for_other_methods_is_ignored(owner: httpx.Client, bucket: str, method: str) -> None:
    upload = begin(owner, bucket)
    answer = owner.post(upload.url, headers={**VERSION, "x-http-method-override": method})
    assert error_of(answer) == (404, "Not found\n")


def test_method_override_means_nothing_elsewhere(owner: httpx.Client, bucket: str) -> None:
    put_object(owner, bucket, "a")
    owner.post(object_path(bucket, "a"), headers={"x-http-method-override": "DELETE"})
    assert get_object(owner, bucket, "a").status_code == 200
