"""What somebody without rights can learn: what is hidden is answered like what is not there."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.attack.route_table import Entry, entries
from tests.attack.scene import Scene, open_scene

# Supabase's clients count on these three: a taken name is a conflict, a foreign one is denied, and so is
# deleting it. What that tells is written down in docs/security.md.
TELLS = {
    "storage.object.upload",
    "storage.object.upload_update",
    "storage.object.sign_upload_url",
    "storage.object.delete",
}
NAMED = [entry for entry in entries() if entry.takes_a_name and entry.operation not in TELLS]
OF_BUCKETS = [entry for entry in entries() if entry.takes_a_bucket and not entry.takes_a_name]
ABSENT = "bucket-" + "0" * 12


@dataclass(frozen=True)
class Hidden:
    """A private bucket, and an object in it that belongs to the owner."""

    scene: Scene
    bucket: str


@pytest.fixture(scope="module")
def hidden(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hidden]:
    with open_scene(tmp_path_factory.mktemp("leak") / "data") as scene:
        bucket = scene.make_bucket()
        for name in ("hidden", "folder/one", "folder/two", "folder/three"):
            scene.done("owner", "POST", f"/object/{bucket}/{name}", content=b"hidden")
        yield Hidden(scene, bucket)


def options_of(entry: Entry, name: str) -> dict[str, Any]:
    if entry.method == "GET":
        return {}
    return {
        "json": {
            "expiresIn": 60,
            "paths": [name],
            "prefixes": [name],
            "prefix": name,
            "public": True,
        }
    }


def seen(answer: httpx.Response, *own_words: str) -> object:
    """Reduce an answer to what could tell somebody something: all of it but what they said themselves."""
    text = answer.text
    for word in own_words:
        text = text.replace(word, "WORD")
    if answer.headers["content-type"] == "application/json" and '"request_id"' in text:
        text = text.partition('"request_id"')[0]
    headers = {name: answer.headers[name] for name in answer.headers if name not in {"x-request-id"}}
    headers.pop("content-length", None)
    return answer.status_code, headers, text


@pytest.mark.parametrize("caller", ["nobody", "anon", "stranger"])
@pytest.mark.parametrize("entry", NAMED, ids=str)
def test_a_hidden_object_cannot_be_told_from_none(hidden: Hidden, entry: Entry, caller: str) -> None:
    for extra in ({}, {"if-none-match": "*"}, {"if-match": '"x"'}, {"range": "bytes=0-0"}):
        for method in {entry.method, "HEAD" if entry.method == "GET" else entry.method}:
            answers = [
                seen(
                    hidden.scene.ask(
                        caller,
                        method,
                        entry.at(hidden.bucket, name),
                        headers=extra,
                        **options_of(entry, name),
                    ),
                    name,
                )
                for name in ("hidden", "absent")
            ]
            assert answers[0] == answers[1]


@pytest.mark.parametrize("caller", ["nobody", "anon", "stranger"])
@pytest.mark.parametrize("entry", OF_BUCKETS, ids=str)
def test_a_hidden_bucket_cannot_be_told_from_none(hidden: Hidden, entry: Entry, caller: str) -> None:
    answers = [
        seen(
            hidden.scene.ask(caller, entry.method, entry.at(bucket), **options_of(entry, "hidden")),
            bucket,
        )
        for bucket in (hidden.bucket, ABSENT)
    ]
    assert answers[0] == answers[1]


@pytest.mark.parametrize("caller", ["nobody", "expired", "forged"])
@pytest.mark.parametrize("entry", NAMED, ids=str)
def test_without_a_good_token_a_hidden_bucket_cannot_be_told_from_none(
    hidden: Hidden, entry: Entry, caller: str
) -> None:
    answers = [
        seen(
            hidden.scene.ask(caller, entry.method, entry.at(bucket, "hidden"), **options_of(entry, "hidden")),
            bucket,
        )
        for bucket in (hidden.bucket, ABSENT)
    ]
    assert answers[0] == answers[1]


@pytest.mark.parametrize("verb", ["copy", "move"])
@pytest.mark.parametrize("caller", ["anon", "stranger"])
def test_a_hidden_source_cannot_be_told_from_none(hidden: Hidden, verb: str, caller: str) -> None:
    answers = [
        seen(
            hidden.scene.ask(
                caller,
                "POST",
                f"/object/{verb}",
                json={"bucketId": hidden.bucket, "sourceKey": name, "destinationKey": "elsewhere"},
            ),
            name,
        )
        for name in ("hidden", "absent")
    ]
    assert answers[0] == answers[1]


@pytest.mark.parametrize("caller", ["anon", "stranger"])
@pytest.mark.parametrize("prefix", ["", "folder", "folder/", "f", "hid"])
def test_lists_show_neither_folders_nor_counts_of_what_is_hidden(
    hidden: Hidden, caller: str, prefix: str
) -> None:
    for path, body in (
        ("list", {"prefix": prefix, "search": "o"}),
        ("list", {"prefix": prefix, "offset": 1, "sortBy": {"column": "created_at"}}),
        ("list-v2", {"prefix": prefix, "with_delimiter": True, "limit": 1}),
        ("list-v2", {"prefix": prefix}),
    ):
        here = hidden.scene.done(caller, "POST", f"/object/{path}/{hidden.bucket}", json=body)
        there = hidden.scene.done(caller, "POST", f"/object/{path}/{ABSENT}", json=body)
        assert seen(here) == seen(there)


@pytest.mark.parametrize("caller", ["anon", "stranger"])
def test_deleting_many_tells_nothing_of_those_that_are_not_ones_own(hidden: Hidden, caller: str) -> None:
    names = ["hidden", "folder/one", "absent", "folder"]
    answer = hidden.scene.done(caller, "DELETE", f"/object/{hidden.bucket}", json={"prefixes": names})
    assert answer.json() == []
    assert (
        hidden.scene.done("owner", "GET", f"/object/authenticated/{hidden.bucket}/hidden").content
        == b"hidden"
    )


@pytest.mark.parametrize("caller", ["nobody", "anon", "stranger"])
def test_a_public_bucket_gives_files_by_name_and_no_names(hidden: Hidden, caller: str) -> None:
    scene = hidden.scene
    bucket = scene.make_bucket(public=True)
    scene.done("owner", "POST", f"/object/{bucket}/album/unlisted.png", content=b"image")
    assert scene.done(caller, "GET", f"/object/public/{bucket}/album/unlisted.png").content == b"image"
    attempts = [
        ("POST", f"/object/list/{bucket}", {"prefix": "album"}),
        ("POST", f"/object/list-v2/{bucket}", {"prefix": ""}),
        ("GET", "/bucket", None),
        ("GET", f"/bucket/{bucket}", None),
        ("GET", f"/object/public/{bucket}/", None),
        ("GET", f"/object/public/{bucket}/album", None),
        ("GET", f"/object/public/{bucket}/album/", None),
        ("GET", f"/object/public/{bucket}/*", None),
        ("GET", f"/object/public/{bucket}/?prefix=&list-type=2", None),
    ]
    for method, path, body in attempts:
        answer = scene.ask(caller, method, path, **({"json": body} if body else {}))
        assert "unlisted" not in answer.text, path


@pytest.mark.parametrize("caller", ["anon", "stranger"])
def test_nobody_takes_an_object_along_into_a_bucket_with_other_rules(hidden: Hidden, caller: str) -> None:
    scene = hidden.scene
    laxer = scene.make_bucket(public=True)
    for verb in ("copy", "move"):
        body = {
            "bucketId": hidden.bucket,
            "sourceKey": "hidden",
            "destinationBucket": laxer,
            "destinationKey": "leaked",
        }
        assert scene.ask(caller, "POST", f"/object/{verb}", json=body).is_error
    assert scene.ask("nobody", "GET", f"/object/public/{laxer}/leaked").is_error


def test_nobody_gets_rid_of_limits_by_moving_or_copying(hidden: Hidden) -> None:
    scene = hidden.scene
    strict = scene.make_bucket()
    lax = scene.make_bucket()
    limits = {"file_size_limit": 3, "allowed_mime_types": ["image/png"]}
    scene.done("service", "PUT", f"/bucket/{strict}", json=limits)
    scene.done("owner", "POST", f"/object/{lax}/big", content=b"big and no image")
    scene.done("owner", "POST", f"/object/{lax}/png", content=b"png", headers={"content-type": "image/png"})
    for caller in ("owner", "service"):
        for verb in ("copy", "move"):
            body = {
                "bucketId": lax,
                "sourceKey": "big",
                "destinationBucket": strict,
                "destinationKey": "x",
            }
            assert scene.ask(caller, "POST", f"/object/{verb}", json=body).is_error
            disguised = body | {"copyMetadata": False, "metadata": {"mimetype": "image/png"}}
            assert scene.ask(caller, "POST", f"/object/{verb}", json=disguised).is_error
    allowed = {"bucketId": lax, "sourceKey": "png", "destinationBucket": strict, "destinationKey": "y"}
    scene.done("owner", "POST", "/object/move", json=allowed)


def test_a_copy_beside_its_source_does_not_get_a_type_that_the_bucket_refuses(hidden: Hidden) -> None:
    scene = hidden.scene
    strict = scene.make_bucket()
    scene.done("service", "PUT", f"/bucket/{strict}", json={"allowed_mime_types": ["image/png"]})
    scene.done("owner", "POST", f"/object/{strict}/png", content=b"x", headers={"content-type": "image/png"})
    copy = {"bucketId": strict, "sourceKey": "png", "copyMetadata": False}
    for caller in ("owner", "service"):
        for name in ("svg", "png"):
            body = copy | {"destinationKey": name, "metadata": {"mimetype": "image/svg+xml"}}
            answer = scene.ask(caller, "POST", "/object/copy", json=body, headers={"x-upsert": "true"})
            assert answer.json()["code"] == "InvalidMimeType"
    scene.done("owner", "POST", "/object/copy", json=copy | {"destinationKey": "another"})
