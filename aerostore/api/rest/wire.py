"""JSON shapes of the REST door: domain values as Supabase's clients expect them, and nothing else."""

import json
import re
from typing import Any

import orjson
from starlette.responses import Response

from aerostore.domain import Bucket, JsonObject, ListedObject, Object, to_iso
from aerostore.service.listing import Entry, Folder

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


def json_response(content: Any, headers: dict[str, str] | None = None) -> Response:
    """Return `content` as a 200 JSON response. No cache keeps it unless `headers` say how.

    What it shows depends on the caller, and a cache knows that of `Authorization` only, not of `apikey`
    (RFC 9111 section 3.5).
    """
    headers = {"cache-control": "no-store"} | (headers or {})
    return Response(_to_text(content), headers=headers, media_type="application/json")


def _to_text(content: Any) -> bytes:
    try:
        return orjson.dumps(content)
    except orjson.JSONEncodeError:  # rows that were written by other means may hold JSON of more levels
        return json.dumps(content).encode()


def bucket_json(bucket: Bucket, *, with_type: bool) -> JsonObject:
    """Return a bucket. A missing owner is "": storage3's model wants a string; limits are always there."""
    body = {
        "id": bucket.id,
        "name": bucket.name,
        "owner": _as_uuid(bucket.owner_id),
        "public": bucket.public,
        "type": bucket.type,
        "file_size_limit": bucket.file_size_limit,
        "allowed_mime_types": bucket.allowed_mime_types,
        "created_at": to_iso(bucket.created_at),
        "updated_at": to_iso(bucket.updated_at),
    }
    if not with_type:
        del body["type"]
    return body


def object_row_json(found: Object) -> JsonObject:
    """Return a whole row, as delete and copy answer."""
    return {
        "name": found.name,
        "bucket_id": found.bucket_id,
        "owner": _as_uuid(found.owner_id),
        "owner_id": found.owner_id or "",
        "version": found.version,
        "id": found.id,
        "updated_at": to_iso(found.updated_at),
        "created_at": to_iso(found.created_at),
        "last_accessed_at": to_iso(found.last_accessed_at),
        "metadata": found.metadata,
        "user_metadata": found.user_metadata,
    }


def _as_uuid(owner_id: str | None) -> str:
    """Return what Supabase's older uuid column holds: nothing for ids of another kind."""
    return owner_id if owner_id and _UUID.fullmatch(owner_id) else ""


def info_json(found: Object, *, with_owner: bool = False) -> JsonObject:
    """Return what `info` answers; `metadata` is the user's, and there is no updated_at."""
    body = {
        "id": found.id,
        "name": found.name,
        "version": found.version,
        "bucket_id": found.bucket_id,
        "size": found.size_bytes,
        "content_type": found.mime_type,
        "cache_control": found.cache_control,
        "etag": f'"{found.etag}"',
        "metadata": found.user_metadata,
        "last_modified": to_iso(found.updated_at),
        "created_at": to_iso(found.created_at),
    }
    return {**body, "owner_id": found.owner_id} if with_owner else body


def folder_entry_json(entry: Entry, root: str) -> JsonObject:
    """Return an entry of list v1: names relative to the folder; a folder has a name and nothing else."""
    name = entry.name[len(root) :]
    if isinstance(entry, Folder):
        return {"name": name.removesuffix("/"), **dict.fromkeys(_LISTED)}
    return {"name": name, **_listed(entry)}


def prefix_entry_json(entry: Entry, prefix: str, delimiter: str | None) -> JsonObject:
    """Return an entry of list v2: full names; with a delimiter also `key`, the part at this depth."""
    body: JsonObject = {}
    if delimiter:
        # Supabase counts depth in whole segments: the key starts at the last delimiter of the prefix.
        start = prefix.rfind(delimiter) + len(delimiter) if delimiter in prefix else 0
        key = entry.name[start:]
        body["key"] = key.removesuffix(delimiter) if isinstance(entry, Folder) else key
    if not isinstance(entry, Folder):
        return {**body, "name": entry.name, **_listed(entry)}
    moment = to_iso(entry.moment) if entry.moment else None
    values = {**dict.fromkeys(_LISTED), "updated_at": moment, "created_at": moment}
    return {**body, "name": entry.name, **values}


_LISTED = ("id", "updated_at", "created_at", "last_accessed_at", "metadata")


def _listed(found: ListedObject) -> JsonObject:
    return {
        "id": found.id,
        "updated_at": found.updated_at,
        "created_at": found.created_at,
        "last_accessed_at": found.last_accessed_at,
        "metadata": orjson.Fragment(found.metadata),
    }
