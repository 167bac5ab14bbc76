"""SQL about many objects at once: moving and copying the objects of a folder, a batch in one statement."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from aerostore.domain import Object, to_iso
from aerostore.executor import Law, Statement
from aerostore.executor.statements.column import CURRENT, OBJECT_COLUMNS, to_row
from aerostore.executor.statements.name_range import selecting, within
from aerostore.permissions import OBJECTS

# Columns of a new row and their types in PostgreSQL, in the order of the INSERT.
_TYPES = {
    "id": "uuid",
    "bucket_id": "text",
    "name": "text",
    "owner_id": "text",
    "version": "text",
    "blob_id": "text",
    "metadata": "jsonb",
    "user_metadata": "jsonb",
    "created_at": "timestamptz",
    "updated_at": "timestamptz",
    "last_accessed_at": "timestamptz",
}
_COLUMNS = ", ".join(_TYPES)
_DEFAULTS = {"archived_at": None, "is_delete_marker": False}
_NEW = "SELECT {members} FROM json_each(:objects, '$.rows') WHERE TRUE"
_NEW_POSTGRES = "SELECT {columns} FROM jsonb_to_recordset(:objects::jsonb -> 'rows') AS new ({types})"
_KEPT = {"id", "bucket_id", "name", "created_at", "owner_id"}
_REPLACING = (
    " ON CONFLICT (bucket_id, name) WHERE archived_at IS NULL DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _TYPES if name not in _KEPT)
    + ", owner_id = coalesce(excluded.owner_id, storage_objects.owner_id)"
)
_MOVED = ("id", "version", "to_name", "to_version")
_MOVE = (
    "UPDATE storage_objects SET bucket_id = :to_bucket_id, name = moved.to_name,"
    " owner_id = coalesce(:owner_id, storage_objects.owner_id), version = moved.to_version,"
    " updated_at = :updated_at FROM {moved}"
    " WHERE storage_objects.id = moved.id AND storage_objects.version = moved.version AND {{policy}}"
    " RETURNING {id}"
)


def _members(names: Sequence[str]) -> str:
    return ", ".join(f"json_extract(value, '$.{name}') AS {name}" for name in names)


_INSERT = f"INSERT INTO storage_objects ({_COLUMNS}) {_NEW.format(members=_members(list(_TYPES)))}"
_INSERT_POSTGRES = f"INSERT INTO storage_objects ({_COLUMNS}) " + _NEW_POSTGRES.format(
    columns=_COLUMNS, types=", ".join(f"{name} {type}" for name, type in _TYPES.items())
)
_MOVE_SQLITE = _MOVE.format(
    moved=f"(SELECT {_members(_MOVED)} FROM json_each(:moves, '$.rows')) AS moved", id="id"
)
_MOVE_POSTGRES = (
    _MOVE.format(
        moved=(
            "jsonb_to_recordset(:moves::jsonb -> 'rows')"
            " AS moved (id uuid, version text, to_name text, to_version text)"
        ),
        id="storage_objects.id",
    )
    .replace(":owner_id", ":owner_id::text")
    .replace(":updated_at", ":updated_at::timestamptz")
)


def insert_objects(objects: Sequence[Object]) -> Statement:
    """Changes a row for each of `objects`. Fails with KeyAlreadyExists when one name is taken."""
    return _writing(objects, "insert", "")


def upsert_objects(objects: Sequence[Object]) -> Statement:
    """Changes a row for each of `objects`, as `upsert_object` does for one."""
    return _writing(objects, "upsert", _REPLACING)


def _writing(objects: Sequence[Object], command: str, on_conflict: str) -> Statement:
    rows = [json_row(each) for each in objects]
    return Statement(
        sql=_INSERT + on_conflict,
        postgres=_INSERT_POSTGRES + on_conflict,
        parameters={"objects": {"rows": rows}, "bucket_id": objects[0].bucket_id},
        law=Law(
            table=OBJECTS,
            command=command,
            rows=[row | _DEFAULTS for row in rows],
            changed=(
                f"bucket_id = :bucket_id AND {CURRENT}"
                " AND name IN (SELECT json_extract(value, '$.name') FROM json_each(:objects, '$.rows'))"
            ),
        ),
    )


def move_objects(moves: Sequence[tuple[Object, Object]], *, owner_id: str | None) -> Statement:
    """Rows: (id) of those that were moved; not of those that the caller may not move, or that changed since.

    moves: each object as it was seen, and as it will be; all go to one bucket at one time. owner_id: who has
    them afterwards, None to leave that.
    """
    new = moves[0][1]
    rows = [
        {"id": old.id, "version": old.version, "to_name": moved.name, "to_version": moved.version}
        for old, moved in moves
    ]
    return Statement(
        sql=_MOVE_SQLITE,
        postgres=_MOVE_POSTGRES,
        parameters={
            "moves": {"rows": rows},
            "to_bucket_id": new.bucket_id,
            "owner_id": owner_id,
            "updated_at": new.updated_at,
        },
        law=Law(
            table=OBJECTS,
            command="update",
            rows=[json_row(moved) | _DEFAULTS for _, moved in moves],
            changed=(
                "id IN (SELECT json_extract(value, '$.id') FROM json_each(:moves, '$.rows'))"
                " AND version IN (SELECT json_extract(value, '$.to_version')"
                " FROM json_each(:moves, '$.rows'))"
            ),
        ),
    )


def weigh_objects(bucket_id: str, *, lower: str, upper: str | None, limit: int) -> Statement:
    """Rows: (name, user_metadata_bytes) of the first names in [lower, upper), in bytewise order."""
    condition, bounds = within("name", lower, upper)

    def text(weight: str) -> str:
        return (
            f"SELECT name, coalesce({weight}, 0) AS user_metadata_bytes FROM storage_objects"
            f" WHERE bucket_id = :bucket_id AND {CURRENT} AND {condition} AND {{policy}}"
            " ORDER BY name LIMIT :limit"
        )

    return Statement(
        sql=text("length(CAST(user_metadata AS BLOB))"),
        postgres=text("octet_length(user_metadata::text)"),
        parameters={"bucket_id": bucket_id, "limit": limit, **bounds},
        law=selecting(bucket_id, upper),
        reads_many=True,
    )


def find_objects(bucket_id: str, names: Sequence[str]) -> Statement:
    """Rows: storage_objects with one of `names`, in no order. As the system."""
    found = f"SELECT {OBJECT_COLUMNS} FROM storage_objects WHERE bucket_id = :bucket_id AND {CURRENT}"
    return Statement(
        sql=f"{found} AND name IN (SELECT value FROM json_each(:names))",
        postgres=f"{found} AND name = ANY (CAST(:names AS text[]))",
        parameters={"bucket_id": bucket_id, "names": list(names)},
    )


def find_taken(
    bucket_id: str,
    *,
    lower: str,
    upper: str | None,
    prefix: str,
    to_bucket_id: str,
    to_prefix: str,
    limit: int,
) -> Statement:
    """Rows: (name), the first names in [lower, upper) whose new name is taken already.

    On SQLite also by what the caller cannot see: what is there must be looked for again before it is told.
    """
    condition, bounds = within("storage_objects.name", lower, upper)
    return Statement(
        sql=(
            "SELECT storage_objects.name FROM storage_objects JOIN storage_objects AS taken"
            " ON taken.bucket_id = :to_bucket_id AND taken.archived_at IS NULL"
            " AND taken.name = :to_prefix || substr(storage_objects.name, :rest_at)"
            " WHERE storage_objects.bucket_id = :bucket_id AND storage_objects.archived_at IS NULL"
            f" AND {condition} AND {{policy}} ORDER BY storage_objects.name LIMIT :limit"
        ),
        parameters={
            "bucket_id": bucket_id,
            "to_bucket_id": to_bucket_id,
            "to_prefix": to_prefix,
            "rest_at": len(prefix) + 1,
            "limit": limit,
            **bounds,
        },
        law=selecting(bucket_id, upper),
        reads_many=True,
    )


def has_objects(bucket_id: str, *, lower: str, upper: str | None) -> Statement:
    """Rows: one when the caller may select anything with a name in [lower, upper), else none."""
    condition, bounds = within("name", lower, upper)
    return Statement(
        sql=(
            f"SELECT 1 AS one FROM storage_objects WHERE bucket_id = :bucket_id AND {CURRENT}"
            f" AND {condition} AND {{policy}} LIMIT 1"
        ),
        parameters={"bucket_id": bucket_id, **bounds},
        law=selecting(bucket_id, upper),
        reads_many=True,
    )


def json_row(value: Object) -> dict[str, Any]:
    """Return the columns of a row as JSON has them: times are text."""
    row = to_row(value)
    return {name: to_iso(each) if isinstance(each, datetime) else each for name, each in row.items()}
