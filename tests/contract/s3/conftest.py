"""Servers whose S3 door is open to one access key and to signed-in users, and the clients of it.

`s3` and `s3_as` are boto3 clients; `door` sends raw requests, signed or not. `service`, `bucket` and the
others are those of the REST suites, against the same server.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jwt
import pytest

from tests.conformance.postgres import PostgresCluster
from tests.contract.client import Target, unique
from tests.contract.conftest import SECRET, serve
from tests.contract.conftest import anon as anon
from tests.contract.conftest import bucket as bucket
from tests.contract.conftest import make_bucket as make_bucket
from tests.contract.conftest import nobody as nobody
from tests.contract.conftest import owner as owner
from tests.contract.conftest import public_bucket as public_bucket
from tests.contract.conftest import service as service
from tests.contract.conftest import stranger as stranger
from tests.port import free_port

from .door import ACCESS_KEY_ID, S3, SECRET_ACCESS_KEY, Answer, Door

ANON_KEY = jwt.encode({"role": "anon"}, SECRET, algorithm="HS256")
KEYS = {
    "s3_access_key_id": ACCESS_KEY_ID,
    "s3_secret_access_key": SECRET_ACCESS_KEY,
    "anon_key": ANON_KEY,
}

S3As = Callable[..., S3]
Send = Callable[..., Answer]


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Start a server that these keys open, with rows where the parameter says."""
    if request.param == "given":
        pytest.skip("NOT TESTED: the S3 suites start their own server, whose keys they know")
    directory = tmp_path_factory.mktemp("s3")
    if request.param == "sqlite":
        yield from serve(directory, **KEYS)
        return
    cluster: PostgresCluster = request.getfixturevalue("cluster")
    database = cluster.create_database()
    yield from serve(directory, database_url=cluster.url(database), workers=2, **KEYS)
    cluster.drop_database(database)


@pytest.fixture(scope="session")
def root_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """The door of another server at a port of its own, for clients that take no path in an address."""
    port = free_port()
    for target in serve(tmp_path_factory.mktemp("root"), s3_port=port, **KEYS):
        yield Door(target=target, root_port=port)


@pytest.fixture(scope="session")
def root_s3(root_door: Door) -> Iterator[S3]:
    """A boto3 client of that server."""
    client = root_door.client()
    yield client
    client.close()


@pytest.fixture(scope="session")
def door(target: Target) -> Door:
    """The door with the server's own key: whoever has it acts with the service role."""
    return Door(target=target)


@pytest.fixture(scope="session")
def s3(door: Door) -> Iterator[S3]:
    """A boto3 client with the service role."""
    client = door.client()
    yield client
    client.close()


def as_user(target: Target, *, role: str = "authenticated", **claims: Any) -> Door:
    """Give the door of a signed-in user: the anon key, and a session token with these claims."""
    token = target.token(role, **({"sub": unique("user")} | claims))
    return Door(target=target, access_key_id="project", secret_access_key=ANON_KEY, session_token=token)


@pytest.fixture
def door_of(target: Target) -> Callable[..., Door]:
    """Give doors of signed-in users; see as_user."""
    return partial(as_user, target)


@pytest.fixture
def s3_as(door_of: Callable[..., Door]) -> Iterator[S3As]:
    """Open boto3 clients of signed-in users: `s3_as(sub="...", role="authenticated", **claims)`."""
    opened: list[S3] = []

    def open_client(**claims: Any) -> S3:
        opened.append(door_of(**claims).client())
        return opened[-1]

    yield open_client
    for client in opened:
        client.close()


@pytest.fixture(scope="session")
def signed_request(door: Door) -> Send:
    """Send raw requests signed with the server's own key; see Door.send."""
    return door.send
