"""Access keys as an operator makes and ends them, and what they open."""

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.contract.client import Target, unique
from tests.contract.conftest import serve
from tests.contract.raw_socket import TIMEOUT_S, read_response
from tests.contract.test_command_line import CANNOT_RUN, aerostore
from tests.crash.server import wait_until

from .door import Door, names_of

KNOWN_WITHIN_S = 5
Keys = Callable[..., subprocess.CompletedProcess[str]]
MakeKey = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a server and the command both look."""
    return tmp_path_factory.mktemp("keys") / "data"


@pytest.fixture(scope="module")
def own_target(data_dir: Path) -> Iterator[Target]:
    yield from serve(data_dir.parent)


@pytest.fixture(scope="module")
def keys(data_dir: Path, own_target: Target) -> Keys:
    """Run `aerostore keys ...` beside the server."""
    return lambda *arguments: aerostore("keys", *arguments, data_dir=data_dir)


@pytest.fixture(scope="module")
def make_key(keys: Keys) -> MakeKey:
    def make(*arguments: str) -> dict[str, Any]:
        done = keys("create", "--json", *arguments)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return make


@pytest.fixture(scope="module")
def service_door(own_target: Target, make_key: MakeKey) -> Door:
    """The door with a key of the service role."""
    return door_with(own_target, make_key("--description", "backup of the shop"))


def door_with(target: Target, key: dict[str, Any]) -> Door:
    return Door(target=target, access_key_id=key["id"], secret_access_key=key["secret"])


def test_a_key_of_the_service_role_may_do_everything(service_door: Door) -> None:
    s3 = service_door.client()
    bucket = unique("bucket")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == ["a"]


def test_a_key_of_a_user_may_do_what_the_user_may(
    own_target: Target, service_door: Door, make_key: MakeKey
) -> None:
    service = service_door.client()
    bucket, user = unique("bucket"), unique("ann")
    service.create_bucket(Bucket=bucket)
    service.put_object(Bucket=bucket, Key="the service's", Body=b"1")
    hers = door_with(own_target, make_key("--role", "authenticated", "--sub", user, "--claim", 'team="a"'))
    assert hers.send("PUT", f"/{bucket}/hers", body=b"2").status == 200
    assert hers.send("GET", f"/{bucket}/hers").body == b"2"
    assert hers.send("GET", f"/{bucket}/the%20service%27s").code == "NoSuchKey"
    assert hers.send("PUT", f"/{unique('bucket')}").status == 403
    with own_target.connect(own_target.token("authenticated", sub=user)) as same_user:
        assert same_user.get(f"/object/authenticated/{bucket}/hers").content == b"2"


def test_a_new_key_works_at_once_and_a_revoked_one_not_for_long(
    own_target: Target, keys: Keys, make_key: MakeKey
) -> None:
    key = make_key()
    door = door_with(own_target, key)
    assert door.send("GET", "/").status == 200
    assert keys("revoke", key["id"]).returncode == 0
    wait_until(lambda: door.send("GET", "/").status != 200, "it is known", KNOWN_WITHIN_S + 2)
    answer = door.send("GET", "/")
    assert (answer.status, answer.code) == (403, "InvalidAccessKeyId")


def test_a_key_that_is_revoked_while_a_body_comes_stores_nothing(
    own_target: Target, service_door: Door, keys: Keys, make_key: MakeKey
) -> None:
    service = service_door.client()
    bucket = unique("bucket")
    service.create_bucket(Bucket=bucket)
    key = make_key()
    door = door_with(own_target, key)
    query = door.presign("PUT", f"/{bucket}/a")
    host, port = door.address
    head = (
        f"PUT /storage/v1/s3/{bucket}/a?{query} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 6\r\n\r\n"
    )
    with socket.create_connection((host, port), timeout=TIMEOUT_S) as connection:
        connection.sendall(head.encode() + b"abc")
        keys("revoke", key["id"])
        wait_until(lambda: door.send("GET", "/").status == 403, "every worker knows")
        connection.sendall(b"def")
        assert read_response(connection).status == 403
    assert names_of(service.list_objects_v2(Bucket=bucket)) == []


def test_a_key_ends_by_itself(own_target: Target, make_key: MakeKey) -> None:
    door = door_with(own_target, make_key("--expires-in", "1"))
    time.sleep(1.1)  # the server is another process: there is no clock to pass in
    assert door.send("GET", "/").code == "InvalidAccessKeyId"


def test_the_list_tells_everything_but_secrets(keys: Keys, make_key: MakeKey) -> None:
    made = make_key("--role", "anon", "--description", "for the list", "--expires-in", "3600")
    keys("revoke", made["id"])
    listed = json.loads(keys("list", "--json").stdout)
    found = next(each for each in listed if each["id"] == made["id"])
    assert found["state"] == "revoked"
    assert (found["role"], found["description"]) == ("anon", "for the list")
    assert found["expires_at"] > found["created_at"]
    table = keys("list").stdout
    assert made["id"] in table
    assert made["secret"] not in table + json.dumps(listed)


def test_the_secret_is_printed_once_with_what_a_client_needs(own_target: Target, keys: Keys) -> None:
    said = keys("create").stdout
    shown = dict(line.split("  ", 1) for line in said.splitlines() if "  " in line)
    key_id, secret = shown["access key id"].strip(), shown["secret access key"].strip()
    assert (
        Door(target=own_target, access_key_id=key_id, secret_access_key=secret).send("GET", "/").status == 200
    )
    assert shown["region"].strip() == "us-east-1"
    assert "not shown again" in said


def test_an_unknown_key_cannot_be_revoked(keys: Keys) -> None:
    done = keys("revoke", "AERO0000000000000000")
    assert done.returncode == CANNOT_RUN
    assert "aerostore keys list" in done.stderr


def test_without_a_database_there_are_no_keys(tmp_path: Path) -> None:
    done = aerostore("keys", "list", data_dir=tmp_path / "nothing")
    assert done.returncode == CANNOT_RUN
    assert not (tmp_path / "nothing" / "aerostore.db").exists()


def test_no_log_line_holds_a_secret(service_door: Door, data_dir: Path) -> None:
    service_door.send("GET", "/")
    query = service_door.presign("GET", "/bucket/key")
    service_door.send_unsigned("GET", "/bucket/key", query=query)
    replace(service_door, secret_access_key="wrong").send("GET", "/")
    log = (data_dir.parent / "server.log").read_text("utf-8")
    assert f'"access_key":"{service_door.access_key_id}"' in log
    assert service_door.secret_access_key not in log
    assert query.rpartition("Signature=")[2] not in log
