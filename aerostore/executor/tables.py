"""The rows as SQLModel tables, the same on SQLite and Postgres, and how a row becomes a domain value.

Migrations create them; `tests/house` holds the two together. Nothing outside `executor/` sees a table.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, DateTime, LargeBinary
from sqlmodel import Field, SQLModel

from aerostore.domain import (
    AccessKey,
    Blob,
    Bucket,
    Event,
    JsonObject,
    ListedObject,
    Object,
    ScrubRound,
    StorageClass,
    UploadPart,
    UploadProtocol,
    UploadSession,
    UploadState,
    parse_iso,
    to_iso,
)


def _json(name: str, *, nullable: bool = False) -> Any:
    return Field(sa_column=Column(name, JSON, nullable=nullable))


def _time(name: str, *, nullable: bool = False) -> Any:
    return Field(sa_column=Column(name, DateTime(timezone=True), nullable=nullable))


class StorageBucket(SQLModel, table=True):
    """A bucket."""

    __tablename__ = "storage_buckets"
    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    owner_id: str | None = None
    public: bool = False
    type: str = "STANDARD"
    file_size_limit: int | None = Field(default=None, sa_type=BigInteger)
    allowed_mime_types: list[str] | None = _json("allowed_mime_types", nullable=True)
    versioning_status: str = "DISABLED"
    created_at: datetime = _time("created_at")
    updated_at: datetime = _time("updated_at")


class StorageBlob(SQLModel, table=True):
    """Immutable bytes in a backend; triggers keep ref_count and turn status to DELETING at zero."""

    __tablename__ = "storage_blobs"
    id: str = Field(primary_key=True)
    backend_key: str = Field(unique=True)
    sha256: str
    size_bytes: int = Field(sa_type=BigInteger)
    storage_class: str = StorageClass.HOT
    ref_count: int = Field(default=0, sa_type=BigInteger)
    status: str = "COMMITTED"
    created_at: datetime = _time("created_at")
    deleting_since: datetime | None = _time("deleting_since", nullable=True)
    piece_sums: bytes | None = Field(default=None, sa_type=LargeBinary)


class StorageObject(SQLModel, table=True):
    """A named row that points at a blob; archived_at is set on versions that are no longer current."""

    __tablename__ = "storage_objects"
    id: str = Field(primary_key=True)
    bucket_id: str = Field(foreign_key="storage_buckets.id")
    name: str
    owner_id: str | None = None
    version: str
    blob_id: str | None = Field(default=None, foreign_key="storage_blobs.id")
    # SQLAlchemy keeps the attribute name `metadata` for itself; the column has it.
    system_metadata: JsonObject = _json("metadata")
    user_metadata: JsonObject | None = _json("user_metadata", nullable=True)
    created_at: datetime = _time("created_at")
    updated_at: datetime = _time("updated_at")
    last_accessed_at: datetime = _time("last_accessed_at")
    archived_at: datetime | None = _time("archived_at", nullable=True)
    is_delete_marker: bool = False


class StorageUpload(SQLModel, table=True):
    """A write in progress that outlives one request."""

    __tablename__ = "storage_uploads"
    id: str = Field(primary_key=True)
    protocol: str
    bucket_id: str = Field(foreign_key="storage_buckets.id")
    name: str
    owner_id: str | None = None
    state: str = "WRITING"
    offset_bytes: int = Field(default=0, sa_type=BigInteger)
    size_bytes: int | None = Field(default=None, sa_type=BigInteger)
    upsert: bool = False
    system_metadata: JsonObject = _json("metadata")
    user_metadata: JsonObject | None = _json("user_metadata", nullable=True)
    created_at: datetime = _time("created_at")
    expires_at: datetime = _time("expires_at")
    holder: str = ""
    claimant: str = ""


class StorageUploadPart(SQLModel, table=True):
    """One part of an upload; it holds its blob like an object does."""

    __tablename__ = "storage_upload_parts"
    upload_id: str = Field(primary_key=True, foreign_key="storage_uploads.id")
    part_number: int = Field(primary_key=True)
    blob_id: str = Field(foreign_key="storage_blobs.id")
    size_bytes: int = Field(sa_type=BigInteger)
    etag: str
    created_at: datetime = _time("created_at")
    checksums: JsonObject = _json("checksums")


class StorageAccessKey(SQLModel, table=True):
    """A key of the S3 protocol; its secret follows from the server's signing key and is not in it."""

    __tablename__ = "storage_access_keys"
    id: str = Field(primary_key=True)
    role: str
    claims: JsonObject = _json("claims")
    description: str = ""
    signing_key_id: str
    created_at: datetime = _time("created_at")
    expires_at: datetime | None = _time("expires_at", nullable=True)
    revoked_at: datetime | None = _time("revoked_at", nullable=True)


class StorageEvent(SQLModel, table=True):
    """The outbox: one row for each committed change, with the state of its delivery."""

    __tablename__ = "storage_events"
    seq: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    id: str = Field(unique=True)
    type: str
    bucket_id: str
    name: str
    object_id: str
    payload: JsonObject = _json("payload")
    created_at: datetime = _time("created_at")
    attempts: int = 0
    next_attempt_at: datetime = _time("next_attempt_at")
    delivered_at: datetime | None = _time("delivered_at", nullable=True)
    dead_at: datetime | None = _time("dead_at", nullable=True)
    last_error: str | None = None


class StorageLease(SQLModel, table=True):
    """Who runs a background job now."""

    __tablename__ = "storage_leases"
    name: str = Field(primary_key=True)
    holder: str
    expires_at: datetime = _time("expires_at")


class StorageQuarantine(SQLModel, table=True):
    """What is wrong between rows and bytes, by key: see `statements/quarantine`."""

    __tablename__ = "storage_quarantine"
    backend_key: str = Field(primary_key=True)
    kind: str
    size_bytes: int = Field(sa_type=BigInteger)
    first_seen_at: datetime = _time("first_seen_at")
    last_seen_at: datetime = _time("last_seen_at")
    scans: int = 1


class StorageScrub(SQLModel, table=True):
    """A round of comparing all stored bytes with their SHA-256; after_key tells how far it is."""

    __tablename__ = "storage_scrubs"
    id: str = Field(primary_key=True)
    started_at: datetime = _time("started_at")
    updated_at: datetime = _time("updated_at")
    finished_at: datetime | None = _time("finished_at", nullable=True)
    after_key: str = ""
    checked: int = Field(default=0, sa_type=BigInteger)
    checked_bytes: int = Field(default=0, sa_type=BigInteger)
    damaged: int = Field(default=0, sa_type=BigInteger)
    missing: int = Field(default=0, sa_type=BigInteger)


class StorageDenial(SQLModel, table=True):
    """A refused request and its explanation, for the operator. Clients choose request_id: it may repeat."""

    __tablename__ = "storage_denials"
    id: str = Field(primary_key=True)
    request_id: str
    created_at: datetime = _time("created_at")
    operation: str
    bucket_id: str
    name: str
    role: str
    user_id: str | None = None
    code: str
    claims: JsonObject = _json("claims")
    question: JsonObject = _json("question")
    story: JsonObject = _json("story")


TABLES: tuple[type[SQLModel], ...] = (
    StorageBucket,
    StorageBlob,
    StorageObject,
    StorageUpload,
    StorageUploadPart,
    StorageAccessKey,
    StorageEvent,
    StorageLease,
    StorageQuarantine,
    StorageScrub,
    StorageDenial,
)


def column_names(table: type[SQLModel]) -> list[str]:
    """List the columns of `table` in order."""
    return [column.name for column in SQLModel.metadata.tables[str(table.__tablename__)].columns]


def to_bucket(row: Mapping[str, Any]) -> Bucket:
    """Read a row of storage_buckets."""
    return Bucket(
        id=row["id"],
        name=row["name"],
        owner_id=row["owner_id"],
        public=bool(row["public"]),
        type=row["type"],
        file_size_limit=row["file_size_limit"],
        allowed_mime_types=_to_json(row["allowed_mime_types"]),
        versioning_status=row["versioning_status"],
        created_at=_to_time(row["created_at"]),
        updated_at=_to_time(row["updated_at"]),
    )


def to_object(row: Mapping[str, Any]) -> Object:
    """Read a row of storage_objects."""
    return Object(
        id=row["id"],
        bucket_id=row["bucket_id"],
        name=row["name"],
        owner_id=row["owner_id"],
        version=row["version"],
        blob_id=row["blob_id"],
        metadata=_to_json(row["metadata"]) or {},
        user_metadata=_to_json(row["user_metadata"]),
        created_at=_to_time(row["created_at"]),
        updated_at=_to_time(row["updated_at"]),
        last_accessed_at=_to_time(row["last_accessed_at"]),
    )


def to_listed(row: Mapping[str, Any]) -> ListedObject:
    """Read the columns of storage_objects that lists show."""
    return ListedObject(
        name=row["name"],
        id=row["id"],
        created_at=_to_time_text(row["created_at"]),
        updated_at=_to_time_text(row["updated_at"]),
        last_accessed_at=_to_time_text(row["last_accessed_at"]),
        metadata=row["metadata"] or "{}",
    )


def to_upload(row: Mapping[str, Any]) -> UploadSession:
    """Read a row of storage_uploads."""
    texts = ("id", "bucket_id", "name", "owner_id", "holder", "offset_bytes", "size_bytes")
    return UploadSession(
        **{name: row[name] for name in texts},
        protocol=UploadProtocol(row["protocol"]),
        state=UploadState(row["state"]),
        upsert=bool(row["upsert"]),
        metadata=_to_json(row["metadata"]) or {},
        user_metadata=_to_json(row["user_metadata"]),
        created_at=_to_time(row["created_at"]),
        expires_at=_to_time(row["expires_at"]),
    )


def claimant_of(row: Mapping[str, Any]) -> str:
    """Return which request asked last for the upload of a row of storage_uploads."""
    return str(row["claimant"])


def to_upload_part(row: Mapping[str, Any]) -> UploadPart:
    """Read a row of storage_upload_parts joined with its blob; the part's own columns begin with `part_`."""
    return UploadPart(
        number=row["part_number"],
        blob=to_blob(row),
        etag=row["part_etag"],
        checksums=_to_json(row["part_checksums"]) or {},
        created_at=_to_time(row["part_created_at"]),
    )


def to_access_key(row: Mapping[str, Any]) -> AccessKey:
    """Read a row of storage_access_keys."""
    expires_at, revoked_at = row["expires_at"], row["revoked_at"]
    return AccessKey(
        **{name: row[name] for name in ("id", "role", "description", "signing_key_id")},
        claims=_to_json(row["claims"]) or {},
        created_at=_to_time(row["created_at"]),
        expires_at=None if expires_at is None else _to_time(expires_at),
        revoked_at=None if revoked_at is None else _to_time(revoked_at),
    )


def to_blob(row: Mapping[str, Any]) -> Blob:
    """Read a row of storage_blobs."""
    return Blob(
        id=row["id"],
        key=row["backend_key"],
        sha256=row["sha256"],
        size_bytes=row["size_bytes"],
        storage_class=StorageClass(row["storage_class"]),
        piece_sums=row["piece_sums"] or b"",
    )


def to_scrub_round(row: Mapping[str, Any]) -> ScrubRound:
    """Read a row of storage_scrubs."""
    finished_at = row["finished_at"]
    return ScrubRound(
        **{name: row[name] for name in ("id", "after_key", "checked", "checked_bytes", "damaged", "missing")},
        started_at=_to_time(row["started_at"]),
        updated_at=_to_time(row["updated_at"]),
        finished_at=None if finished_at is None else _to_time(finished_at),
    )


def to_event(row: Mapping[str, Any]) -> Event:
    """Read a row of storage_events."""
    return Event(
        seq=row["seq"],
        id=row["id"],
        type=row["type"],
        bucket_id=row["bucket_id"],
        name=row["name"],
        object_id=row["object_id"],
        payload=_to_json(row["payload"]) or {},
        created_at=_to_time(row["created_at"]),
        attempts=row["attempts"],
    )


def to_denial(row: Mapping[str, Any]) -> JsonObject:
    """Read a row of storage_denials as JSON."""
    texts = ("request_id", "operation", "bucket_id", "name", "role", "user_id", "code")
    return {
        **{name: row[name] for name in texts},
        "at": to_iso(_to_time(row["created_at"])),
        **{name: _to_json(row[name]) for name in ("claims", "question", "story")},
    }


def _to_json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _to_time(value: Any) -> datetime:
    return parse_iso(value) if isinstance(value, str) else value


def _to_time_text(value: Any) -> str:
    return value if isinstance(value, str) else to_iso(value)
