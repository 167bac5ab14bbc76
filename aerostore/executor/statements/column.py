"""What the statements share: names of tables' columns, parts of conditions, rows as parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any

from sqlmodel import SQLModel

from aerostore.domain import (
    AccessKey,
    AdminSession,
    Blob,
    Bucket,
    Object,
    ScrubRound,
    UploadSession,
)
from aerostore.executor.tables import (
    StorageAccessKey,
    StorageAdminSession,
    StorageBlob,
    StorageBucket,
    StorageDenial,
    StorageEvent,
    StorageObject,
    StorageScrub,
    StorageUpload,
    column_names,
)

CURRENT = "archived_at IS NULL"
ONE_OBJECT = f"bucket_id = :bucket_id AND name = :name AND {CURRENT}"
_FIELDS: dict[type[object], tuple[str, ...]] = {
    shape: tuple([each.name for each in fields(shape)])
    for shape in (Bucket, Object, Blob, ScrubRound, UploadSession, AccessKey, AdminSession)
}
_SORTABLE = {"id", "name", "created_at", "updated_at", "last_accessed_at"}


def _columns(table: type[SQLModel], *, qualified: bool = False) -> str:
    prefix = f"{table.__tablename__}." if qualified else ""
    return ", ".join(prefix + name for name in column_names(table))


BUCKET_COLUMNS = _columns(StorageBucket)
BLOB_COLUMNS = _columns(StorageBlob)
OBJECT_COLUMNS = _columns(StorageObject)
# Of many objects at once: what users wrote may be a megabyte for each.
OBJECT_COLUMNS_WITHOUT_USER_METADATA = OBJECT_COLUMNS.replace("user_metadata", "NULL AS user_metadata")
QUALIFIED_OBJECT_COLUMNS = _columns(StorageObject, qualified=True)
EVENT_COLUMNS = _columns(StorageEvent)
DENIAL_COLUMNS = _columns(StorageDenial)
ACCESS_KEY_COLUMNS = _columns(StorageAccessKey)
ADMIN_SESSION_COLUMNS = _columns(StorageAdminSession)
UPLOAD_COLUMNS = _columns(StorageUpload)
QUALIFIED_BLOB_COLUMNS = _columns(StorageBlob, qualified=True)
SCRUB_COLUMNS = _columns(StorageScrub)


def insert_into(table: type[SQLModel], row: Mapping[str, Any]) -> str:
    """Return the INSERT of one row; every column of `row` is a parameter of the same name."""
    return _insert_into(table, tuple(row))


@lru_cache(maxsize=64)
def _insert_into(table: type[SQLModel], given: tuple[str, ...]) -> str:
    names = [name for name in column_names(table) if name in given]
    values = ", ".join(f":{name}" for name in names)
    return f"INSERT INTO {table.__tablename__} ({', '.join(names)}) VALUES ({values})"


def assignments(names: Sequence[str]) -> str:
    """Return the SET clause that gives each column the parameter of the same name."""
    return ", ".join(f"{name} = :{name}" for name in names)


def to_row(
    value: Bucket | Object | Blob | ScrubRound | UploadSession | AccessKey | AdminSession,
) -> dict[str, Any]:
    """Return a domain value as columns and their values."""
    return {name: getattr(value, name) for name in _FIELDS[type(value)]}


def direction(order: str) -> str:
    """Return `order` as SQL: `desc` or anything else, which is ascending."""
    return "DESC" if order == "desc" else "ASC"


def sort_column(column: str) -> str:
    """Return `column` if lists may be sorted by it. Raises: ValueError."""
    if column not in _SORTABLE:
        raise ValueError(column)
    return column


def placeholders(values: Sequence[str]) -> str:
    """Return a parameter for each of `values`, as `numbered` names them."""
    return ", ".join(f":v{i}" for i in range(len(values)))


def numbered(values: Sequence[str]) -> dict[str, str]:
    """Return `values` as the parameters of `placeholders`."""
    return {f"v{i}": value for i, value in enumerate(values)}
