"""What one process has done is so for every other one with its next request: no copy of a row outlives it.

Three workers of one server on SQLite, and two servers of two workers each on one PostgreSQL. Every test
talks to each process over a connection of its own, and asks all of them before a change as well: what a
process keeps in memory is filled by then.
"""

import base64
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.conformance.postgres import PostgresCluster
from tests.crash.invariants import Place
from tests.crash.server import wait_until
from tests.signing import sign

from .client import error_of, object_path, unique
from .fleet import Fleet, Line, connected, start_fleet

REVOKED_WITHIN_S = 5.0
DROP = 'DROP POLICY "owners manage their own objects" ON storage.objects'


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def fleet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    directory = tmp_path_factory.mktemp("fleet")
    with ExitStack() as stack:
        if request.param == "sqlite":
            yield start_fleet(Place(directory / "data"), stack, servers=1, workers=3)
            return
        cluster: PostgresCluster = request.getfixturevalue("cluster")
        name = cluster.create_database()
        stack.callback(cluster.drop_database, name)
        yield start_fleet(Place(directory / "data", cluster.url(name)), stack, servers=2, workers=2)


@pytest.fixture
def lines(fleet: Fleet) -> Iterator[list[Line]]:
    """A connection to each process of the fleet."""
    with connected(fleet) as found:
        yield found


@pytest.fixture
def bucket(lines: list[Line]) -> str:
    """A fresh private bucket that every process has seen."""
    return _make_bucket(lines[0], lines)


def _make_bucket(line: Line, lines: Sequence[Line], **options: object) -> str:
    name = unique("several")
    assert line.ask("POST", "/bucket", json={"name": name} | options).status_code == 200
    for each in lines:
        assert each.ask("GET", f"/bucket/{name}").status_code == 200
    return name


def _change_bucket(line: Line, bucket: str, **changes: object) -> None:
    answer = line.ask("PUT", f"/bucket/{bucket}", json=changes)
    assert answer.status_code == 200, answer.text


def _put(line: Line, bucket: str, name: str, content: bytes = b"content", **options: Any) -> httpx.Response:
    headers = {"content-type": "text/plain", "x-upsert": "true"}
    return line.ask("POST", object_path(bucket, name), content=content, headers=headers, **options)


def _get(line: Line, bucket: str, name: str, door: str = "", **options: Any) -> httpx.Response:
    return line.ask("GET", object_path(bucket, name, door), **options)


def _statuses(lines: Sequence[Line], ask: Callable[[Line], httpx.Response]) -> set[int]:
    return {ask(line).status_code for line in lines}


def test_every_process_is_asked(fleet: Fleet, lines: list[Line]) -> None:
    assert len({line.process for line in lines}) == sum(len(server.workers()) for server in fleet.servers)
    assert len(lines) >= 3


def test_a_bucket_that_one_process_makes_private_is_private_everywhere(lines: list[Line]) -> None:
    bucket = _make_bucket(lines[0], lines, public=True)
    _put(lines[0], bucket, "a.txt")

    def read(line: Line) -> httpx.Response:
        return line.ask("GET", object_path(bucket, "a.txt", "public"), role=None)

    for changer in lines:
        assert _statuses(lines, read) == {200}
        _change_bucket(changer, bucket, public=False)
        assert _statuses(lines, read) == {400}
        _change_bucket(changer, bucket, public=True)


def test_a_limit_of_size_that_one_process_sets_holds_everywhere(lines: list[Line], bucket: str) -> None:
    def upload(line: Line) -> httpx.Response:
        return _put(line, bucket, "a.txt", b"x" * 100)

    for changer in lines:
        assert _statuses(lines, upload) == {200}
        _change_bucket(changer, bucket, file_size_limit=99)
        assert {error_of(upload(line)).code for line in lines} == {"EntityTooLarge"}
        _change_bucket(changer, bucket, file_size_limit=None)


def test_types_that_one_process_allows_are_the_only_ones_everywhere(lines: list[Line], bucket: str) -> None:
    def upload(line: Line) -> httpx.Response:
        return _put(line, bucket, "a.txt")

    for changer in lines:
        assert _statuses(lines, upload) == {200}
        _change_bucket(changer, bucket, allowed_mime_types=["image/png"])
        assert {error_of(upload(line)).error for line in lines} == {"invalid_mime_type"}
        _change_bucket(changer, bucket, allowed_mime_types=None)


def test_a_bucket_that_one_process_deletes_takes_no_upload_anywhere(lines: list[Line]) -> None:
    for changer in lines:
        bucket = _make_bucket(changer, lines)
        assert changer.ask("DELETE", f"/bucket/{bucket}").status_code == 200
        assert {line.ask("GET", f"/bucket/{bucket}").status_code for line in lines} == {400}
        assert {_put(line, bucket, "a.txt").status_code for line in lines} == {400}
        again = changer.ask("POST", "/bucket", json={"name": bucket, "public": True})
        assert again.status_code == 200
        assert {line.ask("GET", f"/bucket/{bucket}").json()["public"] for line in lines} == {True}


def test_an_object_that_one_process_deletes_is_gone_everywhere(lines: list[Line]) -> None:
    bucket = _make_bucket(lines[0], lines, public=True)
    for changer in lines:
        _put(changer, bucket, "a.txt")
        signed = changer.ask("POST", object_path(bucket, "a.txt", "sign"), json={"expiresIn": 60})
        url = signed.json()["signedURL"]
        assert {status for line in lines for status in _read_every_way(line, bucket, url)} == {200}
        assert changer.ask("DELETE", object_path(bucket, "a.txt")).status_code == 200
        assert {status for line in lines for status in _read_every_way(line, bucket, url)} == {400}
        assert [_names(line, bucket) for line in lines] == [[]] * len(lines)


def _read_every_way(line: Line, bucket: str, signed_url: str) -> list[int]:
    answers = [_get(line, bucket, "a.txt", door) for door in ("", "info", "authenticated")]
    answers.append(_get(line, bucket, "a.txt", "public", role=None))
    answers.append(line.ask("GET", signed_url, role=None))
    return [answer.status_code for answer in answers]


def test_an_object_that_one_process_replaces_is_the_new_one_everywhere(
    lines: list[Line], bucket: str
) -> None:
    path = object_path(bucket, "a.txt")
    for number, changer in enumerate(lines):
        _put(changer, bucket, "a.txt", f"old {number}".encode())
        before = [line.ask("GET", path) for line in lines]
        assert {answer.text for answer in before} == {f"old {number}"}
        _put(changer, bucket, "a.txt", f"new {number}".encode())
        known = {"if-none-match": before[0].headers["etag"]}
        after = [line.ask("GET", path, headers=known) for line in lines]
        assert {(answer.status_code, answer.text) for answer in after} == {(200, f"new {number}")}


def test_an_object_that_one_process_moves_has_its_new_name_everywhere(lines: list[Line], bucket: str) -> None:
    for number, changer in enumerate(lines):
        old, new = f"old-{number}", f"new-{number}"
        _put(changer, bucket, old)
        assert {_get(line, bucket, old).status_code for line in lines} == {200}
        move = {"bucketId": bucket, "sourceKey": old, "destinationKey": new}
        assert changer.ask("POST", "/object/move", json=move).status_code == 200
        assert {_get(line, bucket, old).status_code for line in lines} == {400}
        assert {_get(line, bucket, new).status_code for line in lines} == {200}
        assert {new in _names(line, bucket) for line in lines} == {True}


def _names(line: Line, bucket: str, **options: Any) -> list[str]:
    answer = line.ask("POST", f"/object/list-v2/{bucket}", json={}, **options)
    return [each["name"] for each in answer.json()["objects"]]


def test_an_owner_that_gives_an_object_away_by_deleting_it_sees_nothing_of_the_next_one(
    lines: list[Line], bucket: str
) -> None:
    path = object_path(bucket, "shared/a.txt")
    for changer in lines:
        assert _put(changer, bucket, "shared/a.txt", role="authenticated").status_code == 200
        assert _statuses(lines, lambda line: line.ask("GET", path, role="authenticated")) == {200}
        assert changer.ask("DELETE", path).status_code == 200
        other = unique("other")
        assert _put(changer, bucket, "shared/a.txt", role="authenticated", sub=other).status_code == 200
        assert _statuses(lines, lambda line: line.ask("GET", path, role="authenticated")) == {400}
        assert {tuple(_names(line, bucket, role="authenticated")) for line in lines} == {()}
        assert changer.ask("DELETE", path).status_code == 200


@pytest.mark.parametrize("fleet", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_a_policy_that_changes_in_the_database_is_the_law_of_the_next_request_everywhere(
    fleet: Fleet, lines: list[Line], bucket: str
) -> None:
    path = object_path(bucket, "mine.txt")
    _put(lines[0], bucket, "mine.txt", role="authenticated")

    def read(line: Line) -> httpx.Response:
        return line.ask("GET", path, role="authenticated")

    assert _statuses(lines, read) == {200}
    assert {len(_names(line, bucket, role="authenticated")) for line in lines} == {1}
    (create,) = fleet.place.rows(
        "SELECT format('CREATE POLICY %I ON storage.objects TO authenticated USING (%s) WITH CHECK (%s)',"
        " polname, pg_get_expr(polqual, polrelid), pg_get_expr(coalesce(polwithcheck, polqual), polrelid))"
        " FROM pg_policy WHERE polname = 'owners manage their own objects'"
    )[0]
    for _ in range(2):
        fleet.place.change(DROP)
        assert _statuses(lines, read) == {400}
        assert {len(_names(line, bucket, role="authenticated")) for line in lines} == {0}
        assert {error_of(_put(line, bucket, "b", role="authenticated")).error for line in lines} == {
            "Unauthorized"
        }
        fleet.place.change(create)
        assert _statuses(lines, read) == {200}


@pytest.fixture
def readers(fleet: Fleet, cluster: PostgresCluster) -> Iterator[str]:
    """A role that a policy lets read everything, and that signed-in users do not have at first."""
    name = unique("readers")
    cluster.run("CREATE ROLE {} NOLOGIN", name)
    fleet.place.change(f'CREATE POLICY readers ON storage.objects FOR SELECT TO "{name}" USING (true)')
    yield name
    cluster.run("ALTER ROLE authenticated NOINHERIT NOBYPASSRLS")
    fleet.place.change("DROP POLICY readers ON storage.objects")
    cluster.run("DROP ROLE {}", name)


@pytest.mark.parametrize("fleet", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_what_a_role_may_changes_with_the_next_request_everywhere(
    cluster: PostgresCluster, readers: str, lines: list[Line], bucket: str
) -> None:
    _put(lines[0], bucket, "a.txt", sub=unique("other"))

    def read(line: Line) -> httpx.Response:
        return _get(line, bucket, "a.txt", role="authenticated")

    for _ in range(2):
        assert _statuses(lines, read) == {400}
        cluster.run("GRANT {} TO authenticated", readers)
        cluster.run("ALTER ROLE authenticated INHERIT")
        assert _statuses(lines, read) == {200}
        assert {len(_names(line, bucket, role="authenticated")) for line in lines} == {1}
        cluster.run("REVOKE {} FROM authenticated", readers)
        cluster.run("ALTER ROLE authenticated NOINHERIT")
        assert _statuses(lines, read) == {400}
        assert {len(_names(line, bucket, role="authenticated")) for line in lines} == {0}
        cluster.run("ALTER ROLE authenticated BYPASSRLS")
        assert _statuses(lines, read) == {200}
        cluster.run("ALTER ROLE authenticated NOBYPASSRLS")


def test_links_that_one_process_signs_are_good_everywhere(lines: list[Line], bucket: str) -> None:
    _put(lines[0], bucket, "a.txt")
    for signer in lines:
        path = object_path(bucket, "a.txt", "sign")
        url = signer.ask("POST", path, json={"expiresIn": 60}).json()["signedURL"]
        assert {line.ask("GET", url, role=None).status_code for line in lines} == {200}
        for number, line in enumerate(lines):
            name = f"{signer.process}-{number}"
            token = signer.ask("POST", object_path(bucket, name, "upload/sign")).json()["token"]
            upload = object_path(bucket, name, "upload/sign")
            answer = line.ask("PUT", upload, role=None, params={"token": token}, content=name.encode())
            assert answer.status_code == 200, answer.text
            assert signer.ask("GET", object_path(bucket, name)).text == name


def test_a_resumable_upload_goes_on_at_another_process_each_time(lines: list[Line], bucket: str) -> None:
    piece, tus = b"0123456789", {"tus-resumable": "1.0.0"}
    content = piece * len(lines)
    metadata = f"bucketName {_base64(bucket)},objectName {_base64('a.bin')}"
    begun = lines[0].ask(
        "POST",
        "/upload/resumable",
        headers={**tus, "upload-length": str(len(content)), "upload-metadata": metadata},
    )
    assert begun.status_code == 201, begun.text
    location = httpx.URL(begun.headers["location"]).path
    for number, line in enumerate(reversed(lines)):
        headers = {
            **tus,
            "upload-offset": str(number * len(piece)),
            "content-type": "application/offset+octet-stream",
        }
        where = f"{line.server.target.url.removesuffix(line.server.target.base_path)}{location}"
        assert line.ask("PATCH", where, headers=headers, content=piece).status_code == 204
    assert {line.ask("GET", object_path(bucket, "a.bin")).content for line in lines} == {content}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_an_access_key_that_was_revoked_is_refused_everywhere_in_time(fleet: Fleet) -> None:
    made = json.loads(fleet.run("keys", "create", "--json").stdout)

    def list_buckets(line: Line) -> int:
        request = line.client.build_request("GET", f"{line.server.target.url}/s3/")
        return line.send(sign(request, made["id"], made["secret"])).status_code

    # The commands may take longer than the server keeps an idle connection.
    with connected(fleet) as lines:
        assert {list_buckets(line) for line in lines} == {200}
    assert fleet.run("keys", "revoke", made["id"]).returncode == 0
    revoked = time.monotonic()
    with connected(fleet) as lines:
        wait_until(lambda: {list_buckets(line) for line in lines} == {403}, "every process refuses the key")
    assert time.monotonic() - revoked < REVOKED_WITHIN_S + 1.0


def test_each_event_is_delivered_once_by_all_processes_together(
    fleet: Fleet, lines: list[Line], bucket: str
) -> None:
    for number in range(10):
        for line in lines:
            assert _put(line, bucket, f"{line.process}-{number}").status_code == 200
    wait_until(lambda: not _undelivered(fleet.place), "every event is delivered")
    sent = {str(id) for (id,) in fleet.place.rows("SELECT id FROM storage_events")}
    assert {id: fleet.events[id] for id in sent} == dict.fromkeys(sent, 1)


def _undelivered(place: Place) -> list[tuple[Any, ...]]:
    return place.rows("SELECT seq FROM storage_events WHERE delivered_at IS NULL")


def test_all_processes_together_read_every_byte_once(fleet: Fleet) -> None:
    finished = "SELECT count(*) FROM storage_scrubs WHERE finished_at IS NOT NULL"
    wait_until(lambda: fleet.place.rows(finished)[0][0] > 0, "a round of scrub has ended")
    assert fleet.place.rows("SELECT count(*) FROM storage_scrubs") == [(1,)]


def test_metrics_of_each_process_are_its_own_and_together_count_everything(
    lines: list[Line], bucket: str
) -> None:
    for number, line in enumerate(lines):
        for each in range(number + 1):
            assert _put(line, bucket, f"{number}-{each}").status_code == 200
    assert [_uploads(line, bucket) for line in lines] == [number + 1 for number in range(len(lines))]


def _uploads(line: Line, bucket: str) -> float:
    wanted = f'storage_upload_total{{bucket="{bucket}",status="ok"}} '
    text = line.ask("GET", "/metrics").text
    return sum(float(row.removeprefix(wanted)) for row in text.splitlines() if row.startswith(wanted))
