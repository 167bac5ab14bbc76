"""Rows of a case: what its few words stand for, column by column."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeAlias

from aerostore.cli.case_file import WrittenCase
from aerostore.policy import EvaluationError
from aerostore.policy.case import Row
from aerostore.policy.catalog import BUCKETS, OBJECTS, Table
from aerostore.policy.function.io import read_text
from aerostore.policy.function.storage import owner_of, path_tokens
from aerostore.policy.value import JSONB, Type

Described: TypeAlias = Mapping[str, Any]

_SOME_ID = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
_UNKNOWN_MIME = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Rows:
    """Makes rows for one case. tables: those of storage and the declared ones; now: its time."""

    written: WrittenCase
    tables: Mapping[str, Table]
    now: datetime

    def object(self, bucket: str, name: str, described: Described) -> Row:
        """Return the row of an object. described: owner, size, mime, metadata and so on, all optional."""
        columns = {
            "id": _SOME_ID,
            "bucket_id": bucket,
            "name": name,
            "owner_id": described.get("owner"),
            "version": "1",
            "blob_id": "1",
            "metadata": _metadata(described),
            "user_metadata": described.get("user_metadata"),
            "created_at": described.get("created_at") or self.now,
            "updated_at": self.now,
            "last_accessed_at": self.now,
            "archived_at": None,
            "is_delete_marker": False,
        }
        row = self._row(OBJECTS, columns, "metadata")
        return {**row, "owner": owner_of(row["owner_id"]), "path_tokens": path_tokens(name)}

    def bucket(self, name: str, described: Described) -> Row:
        """Return the row of a bucket. described: its columns that matter."""
        columns = {
            "id": name,
            "name": name,
            "owner_id": None,
            "public": False,
            "type": "STANDARD",
            "file_size_limit": None,
            "allowed_mime_types": None,
            "versioning_status": "DISABLED",
            "created_at": self.now,
            "updated_at": self.now,
            **described,
        }
        row = self._row(BUCKETS, columns, "buckets")
        return {**row, "owner": owner_of(row["owner_id"])}

    def declared(self) -> dict[str, Sequence[Row]]:
        """Return the rows that the case puts into declared tables, by table."""
        given = self.written.get("tables") or {}
        return {str(table): self._declared(str(table), rows or []) for table, rows in given.items()}

    def _declared(self, table: str, rows: Sequence[Described]) -> Sequence[Row]:
        if table not in self.tables or table in {OBJECTS, BUCKETS}:
            raise self.written.invalid(f"no policy file declares the table {table}", "tables")
        return [self._row(table, columns, "tables") for columns in rows]

    def _row(self, table: str, columns: Described, key: str) -> Row:
        types = self.tables[table].columns
        if unknown := sorted(set(columns) - set(types)):
            raise self.written.invalid(f"{table} has no column {unknown[0]}", key)
        return {name: self._value(types[name], value, key) for name, value in columns.items()}

    def _value(self, type_: Type, value: Any, key: str) -> Any:
        if value is None:
            return None
        if type_.element and isinstance(value, list):
            return tuple(self._value(type_.element, each, key) for each in value)
        try:
            return read_text(type_, to_json(self.written, key, value) if type_ == JSONB else _spelt(value))
        except EvaluationError as error:
            raise self.written.invalid(error.message, key) from error


def to_json(written: WrittenCase, key: str, value: Any) -> str:
    """Return `value` as JSON text. Raises: InvalidCase for what YAML has and JSON has not."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        raise written.invalid(f"{key!r} must be JSON; put times in quotes", key) from None


def _metadata(described: Described) -> Described:
    metadata: dict[str, Any] = {"mimetype": described.get("mime") or _UNKNOWN_MIME}
    size = described.get("size")
    if size is not None:
        metadata |= {"size": size, "contentLength": size}
    return metadata | (described.get("metadata") or {})


def _spelt(value: Any) -> str:
    """Return what YAML read as PostgreSQL spells it."""
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date) else str(value)
