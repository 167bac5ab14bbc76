"""Which questions a statement puts to the policies. Mirrors what both engines ask: see `Law`.

Source: PostgreSQL's "Policies Applied by Command Type", as measured on version 15.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from aerostore.domain import to_iso
from aerostore.executor import Law, Row, Statement
from aerostore.executor.judge import Asked, RowIs
from aerostore.executor.statements.column import BUCKET_COLUMNS, OBJECT_COLUMNS
from aerostore.permissions import BUCKETS, OBJECTS

_COLUMNS = {OBJECTS: OBJECT_COLUMNS, BUCKETS: BUCKET_COLUMNS}
_JSON = ("metadata", "user_metadata", "allowed_mime_types")
_KEPT_BY_UPSERT = ("id", "created_at")
_NOUNS = {OBJECTS: "object", BUCKETS: "bucket"}


def rows_met(statement: Statement, law: Law) -> Statement | None:
    """Return the statement, as the system, that finds the existing rows which `statement` is about.

    None when it is about no existing row. Run it before `statement`, in the same transaction.
    """
    if law.command == "insert":
        return None
    if law.command == "select":
        asked = f"NOT {law.unasked}" if law.unasked else "TRUE"
        sql, postgres = (text.replace("{policy}", asked) for text in (statement.sql, statement.postgres))
        return Statement(sql=sql, postgres=postgres, parameters=statement.parameters)
    condition = law.changed if law.command == "upsert" else _own_condition(statement.sql)
    return Statement(
        sql=f"SELECT {_COLUMNS[law.table]} FROM {law.table} WHERE {condition}",
        parameters=statement.parameters,
    )


def _own_condition(sql: str) -> str:
    """Return by what an UPDATE or DELETE finds its rows, besides the policies."""
    return sql.partition(" WHERE ")[2].partition(" AND {policy}")[0]


def questions_of(statement: Statement, law: Law, met: Sequence[Row]) -> list[Asked]:
    """List what `statement` asks the policies, in their order. met: the rows that `rows_met` found.

    Rows of lists that read no whole rows are left out.
    """
    rows = [_plain(row) for row in met]
    rows = [row for row in rows if "id" in row and "owner_id" in row]
    return list(_ASKING[law.command](statement, law, rows))


def _of_select(_statement: Statement, law: Law, rows: Sequence[Row]) -> Iterator[Asked]:
    for row in rows:
        yield _using(law, "select", row, f"The caller must be able to see the {_NOUNS[law.table]}.")


def _of_insert(_statement: Statement, law: Law, _rows: Sequence[Row]) -> Iterator[Asked]:
    why = f"The caller must be able to add this {_NOUNS[law.table]}."
    yield _check(law, "insert", _plain(law.row), why, row_is="proposed")


def _of_upsert(_statement: Statement, law: Law, rows: Sequence[Row]) -> Iterator[Asked]:
    proposed = _plain(law.row)
    why = "An upsert begins as an insert, also when it ends up replacing an object."
    yield _check(law, "insert", proposed, why, row_is="proposed")
    why = "An upsert must be able to see the object that it would add."
    yield _using(law, "select", proposed, why, row_is="proposed")
    for old in rows:
        yield _using(law, "select", old, "An object has this name: the upsert must be able to see it.")
        yield _using(law, "update", old, "An object has this name: the upsert must be able to change it.")
        yield from _of_change(law, _replacing(old, proposed))


def _of_update(statement: Statement, law: Law, rows: Sequence[Row]) -> Iterator[Asked]:
    noun = _NOUNS[law.table]
    for old in rows:
        yield _using(law, "select", old, f"To change the {noun}, the caller must be able to see it.")
        yield _using(law, "update", old, f"The caller must be able to change the {noun}.")
        yield from _of_change(law, _plain({**old, **law.row, **_changes(statement, old)}))


def _of_change(law: Law, new: Row) -> Iterator[Asked]:
    noun = _NOUNS[law.table]
    why = f"The changed {noun} must be one that the caller may leave behind."
    yield _check(law, "update", new, why, row_is="changed")
    yield _using(law, "select", new, f"The caller must be able to see the changed {noun}.", row_is="changed")


def _of_delete(_statement: Statement, law: Law, rows: Sequence[Row]) -> Iterator[Asked]:
    noun = _NOUNS[law.table]
    for row in rows:
        yield _using(law, "select", row, f"To delete the {noun}, the caller must be able to see it.")
        yield _using(law, "delete", row, f"The caller must be able to delete the {noun}.")


_ASKING = {
    "select": _of_select,
    "insert": _of_insert,
    "upsert": _of_upsert,
    "update": _of_update,
    "delete": _of_delete,
}


def _using(law: Law, command: str, row: Row, why: str, *, row_is: RowIs = "existing") -> Asked:
    return Asked(table=law.table, command=command, check=False, row_is=row_is, row=row, why=why)


def _check(law: Law, command: str, row: Row, why: str, *, row_is: RowIs) -> Asked:
    return Asked(table=law.table, command=command, check=True, row_is=row_is, row=row, why=why)


def _replacing(old: Row, proposed: Row) -> Row:
    kept = {name: old[name] for name in _KEPT_BY_UPSERT}
    return {**old, **proposed, **kept, "owner_id": proposed["owner_id"] or old["owner_id"]}


def _changes(statement: Statement, old: Row) -> Mapping[str, Any]:
    return {name: value for name, value in statement.parameters.items() if name in old}


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row, as either engine gives it or a statement proposes it, with values that JSON has."""
    return {name: _plain_value(name, row[name]) for name in row.keys()}  # noqa: SIM118 -- sqlite3.Row iterates values


def _plain_value(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return to_iso(value)
    if name in _JSON and isinstance(value, str):
        return json.loads(value)
    if name in _FLAGS and value is not None:
        return bool(value)
    return list(value) if isinstance(value, tuple) else value


_FLAGS = ("public", "is_delete_marker")
