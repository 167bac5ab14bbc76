"""The shape of keys, the same for every adapter: where blobs and drafts lie, what a record may be called."""

import re

_BLOB_ID = re.compile(r"[0-9a-f-]{36}")
_BLOB_KEY = re.compile(rf"sha256/([0-9a-f]{{2}})/(?P<sha256>\1[0-9a-f]{{62}})\.{_BLOB_ID.pattern}")
_META_KEY = re.compile(r"meta(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}){1,4}")
_DRAFT_KEY = re.compile(rf"draft/{_BLOB_ID.pattern}")


def blob_key(sha256: str, blob_id: str) -> str:
    """Return the key of the bytes with this hash, in hex, that were stored as `blob_id`.

    Raises: ValueError when the two do not make a key.
    """
    key = f"sha256/{sha256[:2]}/{sha256}.{blob_id}"
    if not _BLOB_KEY.fullmatch(key):
        raise ValueError(f"not a blob key: {key!r}")
    return key


def draft_key(draft_id: str) -> str:
    """Return the key of the draft of this id. Raises: ValueError unless it has the form of a blob id."""
    key = f"draft/{draft_id}"
    if not _DRAFT_KEY.fullmatch(key):
        raise ValueError(f"not a draft id: {draft_id!r}")
    return key


def check_blob_id(blob_id: str) -> str:
    """Return `blob_id` if it is 36 lower-case hex digits and dashes. Raises: ValueError."""
    if not _BLOB_ID.fullmatch(blob_id):
        raise ValueError(f"not a blob id: {blob_id!r}")
    return blob_id


def check_meta_key(key: str) -> str:
    """Return `key` if a small record may be called that. Raises: ValueError."""
    if not _META_KEY.fullmatch(key):
        raise ValueError(f"not a key below meta/: {key!r}")
    return key


def find_sha256(key: str) -> str | None:
    """Return the hash, in hex, that the bytes under `key` must have; None for what is no blob."""
    match = _BLOB_KEY.fullmatch(key)
    return match["sha256"] if match else None


def is_draft_key(text: str) -> bool:
    """Tell whether `text` names a draft: it is listed and deleted, and not for reading."""
    return bool(_DRAFT_KEY.fullmatch(text))


def is_key(text: str) -> bool:
    """Tell whether anything can be stored under `text`."""
    return bool(_BLOB_KEY.fullmatch(text) or _META_KEY.fullmatch(text) or is_draft_key(text))
