import asyncio
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from aerostore.app import create_app
from aerostore.settings import Settings
from benchmarks.contest.fill import copy_first
from benchmarks.contest.keys import Keys
from benchmarks.contest.product import POLICIES
from benchmarks.contest.site import PRIVATE, StorageSite

KEYS = Keys()
SITE = StorageSite("http://testserver/storage/v1", service_key=KEYS.service, user_token=KEYS.user)
OWN = {
    *("id", "name", "folded_name", "version", "created_at", "updated_at", "last_accessed_at", "metadata"),
    *("seq", "object_id", "payload", "delivered_at", "next_attempt_at"),
}
IN_DOCUMENTS = {"actor", "name", "version", "reqId", "lastModified"}


def the_settings(folder: Path) -> Settings:
    return Settings(data_dir=folder, jwt_secret=KEYS.secret, policies_dir=str(POLICIES))


async def upload(folder: Path, *names: str) -> None:
    """Create the bucket and upload the same bytes under each name, as a client does."""
    app = create_app(the_settings(folder), runs_jobs=False)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport) as client:
        service = {"authorization": f"Bearer {KEYS.service}"}
        bucket = {"id": PRIVATE, "name": PRIVATE}
        made = await client.post("http://testserver/storage/v1/bucket", json=bucket, headers=service)
        assert made.status_code == 200, made.text
        for request in map(SITE.upload, names):
            answer = await client.post(request.url, headers=dict(request.headers), content=b"bytes")
            assert answer.status_code == 200, answer.text


def rows(folder: Path, sql: str, *values: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(folder / "aerostore.db")) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql, values)]


def shared(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what two uploads of the same bytes have in common."""
    return {name: value for name, value in row.items() if name not in OWN}


def documents(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the JSON of a row, without what is an upload's own."""
    found = [json.loads(row[name]) for name in ("metadata", "payload") if name in row]
    found += [each.pop("metadata") for each in found if "metadata" in each]
    return [{name: each[name] for name in each.keys() - IN_DOCUMENTS} for each in found]


def test_eight_policies_are_in_force() -> None:
    text = "\n".join(file.read_text() for file in POLICIES.glob("*.sql"))
    assert text.count("create policy") == 8


def test_filled_rows_differ_from_uploads_in_nothing_but_ids_names_and_times(tmp_path: Path) -> None:
    first, uploaded, copied = (f"{SITE.folder}/{name}" for name in ("first", "uploaded", "copied"))
    asyncio.run(upload(tmp_path, "uploaded", "first"))
    asyncio.run(copy_first(the_settings(tmp_path), PRIVATE, [first, copied]))
    for table in ("storage_objects", "storage_events"):
        found = [rows(tmp_path, f"SELECT * FROM {table} WHERE name = ?", name) for name in (uploaded, copied)]
        assert [len(each) for each in found] == [1, 1]
        one, other = (each[0] for each in found)
        assert shared(one) == shared(other)
        assert documents(one) == documents(other) != []
        assert {name for name in one if one[name] == other[name]} == shared(one).keys()
    assert [row["ref_count"] for row in rows(tmp_path, "SELECT ref_count FROM storage_blobs")] == [3]
