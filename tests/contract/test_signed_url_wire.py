"""Signed downloads and uploads over plain HTTP: what a token allows, and everything it does not."""

import time

import httpx
import pytest

from .client import (
    KEY_EXISTS,
    NO_SUCH_KEY,
    NO_SUCH_RELATION,
    TOO_LARGE,
    error_of,
    etag_of,
    get_object,
    invalid_link,
    invalid_request,
    object_path,
    put_object,
    sign_object,
    sign_upload,
    unique,
    wrong_link,
)
from .conftest import MakeBucket

FORGED = invalid_link("signature verification failed")
MALFORMED = invalid_link("Invalid Compact JWS")
EXPIRY_DEADLINE_S = 30.0
GARBAGE = ["x", "a.b", "....", "AAAA.BBBB.CCCC", "' OR 1=1 --", "é", "x" * 4000]


def token_of(signed_url: str) -> str:
    return signed_url.split("?token=", 1)[1]


def test_signed_url_is_relative_and_carries_the_token(service: httpx.Client, bucket: str) -> None:
    put_object(service, bucket, "dir/a.txt")
    response = service.post(object_path(bucket, "dir/a.txt", "sign"), json={"expiresIn": 60})
    assert list(response.json()) == ["signedURL"]
    assert response.json()["signedURL"].startswith(f"/object/sign/{bucket}/dir/a.txt?token=")


def test_signed_url_serves_anyone_until_it_expires(
    service: httpx.Client, nobody: httpx.Client, bucket: str
) -> None:
    put_object(service, bucket, "a.txt", b"secret")
    answer = nobody.get(sign_object(service, bucket, "a.txt"))
    assert (answer.status_code, answer.content) == (200, b"secret")
    assert answer.headers["etag"] == etag_of(b"secret")
    assert "expires" in answer.headers
    assert "public" not in answer.headers.get("cache-control", "")


def test_signed_url_ends_when_it_said(service: httpx.Client, nobody: httpx.Client, bucket: str) -> None:
    put_object(service, bucket, "a.txt")
    url = sign_object(service, bucket, "a.txt", expires_in_s=1)
    deadline = time.monotonic() + EXPIRY_DEADLINE_S
    while (answer := nobody.get(url)).status_code == 200 and time.monotonic() < deadline:
        time.sleep(0.1)  # the server's clock is out of reach
    assert error_of(answer) == invalid_link('"exp" claim timestamp check failed')


def test_signed_url_answers_head_and_ranges(service: httpx.Client, nobody: httpx.Client, bucket: str) -> None:
    put_object(service, bucket, "a.txt", b"0123456789")
    url = sign_object(service, bucket, "a.txt")
    assert nobody.head(url).headers["content-length"] == "10"
    part = nobody.get(url, headers={"range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")


def test_expires_in_may_be_text(service: httpx.Client, bucket: str) -> None:
    put_object(service, bucket, "a.txt")
    response = service.post(object_path(bucket, "a.txt", "sign"), json={"expiresIn": "60"})
    assert response.status_code == 200


@pytest.mark.parametrize("expires_in", [0, -1, "soon", 1.5, [60]], ids=str)
def test_expires_in_must_be_a_positive_integer(
    service: httpx.Client, bucket: str, expires_in: object
) -> None:
    put_object(service, bucket, "a.txt")
    error = error_of(service.post(object_path(bucket, "a.txt", "sign"), json={"expiresIn": expires_in}))
    assert (error.status, error.status_code, error.error) == (400, "400", "Error")
    assert error.message.startswith("body/expiresIn ")


def test_expires_in_is_required(service: httpx.Client, bucket: str) -> None:
    put_object(service, bucket, "a.txt")
    error = error_of(service.post(object_path(bucket, "a.txt", "sign"), json={}))
    assert error == invalid_request("body must have required property 'expiresIn'")


def test_absurd_expiry_is_an_invalid_parameter(service: httpx.Client, bucket: str) -> None:
    put_object(service, bucket, "a.txt")
    error = error_of(service.post(object_path(bucket, "a.txt", "sign"), json={"expiresIn": 10**15}))
    assert (error.status_code, error.message) == ("400", "Invalid Parameter expiresIn")


@pytest.mark.parametrize(
    "name", ["a b&c+d.txt", "q?x=1.txt", "hash#1.txt", "ü/日本.txt", "100%.txt", "%2e.txt"]
)
def test_signed_url_validates_for_names_with_reserved_characters(
    service: httpx.Client, nobody: httpx.Client, bucket: str, name: str
) -> None:
    put_object(service, bucket, name, b"signed")
    url = sign_object(service, bucket, name)
    assert nobody.get(object_path(bucket, name, "sign"), params={"token": token_of(url)}).content == b"signed"


def test_signed_url_leaves_unicode_and_spaces_for_the_client_to_encode(
    service: httpx.Client, bucket: str
) -> None:
    put_object(service, bucket, "ü x.txt")
    assert f"/{bucket}/ü x.txt?token=" in sign_object(service, bucket, "ü x.txt")


@pytest.mark.parametrize("token", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_token_is_refused(nobody: httpx.Client, bucket: str, token: str) -> None:
    error = error_of(nobody.get(object_path(bucket, "a.txt", "sign"), params={"token": token}))
    assert error in (MALFORMED, FORGED)


def test_token_with_a_changed_signature_is_refused(
    service: httpx.Client, nobody: httpx.Client, bucket: str
) -> None:
    put_object(service, bucket, "a.txt")
    url = sign_object(service, bucket, "a.txt")
    changed = "A" if url[-5] != "A" else "B"
    assert error_of(nobody.get(url[:-5] + changed + url[-4:])) == FORGED


def test_token_is_required(nobody: httpx.Client, bucket: str) -> None:
    error = error_of(nobody.get(object_path(bucket, "a.txt", "sign")))
    assert error == invalid_request("querystring must have required property 'token'")


@pytest.mark.parametrize("other", ["b.txt", "a.txt/x", "A.txt", "a.tx"])
def test_token_is_bound_to_the_name(
    service: httpx.Client, nobody: httpx.Client, bucket: str, other: str
) -> None:
    for name in ("a.txt", other):
        put_object(service, bucket, name)
    token = token_of(sign_object(service, bucket, "a.txt"))
    answer = nobody.get(object_path(bucket, other, "sign"), params={"token": token})
    assert error_of(answer) == wrong_link("Invalid signature")


def test_token_is_bound_to_the_bucket(
    service: httpx.Client, nobody: httpx.Client, make_bucket: MakeBucket
) -> None:
    first, second = make_bucket(), make_bucket()
    for bucket in (first, second):
        put_object(service, bucket, "a.txt")
    token = token_of(sign_object(service, first, "a.txt"))
    answer = nobody.get(object_path(second, "a.txt", "sign"), params={"token": token})
    assert error_of(answer) == wrong_link("Invalid signature")


def test_download_token_does_not_upload(service: httpx.Client, nobody: httpx.Client, bucket: str) -> None:
    put_object(service, bucket, "a.txt", b"kept")
    token = token_of(sign_object(service, bucket, "a.txt"))
    answer = nobody.put(object_path(bucket, "a.txt", "upload/sign"), params={"token": token}, content=b"x")
    assert error_of(answer) == wrong_link("Token is not scoped for upload")
    assert get_object(service, bucket, "a.txt").content == b"kept"


def test_upload_token_does_not_download(service: httpx.Client, nobody: httpx.Client, bucket: str) -> None:
    put_object(service, bucket, "a.txt")
    token = sign_upload(service, bucket, "a.txt", {"x-upsert": "true"})
    answer = nobody.get(object_path(bucket, "a.txt", "sign"), params={"token": token})
    assert error_of(answer) == wrong_link("Token is not scoped for download")


def test_api_token_is_no_signed_url_token(service: httpx.Client, nobody: httpx.Client, bucket: str) -> None:
    put_object(service, bucket, "a.txt")
    bearer = service.headers["authorization"].removeprefix("Bearer ")
    answer = nobody.get(object_path(bucket, "a.txt", "sign"), params={"token": bearer})
    assert error_of(answer).error in ("InvalidJWT", "InvalidSignature")


def test_signed_url_token_is_no_api_token(service: httpx.Client, nobody: httpx.Client, bucket: str) -> None:
    put_object(service, bucket, "a.txt")
    token = token_of(sign_object(service, bucket, "a.txt"))
    answer = nobody.get("/bucket", headers={"authorization": f"Bearer {token}"})
    assert error_of(answer).status_code == "403"


def test_link_to_a_deleted_object_is_not_found(
    service: httpx.Client, nobody: httpx.Client, bucket: str
) -> None:
    put_object(service, bucket, "a.txt")
    url = sign_object(service, bucket, "a.txt")
    service.delete(object_path(bucket, "a.txt"))
    assert error_of(nobody.get(url)) == NO_SUCH_KEY


def test_link_does_not_pass_to_another_object_of_the_same_name(
    service: httpx.Client, nobody: httpx.Client, bucket: str
) -> None:
    put_object(service, bucket, "a.txt", b"old")
    url = sign_object(service, bucket, "a.txt")
    service.delete(object_path(bucket, "a.txt"))
    put_object(service, bucket, "a.txt", b"new")
    assert error_of(nobody.get(url)) == NO_SUCH_KEY


def test_link_serves_the_current_bytes_of_its_object(
    service: httpx.Client, nobody: httpx.Client, bucket: str
) -> None:
    put_object(service, bucket, "a.txt", b"old")
    url = sign_object(service, bucket, "a.txt")
    put_object(service, bucket, "a.txt", b"new", {"x-upsert": "true"})
    assert nobody.get(url).content == b"new"


def test_missing_object_cannot_be_signed(service: httpx.Client, bucket: str) -> None:
    answer = service.post(object_path(bucket, "absent.txt", "sign"), json={"expiresIn": 60})
    assert error_of(answer) == NO_SUCH_KEY


def test_sign_many_answers_in_order_with_exact_words(service: httpx.Client, bucket: str) -> None:
    for name in ("a.txt", "b.txt"):
        put_object(service, bucket, name)
    answer = service.post(f"/object/sign/{bucket}", json={"expiresIn": 60, "paths": ["b.txt", "no", "a.txt"]})
    found = answer.json()
    assert [entry["path"] for entry in found] == ["b.txt", "no", "a.txt"]
    assert [list(entry) for entry in found] == [["error", "path", "signedURL"]] * 3
    assert found[1] == {
        "error": "Either the object does not exist or you do not have access to it",
        "path": "no",
        "signedURL": None,
    }
    assert found[0]["signedURL"].startswith(f"/object/sign/{bucket}/b.txt?token=")


def test_sign_many_in_a_missing_bucket_is_no_error(service: httpx.Client) -> None:
    answer = service.post(f"/object/sign/{unique('absent')}", json={"expiresIn": 60, "paths": ["a"]})
    assert (answer.status_code, answer.json()[0]["signedURL"]) == (200, None)


@pytest.mark.parametrize("paths", [[], ["x"] * 1001, None, "a"], ids=["none", "1001", "null", "text"])
def test_sign_many_limits_the_paths(service: httpx.Client, bucket: str, paths: object) -> None:
    error = error_of(service.post(f"/object/sign/{bucket}", json={"expiresIn": 60, "paths": paths}))
    assert (error.status, error.status_code, error.error) == (400, "400", "Error")


def test_upload_sign_returns_url_and_token(service: httpx.Client, bucket: str) -> None:
    answer = service.post(object_path(bucket, "dir/a.txt", "upload/sign"), json={})
    body = answer.json()
    assert set(body) == {"url", "token"}
    assert body["url"] == f"/object/upload/sign/{bucket}/dir/a.txt?token={body['token']}"


def test_upload_by_token_stores_once_and_answers_without_id(
    service: httpx.Client, nobody: httpx.Client, bucket: str
) -> None:
    token = sign_upload(service, bucket, "a.txt")
    path = object_path(bucket, "a.txt", "upload/sign")
    first = nobody.put(path, params={"token": token}, content=b"first", headers={"content-type": "text/css"})
    assert (first.status_code, first.json()) == (200, {"Key": f"{bucket}/a.txt"})
    assert error_of(nobody.put(path, params={"token": token}, content=b"second")) == KEY_EXISTS
    found = get_object(service, bucket, "a.txt")
    assert (found.content, found.headers["content-type"]) == (b"first", "text/css")


def test_upload_by_token_ignores_the_upsert_header(
    service: httpx.Client, nobody: httpx.Client, bucket: str
) -> None:
    token = sign_upload(service, bucket, "a.txt")
    put_object(service, bucket, "a.txt", b"kept")
    answer = nobody.put(
        object_path(bucket, "a.txt", "upload/sign"),
        params={"token": token},
        content=b"x",
        headers={"x-upsert": "true"},
    )
    assert error_of(answer) == KEY_EXISTS
    assert get_object(service, bucket, "a.txt").content == b"kept"


def test_upload_by_token_belongs_to_the_issuer(
    owner: httpx.Client, stranger: httpx.Client, nobody: httpx.Client, bucket: str
) -> None:
    token = sign_upload(owner, bucket, "a.txt")
    nobody.put(object_path(bucket, "a.txt", "upload/sign"), params={"token": token}, content=b"x")
    assert get_object(owner, bucket, "a.txt").content == b"x"
    assert error_of(get_object(stranger, bucket, "a.txt")) == NO_SUCH_KEY


def test_upload_by_token_obeys_the_bucket_limits(
    service: httpx.Client, nobody: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket(file_size_limit=4, allowed_mime_types=["image/png"])
    path, params = (
        object_path(bucket, "a.png", "upload/sign"),
        {"token": sign_upload(service, bucket, "a.png")},
    )
    png = {"content-type": "image/png"}
    assert error_of(nobody.put(path, params=params, content=b"12345", headers=png)) == TOO_LARGE
    wrong_type = nobody.put(path, params=params, content=b"1", headers={"content-type": "text/plain"})
    assert error_of(wrong_type).status_code == "415"


def test_upload_token_is_bound_to_the_name(service: httpx.Client, nobody: httpx.Client, bucket: str) -> None:
    token = sign_upload(service, bucket, "a.txt")
    answer = nobody.put(object_path(bucket, "b.txt", "upload/sign"), params={"token": token}, content=b"x")
    assert error_of(answer) == wrong_link("Invalid signature")


def test_upload_sign_of_an_existing_object_needs_upsert(service: httpx.Client, bucket: str) -> None:
    put_object(service, bucket, "a.txt")
    assert error_of(service.post(object_path(bucket, "a.txt", "upload/sign"))) == KEY_EXISTS
    assert sign_upload(service, bucket, "a.txt", {"x-upsert": "true"})


def test_upload_sign_in_a_missing_bucket_is_not_found(service: httpx.Client) -> None:
    answer = service.post(object_path(unique("absent"), "a.txt", "upload/sign"))
    assert error_of(answer) == NO_SUCH_RELATION


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("a?b", "a%253Fb"),  # storage-js encodes the escape in the URL it was given once more
        ("a#b", "a%2523b"),
        ("a%20b", "a%20b"),  # storage3 leaves what looks like an escape alone
        ("a%2Fb", "a%2Fb"),
    ],
)
def test_links_work_however_a_client_encodes_the_name(
    service: httpx.Client, nobody: httpx.Client, bucket: str, name: str, sent: str
) -> None:
    put_object(service, bucket, name, b"secret")
    put_object(service, bucket, "a/b", b"another")
    put_object(service, bucket, "a b", b"another")
    token = token_of(sign_object(service, bucket, name))
    answer = nobody.get(f"/object/sign/{bucket}/{sent}?token={token}")
    assert (answer.status_code, answer.content) == (200, b"secret")


def test_a_link_on_the_plain_url_works_for_whoever_is_signed_in_as_well(
    service: httpx.Client, stranger: httpx.Client, nobody: httpx.Client, bucket: str
) -> None:
    put_object(service, bucket, "a", b"secret")
    token = token_of(sign_object(service, bucket, "a"))
    for caller in (stranger, nobody):
        assert caller.get(f"/object/{bucket}/a?token={token}").content == b"secret"


def test_a_token_of_somebody_else_does_not_disturb_a_public_file(
    service: httpx.Client, nobody: httpx.Client, make_bucket: MakeBucket
) -> None:
    public, private = make_bucket(public=True), make_bucket()
    for bucket in (public, private):
        put_object(service, bucket, "a", b"content")
    assert nobody.get(f"/object/{public}/a?token=theirs").content == b"content"
    assert error_of(nobody.get(f"/object/{private}/a?token=theirs")) == MALFORMED


def test_the_body_of_a_request_for_an_upload_link_does_not_matter(service: httpx.Client, bucket: str) -> None:
    url = object_path(bucket, "a", "upload/sign")
    assert service.post(url, content="not JSON", headers={"content-type": "text/plain"}).status_code == 200


def test_a_stale_link_on_the_plain_url_hides_nothing_from_whoever_may_read_anyway(
    service: httpx.Client, owner: httpx.Client, nobody: httpx.Client, make_bucket: MakeBucket
) -> None:
    public, private = make_bucket(public=True), make_bucket()
    for bucket in (public, private):
        put_object(owner, bucket, "a", b"first")
        token = token_of(sign_object(owner, bucket, "a"))
        assert owner.delete(object_path(bucket, "a")).is_success
        put_object(owner, bucket, "a", b"second")
        assert owner.get(f"/object/{bucket}/a?token={token}").content == b"second"
        answer = nobody.get(f"/object/{bucket}/a?token={token}")
        if bucket == public:
            assert answer.content == b"second"
        else:
            assert error_of(answer) == NO_SUCH_KEY
