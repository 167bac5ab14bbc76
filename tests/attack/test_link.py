"""Games with signed URLs: a link opens one object, for one purpose, until its time is over."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.attack.scene import Scene, open_scene
from tests.service.stage import FakeClock

OLD_KEY = "an old key that is long enough to sign links with"
NEW_KEY = "a new key that is long enough to sign links with"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def scene(tmp_path: Path, clock: FakeClock) -> Iterator[Scene]:
    with open_scene(tmp_path / "data", clock=clock) as opened:
        yield opened


@pytest.fixture
def bucket(scene: Scene) -> str:
    name = scene.make_bucket()
    scene.done("owner", "POST", f"/object/{name}/a", content=b"a")
    return name


def sign(scene: Scene, bucket: str, name: str = "a") -> str:
    answer = scene.done("owner", "POST", f"/object/sign/{bucket}/{name}", json={"expiresIn": 60})
    return str(answer.json()["signedURL"])


def follow(scene: Scene, link: str) -> httpx.Response:
    return scene.ask("nobody", "GET", link)


def move(scene: Scene, bucket: str, name: str, to_name: str, to_bucket: str | None = None) -> None:
    body = {"bucketId": bucket, "sourceKey": name, "destinationKey": to_name}
    if to_bucket is not None:
        body["destinationBucket"] = to_bucket
    scene.done("owner", "POST", "/object/move", json=body)


def test_the_link_that_the_others_are_made_from_works(scene: Scene, bucket: str) -> None:
    assert follow(scene, sign(scene, bucket)).content == b"a"


def test_a_link_does_not_follow_an_object_that_moved_away(scene: Scene, bucket: str) -> None:
    link = sign(scene, bucket)
    move(scene, bucket, "a", "b")
    assert follow(scene, link).is_error
    assert follow(scene, link.replace("/a?", "/b?")).is_error


def test_a_link_opens_nothing_that_moved_to_its_name(scene: Scene, bucket: str) -> None:
    link = sign(scene, bucket)
    move(scene, bucket, "a", "b")
    scene.done("owner", "POST", f"/object/{bucket}/c", content=b"another")
    move(scene, bucket, "c", "a")
    assert follow(scene, link).is_error


def test_a_link_opens_no_copy_and_no_object_made_again(scene: Scene, bucket: str) -> None:
    link = sign(scene, bucket)
    body = {"bucketId": bucket, "sourceKey": "a", "destinationKey": "copy"}
    scene.done("owner", "POST", "/object/copy", json=body)
    assert follow(scene, link.replace("/a?", "/copy?")).is_error
    scene.done("owner", "DELETE", f"/object/{bucket}/a")
    assert follow(scene, link).is_error
    scene.done("owner", "POST", f"/object/{bucket}/a", content=b"another")
    assert follow(scene, link).is_error


def test_a_link_opens_nothing_in_a_bucket_made_again(scene: Scene, bucket: str) -> None:
    link = sign(scene, bucket)
    scene.done("service", "POST", f"/bucket/{bucket}/empty")
    scene.done("service", "DELETE", f"/bucket/{bucket}")
    scene.done("service", "POST", "/bucket", json={"name": bucket})
    scene.done("owner", "POST", f"/object/{bucket}/a", content=b"another")
    assert follow(scene, link).is_error


def test_a_link_does_not_cross_into_another_bucket(scene: Scene, bucket: str) -> None:
    link, elsewhere = sign(scene, bucket), scene.make_bucket()
    move(scene, bucket, "a", "a", elsewhere)
    assert follow(scene, link.replace(bucket, elsewhere)).is_error


@pytest.mark.parametrize(
    "addition",
    [
        "&expires=99999999999",
        "&expires=-1",
        "&expires=",
        "&token=x",
        "&token=",
        "&expires=1&expires=99999999999",
    ],
)
def test_an_edited_query_opens_nothing(scene: Scene, bucket: str, addition: str) -> None:
    assert follow(scene, sign(scene, bucket) + addition).is_error


@pytest.mark.parametrize("addition", ["&bucket=other", "&name=other", "&role=service_role", "&width=9999999"])
def test_what_the_query_adds_changes_nothing(scene: Scene, bucket: str, addition: str) -> None:
    assert follow(scene, sign(scene, bucket) + addition).content == b"a"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_link_to_read_changes_nothing(scene: Scene, bucket: str, method: str) -> None:
    token = sign(scene, bucket).partition("?token=")[2]
    before = scene.everything()
    for path in (
        f"/object/sign/{bucket}/a",
        f"/object/{bucket}/a",
        f"/object/upload/sign/{bucket}/a",
        f"/object/upload/sign/{bucket}/new",
        f"/object/{bucket}",
        f"/bucket/{bucket}",
    ):
        body = {"expiresIn": 60, "prefixes": ["a"], "paths": ["a"], "public": True}
        assert scene.ask("nobody", method, path, params={"token": token}, json=body).is_error, path
    assert scene.everything() == before


def test_a_link_to_upload_reads_lists_and_replaces_nothing(scene: Scene, bucket: str) -> None:
    token = scene.done("owner", "POST", f"/object/upload/sign/{bucket}/new").json()["token"]
    for method, path in (
        ("GET", f"/object/sign/{bucket}/a"),
        ("GET", f"/object/{bucket}/a"),
        ("PUT", f"/object/upload/sign/{bucket}/a"),
        ("PUT", f"/object/upload/sign/{bucket}/new2"),
        ("PUT", f"/object/upload/sign/{bucket}/new/../a"),
        ("PUT", f"/object/{bucket}/new"),
        ("POST", f"/object/list/{bucket}"),
    ):
        assert scene.ask("nobody", method, path, params={"token": token}).is_error, path
    assert scene.done("owner", "GET", f"/object/{bucket}/a").content == b"a"


def test_a_link_to_upload_does_not_carry_its_own_limits_or_owner(scene: Scene, bucket: str) -> None:
    path = f"/object/upload/sign/{bucket}/new"
    token = scene.done("owner", "POST", path).json()["token"]
    scene.done("service", "PUT", f"/bucket/{bucket}", json={"file_size_limit": 4})
    assert scene.ask("nobody", "PUT", path, params={"token": token}, content=b"12345").is_error
    scene.done("stranger", "PUT", path, params={"token": token}, content=b"1234")
    assert scene.done("owner", "GET", f"/object/authenticated/{bucket}/new").content == b"1234"
    assert scene.ask("stranger", "GET", f"/object/authenticated/{bucket}/new").is_error


def test_a_link_ends_although_the_copy_of_a_client_is_current(
    scene: Scene, bucket: str, clock: FakeClock
) -> None:
    link = sign(scene, bucket)
    etag = scene.done("nobody", "GET", link).headers["etag"]
    assert scene.ask("nobody", "GET", link, headers={"if-none-match": etag}).status_code == 304
    clock.advance(60)
    late = scene.ask("nobody", "GET", link, headers={"if-none-match": etag})
    assert late.is_error
    assert "etag" not in late.headers


def test_a_clock_that_is_set_back_makes_no_link_live_longer_than_it_was_signed_for(
    scene: Scene, bucket: str, clock: FakeClock
) -> None:
    clock.advance(-3600)
    link = sign(scene, bucket)
    clock.advance(3600)
    assert follow(scene, link).is_error


def test_links_outlive_a_rotated_key_while_it_is_listed_and_no_longer(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with open_scene(folder, signing_keys=(OLD_KEY,)) as scene:
        bucket = scene.make_bucket()
        scene.done("owner", "POST", f"/object/{bucket}/a", content=b"a")
        link = sign(scene, bucket)
    with open_scene(folder, signing_keys=(NEW_KEY, OLD_KEY)) as scene:
        assert follow(scene, link).content == b"a"
        newer = sign(scene, bucket)
    with open_scene(folder, signing_keys=(NEW_KEY,)) as scene:
        assert follow(scene, link).is_error
        assert follow(scene, newer).content == b"a"
