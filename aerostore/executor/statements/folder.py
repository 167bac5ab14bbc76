"""SQL for list v1, which ignores the case of ASCII letters and puts a folder before what begins like it."""

import json
from collections.abc import Sequence

from aerostore.executor import Statement
from aerostore.executor.statements.column import CURRENT, direction, sort_column
from aerostore.executor.statements.listing import listed, page
from aerostore.executor.statements.name_range import FEW, selecting, successor, within
from aerostore.executor.statements.skip_scan import DELIMITER_AT, next_seek, skip_scan

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


def folded_names_between(
    bucket_id: str, *, lower: str, upper: str | None, order: str, limit: int
) -> Statement:
    """Rows: (name), of all whose `folded` name lies in [lower, upper), in the order of those."""
    condition, bounds = within(_FOLDED_NAME, lower, upper)
    return Statement(
        sql=f"SELECT name {page(condition, [_FOLDED_NAME, 'name'], order)}",
        parameters={"bucket_id": bucket_id, "limit": limit, **bounds},
        law=selecting(bucket_id, upper, folded=True),
        reads_many=limit > FEW,
    )


def list_folded_entries(
    bucket_id: str, *, prefix_length: int, lower: str, upper: str | None, order: str, limit: int
) -> Statement:
    """Rows: (name), the first of each entry as in `list_entries`, in the order of `folded` names.

    The delimiter is "/". Spellings of one folder that differ in case are one entry here.
    """
    condition, bounds = within(_FOLDED_NAME, lower, upper)
    group = _folded(f"substr(last, 1, :prefix_length + {DELIMITER_AT} - 1)")
    comparison, beyond_group = ("<", FOLDER_MARK) if order == "desc" else (">", successor(FOLDER_MARK))
    seek = f"CASE WHEN {DELIMITER_AT} > 0 THEN {group} || :beyond_group ELSE {_folded('last')} END"
    # The first condition is implied by the second, which SQLite cannot seek by: it is no plain column.
    beyond = (
        f"{_FOLDED_NAME} {comparison}= {seek} AND ({_FOLDED_NAME}, name) {comparison}"
        f" ({seek}, CASE WHEN {DELIMITER_AT} > 0 THEN '' ELSE last END)"
    )
    way = direction(order)
    following = next_seek(_FOLDED_NAME, beyond, order, upper)
    return Statement(
        sql=skip_scan(condition, following, f"{_FOLDED_NAME} {way}, name {way}"),
        parameters={
            "bucket_id": bucket_id,
            "prefix_length": prefix_length,
            "delimiter": "/",
            "beyond_group": beyond_group,
            "limit": limit,
            **bounds,
        },
        law=selecting(bucket_id, upper, folded=True),
        reads_many=limit > FEW,
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
    condition, bounds = within(_FOLDED_NAME, lower, upper)
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
        law=selecting(bucket_id, upper, folded=True),
        reads_many=True,
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
    """Rows: what `to_listed` reads, of what is directly under the prefix; names compared as `folded`."""
    condition, bounds = within(_FOLDED_NAME, lower, upper)
    columns = dict.fromkeys((sort_column(column), "name"))
    directly = f"{condition} AND instr(substr(name, :prefix_length + 1), '/') = 0"
    return listed(
        f"{page(directly, list(columns), order)} OFFSET :offset",
        parameters={
            "bucket_id": bucket_id,
            "prefix_length": prefix_length,
            "limit": limit,
            "offset": offset,
            **bounds,
        },
        law=selecting(bucket_id, upper, folded=True),
        reads_many=True,
    )


def find_first_names(bucket_id: str, ranges: Sequence[tuple[str, str]]) -> Statement:
    """Rows: (place, name), the first name that the caller may select in each of `ranges`.

    ranges: at least one, each a lower bound and what the name is below. place: which one, from 0; where there
    is no name, it is NULL or the row is missing.
    """
    found = (
        f"SELECT name FROM storage_objects WHERE bucket_id = :bucket_id AND {CURRENT}"
        " AND name >= {lower} AND name < {upper} AND {{policy}} ORDER BY name LIMIT 1"
    )
    on_sqlite = found.format(
        lower="max(json_extract(bound.value, '$[0]'), :lower)",
        upper="min(json_extract(bound.value, '$[1]'), :upper)",
    )
    on_postgres = found.format(
        lower="""GREATEST((bound.value ->> 0) COLLATE "C", :lower)""",
        upper="""LEAST((bound.value ->> 1) COLLATE "C", :upper)""",
    )
    lower, upper = min(least for least, _ in ranges), max(end for _, end in ranges)
    return Statement(
        sql=f"SELECT bound.key AS place, ({on_sqlite}) AS name FROM json_each(:ranges) AS bound",
        postgres=(
            "SELECT bound.number - 1 AS place, first.name FROM json_array_elements(CAST(:ranges AS json))"
            f" WITH ORDINALITY AS bound (value, number), LATERAL ({on_postgres}) AS first"
        ),
        parameters={"bucket_id": bucket_id, "ranges": json.dumps(ranges), "lower": lower, "upper": upper},
        law=selecting(bucket_id, upper),
        reads_many=len(ranges) > FEW,
    )
