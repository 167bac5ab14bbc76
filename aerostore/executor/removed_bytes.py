"""What both engines say when a row would come to point at bytes that reclaim has taken: decision 0014."""

from aerostore.errors import Unavailable

MESSAGE = "bytes were removed"
"""What the triggers of `repeatable_removed_bytes.sql` raise."""

SQLSTATE = "AE001"
"""The same on Postgres."""


def bytes_removed() -> Unavailable:
    """Return the error for an upload that stood still for so long that reclaim took its bytes for waste."""
    return Unavailable(
        "The upload stood still for so long that its bytes were removed", hint="Send the file again."
    )
