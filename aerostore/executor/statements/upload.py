"""SQL about uploads that outlive one request, and about their parts. All of it runs as the system."""

from datetime import datetime

from aerostore.domain import JsonObject, UploadPart, UploadSession
from aerostore.executor import Statement
from aerostore.executor.statements.column import (
    QUALIFIED_BLOB_COLUMNS,
    UPLOAD_COLUMNS,
    insert_into,
    to_row,
)
from aerostore.executor.tables import StorageUpload

_WRITING = "id = :id AND state = 'WRITING'"


def insert_upload(new: UploadSession) -> Statement:
    """Changes one row. Fails with NoSuchRelation when the bucket is missing."""
    row = to_row(new)
    return Statement(sql=insert_into(StorageUpload, row), parameters=row)


def find_upload(upload_id: str) -> Statement:
    """Rows: storage_uploads, zero or one."""
    return Statement(
        sql=f"SELECT {UPLOAD_COLUMNS} FROM storage_uploads WHERE id = :id", parameters={"id": upload_id}
    )


def claim_upload(upload_id: str, claimant: str) -> Statement:
    """Changes one row: the request `claimant` wants the upload now; whoever writes to it gives way."""
    return Statement(
        sql=f"UPDATE storage_uploads SET claimant = :claimant WHERE {_WRITING}",
        parameters={"id": upload_id, "claimant": claimant},
    )


def set_upload_size(upload_id: str, size_bytes: int) -> Statement:
    """Changes one row, or none when the size is known already or the upload has ended."""
    return Statement(
        sql=f"UPDATE storage_uploads SET size_bytes = :size_bytes WHERE {_WRITING} AND size_bytes IS NULL",
        parameters={"id": upload_id, "size_bytes": size_bytes},
    )


def advance_upload(upload_id: str, *, before: int, after: int, expires_at: datetime) -> Statement:
    """Changes one row: `after` bytes are durable now. None when they were not `before` before."""
    return Statement(
        sql=(
            "UPDATE storage_uploads SET offset_bytes = :after, expires_at = :expires_at"
            f" WHERE {_WRITING} AND offset_bytes = :before"
        ),
        parameters={"id": upload_id, "before": before, "after": after, "expires_at": expires_at},
    )


def complete_upload(upload_id: str, size_bytes: int, metadata: JsonObject) -> Statement:
    """Changes one row: the upload is an object now. None when it has ended already, one way or the other."""
    return Statement(
        sql=(
            "UPDATE storage_uploads SET state = 'COMPLETED', offset_bytes = :size_bytes,"
            f" size_bytes = :size_bytes, metadata = :metadata WHERE {_WRITING}"
        ),
        parameters={"id": upload_id, "size_bytes": size_bytes, "metadata": metadata},
    )


def delete_upload(upload_id: str) -> Statement:
    """Changes one row, or none when the upload has ended; its parts go with it."""
    return Statement(sql=f"DELETE FROM storage_uploads WHERE {_WRITING}", parameters={"id": upload_id})


def put_part(upload_id: str, part: UploadPart) -> Statement:
    """Changes one row: the part, in place of one of the same number; none when the upload has ended."""
    return Statement(
        sql=(
            "INSERT INTO storage_upload_parts"
            " (upload_id, part_number, blob_id, size_bytes, etag, created_at, checksums)"
            " SELECT id, :number, :blob_id, :size_bytes, :etag, :created_at, :checksums"
            f" FROM storage_uploads WHERE {_WRITING}"
            " ON CONFLICT (upload_id, part_number) DO UPDATE SET blob_id = excluded.blob_id,"
            " size_bytes = excluded.size_bytes, etag = excluded.etag, created_at = excluded.created_at,"
            " checksums = excluded.checksums"
        ),
        parameters={
            "id": upload_id,
            "number": part.number,
            "blob_id": part.blob.id,
            "size_bytes": part.blob.size_bytes,
            "etag": part.etag,
            "created_at": part.created_at,
            "checksums": dict(part.checksums),
        },
    )


def list_parts(upload_id: str, after_number: int, limit: int) -> Statement:
    """Rows: storage_blobs with part_number, part_etag, part_checksums and part_created_at, in order."""
    return Statement(
        sql=(
            f"SELECT {QUALIFIED_BLOB_COLUMNS}, part.part_number AS part_number, part.etag AS part_etag,"
            " part.checksums AS part_checksums, part.created_at AS part_created_at"
            " FROM storage_upload_parts AS part JOIN storage_blobs ON storage_blobs.id = part.blob_id"
            " WHERE part.upload_id = :upload_id AND part.part_number > :after_number"
            " ORDER BY part.part_number LIMIT :limit"
        ),
        parameters={"upload_id": upload_id, "after_number": after_number, "limit": limit},
    )


def delete_parts(upload_id: str) -> Statement:
    """Changes every part of the upload; its bytes are nobody's then, unless an object has them too."""
    return Statement(
        sql="DELETE FROM storage_upload_parts WHERE upload_id = :upload_id",
        parameters={"upload_id": upload_id},
    )
