"""Failures of Postgres as ours, by SQLSTATE. Messages carry no data: the server's own may quote rows.

Source: PostgreSQL manual, appendix A, error codes.
"""

import psycopg

from aerostore.errors import (
    AccessDenied,
    BucketAlreadyExists,
    Conflict,
    InsufficientStorage,
    InvalidParameter,
    KeyAlreadyExists,
    LockTimeout,
    NoSuchRelation,
    PolicyFailed,
    SlowDown,
    StorageError,
    Unavailable,
)
from aerostore.executor import removed_bytes
from aerostore.permissions import ROW_VIOLATION

_SERIALIZATION_FAILURE = "40001"
_DEADLOCK = "40P01"
# Raised by our trigger alone: the blob was let go after this unit had found it.
_BLOB_NOT_COMMITTED = "23000"
_WORTH_ANOTHER_RUN = {_SERIALIZATION_FAILURE, _DEADLOCK, _BLOB_NOT_COMMITTED}
_SERVER_WENT_AWAY = {"57P01", "57P02", "57P03", "57P05"}
_UNSTORABLE_TEXT = {"22021", "22P05"}
# A failed check or RAISE, infinite recursion of policies or of their functions; casts are class 22.
_POLICY_FAILED = {"23514", "42P17", "54001", "P0001"}
_TAKEN = {"objects": KeyAlreadyExists, "buckets": BucketAlreadyExists}
_BY_CODE: dict[str, type[StorageError]] = {
    "23503": NoSuchRelation,
    "53100": InsufficientStorage,
    "53200": SlowDown,
    "53300": SlowDown,
    "53400": SlowDown,
    "55P03": LockTimeout,
    **dict.fromkeys(_WORTH_ANOTHER_RUN, LockTimeout),
}


def is_worth_another_run(exc: psycopg.Error) -> bool:
    """Tell whether the same unit may well succeed when it runs again from its start."""
    return exc.sqlstate in _WORTH_ANOTHER_RUN


def is_connection_lost(exc: psycopg.Error) -> bool:
    """Tell whether the connection is gone, so that whatever was not committed is undone."""
    if not isinstance(exc, psycopg.OperationalError):
        return False
    code = exc.sqlstate
    return code is None or code.startswith("08") or code in _SERVER_WENT_AWAY


def to_storage_error(exc: psycopg.Error, *, judged: bool) -> StorageError:
    """Translate a failed statement. judged: it ran under the policies of a caller."""
    code = exc.sqlstate or ""
    if code in _UNSTORABLE_TEXT or (not code and isinstance(exc, psycopg.DataError)):
        return unstorable_text()
    if code == "23505":
        return _TAKEN.get(exc.diag.table_name or "", Conflict)()
    if code == "57014":
        return SlowDown(
            "The query took too long", hint="Ask for less: a longer prefix, or list v2 with cursors."
        )
    if code == removed_bytes.SQLSTATE:
        return removed_bytes.bytes_removed()
    if judged and code == "42501":
        return _refused(exc)
    if judged and (code.startswith("22") or code in _POLICY_FAILED):
        return PolicyFailed(f"A policy could not be evaluated: SQLSTATE {code}")
    if code in _BY_CODE:
        return _BY_CODE[code]()
    return Unavailable(f"The database failed: SQLSTATE {code}" if code else "The database cannot be reached")


def unstorable_text() -> InvalidParameter:
    """Return the error for text that Postgres has no room for in any column."""
    return InvalidParameter(
        "A value holds a NUL character or half a surrogate pair",
        hint="Send text that is valid UTF-8 without NUL characters.",
    )


def unknown_outcome() -> Unavailable:
    """Return the error for a connection that was lost while its transaction was being committed."""
    return Unavailable(
        "The connection to the database was lost during the commit: the outcome of the write is unknown",
        hint="Look whether the change is there before you send the request again.",
    )


def _refused(exc: psycopg.Error) -> AccessDenied:
    # The function that raised it is not translated, unlike the message.
    if exc.diag.source_function == "ExecWithCheckOptions":
        return AccessDenied(ROW_VIOLATION)
    return AccessDenied(
        exc.diag.message_primary,
        hint="The role lacks a right in the database: see GRANT. Policies add to rights, they give none.",
    )
