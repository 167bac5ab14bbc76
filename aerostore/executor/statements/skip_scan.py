"""A list of folders as a skip-scan: one seek in an index for each entry, however many objects it holds."""

from aerostore.executor.statements.column import CURRENT

DELIMITER_AT = "instr(substr(last, :prefix_length + 1), :delimiter)"
"""Where the first delimiter is behind the prefix, in the name that was found last: from 1, 0 for nowhere."""


def skip_scan(first: str, following: str, order_by: str) -> str:
    """Return SQL for rows of (name): seek by the condition `first`, then by `following` again and again."""

    def seek(where: str) -> str:
        return (
            f"SELECT name FROM storage_objects WHERE bucket_id = :bucket_id AND {CURRENT}"
            f" AND {where} AND {{policy}} ORDER BY {order_by} LIMIT 1"
        )

    return (
        f"WITH RECURSIVE entry (last, n) AS (SELECT name, 1 FROM ({seek(first)}) AS first"
        f" UNION ALL SELECT ({seek(following)}), n + 1 FROM entry WHERE last IS NOT NULL AND n < :limit)"
        " SELECT last AS name FROM entry WHERE last IS NOT NULL ORDER BY n"
    )


def next_seek(expression: str, beyond: str, order: str, upper: str | None) -> str:
    """Return the condition of the next seek: inside the bounds and `beyond` the last entry.

    `beyond` stands in for the bound on its side: given both, SQLite seeks to the first one and filters.
    """
    if order == "desc":
        return f"{expression} >= :lower AND {beyond}"
    return beyond if upper is None else f"{beyond} AND {expression} < :upper"
