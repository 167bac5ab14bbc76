"""Every SQL statement, as pure functions that return a `Statement`.

`{policy}` marks where the caller's row filter goes; a statement without a law runs as the system. Column
lists come from the tables. Names are compared byte by byte; `lower` folds ASCII letters only, on both
engines. A current object is one with `archived_at IS NULL`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlmodel import SQLModel

from aerostore.domain import Blob, Bucket, Event, Object
from aerostore.executor import Law, Statement
from aerostore.executor.tables import (
    StorageBlob,
    StorageBucket,
    StorageEvent,
    StorageObject,
    column_names,
)
from aerostore.permissions import BUCKETS, OBJECTS

_CURRENT = "archived_at IS NULL"
_ONE_OBJECT = f"bucket_id = :bucket_id AND name = :name AND {_CURRENT}"
_SORTABLE = {"id", "name", "created_at", "updated_at", "last_accessed_at"}


def _columns(table: type[SQLModel], *, qualified: bool = False) -> str:
    prefix = f"{table.__tablename__}." if qualified else ""
    return ", ".join(prefix + name for name in column_names(table))


_BUCKET = _columns(StorageBucket)
_BLOB = _columns(StorageBlob)
_OBJECT = _columns(StorageObject)
_QUALIFIED_OBJECT = _columns(StorageObject, qualified=True)
_EVENT = _columns(StorageEvent)


def _insert(table: type[SQLModel], row: Mapping[str, Any]) -> str:
    names = [name for name in column_names(table) if name in row]
    values = ", ".join(f":{name}" for name in names)
    return f"INSERT INTO {table.__tablename__} ({', '.join(names)}) VALUES ({values})"


def _row(value: Bucket | Object | Blob | Event) -> dict[str, Any]:
    return {each.name: getattr(value, each.name) for each in fields(value)}


def _direction(order: str) -> str:
    return "DESC" if order == "desc" else "ASC"


def _sort_column(column: str) -> str:
    if column not in _SORTABLE:
        raise ValueError(column)
    return column


# Buckets


def find_bucket(bucket_id: str) -> Statement:
    """Rows: storage_buckets, zero or one. As the system: object routes ask nothing of bucket policies."""
    return Statement(
        sql=f"SELECT {_BUCKET} FROM storage_buckets WHERE id = :id", parameters={"id": bucket_id}
    )


def find_visible_bucket(bucket_id: str) -> Statement:
    """Rows: storage_buckets, zero or one that the caller may select."""
    return Statement(
        sql=f"SELECT {_BUCKET} FROM storage_buckets WHERE id = :id AND {{policy}}",
        parameters={"id": bucket_id},
        law=Law(table=BUCKETS, command="select"),
    )


def list_buckets(
    *, search: str | None, column: str | None, order: str, limit: int | None, offset: int
) -> Statement:
    """Rows: storage_buckets that the caller may select; `search` is a substring, letters of any case."""
    conditions = "{policy}"
    parameters: dict[str, Any] = {}
    if search:
        conditions += " AND lower(name) LIKE :pattern ESCAPE '\\'"
        parameters["pattern"] = f"%{_escape_like(search.lower())}%"
    sql = f"SELECT {_BUCKET} FROM storage_buckets WHERE {conditions}"
    sql += f" ORDER BY {_sort_column(column or 'id')} {_direction(order)}, id"
    if limit is not None or offset:
        sql += " LIMIT :limit OFFSET :offset"
        parameters |= {"limit": 2**62 if limit is None else limit, "offset": offset}
    return Statement(sql=sql, parameters=parameters, law=Law(table=BUCKETS, command="select"))


def _escape_like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def insert_bucket(bucket: Bucket) -> Statement:
    """Changes one row. Fails with BucketAlreadyExists when id or name is taken."""
    row = _row(bucket)
    return Statement(
        sql=_insert(StorageBucket, row),
        parameters=row,
        law=Law(table=BUCKETS, command="insert", row=row),
    )


def update_bucket(bucket_id: str, changes: Mapping[str, Any]) -> Statement:
    """Changes one row, or none when the caller may not."""
    assignments = ", ".join(f"{name} = :{name}" for name in changes)
    return Statement(
        sql=f"UPDATE storage_buckets SET {assignments} WHERE id = :id AND {{policy}}",
        parameters={**changes, "id": bucket_id},
        law=Law(table=BUCKETS, command="update", changed="id = :id"),
    )


def delete_bucket(bucket_id: str) -> Statement:
    """Changes one row, or none when the caller may not."""
    return Statement(
        sql="DELETE FROM storage_buckets WHERE id = :id AND {policy}",
        parameters={"id": bucket_id},
        law=Law(table=BUCKETS, command="delete"),
    )


def count_bucket_content(bucket_id: str, at_most: int) -> Statement:
    """Rows: one (objects, uploads); counts objects up to `at_most`."""
    return Statement(
        sql=(
            "SELECT (SELECT count(*) FROM (SELECT 1 FROM storage_objects WHERE bucket_id = :id"
            " LIMIT :at_most) AS o) AS objects,"
            " (SELECT count(*) FROM storage_uploads WHERE bucket_id = :id) AS uploads"
        ),
        parameters={"id": bucket_id, "at_most": at_most},
    )


# Objects


def find_object(bucket_id: str, name: str) -> Statement:
    """Rows: storage_objects, zero or one. As the system."""
    return Statement(
        sql=f"SELECT {_OBJECT} FROM storage_objects WHERE {_ONE_OBJECT}",
        parameters={"bucket_id": bucket_id, "name": name},
    )


def find_visible_object(bucket_id: str, name: str) -> Statement:
    """Rows: storage_objects, zero or one that the caller may select."""
    return Statement(
        sql=f"SELECT {_OBJECT} FROM storage_objects WHERE {_ONE_OBJECT} AND {{policy}}",
        parameters={"bucket_id": bucket_id, "name": name},
        law=Law(table=OBJECTS, command="select"),
    )


def find_visible_objects(bucket_id: str, names: Sequence[str]) -> Statement:
    """Rows: storage_objects with one of `names` that the caller may select, in no order."""
    return Statement(
        sql=(
            f"SELECT {_OBJECT} FROM storage_objects WHERE bucket_id = :bucket_id AND {_CURRENT}"
            f" AND name IN ({_placeholders(names)}) AND {{policy}}"
        ),
        parameters={"bucket_id": bucket_id, **_numbered(names)},
        law=Law(table=OBJECTS, command="select"),
    )


def insert_object(new: Object) -> Statement:
    """Changes one row. Fails with KeyAlreadyExists when the name is taken."""
    row = _row(new)
    return Statement(
        sql=_insert(StorageObject, row), parameters=row, law=Law(table=OBJECTS, command="insert", row=row)
    )


def upsert_object(new: Object) -> Statement:
    """Changes one row: a new one, or the current one of that name, which keeps id and created_at.

    A caller without a user id leaves the owner as it was. Needs insert, select and, when the name is
    taken, update rights on the old and the new row.
    """
    row = _row(new)
    kept = {"id", "bucket_id", "name", "created_at", "owner_id"}
    replaced = ", ".join(f"{name} = excluded.{name}" for name in row if name not in kept)
    return Statement(
        sql=(
            f"{_insert(StorageObject, row)} ON CONFLICT (bucket_id, name) WHERE archived_at IS NULL"
            f" DO UPDATE SET {replaced}, owner_id = coalesce(excluded.owner_id, storage_objects.owner_id)"
        ),
        parameters=row,
        law=Law(table=OBJECTS, command="upsert", row=row, changed=_ONE_OBJECT),
    )


def move_object(old: Object, new: Object) -> Statement:
    """Changes one row, or none when the caller may not, or when it is no longer the one seen as `old`."""
    names = ("bucket_id", "name", "owner_id", "version", "updated_at")
    assignments = ", ".join(f"{name} = :{name}" for name in names)
    return Statement(
        sql=(
            f"UPDATE storage_objects SET {assignments}"
            " WHERE id = :id AND version = :old_version AND {policy}"
        ),
        parameters={
            **{name: getattr(new, name) for name in names},
            "id": old.id,
            "old_version": old.version,
        },
        law=Law(table=OBJECTS, command="update", changed="id = :id"),
    )


def delete_object(object_id: str) -> Statement:
    """Changes one row, or none when the caller may not."""
    return Statement(
        sql="DELETE FROM storage_objects WHERE id = :id AND {policy}",
        parameters={"id": object_id},
        law=Law(table=OBJECTS, command="delete"),
    )


def find_deletable_objects(bucket_id: str, names: Sequence[str]) -> Statement:
    """Rows: storage_objects with one of `names` that the caller may select and delete."""
    statement = find_visible_objects(bucket_id, names)
    return Statement(
        sql=statement.sql, parameters=statement.parameters, law=Law(table=OBJECTS, command="delete")
    )


def delete_objects(object_ids: Sequence[str]) -> Statement:
    """Changes the rows among `object_ids` that the caller may delete."""
    return Statement(
        sql=f"DELETE FROM storage_objects WHERE id IN ({_placeholders(object_ids)}) AND {{policy}}",
        parameters=_numbered(object_ids),
        law=Law(table=OBJECTS, command="delete"),
    )


def list_oldest_objects(bucket_id: str, created_before: datetime, limit: int) -> Statement:
    """Rows: up to `limit` current storage_objects of the bucket, as the system."""
    return Statement(
        sql=(
            f"SELECT {_OBJECT} FROM storage_objects WHERE bucket_id = :bucket_id AND {_CURRENT}"
            " AND created_at <= :created_before LIMIT :limit"
        ),
        parameters={"bucket_id": bucket_id, "created_before": created_before, "limit": limit},
    )


def _placeholders(values: Sequence[str]) -> str:
    return ", ".join(f":v{i}" for i in range(len(values)))


def _numbered(values: Sequence[str]) -> dict[str, str]:
    return {f"v{i}": value for i, value in enumerate(values)}


# Listing


def list_names(bucket_id: str, *, lower: str, upper: str | None, order: str, limit: int) -> Statement:
    """Rows: storage_objects whose name lies in [lower, upper), in bytewise name order."""
    condition, bounds = _within("name", lower, upper)
    return Statement(
        sql=(
            f"SELECT {_OBJECT} FROM storage_objects WHERE bucket_id = :bucket_id AND {_CURRENT}"
            f" AND {condition} AND {{policy}} ORDER BY name {_direction(order)} LIMIT :limit"
        ),
        parameters={"bucket_id": bucket_id, "limit": limit, **bounds},
        law=Law(table=OBJECTS, command="select"),
    )


def list_entries(
    bucket_id: str,
    *,
    prefix_length: int,
    delimiter: str,
    lower: str,
    upper: str | None,
    order: str,
    limit: int,
) -> Statement:
    """Rows: storage_objects, the first of each entry in name order.

    An entry is an object directly under the prefix, or a group that shares its name up to the next
    delimiter. A skip-scan: one index seek for each entry, however many objects a group holds.
    prefix_length counts characters.
    """
    condition, bounds = _within("name", lower, upper)
    group = f"substr(last, 1, :prefix_length + {_DELIMITER_AT} - 1)"
    if order == "desc":
        beyond = f"name < CASE WHEN {_DELIMITER_AT} > 0 THEN {group} || :delimiter ELSE last END"
    else:
        beyond = (
            f"name >= CASE WHEN {_DELIMITER_AT} > 0 THEN {group} || :delimiter_after"
            " ELSE last || :name_after END"
        )
    following = _following("name", beyond, order, upper)
    direction = _direction(order)
    return Statement(
        sql=(
            f"{_skip_scan(condition, following, f'name {direction}')} SELECT {_QUALIFIED_OBJECT} FROM entry"
            # LEFT for the order of the join: else SQLite reads the whole bucket and looks names up in entry.
            f" LEFT JOIN storage_objects ON bucket_id = :bucket_id AND name = last AND {_CURRENT}"
            " WHERE last IS NOT NULL ORDER BY n"
        ),
        parameters={
            "bucket_id": bucket_id,
            "prefix_length": prefix_length,
            "delimiter": delimiter,
            "delimiter_after": successor(delimiter),
            "name_after": NAME_AFTER,
            "limit": limit,
            **bounds,
        },
        law=Law(table=OBJECTS, command="select"),
    )


def list_folded_entries(
    bucket_id: str, *, prefix_length: int, lower: str, upper: str | None, order: str, limit: int
) -> Statement:
    """Rows: (name), the first of each entry as in `list_entries`, with names compared as `lower(name)`.

    The delimiter is "/". Spellings of one folder that differ in case are one entry here.
    """
    condition, bounds = _within("lower(name)", lower, upper)
    group = f"lower(substr(last, 1, :prefix_length + {_DELIMITER_AT} - 1))"
    comparison, group_end = ("<", "'/'") if order == "desc" else (">", "'0'")
    folded = f"CASE WHEN {_DELIMITER_AT} > 0 THEN {group} || {group_end} ELSE lower(last) END"
    # The first condition is implied by the second, which SQLite cannot seek by: it is no plain column.
    beyond = (
        f"lower(name) {comparison}= {folded} AND (lower(name), name) {comparison}"
        f" ({folded}, CASE WHEN {_DELIMITER_AT} > 0 THEN '' ELSE last END)"
    )
    direction = _direction(order)
    following = _following("lower(name)", beyond, order, upper)
    scan = _skip_scan(condition, following, f"lower(name) {direction}, name {direction}")
    return Statement(
        sql=f"{scan} SELECT last AS name FROM entry WHERE last IS NOT NULL ORDER BY n",
        parameters={
            "bucket_id": bucket_id,
            "prefix_length": prefix_length,
            "delimiter": "/",
            "limit": limit,
            **bounds,
        },
        law=Law(table=OBJECTS, command="select"),
    )


def list_folded_files(
    bucket_id: str,
    *,
    prefix_length: int,
    lower: str,
    upper: str | None,
    column: str,
    order: str,
    limit: int,
    offset: int,
) -> Statement:
    """Rows: storage_objects directly under the prefix, names compared as `lower(name)`, by `column`."""
    condition, bounds = _within("lower(name)", lower, upper)
    direction = _direction(order)
    return Statement(
        sql=(
            f"SELECT {_OBJECT} FROM storage_objects WHERE bucket_id = :bucket_id AND {_CURRENT}"
            f" AND {condition} AND instr(substr(name, :prefix_length + 1), '/') = 0 AND {{policy}}"
            f" ORDER BY {_sort_column(column)} {direction}, name {direction} LIMIT :limit OFFSET :offset"
        ),
        parameters={
            "bucket_id": bucket_id,
            "prefix_length": prefix_length,
            "limit": limit,
            "offset": offset,
            **bounds,
        },
        law=Law(table=OBJECTS, command="select"),
    )


def list_entries_by_time(
    bucket_id: str,
    *,
    prefix_length: int,
    delimiter: str | None,
    lower: str,
    upper: str | None,
    column: str,
    order: str,
    beyond: tuple[datetime, str] | None,
    limit: int,
) -> Statement:
    """Rows: (entry, moment), ordered by moment, then entry; `beyond` is the last pair of the page before.

    An object's moment is its `column`; that of a folder (entry ends with the delimiter) is the earliest
    created_at of what the caller may see in it. Reads every visible object under the prefix.
    """
    condition, bounds = _within("name", lower, upper)
    direction = _direction(order)
    at = "instr(substr(name, :prefix_length + 1), :delimiter)" if delimiter else "0"
    parameters: dict[str, Any] = {"bucket_id": bucket_id, "limit": limit, **bounds}
    if delimiter:
        parameters |= {"prefix_length": prefix_length, "delimiter": delimiter}
    page = "TRUE"
    if beyond is not None:
        page = f"(moment, entry) {'<' if order == 'desc' else '>'} (:moment, :entry)"
        parameters |= {"moment": beyond[0], "entry": beyond[1]}
    entry = f"CASE WHEN {at} > 0 THEN substr(name, 1, :prefix_length + {at}) ELSE name END"
    if not delimiter:
        entry = "name"
    return Statement(
        sql=(
            "SELECT entry, moment FROM (SELECT entry, min(moment) AS moment FROM ("
            f"SELECT {entry} AS entry,"
            f" CASE WHEN {at} > 0 THEN created_at ELSE {_sort_column(column)} END AS moment"
            f" FROM storage_objects WHERE bucket_id = :bucket_id AND {_CURRENT} AND {condition}"
            " AND {policy}) AS one GROUP BY entry) AS entries"
            f" WHERE {page} ORDER BY moment {direction}, entry {direction} LIMIT :limit"
        ),
        parameters=parameters,
        law=Law(table=OBJECTS, command="select"),
    )


def _skip_scan(first: str, following: str, order_by: str) -> str:
    """Return the WITH clause of `entry (last, n)`: seek the `first` name, then what is `following` it."""

    def seek(where: str) -> str:
        return (
            f"SELECT name FROM storage_objects WHERE bucket_id = :bucket_id AND {_CURRENT}"
            f" AND {where} AND {{policy}} ORDER BY {order_by} LIMIT 1"
        )

    return (
        f"WITH RECURSIVE entry (last, n) AS (SELECT name, 1 FROM ({seek(first)}) AS first"
        f" UNION ALL SELECT ({seek(following)}), n + 1 FROM entry WHERE last IS NOT NULL AND n < :limit)"
    )


def _following(expression: str, beyond: str, order: str, upper: str | None) -> str:
    """Return the condition of the next seek: inside the bounds and `beyond` the last entry.

    `beyond` stands in for the bound on its side: given both, SQLite seeks to the first one and filters.
    """
    if order == "desc":
        return f"{expression} >= :lower AND {beyond}"
    return beyond if upper is None else f"{beyond} AND {expression} < :upper"


_DELIMITER_AT = "instr(substr(last, :prefix_length + 1), :delimiter)"
# Follows every name that starts with the same text, because names hold no control characters.
NAME_AFTER = "\x01"


def successor(prefix: str) -> str | None:
    """Return the least text above every text that starts with `prefix`; None when there is no such text."""
    while prefix:
        code = ord(prefix[-1]) + 1
        if code == 0xD800:  # the surrogates are not characters
            code = 0xE000
        if code <= 0x10FFFF:
            return prefix[:-1] + chr(code)
        prefix = prefix[:-1]
    return None


def _within(expression: str, lower: str, upper: str | None) -> tuple[str, dict[str, Any]]:
    if upper is None:
        return f"{expression} >= :lower", {"lower": lower}
    return f"{expression} >= :lower AND {expression} < :upper", {"lower": lower, "upper": upper}


# Blobs


def find_blob_of(bucket_id: str, name: str) -> Statement:
    """Rows: storage_blobs, the one that the current object of that name points at."""
    return Statement(
        sql=(
            f"SELECT {_BLOB} FROM storage_blobs WHERE id ="
            f" (SELECT blob_id FROM storage_objects WHERE {_ONE_OBJECT})"
        ),
        parameters={"bucket_id": bucket_id, "name": name},
    )


def find_blob_by_content(sha256: str, size_bytes: int) -> Statement:
    """Rows: storage_blobs, a COMMITTED one that holds these bytes, zero or one; none that a scan missed."""
    return Statement(
        sql=(
            f"SELECT {_BLOB} FROM storage_blobs WHERE sha256 = :sha256 AND size_bytes = :size_bytes"
            " AND status = 'COMMITTED' AND NOT EXISTS (SELECT 1 FROM storage_quarantine AS lost"
            " WHERE lost.backend_key = storage_blobs.backend_key) ORDER BY id LIMIT 1"
        ),
        parameters={"sha256": sha256, "size_bytes": size_bytes},
    )


def insert_blob(blob: Blob, created_at: datetime) -> Statement:
    """Changes one row: a COMMITTED blob that nothing points at yet."""
    row = _row(blob)
    row |= {"backend_key": row.pop("key"), "created_at": created_at}
    return Statement(sql=_insert(StorageBlob, row), parameters=row)


def list_blobs(after_key: str, limit: int) -> Statement:
    """Rows: storage_blobs in key order after `after_key`, COMMITTED ones only."""
    return Statement(
        sql=(
            f"SELECT {_BLOB} FROM storage_blobs WHERE backend_key > :after_key AND status = 'COMMITTED'"
            " ORDER BY backend_key LIMIT :limit"
        ),
        parameters={"after_key": after_key, "limit": limit},
    )


def list_deleting_blobs(before: datetime, limit: int) -> Statement:
    """Rows: storage_blobs that have been DELETING since before `before`, oldest first."""
    return Statement(
        sql=(
            f"SELECT {_BLOB} FROM storage_blobs WHERE status = 'DELETING' AND deleting_since < :before"
            " ORDER BY deleting_since LIMIT :limit"
        ),
        parameters={"before": before, "limit": limit},
    )


def count_deleting_blobs() -> Statement:
    """Rows: one (blobs, size_bytes)."""
    return Statement(
        sql=(
            "SELECT count(*) AS blobs, coalesce(sum(size_bytes), 0) AS size_bytes"
            " FROM storage_blobs WHERE status = 'DELETING'"
        )
    )


def delete_blob(blob_id: str) -> Statement:
    """Changes one row, or none when something points at the blob again."""
    return Statement(
        sql="DELETE FROM storage_blobs WHERE id = :id AND status = 'DELETING' AND ref_count = 0",
        parameters={"id": blob_id},
    )


def find_known_keys(keys: Sequence[str]) -> Statement:
    """Rows: (backend_key) of those among `keys` that have a blob row in any state."""
    return Statement(
        sql=f"SELECT backend_key FROM storage_blobs WHERE backend_key IN ({_placeholders(keys)})",
        parameters=_numbered(keys),
    )


# Uploads


def delete_uploads(bucket_id: str) -> Statement:
    """Changes every unfinished upload into the bucket; their parts go with them."""
    return Statement(sql="DELETE FROM storage_uploads WHERE bucket_id = :id", parameters={"id": bucket_id})


def delete_expired_uploads(now: datetime) -> Statement:
    """Changes the uploads that ended their life before `now`; their parts go with them."""
    return Statement(sql="DELETE FROM storage_uploads WHERE expires_at < :now", parameters={"now": now})


def count_expired_uploads(now: datetime) -> Statement:
    """Rows: one (uploads)."""
    return Statement(
        sql="SELECT count(*) AS uploads FROM storage_uploads WHERE expires_at < :now", parameters={"now": now}
    )


# Events


def insert_event(event: Event, *, delivered_at: datetime | None) -> Statement:
    """Changes one row; the database gives it its seq. delivered_at: set when nobody waits for events."""
    row = _row(event)
    del row["seq"]
    row |= {"next_attempt_at": event.created_at, "delivered_at": delivered_at}
    return Statement(sql=_insert(StorageEvent, row), parameters=row)


def list_due_events(now: datetime, limit: int) -> Statement:
    """Rows: storage_events to deliver now: the oldest waiting one of each object, in order of seq."""
    return Statement(
        sql=(
            f"SELECT {_EVENT} FROM storage_events AS due WHERE delivered_at IS NULL AND dead_at IS NULL"
            " AND next_attempt_at <= :now AND NOT EXISTS (SELECT 1 FROM storage_events AS earlier"
            " WHERE earlier.object_id = due.object_id AND earlier.seq < due.seq"
            " AND earlier.delivered_at IS NULL AND earlier.dead_at IS NULL) ORDER BY seq LIMIT :limit"
        ),
        parameters={"now": now, "limit": limit},
    )


def settle_event(seq: int, changes: Mapping[str, Any]) -> Statement:
    """Changes one row: the outcome of a delivery."""
    assignments = ", ".join(f"{name} = :{name}" for name in changes)
    return Statement(
        sql=f"UPDATE storage_events SET {assignments} WHERE seq = :seq",
        parameters={**changes, "seq": seq},
    )


def count_dead_events() -> Statement:
    """Rows: one (events)."""
    return Statement(sql="SELECT count(*) AS events FROM storage_events WHERE dead_at IS NOT NULL")


def trim_events(before: datetime) -> Statement:
    """Changes the settled events created before `before`; the newest stays, so that seq never goes back."""
    return Statement(
        sql=(
            "DELETE FROM storage_events WHERE created_at < :before"
            " AND (delivered_at IS NOT NULL OR dead_at IS NOT NULL)"
            " AND seq < (SELECT max(seq) FROM storage_events)"
        ),
        parameters={"before": before},
    )


def newest_seq() -> Statement:
    """Rows: one (seq), 0 when nothing ever happened."""
    return Statement(sql="SELECT coalesce(max(seq), 0) AS seq FROM storage_events")


# Background jobs


def take_lease(name: str, holder: str, now: datetime, expires_at: datetime) -> Statement:
    """Changes one row when the lease was free, expired or already the holder's, else none."""
    return Statement(
        sql=(
            "INSERT INTO storage_leases (name, holder, expires_at) VALUES (:name, :holder, :expires_at)"
            " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at"
            " WHERE storage_leases.holder = :holder OR storage_leases.expires_at < :now"
        ),
        parameters={"name": name, "holder": holder, "now": now, "expires_at": expires_at},
    )


def release_lease(name: str, holder: str) -> Statement:
    """Changes one row, or none when the lease was somebody else's."""
    return Statement(
        sql="DELETE FROM storage_leases WHERE name = :name AND holder = :holder",
        parameters={"name": name, "holder": holder},
    )


def quarantine(key: str, kind: str, size_bytes: int, now: datetime) -> Statement:
    """Changes one row: notes that a scan saw `key` again, or for the first time."""
    return Statement(
        sql=(
            "INSERT INTO storage_quarantine"
            " (backend_key, kind, size_bytes, first_seen_at, last_seen_at, scans)"
            " VALUES (:key, :kind, :size_bytes, :now, :now, 1) ON CONFLICT (backend_key) DO UPDATE SET"
            " last_seen_at = excluded.last_seen_at, scans = storage_quarantine.scans + 1"
        ),
        parameters={"key": key, "kind": kind, "size_bytes": size_bytes, "now": now},
    )


def list_quarantined(kind: str, first_seen_before: datetime, limit: int) -> Statement:
    """Rows: (backend_key, size_bytes) that two scans saw, the first before `first_seen_before`."""
    return Statement(
        sql=(
            "SELECT backend_key, size_bytes FROM storage_quarantine WHERE kind = :kind AND scans >= 2"
            " AND first_seen_at < :first_seen_before ORDER BY first_seen_at LIMIT :limit"
        ),
        parameters={"kind": kind, "first_seen_before": first_seen_before, "limit": limit},
    )


def release_quarantine(key: str) -> Statement:
    """Changes one row: `key` has been dealt with."""
    return Statement(sql="DELETE FROM storage_quarantine WHERE backend_key = :key", parameters={"key": key})


def forget_quarantine(kind: str, not_seen_since: datetime) -> Statement:
    """Changes the rows of `kind` that the last scan did not see again: they were no orphans after all."""
    return Statement(
        sql="DELETE FROM storage_quarantine WHERE kind = :kind AND last_seen_at < :not_seen_since",
        parameters={"kind": kind, "not_seen_since": not_seen_since},
    )


def ping() -> Statement:
    """Rows: one."""
    return Statement(sql="SELECT 1 AS one")
