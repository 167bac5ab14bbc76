"""SQL about the access keys of the S3 protocol. All of it runs as the system."""

from datetime import datetime

from aerostore.domain import AccessKey
from aerostore.executor import Statement
from aerostore.executor.statements.column import ACCESS_KEY_COLUMNS, insert_into, to_row
from aerostore.executor.tables import StorageAccessKey


def insert_access_key(new: AccessKey) -> Statement:
    """Changes one row."""
    row = to_row(new)
    return Statement(sql=insert_into(StorageAccessKey, row), parameters=row)


def find_access_key(key_id: str) -> Statement:
    """Rows: storage_access_keys, zero or one, also when it was revoked or has expired."""
    return Statement(
        sql=f"SELECT {ACCESS_KEY_COLUMNS} FROM storage_access_keys WHERE id = :id", parameters={"id": key_id}
    )


def list_access_keys() -> Statement:
    """Rows: storage_access_keys, oldest first."""
    return Statement(sql=f"SELECT {ACCESS_KEY_COLUMNS} FROM storage_access_keys ORDER BY created_at, id")


def revoke_access_key(key_id: str, now: datetime) -> Statement:
    """Changes one row, or none when there is no such key or it was revoked already."""
    return Statement(
        sql="UPDATE storage_access_keys SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL",
        parameters={"id": key_id, "now": now},
    )
