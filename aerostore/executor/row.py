"""How a row becomes a domain value: one function for each kind, whichever engine the row comes from."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aerostore.domain import (
    AccessKey,
    AdminSession,
    Blob,
    Bucket,
    Event,
    Job,
    JobState,
    JsonObject,
    ListedObject,
    Object,
    RlsContext,
    ScrubRound,
    StorageClass,
    UploadPart,
    UploadProtocol,
    UploadSession,
    UploadState,
    parse_iso,
    to_iso,
)
from aerostore.executor.statements.event import ACTOR


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
    return AccessKey(
        **{name: row[name] for name in ("id", "role", "description", "signing_key_id")},
        claims=_to_json(row["claims"]) or {},
        created_at=_to_time(row["created_at"]),
        expires_at=_to_time_or_none(row["expires_at"]),
        revoked_at=_to_time_or_none(row["revoked_at"]),
    )


def to_admin_session(row: Mapping[str, Any]) -> AdminSession:
    """Read a row of storage_admin_sessions."""
    return AdminSession(
        **{name: row[name] for name in ("id", "secret_hash", "role", "user_id", "address", "user_agent")},
        claims=json.loads(row["claims"]),
        created_at=_to_time(row["created_at"]),
        last_seen_at=_to_time(row["last_seen_at"]),
        expires_at=_to_time_or_none(row["expires_at"]),
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
    return ScrubRound(
        **{name: row[name] for name in ("id", "after_key", "checked", "checked_bytes", "damaged", "missing")},
        started_at=_to_time(row["started_at"]),
        updated_at=_to_time(row["updated_at"]),
        finished_at=_to_time_or_none(row["finished_at"]),
    )


def to_event(row: Mapping[str, Any]) -> Event:
    """Read a row of storage_events, in whose payload the actor is kept."""
    payload = _to_json(row["payload"]) or {}
    actor = payload.pop(ACTOR, None)
    return Event(
        seq=row["seq"],
        id=row["id"],
        type=row["type"],
        bucket_id=row["bucket_id"],
        name=row["name"],
        object_id=row["object_id"],
        payload=payload,
        created_at=_to_time(row["created_at"]),
        actor=actor,
        attempts=row["attempts"],
    )


def to_job(row: Mapping[str, Any]) -> Job:
    """Read a row of storage_jobs."""
    counts = ("done", "total", "done_bytes", "skipped", "refused")
    return Job(
        **{name: row[name] for name in ("id", "kind", "after_key", *counts)},
        created_at=_to_time(row["created_at"]),
        updated_at=_to_time(row["updated_at"]),
        started_at=_to_time_or_none(row["started_at"]),
        finished_at=_to_time_or_none(row["finished_at"]),
        state=JobState(row["state"]),
        is_cancelling=bool(row["is_cancelling"]),
        context=RlsContext(
            role=row["role"],
            user_id=row["user_id"],
            claims=_to_json(row["claims"]) or {},
            can_bypass_rls=row["role"] == "service_role",
            **(_to_json(row["origin"]) or {}),
        ),
        request=_to_json(row["request"]) or {},
        error=_to_json(row["error"]),
        report=_to_json(row["report"]) or {},
    )


def to_denial(row: Mapping[str, Any]) -> JsonObject:
    """Read a row of storage_denials as JSON."""
    texts = ("request_id", "operation", "bucket_id", "name", "role", "user_id", "code")
    return {
        **{name: row[name] for name in texts},
        "at": to_iso(_to_time(row["created_at"])),
        **{name: _to_json(row[name]) for name in ("claims", "question", "story")},
    }


def to_refusal(row: Mapping[str, Any]) -> JsonObject:
    """Read what a row of storage_denials says without its explanation, as JSON."""
    texts = ("id", "request_id", "operation", "name", "role", "code")
    return {
        **{name: row[name] for name in texts},
        "bucket": row["bucket_id"],
        "sub": row["user_id"],
        "at": to_iso(_to_time(row["created_at"])),
        "question": _to_json(row["question"]),
    }


def to_audit(row: Mapping[str, Any]) -> JsonObject:
    """Read a row of storage_audit, or a denial that is shown as one, as JSON."""
    texts = ("id", "type", "role", "session_id", "address", "request_id")
    return {
        **{name: row[name] for name in texts},
        "sub": row["user_id"],
        "at": to_iso(_to_time(row["created_at"])),
        "detail": _to_json(row["detail"]),
    }


def _to_json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _to_time(value: Any) -> datetime:
    return parse_iso(value) if isinstance(value, str) else value


def _to_time_or_none(value: Any) -> datetime | None:
    return None if value is None else _to_time(value)


def _to_time_text(value: Any) -> str:
    return value if isinstance(value, str) else to_iso(value)
