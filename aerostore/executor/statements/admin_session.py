"""SQL about who is signed in at the admin UI. All of it runs as the system."""

import json
from datetime import datetime

from aerostore.domain import AdminSession
from aerostore.executor import Statement
from aerostore.executor.statements.column import ADMIN_SESSION_COLUMNS, insert_into, to_row
from aerostore.executor.tables import StorageAdminSession

_SAME_CALLER = "role = :role AND coalesce(user_id, '') = :user_id"
_ENDED = "(last_seen_at <= :idle_since OR expires_at <= :now)"


def insert_admin_session(new: AdminSession) -> Statement:
    """Changes one row."""
    row = {**to_row(new), "claims": json.dumps(new.claims)}
    return Statement(sql=insert_into(StorageAdminSession, row), parameters=row)


def find_admin_session(secret_hash: str) -> Statement:
    """Rows: storage_admin_sessions, zero or one, also when it has ended."""
    return _find("secret_hash", secret_hash)


def find_admin_session_by_id(session_id: str) -> Statement:
    """Rows: storage_admin_sessions, zero or one, also when it has ended."""
    return _find("id", session_id)


def _find(column: str, value: str) -> Statement:
    return Statement(
        sql=f"SELECT {ADMIN_SESSION_COLUMNS} FROM storage_admin_sessions WHERE {column} = :value",
        parameters={"value": value},
    )


def list_admin_sessions(limit: int) -> Statement:
    """Rows: storage_admin_sessions, newest first, also those that have ended."""
    return Statement(
        sql=(
            f"SELECT {ADMIN_SESSION_COLUMNS} FROM storage_admin_sessions"
            " ORDER BY created_at DESC, id DESC LIMIT :limit"
        ),
        parameters={"limit": limit},
    )


def touch_admin_session(session_id: str, now: datetime, unseen_since: datetime) -> Statement:
    """Changes one row, or none when it was seen after `unseen_since`."""
    return Statement(
        sql=(
            "UPDATE storage_admin_sessions SET last_seen_at = :now"
            " WHERE id = :id AND last_seen_at <= :unseen_since"
        ),
        parameters={"id": session_id, "now": now, "unseen_since": unseen_since},
    )


def delete_admin_session(session_id: str) -> Statement:
    """Changes one row, or none when there is no such session."""
    return Statement(sql="DELETE FROM storage_admin_sessions WHERE id = :id", parameters={"id": session_id})


def delete_other_admin_sessions(session_id: str) -> Statement:
    """Changes all sessions but this one."""
    return Statement(sql="DELETE FROM storage_admin_sessions WHERE id <> :id", parameters={"id": session_id})


def trim_admin_sessions(now: datetime, idle_since: datetime) -> Statement:
    """Changes sessions that have ended."""
    return Statement(
        sql=f"DELETE FROM storage_admin_sessions WHERE {_ENDED}",
        parameters={"now": now, "idle_since": idle_since},
    )


def trim_admin_sessions_of(role: str, user_id: str | None, keep: int) -> Statement:
    """Changes all but the newest `keep` sessions of one caller."""
    return Statement(
        sql=(
            "DELETE FROM storage_admin_sessions WHERE id IN (SELECT id FROM storage_admin_sessions"
            f" WHERE {_SAME_CALLER} ORDER BY created_at DESC, id DESC LIMIT 1000000 OFFSET :keep)"
        ),
        parameters={"role": role, "user_id": user_id or "", "keep": keep},
    )
