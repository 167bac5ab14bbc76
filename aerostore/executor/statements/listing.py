"""SQL that lists objects: by name, by folder, by time. Seeks in an index wherever it can."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from aerostore.domain import ListedObject
from aerostore.executor import Law, Statement
from aerostore.executor.statements.column import CURRENT, OBJECT_COLUMNS, direction, sort_column
from aerostore.executor.statements.name_range import FEW, NAME_AFTER, end_of, selecting, within
from aerostore.executor.statements.skip_scan import DELIMITER_AT, next_seek, skip_scan
from aerostore.permissions import OBJECTS

# What `to_listed` reads. PostgreSQL writes the times as SQLite stores them: three of each row, which would
# take longer to read and write here than all the rest of a list.
_LISTED = ", ".join(f"storage_objects.{name}" for name in ListedObject._fields)
_LISTED_POSTGRES = ", ".join(
    f"""to_char(storage_objects.{name}, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS {name}"""
    if name.endswith("_at")
    else f"storage_objects.{name}"
    for name in ListedObject._fields
)


def list_names(bucket_id: str, *, lower: str, upper: str | None, order: str, limit: int) -> Statement:
    """Rows: storage_objects whose name lies in [lower, upper), in bytewise name order."""
    condition, bounds = within("name", lower, upper)
    return Statement(
        sql=f"SELECT {OBJECT_COLUMNS} {page(condition, ['name'], order)}",
        parameters={"bucket_id": bucket_id, "limit": limit, **bounds},
        law=selecting(bucket_id, upper),
        reads_many=limit > FEW,
    )


def list_listed(bucket_id: str, *, lower: str, upper: str | None, order: str, limit: int) -> Statement:
    """Rows: what `to_listed` reads, of what lies in [lower, upper), in bytewise name order."""
    condition, bounds = within("name", lower, upper)
    return listed(
        page(condition, ["name"], order),
        parameters={"bucket_id": bucket_id, "limit": limit, **bounds},
        law=selecting(bucket_id, upper),
        reads_many=limit > FEW,
    )


def names_between(bucket_id: str, *, lower: str, upper: str | None, order: str, limit: int) -> Statement:
    """Rows: (name), of what lies in [lower, upper), in bytewise order."""
    condition, bounds = within("name", lower, upper)
    return Statement(
        sql=f"SELECT name {page(condition, ['name'], order)}",
        parameters={"bucket_id": bucket_id, "limit": limit, **bounds},
        law=selecting(bucket_id, upper),
        reads_many=limit > FEW,
    )


def find_listed(bucket_id: str, names: Sequence[str]) -> Statement:
    """Rows: what `to_listed` reads, of the objects among `names` that the caller may select; in no order."""
    # CROSS fixes the order of the join, as LIMIT does for PostgreSQL: by its guess at how large a new bucket
    # is, it would read the whole of it.
    condition = f"bucket_id = :bucket_id AND name = wanted.value AND {CURRENT}"
    return Statement(
        sql=(
            f"SELECT {_LISTED} FROM json_each(:names) AS wanted CROSS JOIN storage_objects"
            f" WHERE {condition} AND {{policy}}"
        ),
        postgres=(
            "SELECT found.* FROM json_array_elements_text(CAST(:names AS json)) AS wanted (value),"
            f" LATERAL (SELECT {_LISTED_POSTGRES} FROM storage_objects WHERE {condition} LIMIT 1) AS found"
        ),
        parameters={"bucket_id": bucket_id, "names": json.dumps(names)},
        law=Law(table=OBJECTS, command="select", known={"bucket_id": bucket_id}),
        reads_many=len(names) > FEW,
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
    """Rows: (name), the first of each entry in bytewise order.

    An entry is an object directly under the prefix, or a group that shares its name up to the next
    delimiter. A skip-scan: one index seek for each entry, however many objects a group holds.
    prefix_length counts characters.
    """
    condition, bounds = within("name", lower, upper)
    group = f"substr(last, 1, :prefix_length + {DELIMITER_AT} - 1)"
    if order == "desc":
        beyond = f"name < CASE WHEN {DELIMITER_AT} > 0 THEN {group} || :delimiter ELSE last END"
    else:
        beyond = (
            f"name >= CASE WHEN {DELIMITER_AT} > 0 THEN {group} || :delimiter_after"
            " ELSE last || :name_after END"
        )
    following = next_seek("name", beyond, order, upper)
    return Statement(
        sql=skip_scan(condition, following, f"name {direction(order)}"),
        parameters={
            "bucket_id": bucket_id,
            "prefix_length": prefix_length,
            "delimiter": delimiter,
            "delimiter_after": end_of(delimiter),
            "name_after": NAME_AFTER,
            "limit": limit,
            **bounds,
        },
        law=selecting(bucket_id, upper),
        reads_many=limit > FEW,
    )


def list_by_time(
    bucket_id: str,
    *,
    lower: str,
    upper: str | None,
    column: str,
    order: str,
    beyond: tuple[datetime, str] | None,
    limit: int,
) -> Statement:
    """Rows: what `to_listed` reads, of what lies in [lower, upper), by `column`, then name.

    beyond: the last pair of the page before. Reads every visible object in the range.
    """
    condition, bounds = within("name", lower, upper)
    columns = (sort_column(column), "name")
    following, last = _beyond(columns, beyond, order)
    return listed(
        page(f"{condition} AND {following}", columns, order),
        parameters={"bucket_id": bucket_id, "limit": limit, **bounds, **last},
        law=selecting(bucket_id, upper),
        reads_many=True,
    )


def list_entries_by_time(
    bucket_id: str,
    *,
    prefix_length: int,
    delimiter: str,
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
    condition, bounds = within("name", lower, upper)
    following, last = _beyond(("moment", "entry"), beyond, order)
    way = direction(order)
    at = "instr(substr(name, :prefix_length + 1), :delimiter)"
    return Statement(
        sql=(
            "SELECT entry, moment FROM (SELECT entry, min(moment) AS moment FROM ("
            f"SELECT CASE WHEN {at} > 0 THEN substr(name, 1, :prefix_length + {at}) ELSE name END AS entry,"
            f" CASE WHEN {at} > 0 THEN created_at ELSE {sort_column(column)} END AS moment"
            f" FROM storage_objects WHERE bucket_id = :bucket_id AND {CURRENT} AND {condition}"
            " AND {policy}) AS one GROUP BY entry) AS entries"
            f" WHERE {following} ORDER BY moment {way}, entry {way} LIMIT :limit"
        ),
        parameters={
            "bucket_id": bucket_id,
            "prefix_length": prefix_length,
            "delimiter": delimiter,
            "limit": limit,
            **bounds,
            **last,
        },
        law=selecting(bucket_id, upper),
        reads_many=True,
    )


def page(condition: str, columns: Sequence[str], order: str) -> str:
    """Return all of a list behind its columns: what meets `condition`, in the order of `columns`."""
    way = direction(order)
    return (
        f"FROM storage_objects WHERE bucket_id = :bucket_id AND {CURRENT} AND {condition} AND {{policy}}"
        f" ORDER BY {', '.join(f'{each} {way}' for each in columns)} LIMIT :limit"
    )


def listed(page: str, *, parameters: Mapping[str, Any], law: Law, reads_many: bool) -> Statement:
    """Return the statement for what `to_listed` reads of a `page`."""
    return Statement(
        sql=f"SELECT {_LISTED} {page}",
        # Around the page: only what is on it is written, not all that was sorted for it.
        postgres=f"SELECT {_LISTED_POSTGRES} FROM (SELECT {_LISTED} {page}) AS storage_objects",
        parameters=parameters,
        law=law,
        reads_many=reads_many,
    )


def _beyond(
    columns: tuple[str, str], last: tuple[datetime, str] | None, order: str
) -> tuple[str, dict[str, Any]]:
    """Return the condition that a row comes after `last` by these columns, and its parameters."""
    if last is None:
        return "TRUE", {}
    comparison = "<" if order == "desc" else ">"
    return f"({', '.join(columns)}) {comparison} (:moment, :entry)", {"moment": last[0], "entry": last[1]}
