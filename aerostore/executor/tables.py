"""The rows as SQLModel tables, the same on SQLite and Postgres.

Migrations create them; `tests/house` holds the two together. Nothing outside `executor/` sees a table.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, DateTime, LargeBinary
from sqlmodel import Field, SQLModel

from aerostore.domain import JsonObject, StorageClass


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


class StorageAdminSession(SQLModel, table=True):
    """Somebody signed in at the admin UI; the cookie's secret is not in it, only its keyed hash."""

    __tablename__ = "storage_admin_sessions"
    id: str = Field(primary_key=True)
    secret_hash: str = Field(unique=True)
    role: str
    user_id: str | None = None
    claims: str
    address: str | None = None
    user_agent: str = ""
    created_at: datetime = _time("created_at")
    last_seen_at: datetime = _time("last_seen_at")
    expires_at: datetime | None = _time("expires_at", nullable=True)


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


class StorageJob(SQLModel, table=True):
    """Work that outlives a request; origin: of the request that started it, without its token."""

    __tablename__ = "storage_jobs"
    id: str = Field(primary_key=True)
    kind: str
    state: str
    is_cancelling: bool = False
    role: str
    user_id: str | None = None
    claims: JsonObject = _json("claims")
    origin: JsonObject = _json("origin")
    request: JsonObject = _json("request")
    after_key: str = ""
    done: int = Field(default=0, sa_type=BigInteger)
    total: int | None = Field(default=None, sa_type=BigInteger)
    done_bytes: int = Field(default=0, sa_type=BigInteger)
    skipped: int = Field(default=0, sa_type=BigInteger)
    refused: int = Field(default=0, sa_type=BigInteger)
    error: JsonObject | None = _json("error", nullable=True)
    report: JsonObject = _json("report")
    created_at: datetime = _time("created_at")
    started_at: datetime | None = _time("started_at", nullable=True)
    updated_at: datetime = _time("updated_at")
    finished_at: datetime | None = _time("finished_at", nullable=True)


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


class StorageSample(SQLModel, table=True):
    """How much of something was counted in one step of a plot, by all processes together."""

    __tablename__ = "storage_samples"
    step_s: int = Field(primary_key=True, sa_type=BigInteger)
    begins_s: int = Field(primary_key=True, sa_type=BigInteger)
    series: str = Field(primary_key=True)
    value: float


class StorageAudit(SQLModel, table=True):
    """Something that was done in the admin UI, and by whom; see `service/audit`."""

    __tablename__ = "storage_audit"
    id: str = Field(primary_key=True)
    created_at: datetime = _time("created_at")
    type: str
    role: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    address: str | None = None
    request_id: str | None = None
    detail: JsonObject = _json("detail")


TABLES: tuple[type[SQLModel], ...] = (
    StorageBucket,
    StorageBlob,
    StorageObject,
    StorageUpload,
    StorageUploadPart,
    StorageAccessKey,
    StorageAdminSession,
    StorageEvent,
    StorageLease,
    StorageQuarantine,
    StorageScrub,
    StorageDenial,
    StorageJob,
    StorageSample,
    StorageAudit,
)


def column_names(table: type[SQLModel]) -> list[str]:
    """List the columns of `table` in order."""
    return [column.name for column in SQLModel.metadata.tables[str(table.__tablename__)].columns]
