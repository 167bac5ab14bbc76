"""Bodies that lie, stop, overflow or fall apart: nothing of them may be stored, and the server lives on."""

import socket
import struct
from http.client import HTTPException

import httpx
import pytest

from .client import NO_SUCH_KEY, TOO_LARGE, Target, error_of, get_object, object_path, put_object
from .conftest import MakeBucket
from .raw_socket import HUNG_UP, TIMEOUT_S, chunked, exchange, read_response, request_bytes

SERVER_FAILURE = 500
FORM = ("Content-Type", "multipart/form-data; boundary=b")
PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\nContent-Type: text/plain\r\n\r\n'


def upload_bytes(
    target: Target, bucket: str, body: bytes, *headers: tuple[str, str], name: str = "a"
) -> bytes:
    token = target.token("service_role")
    return request_bytes(target, "POST", f"/object/{bucket}/{name}", headers=headers, token=token, body=body)


def is_absent(service: httpx.Client, bucket: str, name: str = "a") -> bool:
    return error_of(service.get(object_path(bucket, name))) == NO_SUCH_KEY


class TestTruncation:
    def test_body_shorter_than_its_length_leaves_nothing(
        self, target: Target, service: httpx.Client, bucket: str
    ) -> None:
        answer = exchange(
            target, upload_bytes(target, bucket, b"short", ("Content-Length", "1000")), hang_up=True
        )
        assert answer == HUNG_UP or 400 <= answer.status < SERVER_FAILURE
        assert is_absent(service, bucket)

    def test_large_body_that_stops_leaves_nothing(
        self, target: Target, service: httpx.Client, bucket: str
    ) -> None:
        body = b"x" * 3_000_000
        payload = upload_bytes(target, bucket, body, ("Content-Length", str(len(body) + 1)))
        answer = exchange(target, payload, hang_up=True)
        assert answer == HUNG_UP or 400 <= answer.status < SERVER_FAILURE
        assert is_absent(service, bucket)

    def test_client_that_vanishes_leaves_nothing(
        self, target: Target, service: httpx.Client, bucket: str
    ) -> None:
        payload = upload_bytes(target, bucket, b"x" * 100_000, ("Content-Length", "200000"))
        with socket.create_connection(target.address) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(payload)
        assert is_absent(service, bucket)
        assert put_object(service, bucket, "a").status_code == 200

    def test_chunked_body_without_its_last_chunk_leaves_nothing(
        self, target: Target, service: httpx.Client, bucket: str
    ) -> None:
        payload = upload_bytes(target, bucket, b"5\r\nhello\r\n", ("Transfer-Encoding", "chunked"))
        answer = exchange(target, payload, hang_up=True)
        assert answer == HUNG_UP or 400 <= answer.status < SERVER_FAILURE
        assert is_absent(service, bucket)

    def test_truncated_replacement_keeps_the_old_bytes(
        self, target: Target, service: httpx.Client, bucket: str
    ) -> None:
        put_object(service, bucket, "a", b"old")
        payload = upload_bytes(target, bucket, b"new", ("Content-Length", "99"), ("x-upsert", "true"))
        exchange(target, payload, hang_up=True)
        assert get_object(service, bucket, "a").content == b"old"

    def test_truncated_form_leaves_nothing(self, target: Target, service: httpx.Client, bucket: str) -> None:
        payload = upload_bytes(target, bucket, PART + b"half", FORM, ("Content-Length", "5000"))
        exchange(target, payload, hang_up=True)
        assert is_absent(service, bucket)


class TestFraming:
    @pytest.mark.parametrize(
        "length", ["-1", "+5", "0x5", "5, 5", "5 5", "1e1", "99999999999999999999999", "", "five"]
    )
    def test_lying_lengths_are_refused(
        self, target: Target, service: httpx.Client, bucket: str, length: str
    ) -> None:
        payload = upload_bytes(target, bucket, b"hello", ("Content-Length", length))
        answer = exchange(target, payload, hang_up=True)
        assert answer.status == 0 or 400 <= answer.status < SERVER_FAILURE
        assert is_absent(service, bucket)

    def test_two_lengths_that_differ_are_refused(
        self, target: Target, service: httpx.Client, bucket: str
    ) -> None:
        headers = [("Content-Length", "5"), ("Content-Length", "6")]
        answer = exchange(target, upload_bytes(target, bucket, b"hello!", *headers), hang_up=True)
        assert answer.status == 0 or 400 <= answer.status < SERVER_FAILURE
        assert is_absent(service, bucket)

    def test_length_and_chunks_together_smuggle_nothing(
        self, target: Target, service: httpx.Client, bucket: str
    ) -> None:
        smuggled = upload_bytes(target, bucket, b"x", ("Content-Length", "1"), name="smuggled")
        headers = [("Content-Length", "5"), ("Transfer-Encoding", "chunked")]
        exchange(target, upload_bytes(target, bucket, b"0\r\n\r\n" + smuggled, *headers), hang_up=True)
        assert is_absent(service, bucket, "smuggled")

    @pytest.mark.parametrize("size", [b"zz", b"-5", b"ffffffffffffffffff", b"0x5", b"5;" + b"x" * 70_000])
    def test_broken_chunk_sizes_leave_nothing(
        self, target: Target, service: httpx.Client, bucket: str, size: bytes
    ) -> None:
        body = size + b"\r\nhello"
        exchange(target, upload_bytes(target, bucket, body, ("Transfer-Encoding", "chunked")), hang_up=True)
        assert is_absent(service, bucket)

    def test_many_tiny_chunks_are_one_body(self, target: Target, service: httpx.Client, bucket: str) -> None:
        body = chunked([b"x"] * 5000)
        answer = exchange(target, upload_bytes(target, bucket, body, ("Transfer-Encoding", "chunked")))
        assert answer.status == 200
        assert get_object(service, bucket, "a").content == b"x" * 5000


class TestLimits:
    def test_chunked_body_over_the_limit_leaves_nothing(
        self, target: Target, service: httpx.Client, make_bucket: MakeBucket
    ) -> None:
        bucket = make_bucket(file_size_limit=1000)
        body = chunked([b"x" * 1000] * 50)
        answer = exchange(target, upload_bytes(target, bucket, body, ("Transfer-Encoding", "chunked")))
        assert answer == HUNG_UP or answer.status in (TOO_LARGE.status, 413)
        assert is_absent(service, bucket)

    def test_announced_length_over_the_limit_is_refused_before_the_body(
        self, target: Target, make_bucket: MakeBucket
    ) -> None:
        bucket = make_bucket(file_size_limit=1000)
        answer = exchange(target, upload_bytes(target, bucket, b"", ("Content-Length", "5000000000")))
        assert answer.status == TOO_LARGE.status
        assert b'"413"' in answer.body

    def test_expectation_is_not_continued_when_the_body_is_too_large(
        self, target: Target, make_bucket: MakeBucket
    ) -> None:
        bucket = make_bucket(file_size_limit=10)
        headers = [("Content-Length", "5000000000"), ("Expect", "100-continue")]
        answer = exchange(target, upload_bytes(target, bucket, b"", *headers))
        assert answer.status == TOO_LARGE.status

    def test_refusal_before_the_body_ends_the_connection_openly(self, target: Target) -> None:
        body = b"x" * 200_000
        headers = [("Authorization", "Bearer x"), ("Content-Length", str(len(body)))]
        payload = request_bytes(target, "POST", "/object/b/a", headers=headers, body=body)
        payload = payload.replace(b"Connection: close\r\n", b"")
        for _ in range(40):  # a race: without the header one connection in six closes behind a client's back
            with socket.create_connection(target.address, timeout=TIMEOUT_S) as connection:
                connection.sendall(payload)
                answer = read_response(connection)
                assert answer.status == 400
                assert answer.headers.get("connection") == "close" or is_usable(target, connection)


def is_usable(target: Target, connection: socket.socket) -> bool:
    try:
        connection.sendall(request_bytes(target, "GET", "/status"))
        return read_response(connection).status == 200
    except (ConnectionError, HTTPException):
        return False


class TestForms:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"--b",
            b"--b--\r\n",
            b"no boundary at all",
            b"--b\r\n\r\n\r\n--b--\r\n",
            b"--b\r\nContent-Disposition: attachment\r\n\r\nx\r\n--b--\r\n",
            b"--b\r\nContent-Disposition: form-data; name\r\n\r\nx\r\n--b--\r\n",
            b"--b\r\n" + b"X: y\r\n" * 5000 + b"\r\nx\r\n--b--\r\n",
            b"--b\r\nX: " + b"y" * 200_000 + b"\r\n\r\nx\r\n--b--\r\n",
            b"\x00" * 1000,
        ],
        ids=range(10),
    )
    def test_malformed_form_stores_nothing(
        self, target: Target, service: httpx.Client, bucket: str, body: bytes
    ) -> None:
        length = ("Content-Length", str(len(body)))
        answer = exchange(target, upload_bytes(target, bucket, body, FORM, length))
        assert 400 <= answer.status < SERVER_FAILURE
        assert is_absent(service, bucket)

    @pytest.mark.parametrize(
        "kind",
        [
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=" + "b" * 5000,
            "multipart/form-data; boundary*=utf-8''b",
            "multipart/form-data;" + "boundary=b;" * 1000,
            'multipart/form-data; boundary="' + "\\" * 3000,
        ],
        ids=range(5),
    )
    def test_hostile_boundaries_are_no_server_failure(
        self, target: Target, service: httpx.Client, bucket: str, kind: str
    ) -> None:
        body = PART + b"x\r\n--b--\r\n"
        headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
        assert exchange(target, upload_bytes(target, bucket, body, *headers)).status < SERVER_FAILURE
        assert service.get("/status").status_code == 200

    def test_thousands_of_fields_are_refused(self, service: httpx.Client, bucket: str) -> None:
        fields = {f"field{number}": "x" for number in range(2000)}
        answer = service.post(
            object_path(bucket, "a"), data=fields, files={"file": ("x", b"x", "text/plain")}
        )
        assert 400 <= answer.status_code < SERVER_FAILURE
        assert is_absent(service, bucket)

    def test_huge_field_is_refused(self, service: httpx.Client, bucket: str) -> None:
        data = {"cacheControl": "6" * 3_000_000}
        answer = service.post(object_path(bucket, "a"), data=data, files={"file": ("x", b"x", "text/plain")})
        assert 400 <= answer.status_code < SERVER_FAILURE
        assert is_absent(service, bucket)

    def test_boundary_inside_the_content_ends_nothing_early(self, service: httpx.Client, bucket: str) -> None:
        content = b"line\r\n--not-the-boundary\r\n--b\r\n\r\n" * 100
        service.post(object_path(bucket, "a"), files={"file": ("x", content, "text/plain")})
        assert get_object(service, bucket, "a").content == content
