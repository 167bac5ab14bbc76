"""SQL about objects, one by one or by name."""

from collections.abc import Sequence
from dataclasses import replace

from aerostore.domain import Object
from aerostore.executor import Law, Statement
from aerostore.executor.statements.column import (
    CURRENT,
    OBJECT_COLUMNS,
    ONE_OBJECT,
    assignments,
    insert_into,
    numbered,
    placeholders,
    to_row,
)
from aerostore.executor.tables import StorageObject
from aerostore.permissions import OBJECTS

# What the table fills in where a new row leaves it out.
_DEFAULTS = {"archived_at": None, "is_delete_marker": False}
_FEW = 20

_IN_PUBLIC_BUCKET = "EXISTS (SELECT 1 FROM storage_buckets AS bucket WHERE bucket.id = :bucket_id AND public)"
_OBJECT = f"SELECT {OBJECT_COLUMNS} FROM storage_objects WHERE {ONE_OBJECT}"
_PUBLIC_OBJECT = f"{_OBJECT} AND {_IN_PUBLIC_BUCKET}"
_VISIBLE_OBJECT = f"{_OBJECT} AND {{policy}}"


def find_object(bucket_id: str, name: str) -> Statement:
    """Rows: storage_objects, zero or one. As the system."""
    return Statement(sql=_OBJECT, parameters={"bucket_id": bucket_id, "name": name})


def lock_object(bucket_id: str, name: str) -> Statement:
    """Rows: storage_objects, zero or one, as it stays until the transaction ends. As the system.

    SQLite has one writer at a time, and nothing to lock.
    """
    found = find_object(bucket_id, name)
    return replace(found, postgres=f"{found.sql} FOR UPDATE")


def lock_objects(bucket_id: str, names: Sequence[str]) -> Statement:
    """Rows: (id, name) of the current objects among `names`, which stay as they are. As the system."""
    sql = (
        f"SELECT id, name FROM storage_objects WHERE bucket_id = :bucket_id AND {CURRENT}"
        f" AND name IN ({placeholders(names)}) ORDER BY name"
    )
    # In one order for everybody: two that lock the same names must not wait for each other.
    return Statement(
        sql=sql, postgres=f"{sql} FOR UPDATE", parameters={"bucket_id": bucket_id, **numbered(names)}
    )


def find_public_object(bucket_id: str, name: str) -> Statement:
    """Rows: storage_objects, zero or one, none of a private bucket. As the system: nobody has to be asked."""
    return Statement(sql=_PUBLIC_OBJECT, parameters={"bucket_id": bucket_id, "name": name})


def find_visible_object(bucket_id: str, name: str, *, unasked: str = "") -> Statement:
    """Rows: storage_objects, zero or one that the caller may select. unasked: as `Law` has it."""
    return Statement(
        sql=_VISIBLE_OBJECT,
        parameters={"bucket_id": bucket_id, "name": name},
        # Not the name: what policies come to is remembered by what is known, and names hardly come again.
        law=Law(table=OBJECTS, command="select", known={"bucket_id": bucket_id}, unasked=unasked),
    )


def find_protected_object(bucket_id: str, name: str) -> Statement:
    """Rows: as `find_visible_object`, for those who need no policy in a public bucket."""
    return find_visible_object(bucket_id, name, unasked=_IN_PUBLIC_BUCKET)


def find_visible_objects(bucket_id: str, names: Sequence[str], *, columns: str = OBJECT_COLUMNS) -> Statement:
    """Rows: storage_objects with one of `names` that the caller may select, in no order."""
    found = f"SELECT {columns} FROM storage_objects WHERE bucket_id = :bucket_id AND {CURRENT}"
    # LIMIT makes PostgreSQL look up each name: it takes a new bucket for small, and would read all of it.
    return Statement(
        sql=f"{found} AND name IN (SELECT value FROM json_each(:names)) AND {{policy}}",
        postgres=(
            "SELECT found.* FROM (SELECT DISTINCT unnest(CAST(:names AS text[])) AS value) AS wanted,"
            f" LATERAL ({found} AND name = wanted.value AND {{policy}} LIMIT 1) AS found"
        ),
        parameters={"bucket_id": bucket_id, "names": list(names)},
        law=Law(table=OBJECTS, command="select", known={"bucket_id": bucket_id}),
        reads_many=len(names) > _FEW,
    )


def insert_object(new: Object) -> Statement:
    """Changes one row. Fails with KeyAlreadyExists when the name is taken."""
    row = to_row(new)
    return Statement(
        sql=insert_into(StorageObject, row),
        parameters=row,
        law=Law(table=OBJECTS, command="insert", row=row | _DEFAULTS),
    )


def upsert_object(new: Object) -> Statement:
    """Changes one row: a new one, or the current one of that name, which keeps id and created_at.

    A caller without a user id leaves the owner as it was. Needs insert, select and, when the name is
    taken, update rights on the old and the new row.
    """
    row = to_row(new)
    kept = {"id", "bucket_id", "name", "created_at", "owner_id"}
    replaced = ", ".join(f"{name} = excluded.{name}" for name in row if name not in kept)
    return Statement(
        sql=(
            f"{insert_into(StorageObject, row)} ON CONFLICT (bucket_id, name) WHERE archived_at IS NULL"
            f" DO UPDATE SET {replaced}, owner_id = coalesce(excluded.owner_id, storage_objects.owner_id)"
        ),
        parameters=row,
        law=Law(table=OBJECTS, command="upsert", row=row | _DEFAULTS, changed=ONE_OBJECT),
    )


def move_object(old: Object, new: Object) -> Statement:
    """Changes one row, or none when the caller may not, or when it is no longer the one seen as `old`."""
    names = ("bucket_id", "name", "owner_id", "version", "updated_at")
    return Statement(
        sql=(
            f"UPDATE storage_objects SET {assignments(names)}"
            " WHERE id = :id AND version = :old_version AND {policy}"
        ),
        parameters={
            **{name: getattr(new, name) for name in names},
            "id": old.id,
            "old_version": old.version,
        },
        law=Law(table=OBJECTS, command="update", row=to_row(new) | _DEFAULTS, changed="id = :id"),
    )


def set_metadata(old: Object, new: Object) -> Statement:
    """Changes the metadata of one row, or nothing when the caller may not, or when it is no longer `old`."""
    return Statement(
        sql=(
            "UPDATE storage_objects SET metadata = :metadata"
            " WHERE id = :id AND version = :version AND {policy}"
        ),
        parameters={"metadata": new.metadata, "id": old.id, "version": old.version},
        law=Law(table=OBJECTS, command="update", row=to_row(new) | _DEFAULTS, changed="id = :id"),
    )


def delete_object(object_id: str) -> Statement:
    """Changes one row, or none when the caller may not."""
    return Statement(
        sql="DELETE FROM storage_objects WHERE id = :id AND {policy}",
        parameters={"id": object_id},
        law=Law(table=OBJECTS, command="delete"),
    )


def delete_objects(object_ids: Sequence[str]) -> Statement:
    """Rows: (id) of those among `object_ids` that the caller could delete, and that are gone now.

    RETURNING asks for select rights on Postgres, which deleting by name needs anyway.
    """
    return Statement(
        sql=(
            f"DELETE FROM storage_objects WHERE id IN ({placeholders(object_ids)}) AND {{policy}}"
            " RETURNING id"
        ),
        parameters=numbered(object_ids),
        law=Law(table=OBJECTS, command="delete"),
    )


def lock_objects_after(bucket_id: str, after_name: str, limit: int) -> Statement:
    """Rows: up to `limit` current storage_objects of the bucket, as they stay. As the system.

    In the order of their names, so that two who lock them do not wait for each other.
    """
    sql = (
        f"SELECT {OBJECT_COLUMNS} FROM storage_objects WHERE bucket_id = :bucket_id AND {CURRENT}"
        " AND name > :after_name ORDER BY name LIMIT :limit"
    )
    return Statement(
        sql=sql,
        postgres=f"{sql} FOR UPDATE",
        parameters={"bucket_id": bucket_id, "after_name": after_name, "limit": limit},
    )
