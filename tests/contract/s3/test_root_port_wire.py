"""The S3 protocol on a port of its own: the same buckets, nothing else, and one end for both servers."""

import os
import signal
import socket
from pathlib import Path

import httpx
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest

from tests.contract.client import unique
from tests.contract.raw_socket import TIMEOUT_S, read_response, request_bytes
from tests.crash.server import Server, running, wait_until
from tests.port import free_port

from .conftest import KEYS
from .door import S3, Door, names_of

FAILED = 1
MIB = 1024 * 1024
SHUTDOWN_DEADLINE_S = 60.0


def test_both_ports_have_the_same_objects(root_door: Door, root_s3: S3) -> None:
    bucket, name = unique("bucket"), "a b/ü+c%~//x"
    root_s3.create_bucket(Bucket=bucket)
    root_s3.put_object(Bucket=bucket, Key=name, Body=b"1", Metadata={"colour": "green"})
    below = Door(target=root_door.target).client()
    assert below.get_object(Bucket=bucket, Key=name)["Metadata"] == {"colour": "green"}
    below.put_object(Bucket=bucket, Key="other", Body=b"2")
    assert names_of(root_s3.list_objects_v2(Bucket=bucket)) == sorted([name, "other"])
    link = root_s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": name})
    assert httpx.get(link, trust_env=False).content == b"1"


@pytest.mark.parametrize(
    "path",
    ["/storage/v1/bucket", "/storage/v1/status", "/status", "/metrics", "/../bucket", "/../object/a/b"],
)
def test_nothing_but_s3_is_served_there(root_door: Door, path: str) -> None:
    token = root_door.target.token("service_role")
    answer = root_door.send_unsigned("GET", path, headers={"apikey": token})
    assert answer.status in {400, 403, 404}
    assert answer.code in {"AccessDenied", "InvalidKey", "InvalidRequest", "InvalidURI"}
    bearer = root_door.send_unsigned("GET", path, headers={"Authorization": f"Bearer {token}"})
    assert bearer.status == 400


def test_a_signature_for_one_port_is_not_good_at_the_other(root_door: Door) -> None:
    below = Door(target=root_door.target)
    for signed_at, sent_to in ((below, root_door), (root_door, below)):
        query = signed_at.presign("GET", "/bucket/key")
        answer = sent_to.send_unsigned("GET", "/bucket/key", query=query)
        assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


def test_the_path_that_is_signed_there_is_the_one_that_is_sent(root_door: Door) -> None:
    host = f"127.0.0.1:{root_door.root_port}"
    for path, status in (("/absent", 404), ("/storage/v1/s3/absent", 403)):
        request = AWSRequest("HEAD", f"http://{host}{path}")
        S3SigV4Auth(root_door.credentials, "s3", root_door.region).add_auth(request)
        headers = {"Host": host, **dict(request.headers.items())}
        assert root_door.send_unsigned("HEAD", "/absent", headers=headers).status == status


def test_a_malformed_path_is_refused_as_s3_does(root_door: Door) -> None:
    answer = root_door.send_unsigned("GET", "/bucket/%zz")
    assert answer.status == 400
    assert answer.code


# One server in two processes


def listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S):
            return True
    except ConnectionRefusedError:
        return False


def root_door_of(server: Server, port: int) -> Door:
    wait_until(lambda: listens(port), "the S3 port answers")
    return Door(target=server.target, root_port=port)


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]


def s3_process(server: Server) -> int:
    """Return the child that has workers of its own."""
    return next(pid for pid in children(server.process.pid) if children(pid))


def test_sigterm_ends_both_and_lets_an_upload_at_the_s3_port_finish(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path / "data", s3_port=port, **KEYS) as server:
        door = root_door_of(server, port)
        assert door.send("PUT", "/kept").status == 200
        query = door.presign("PUT", "/kept/in-flight")
        headers = f"Host: 127.0.0.1:{port}\r\nContent-Length: {3 * MIB}\r\n\r\n"
        head = f"PUT /kept/in-flight?{query} HTTP/1.1\r\n{headers}"
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as connection:
            connection.sendall(head.encode() + b"a" * 2 * MIB)
            wait_until(lambda: _holds_open(server), "the upload is under way")
            server.terminate()
            wait_until(lambda: not listens(port), "nobody new is let in")
            connection.sendall(b"a" * MIB)
            assert connection.recv(15).startswith(b"HTTP/1.1 200")
        assert server.process.wait(SHUTDOWN_DEADLINE_S) == 0
        assert not listens(port)
    with running(tmp_path / "data", s3_port=port, **KEYS) as server:
        assert root_door_of(server, port).send("GET", "/kept/in-flight").body == b"a" * 3 * MIB


def test_both_ports_let_nobody_in_as_soon_as_the_end_is_asked_for(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path / "data", s3_port=port, **KEYS) as server, server.connect() as service:
        root_door_of(server, port)
        service.post("/bucket", json={"name": "kept"})
        token = server.target.token("service_role")
        head = request_bytes(
            server.target, "POST", "/object/kept/a", headers=[("Content-Length", str(3 * MIB))], token=token
        )
        with socket.create_connection(server.target.address, timeout=TIMEOUT_S) as connection:
            connection.sendall(head + b"a" * 2 * MIB)
            wait_until(lambda: bool(server.open_files()), "the upload is under way")
            server.terminate()
            wait_until(lambda: not listens(port), "nobody new is let in at the S3 port")
            connection.sendall(b"a" * MIB)
            assert read_response(connection).status == 200
        assert server.process.wait(SHUTDOWN_DEADLINE_S) == 0


def _holds_open(server: Server) -> bool:
    folder = str(server.blobs_dir)
    workers = [pid for child in children(server.process.pid) for pid in children(child)]
    held = [
        os.readlink(path)
        for pid in workers
        for path in Path(f"/proc/{pid}/fd").iterdir()
        if path.is_symlink()
    ]
    return any(path.startswith(folder) and not Path(path).is_dir() for path in held)


def test_when_the_first_process_is_killed_the_s3_port_closes(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path / "data", s3_port=port, **KEYS) as server:
        root_door_of(server, port)
        os.kill(server.process.pid, signal.SIGKILL)
        wait_until(lambda: not listens(port), "the S3 port is closed")
        wait_until(lambda: not listens(server.target.address[1]), "the first port is closed")


def test_when_the_s3_process_is_killed_the_server_ends_with_an_error(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path / "data", s3_port=port, **KEYS) as server:
        root_door_of(server, port)
        os.kill(s3_process(server), signal.SIGKILL)
        assert server.process.wait(SHUTDOWN_DEADLINE_S) == FAILED
        wait_until(lambda: not listens(port), "the S3 port is closed")


def test_when_a_worker_of_the_s3_port_dies_another_takes_its_place(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path / "data", s3_port=port, **KEYS) as server:
        door = root_door_of(server, port)
        child = s3_process(server)
        worker = children(child)[0]
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: children(child) not in ([], [worker]), "there is another worker")
        wait_until(lambda: listens(port), "the S3 port answers again")
        assert door.send("GET", "/").status == 200
