"""Resumable uploads by a signed upload URL: the token lets whoever has it write one name, and no more."""

import httpx
import pytest

from .client import get_object, object_path, put_object, sign_object, sign_upload
from .tus import SIGNED_ENDPOINT, VERSION, Upload, begin, create, error_of, url_of

UNKNOWN = (404, "The file for this url was not found\n")


def signed(caller: httpx.Client, bucket: str, name: str = "a.bin", **headers: str) -> dict[str, str]:
    """Return the header that stands for credentials."""
    return {"x-signature": sign_upload(caller, bucket, name, headers)}


def begin_signed(
    nobody: httpx.Client, bucket: str, link: dict[str, str], size_bytes: int = 4, name: str = "a.bin"
) -> "SignedUpload":
    upload = begin(nobody, bucket, name, size_bytes, endpoint=SIGNED_ENDPOINT, headers=link)
    return SignedUpload(upload, link)


class SignedUpload:
    """An upload that goes on by a link."""

    def __init__(self, upload: Upload, link: dict[str, str]) -> None:
        self.url = upload.url
        self._upload = upload
        self._link = link

    def by(self, link: dict[str, str]) -> "SignedUpload":
        return SignedUpload(self._upload, link)

    def head(self) -> httpx.Response:
        return self._upload.caller.head(self.url, headers=VERSION | self._link)

    def patch(self, offset: int, content: bytes) -> httpx.Response:
        return self._upload.patch(offset, content, self._link)

    def delete(self) -> httpx.Response:
        return self._upload.caller.delete(self.url, headers=VERSION | self._link)


def test_signed_upload_needs_no_credentials(owner: httpx.Client, nobody: httpx.Client, bucket: str) -> None:
    upload = begin_signed(nobody, bucket, signed(owner, bucket))
    assert "/upload/resumable/sign/" in upload.url
    assert upload.patch(0, b"01").headers["upload-offset"] == "2"
    assert upload.head().headers["upload-offset"] == "2"
    assert upload.patch(2, b"23").headers["tus-complete"] == "1"
    assert get_object(owner, bucket, "a.bin").content == b"0123"


def test_signed_upload_belongs_to_whoever_signed_it(
    service: httpx.Client, owner: httpx.Client, stranger: httpx.Client, nobody: httpx.Client, bucket: str
) -> None:
    begin_signed(nobody, bucket, signed(owner, bucket)).patch(0, b"0123")
    assert get_object(stranger, bucket, "a.bin").status_code == 400
    assert owner.delete(object_path(bucket, "a.bin")).status_code == 200


def test_signed_upload_can_be_ended(owner: httpx.Client, nobody: httpx.Client, bucket: str) -> None:
    upload = begin_signed(nobody, bucket, signed(owner, bucket))
    assert upload.delete().status_code == 204
    assert upload.head().status_code == 404


def test_signed_upload_without_token_is_refused(nobody: httpx.Client, bucket: str) -> None:
    answer = create(nobody, bucket, "a.bin", 4, endpoint=SIGNED_ENDPOINT)
    assert error_of(answer) == (400, "Missing x-signature header")


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", ""])
def test_signed_upload_with_a_token_that_is_none_is_refused(
    nobody: httpx.Client, bucket: str, token: str
) -> None:
    answer = create(nobody, bucket, "a.bin", 4, endpoint=SIGNED_ENDPOINT, headers={"x-signature": token})
    assert error_of(answer) == (400, "Invalid Compact JWS")


def test_a_forged_token_is_refused(owner: httpx.Client, nobody: httpx.Client, bucket: str) -> None:
    token = signed(owner, bucket)["x-signature"]
    forged = {"x-signature": token[:-2] + ("A" if token[-2] != "A" else "Q") + token[-1]}
    answer = create(nobody, bucket, "a.bin", 4, endpoint=SIGNED_ENDPOINT, headers=forged)
    assert error_of(answer) == (400, "signature verification failed")


def test_a_token_for_downloads_is_refused(owner: httpx.Client, nobody: httpx.Client, bucket: str) -> None:
    put_object(owner, bucket, "a.bin")
    token = sign_object(owner, bucket, "a.bin").partition("token=")[2]
    answer = create(nobody, bucket, "a.bin", 4, endpoint=SIGNED_ENDPOINT, headers={"x-signature": token})
    assert error_of(answer) == (400, "Token is not scoped for upload")


@pytest.mark.parametrize("name", ["b.bin", "a.bin/", "A.BIN", "x/../a.bin", "a%2Ebin"])
def test_a_token_is_for_its_name_only(
    owner: httpx.Client, nobody: httpx.Client, bucket: str, name: str
) -> None:
    link = signed(owner, bucket)
    answer = create(nobody, bucket, name, 4, endpoint=SIGNED_ENDPOINT, headers=link)
    assert error_of(answer) == (400, "Invalid signature")


def test_a_token_is_for_its_bucket_only(
    owner: httpx.Client, nobody: httpx.Client, bucket: str, public_bucket: str
) -> None:
    link = signed(owner, bucket)
    answer = create(nobody, public_bucket, "a.bin", 4, endpoint=SIGNED_ENDPOINT, headers=link)
    assert error_of(answer) == (400, "Invalid signature")


def test_a_token_without_upsert_replaces_nothing(
    owner: httpx.Client, nobody: httpx.Client, bucket: str
) -> None:
    link = signed(owner, bucket)
    put_object(owner, bucket, "a.bin", b"old")
    asking = link | {"x-upsert": "true"}
    for headers in (link, asking):
        answer = create(nobody, bucket, "a.bin", 3, endpoint=SIGNED_ENDPOINT, headers=headers)
        assert error_of(answer) == (409, "The resource already exists")


def test_a_token_without_upsert_replaces_nothing_at_the_end_either(
    owner: httpx.Client, nobody: httpx.Client, bucket: str
) -> None:
    upload = begin_signed(nobody, bucket, signed(owner, bucket))
    put_object(owner, bucket, "a.bin", b"old")
    assert error_of(upload.patch(0, b"0123")) == (409, "The resource already exists")
    assert get_object(owner, bucket, "a.bin").content == b"old"


def test_a_token_with_upsert_replaces(owner: httpx.Client, nobody: httpx.Client, bucket: str) -> None:
    put_object(owner, bucket, "a.bin", b"old")
    link = signed(owner, bucket, **{"x-upsert": "true"})
    assert begin_signed(nobody, bucket, link).patch(0, b"0123").status_code == 204
    assert get_object(owner, bucket, "a.bin").content == b"0123"


def test_signed_upload_is_unknown_to_all_other_links_and_callers(
    owner: httpx.Client, nobody: httpx.Client, bucket: str
) -> None:
    upload = begin_signed(nobody, bucket, signed(owner, bucket))
    by_another_link = upload.by(signed(owner, bucket))
    assert by_another_link.head().status_code == 404
    assert error_of(by_another_link.patch(0, b"01")) == UNKNOWN
    assert error_of(by_another_link.delete()) == UNKNOWN
    by_its_owner = Upload(owner, upload.url.replace("/sign/", "/"))
    assert by_its_owner.head().status_code == 404
    assert error_of(by_its_owner.patch(0, b"01")) == UNKNOWN


def test_an_upload_by_a_caller_cannot_go_on_by_a_link(
    owner: httpx.Client, nobody: httpx.Client, bucket: str
) -> None:
    upload = begin(owner, bucket, "a.bin", 4)
    url = upload.url.replace("/resumable/", "/resumable/sign/")
    answer = Upload(nobody, url).patch(0, b"0123", signed(owner, bucket))
    assert error_of(answer) == UNKNOWN


def test_credentials_do_not_stand_for_a_token(owner: httpx.Client, bucket: str) -> None:
    answer = create(owner, bucket, "a.bin", 4, endpoint=SIGNED_ENDPOINT)
    assert error_of(answer) == (400, "Missing x-signature header")


def test_limits_of_the_bucket_hold_for_signed_uploads(
    owner: httpx.Client, nobody: httpx.Client, bucket: str, service: httpx.Client
) -> None:
    link = signed(owner, bucket)
    service.put(f"/bucket/{bucket}", json={"public": False, "file_size_limit": 3})
    answer = create(nobody, bucket, "a.bin", 4, endpoint=SIGNED_ENDPOINT, headers=link)
    assert error_of(answer) == (413, "Maximum size exceeded\n")


def test_signed_upload_with_its_bytes_in_one_request(
    owner: httpx.Client, nobody: httpx.Client, bucket: str
) -> None:
    link = signed(owner, bucket, "with space ü.bin")
    answer = create(
        nobody, bucket, "with space ü.bin", 4, endpoint=SIGNED_ENDPOINT, headers=link, body=b"0123"
    )
    assert (answer.status_code, answer.headers["tus-complete"]) == (201, "1")
    assert url_of(answer).partition("/resumable/")[2].startswith("sign/")
    assert get_object(owner, bucket, "with space ü.bin").content == b"0123"
