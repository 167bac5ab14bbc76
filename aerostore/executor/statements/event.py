"""SQL about the outbox."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from aerostore.domain import Event
from aerostore.executor import Statement
from aerostore.executor.statements.column import EVENT_COLUMNS, ONE_OBJECT, assignments, insert_into
from aerostore.executor.tables import StorageEvent

_OWN = ("id", "type", "bucket_id", "name", "object_id", "payload")
ACTOR = "actor"
"""The member of a stored payload with who did it; webhooks do not have it."""
_HAPPENED = "created_at, next_attempt_at, delivered_at"
_WRITTEN = f"FROM storage_objects WHERE {ONE_OBJECT}"
_INSERT = f"INSERT INTO storage_events ({', '.join(_OWN)}, {_HAPPENED})"
_INSERT_OF_UPSERT = (
    f"{_INSERT} VALUES (:id, (SELECT CASE WHEN id = :object_id THEN :type ELSE :replaced END {_WRITTEN}),"
    f" :bucket_id, :name, (SELECT id {_WRITTEN}), :payload, :created_at, :created_at, :delivered_at)"
)
_MEMBERS = ", ".join([f"json_extract(value, '$.{name}')" for name in _OWN])
_INSERT_MANY = (
    f"{_INSERT} SELECT {_MEMBERS}, :created_at, :created_at, :delivered_at"
    " FROM json_each(:events, '$.rows') ORDER BY key"
)
_INSERT_MANY_POSTGRES = (
    f"{_INSERT} SELECT {', '.join(_OWN)}, :created_at::timestamptz, :created_at, :delivered_at::timestamptz"
    " FROM ROWS FROM (jsonb_to_recordset(:events::jsonb -> 'rows') AS (id text, type text, bucket_id text,"
    " name text, object_id uuid, payload jsonb)) WITH ORDINALITY ORDER BY ordinality"
)


def insert_event(event: Event, *, delivered_at: datetime | None) -> Statement:
    """Changes one row; the database gives it its seq. delivered_at: set when nobody waits for events."""
    row = {
        **_own(event),
        "created_at": event.created_at,
        "next_attempt_at": event.created_at,
        "delivered_at": delivered_at,
    }
    return Statement(sql=insert_into(StorageEvent, row), parameters=row)


def insert_event_of_upsert(event: Event, replaced: str, *, delivered_at: datetime | None) -> Statement:
    """Changes one row: as `insert_event`, of the object that has the name now, which may have another id.

    replaced: the type of the event then.
    """
    return Statement(
        sql=_INSERT_OF_UPSERT,
        parameters={
            **_own(event),
            "replaced": replaced,
            "created_at": event.created_at,
            "delivered_at": delivered_at,
        },
    )


def insert_events(events: Sequence[Event], *, delivered_at: datetime | None) -> Statement:
    """Changes a row for each of `events`, numbered in their order; they happened at one time."""
    rows = [_own(each) for each in events]
    return Statement(
        sql=_INSERT_MANY,
        postgres=_INSERT_MANY_POSTGRES,
        parameters={
            "events": {"rows": rows},
            "created_at": events[0].created_at,
            "delivered_at": delivered_at,
        },
    )


def _own(event: Event) -> dict[str, Any]:
    row = {name: getattr(event, name) for name in _OWN}
    return row | {"payload": {**event.payload, ACTOR: event.actor}}


def list_due_events(now: datetime, limit: int) -> Statement:
    """Rows: storage_events to deliver now: the oldest waiting one of each object, in order of seq."""
    return Statement(
        sql=(
            f"SELECT {EVENT_COLUMNS} FROM storage_events AS due"
            " WHERE delivered_at IS NULL AND dead_at IS NULL AND next_attempt_at <= :now"
            " AND NOT EXISTS (SELECT 1 FROM storage_events AS earlier"
            " WHERE earlier.object_id = due.object_id AND earlier.seq < due.seq"
            " AND earlier.delivered_at IS NULL AND earlier.dead_at IS NULL) ORDER BY seq LIMIT :limit"
        ),
        parameters={"now": now, "limit": limit},
    )


def settle_event(seq: int, changes: Mapping[str, Any]) -> Statement:
    """Changes one row: the outcome of a delivery; none when another process settled the event already."""
    return Statement(
        sql=(
            f"UPDATE storage_events SET {assignments(list(changes))}"
            " WHERE seq = :seq AND delivered_at IS NULL AND dead_at IS NULL"
        ),
        parameters={**changes, "seq": seq},
    )


def count_dead_events() -> Statement:
    """Rows: one (events)."""
    return Statement(sql="SELECT count(*) AS events FROM storage_events WHERE dead_at IS NOT NULL")


def trim_events(before: datetime, limit: int) -> Statement:
    """Changes up to `limit` settled events created before `before`.

    The newest event stays, so that seq never goes back.
    """
    return Statement(
        sql=(
            "DELETE FROM storage_events WHERE seq IN (SELECT seq FROM storage_events"
            " WHERE created_at < :before AND (delivered_at IS NOT NULL OR dead_at IS NOT NULL)"
            " AND seq < (SELECT max(seq) FROM storage_events) LIMIT :limit)"
        ),
        parameters={"before": before, "limit": limit},
    )


def newest_seq() -> Statement:
    """Rows: one (seq), 0 when nothing ever happened."""
    return Statement(sql="SELECT coalesce(max(seq), 0) AS seq FROM storage_events")


def see_newest_event() -> Statement:
    """Rows: one (seq, next_transaction, oldest_transaction), seq 0 when there is none.

    Transactions are numbered as they begin to write, which is before they write events. In SQLite they
    follow one after the other, so none ever runs beside a reader.
    """
    return Statement(
        sql=_newest_event(following="0", oldest="0"),
        postgres=_newest_event(
            following="pg_snapshot_xmax(pg_current_snapshot())::text::bigint",
            oldest="pg_snapshot_xmin(pg_current_snapshot())::text::bigint",
        ),
    )


def _newest_event(*, following: str, oldest: str) -> str:
    return (
        f"SELECT coalesce(max(seq), 0) AS seq, {following} AS next_transaction,"
        f" {oldest} AS oldest_transaction FROM storage_events"
    )
