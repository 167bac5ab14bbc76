"""SQL that lists objects: by name, by folder, by time. Seeks in an index wherever it can."""

from datetime import datetime
from typing import Any

from aerostore.domain import MAX_NAME_BYTES
from aerostore.executor import Law, NameBounds, Statement
from aerostore.executor.statements.column import (
    CURRENT,
    OBJECT_COLUMNS,
    QUALIFIED_OBJECT_COLUMNS,
    direction,
    sort_column,
)
from aerostore.permissions import OBJECTS

_DELIMITER_AT = "instr(substr(last, :prefix_length + 1), :delimiter)"
# LEFT fixes the order of the join: SQLite might else read the bucket and look names up in entry.
_ENTRY_ROWS = (
    f"SELECT {QUALIFIED_OBJECT_COLUMNS} FROM entry LEFT JOIN storage_objects"
    f" ON bucket_id = :bucket_id AND name = last AND {CURRENT} WHERE last IS NOT NULL ORDER BY n"
)
# LIMIT does so for PostgreSQL, which takes a bucket for small until it has counted what is new in it.
_ENTRY_ROWS_POSTGRES = (
    f"SELECT {OBJECT_COLUMNS} FROM entry, LATERAL (SELECT {OBJECT_COLUMNS} FROM storage_objects"
    f" WHERE bucket_id = :bucket_id AND name = last AND {CURRENT} LIMIT 1) AS found"
    " WHERE last IS NOT NULL ORDER BY n"
)
# What is appended to a name to get the least text after it: names hold no control characters.
NAME_AFTER = "\x01"
# Longer than a name can be, of the greatest character: what is above every rest of a name.
_GREATEST_NAME = "\U0010ffff" * (MAX_NAME_BYTES // 4 + 1)
# Stands for "/" where case is ignored: below every character of a name, so that a folder comes right
# after what it is called and before all that only begins like it.
FOLDER_MARK = "\t"


def _folded(expression: str) -> str:
    return f"replace(lower({expression}), '/', '{FOLDER_MARK}')"


# A generated column with an index.
_FOLDED_NAME = "folded_name"


def folded(text: str) -> str:
    """Return `text` as list v1 compares names: ASCII letters in lower case, folders before their like."""
    return fold(text).replace("/", FOLDER_MARK)


def fold(text: str) -> str:
    """Return `text` with ASCII letters in lower case: what `lower` does on both engines."""
    return text.translate(_LOWER_CASE)


_LOWER_CASE = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def list_names(bucket_id: str, *, lower: str, upper: str | None, order: str, limit: int) -> Statement:
    """Rows: storage_objects whose name lies in [lower, upper), in bytewise name order."""
    condition, bounds = _within("name", lower, upper)
    return Statement(
        sql=(
            f"SELECT {OBJECT_COLUMNS} FROM storage_objects WHERE bucket_id = :bucket_id AND {CURRENT}"
            f" AND {condition} AND {{policy}} ORDER BY name {direction(order)} LIMIT :limit"
        ),
        parameters={"bucket_id": bucket_id, "limit": limit, **bounds},
        law=_law(bucket_id, upper),
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
    scan = _skip_scan(condition, following, f"name {direction(order)}")
    return Statement(
        sql=f"{scan} {_ENTRY_ROWS}",
        postgres=f"{scan} {_ENTRY_ROWS_POSTGRES}",
        parameters={
            "bucket_id": bucket_id,
            "prefix_length": prefix_length,
            "delimiter": delimiter,
            "delimiter_after": end_of(delimiter),
            "name_after": NAME_AFTER,
            "limit": limit,
            **bounds,
        },
        law=_law(bucket_id, upper),
    )


def list_folded_entries(
    bucket_id: str, *, prefix_length: int, lower: str, upper: str | None, order: str, limit: int
) -> Statement:
    """Rows: (name), the first of each entry as in `list_entries`, in the order of `folded` names.

    The delimiter is "/". Spellings of one folder that differ in case are one entry here.
    """
    condition, bounds = _within(_FOLDED_NAME, lower, upper)
    group = _folded(f"substr(last, 1, :prefix_length + {_DELIMITER_AT} - 1)")
    comparison, beyond_group = ("<", FOLDER_MARK) if order == "desc" else (">", successor(FOLDER_MARK))
    seek = f"CASE WHEN {_DELIMITER_AT} > 0 THEN {group} || :beyond_group ELSE {_folded('last')} END"
    # The first condition is implied by the second, which SQLite cannot seek by: it is no plain column.
    beyond = (
        f"{_FOLDED_NAME} {comparison}= {seek} AND ({_FOLDED_NAME}, name) {comparison}"
        f" ({seek}, CASE WHEN {_DELIMITER_AT} > 0 THEN '' ELSE last END)"
    )
    way = direction(order)
    following = _following(_FOLDED_NAME, beyond, order, upper)
    scan = _skip_scan(condition, following, f"{_FOLDED_NAME} {way}, name {way}")
    return Statement(
        sql=f"{scan} SELECT last AS name FROM entry WHERE last IS NOT NULL ORDER BY n",
        parameters={
            "bucket_id": bucket_id,
            "prefix_length": prefix_length,
            "delimiter": "/",
            "beyond_group": beyond_group,
            "limit": limit,
            **bounds,
        },
        law=_law(bucket_id, upper, folded=True),
    )


def list_folded_folders(
    bucket_id: str,
    *,
    prefix_length: int,
    root_length: int,
    lower: str,
    upper: str | None,
    order: str,
    limit: int,
) -> Statement:
    """Rows: (folder), each spelling of the folders under the prefix, beginning after root_length characters.

    Reads every visible name under the prefix, once: for lists that need the objects in another order anyway.
    """
    condition, bounds = _within(_FOLDED_NAME, lower, upper)
    at = "instr(substr(name, :prefix_length + 1), '/')"
    way = direction(order)
    return Statement(
        sql=(
            "SELECT folder FROM (SELECT DISTINCT"
            f" substr(name, :root_length + 1, :prefix_length - :root_length + {at}) AS folder"
            f" FROM storage_objects WHERE bucket_id = :bucket_id AND {CURRENT} AND {condition}"
            f" AND {at} > 0 AND {{policy}}) AS spelled ORDER BY {_folded('folder')} {way}, folder {way}"
            " LIMIT :limit"
        ),
        parameters={
            "bucket_id": bucket_id,
            "prefix_length": prefix_length,
            "root_length": root_length,
            "limit": limit,
            **bounds,
        },
        law=_law(bucket_id, upper, folded=True),
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
    """Rows: storage_objects directly under the prefix, names compared as `folded`, by `column`."""
    condition, bounds = _within(_FOLDED_NAME, lower, upper)
    way = direction(order)
    return Statement(
        sql=(
            f"SELECT {OBJECT_COLUMNS} FROM storage_objects WHERE bucket_id = :bucket_id AND {CURRENT}"
            f" AND {condition} AND instr(substr(name, :prefix_length + 1), '/') = 0 AND {{policy}}"
            f" ORDER BY {sort_column(column)} {way}, name {way} LIMIT :limit OFFSET :offset"
        ),
        parameters={
            "bucket_id": bucket_id,
            "prefix_length": prefix_length,
            "limit": limit,
            "offset": offset,
            **bounds,
        },
        law=_law(bucket_id, upper, folded=True),
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
    way = direction(order)
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
            f" CASE WHEN {at} > 0 THEN created_at ELSE {sort_column(column)} END AS moment"
            f" FROM storage_objects WHERE bucket_id = :bucket_id AND {CURRENT} AND {condition}"
            " AND {policy}) AS one GROUP BY entry) AS entries"
            f" WHERE {page} ORDER BY moment {way}, entry {way} LIMIT :limit"
        ),
        parameters=parameters,
        law=_law(bucket_id, upper),
    )


def _skip_scan(first: str, following: str, order_by: str) -> str:
    """Return the WITH clause of `entry (last, n)`: seek the `first` name, then what is `following` it."""

    def seek(where: str) -> str:
        return (
            f"SELECT name FROM storage_objects WHERE bucket_id = :bucket_id AND {CURRENT}"
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


def end_of(prefix: str) -> str:
    """Return a text above every name that starts with `prefix` and below every other name above those."""
    return successor(prefix) or prefix + _GREATEST_NAME


def _law(bucket_id: str, upper: str | None, *, folded: bool = False) -> Law:
    names = NameBounds(upper=None if upper is None else "upper", folded=folded)
    return Law(table=OBJECTS, command="select", known={"bucket_id": bucket_id}, names=names)


def _within(expression: str, lower: str, upper: str | None) -> tuple[str, dict[str, Any]]:
    if upper is None:
        return f"{expression} >= :lower", {"lower": lower}
    return f"{expression} >= :lower AND {expression} < :upper", {"lower": lower, "upper": upper}
