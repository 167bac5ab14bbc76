"""What changes while a body is on its way: the answer that counts is the one at the end of the body."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest

from tests.attack.scene import HOUR_S, Scene, open_scene
from tests.conformance.postgres import PostgresCluster
from tests.service.stage import FakeClock

Change = Callable[[], Awaitable[object]]
PIECE = b"x" * 70_000
SMALL = b"x" * 100
LIMIT = 1000


@pytest.fixture(scope="module")
def clock() -> FakeClock:
    """A clock that is right again after each test."""
    return FakeClock()


@pytest.fixture(autouse=True)
def set_back(clock: FakeClock) -> Iterator[None]:
    now = clock.now
    yield
    clock.now = now


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "sqlite":
        yield ""
        return
    cluster: PostgresCluster = request.getfixturevalue("cluster")
    database = cluster.create_database()
    yield cluster.url(database)
    cluster.drop_database(database)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, clock: FakeClock, database_url: str) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("late") / "data"
    with open_scene(folder, clock=clock, database_url=database_url) as opened:
        yield opened


async def slowly(change: Change, piece: bytes = PIECE) -> AsyncIterator[bytes]:
    """Yield a body in whose middle something changes."""
    yield piece
    await change()
    yield piece


def upload(
    scene: Scene, path: str, change: Change, *, caller: str = "owner", **options: Any
) -> httpx.Response:
    return scene.ask(caller, options.pop("method", "POST"), path, content=slowly(change), **options)


def names_in(scene: Scene, bucket: str) -> list[str]:
    listed = scene.done("service", "POST", f"/object/list-v2/{bucket}", json={}).json()
    return [each["name"] for each in listed["objects"]]


def code_of(answer: httpx.Response) -> str:
    return str(answer.json()["code"])


def files_of(scene: Scene) -> set[str]:
    return {str(path) for path in (scene.folder / "blobs").rglob("*") if path.is_file()}


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_token_that_expires_during_an_upload_stores_nothing(
    scene: Scene, clock: FakeClock, method: str
) -> None:
    bucket, before = scene.make_bucket(), files_of(scene)

    async def expire() -> None:
        clock.advance(2 * HOUR_S)

    answer = upload(scene, f"/object/{bucket}/late", expire, method=method)
    assert answer.json()["message"] == '"exp" claim timestamp check failed'
    clock.advance(-2 * HOUR_S)
    assert names_in(scene, bucket) == []
    assert files_of(scene) == before


def test_a_token_that_expires_during_a_small_slow_upload_stores_nothing(
    scene: Scene, clock: FakeClock
) -> None:
    bucket = scene.make_bucket()

    async def expire() -> None:
        clock.advance(2 * HOUR_S)

    headers = {"content-length": str(2 * len(SMALL))}
    answer = scene.ask(
        "owner", "POST", f"/object/{bucket}/late", content=slowly(expire, SMALL), headers=headers
    )
    assert answer.json()["message"] == '"exp" claim timestamp check failed'
    clock.advance(-2 * HOUR_S)
    assert names_in(scene, bucket) == []


def test_a_link_that_ends_during_an_upload_stores_nothing(scene: Scene, clock: FakeClock) -> None:
    bucket = scene.make_bucket()
    path = f"/object/upload/sign/{bucket}/late"
    token = scene.done("owner", "POST", path).json()["token"]

    async def end() -> None:
        clock.advance(3 * HOUR_S)

    answer = upload(scene, path, end, caller="nobody", method="PUT", params={"token": token})
    assert code_of(answer) == "InvalidJWT"
    clock.advance(-3 * HOUR_S)
    assert names_in(scene, bucket) == []


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"file_size_limit": LIMIT}, "EntityTooLarge"),
        ({"allowed_mime_types": ["image/png"]}, "InvalidMimeType"),
    ],
)
def test_limits_that_are_set_during_an_upload_hold_for_it(
    scene: Scene, limits: dict[str, object], code: str
) -> None:
    bucket, before = scene.make_bucket(), files_of(scene)

    async def tighten() -> None:
        assert (await scene.aask("service", "PUT", f"/bucket/{bucket}", json=limits)).is_success

    assert code_of(upload(scene, f"/object/{bucket}/late", tighten)) == code
    assert names_in(scene, bucket) == []
    assert files_of(scene) == before


def test_a_bucket_that_goes_during_an_upload_takes_nothing(scene: Scene) -> None:
    bucket, before = scene.make_bucket(), files_of(scene)

    async def remove() -> None:
        assert (await scene.aask("service", "DELETE", f"/bucket/{bucket}")).is_success

    assert code_of(upload(scene, f"/object/{bucket}/late", remove)) == "NoSuchBucket"
    assert files_of(scene) == before


def test_a_name_that_somebody_takes_during_an_upload_stays_theirs(scene: Scene) -> None:
    bucket = scene.make_bucket()
    path = f"/object/{bucket}/contested"

    async def take() -> None:
        assert (await scene.aask("stranger", "POST", path, content=b"theirs")).is_success

    answer = upload(scene, path, take, headers={"x-upsert": "true"})
    assert code_of(answer) == "AccessDenied"
    assert scene.done("stranger", "GET", path).content == b"theirs"


def test_an_object_that_becomes_somebody_elses_during_a_replacement_is_not_replaced(scene: Scene) -> None:
    bucket = scene.make_bucket()
    path = f"/object/{bucket}/mine"
    scene.done("owner", "POST", path, content=b"mine")

    async def change_hands() -> None:
        assert (await scene.aask("owner", "DELETE", path)).is_success
        assert (await scene.aask("stranger", "POST", path, content=b"theirs")).is_success

    assert code_of(upload(scene, path, change_hands, method="PUT")) == "AccessDenied"
    assert scene.done("stranger", "GET", path).content == b"theirs"


def test_a_bucket_that_is_made_private_is_private_to_the_next_request(scene: Scene) -> None:
    bucket = scene.make_bucket(public=True)
    path = f"/object/public/{bucket}/a"
    scene.done("owner", "POST", f"/object/{bucket}/a", content=b"a")
    etag = scene.done("nobody", "GET", path).headers["etag"]
    scene.done("service", "PUT", f"/bucket/{bucket}", json={"public": False})
    assert code_of(scene.ask("nobody", "GET", path)) == "NoSuchBucket"
    stale = scene.ask("nobody", "GET", path, headers={"if-none-match": etag})
    assert code_of(stale) == "NoSuchBucket"


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
@pytest.mark.postgres
def test_a_policy_that_is_taken_away_during_an_upload_counts(scene: Scene, database_url: str) -> None:
    bucket, before = scene.make_bucket(), files_of(scene)

    async def forbid() -> None:
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
            await connection.execute(
                "CREATE POLICY closed ON storage.objects AS RESTRICTIVE FOR INSERT WITH CHECK (false)"
            )

    assert code_of(upload(scene, f"/object/{bucket}/late", forbid)) == "AccessDenied"
    assert names_in(scene, bucket) == []
    assert files_of(scene) == before
