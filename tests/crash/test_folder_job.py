"""A job about a large folder while servers die: whoever starts next goes on, and nothing is done twice."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from .invariants import Place, check_invariants
from .promise import BUCKET, create_bucket
from .server import Server, running_at, wait_until

OBJECTS = 6000
LEASE = timedelta(seconds=10)
_COLUMNS = "created_at, updated_at, last_accessed_at"
_FILL = {
    "sqlite": (
        "INSERT INTO storage_objects (id, bucket_id, name, owner_id, version, blob_id, metadata, {columns})"
        " WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
        " SELECT lower(hex(randomblob(16))), bucket_id, printf('from/%05d', i), owner_id, version || i,"
        " blob_id, metadata, {columns} FROM storage_objects, n WHERE name = 'seed'"
    ),
    "postgres": (
        "INSERT INTO storage_objects (id, bucket_id, name, owner_id, version, blob_id, metadata, {columns})"
        " SELECT gen_random_uuid(), bucket_id, 'from/' || lpad(i::text, 5, '0'), owner_id, version || i,"
        " blob_id, metadata, {columns} FROM storage_objects, generate_series(1, {count}) AS n (i)"
        " WHERE name = 'seed'"
    ),
}


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Place:
    return Place(tmp_path / "data", database_url)


def begin(server: Server, kind: str) -> str:
    """Fill a folder, and return the id of the job that was started about it."""
    create_bucket(server)
    with server.connect() as caller:
        assert caller.post(f"/object/{BUCKET}/seed", content=b"seed").status_code == 200
        fill = _FILL["postgres" if server.place.database_url else "sqlite"]
        server.place.change(fill.format(columns=_COLUMNS, count=OBJECTS))
        body = {"bucket": BUCKET, "prefix": "from/", "to_prefix": "to/"}
        answer = caller.post(f"/folder/{kind}", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job"]["id"])


def job_of(caller: httpx.Client, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = caller.get(f"/job/{job_id}").json()["job"]
    return job


def count(place: Place, where: str) -> int:
    return int(place.rows(f"SELECT count(*) FROM storage_objects WHERE {where}")[0][0])


def end_the_lease(place: Place) -> None:
    """Do as if the time had passed that the job still belongs to the killed server, which is not long."""
    ((end,),) = place.rows("SELECT expires_at FROM storage_leases WHERE name = 'jobs'")
    now = datetime.now(UTC)
    assert timedelta() < datetime.fromisoformat(str(end)) - now <= LEASE
    passed = f"'{now:%Y-%m-%dT%H:%M:%S}.000Z'"
    place.change(f"UPDATE storage_leases SET expires_at = {passed} WHERE name = 'jobs'")


def check_events(place: Place, kind: str) -> None:
    """Each object has been moved or copied to its new name once."""
    event = {"move": "ObjectCreated:Move", "copy": "ObjectCreated:Copy"}[kind]
    rows = place.rows(f"SELECT count(*), count(DISTINCT name) FROM storage_events WHERE type = '{event}'")
    assert [tuple(row) for row in rows] == [(OBJECTS, OBJECTS)]


@pytest.mark.parametrize("kind", ["move", "copy"])
def test_a_job_whose_server_is_killed_goes_on_and_does_nothing_twice(place: Place, kind: str) -> None:
    with running_at(place, workers=2) as server:
        job_id = begin(server, kind)
        with server.connect() as caller:
            wait_until(lambda: job_of(caller, job_id)["done"] > 0, "a batch is done")
        server.kill()
    done, state = place.rows(f"SELECT done, state FROM storage_jobs WHERE id = '{job_id}'")[0]
    assert (0 < done < OBJECTS, state) == (True, "running")
    assert count(place, "name LIKE 'to/%'") == done
    end_the_lease(place)
    with running_at(place, workers=2) as server, server.connect() as caller:
        wait_until(lambda: job_of(caller, job_id)["state"] != "running", "the job has ended")
        job = job_of(caller, job_id)
    assert (job["state"], job["done"], job["total"], job["error"]) == ("done", OBJECTS, OBJECTS, None)
    assert count(place, "name LIKE 'to/%'") == OBJECTS
    assert count(place, "name LIKE 'from/%'") == (0 if kind == "move" else OBJECTS)
    check_events(place, kind)
    check_invariants(place)


def test_a_job_that_is_cancelled_leaves_each_object_in_one_place(place: Place) -> None:
    with running_at(place) as server:
        job_id = begin(server, "move")
        with server.connect() as caller:
            wait_until(lambda: job_of(caller, job_id)["done"] > 0, "a batch is done")
            assert caller.delete(f"/job/{job_id}").status_code == 200
            wait_until(lambda: job_of(caller, job_id)["state"] == "cancelled", "the job has ended")
            done = job_of(caller, job_id)["done"]
    assert 0 < done < OBJECTS
    assert count(place, "name LIKE 'to/%'") == done
    assert count(place, "name LIKE 'from/%'") == OBJECTS - done
    check_invariants(place)
