"""The nouns of storage as plain values, and the rules for names. Standard library only."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from aerostore.errors import InvalidBucketName, InvalidKey, InvalidRange

Clock = Callable[[], datetime]
JsonObject = dict[str, Any]

MAX_NAME_BYTES = 1024
MAX_USER_METADATA_BYTES = 1024 * 1024
EMPTY_FOLDER_PLACEHOLDER = ".emptyFolderPlaceholder"

_BUCKET_NAME = re.compile(r"[A-Za-z0-9_!.*'() &$@=;:+,?-]{1,100}", re.ASCII)


class StorageClass(StrEnum):
    """How quickly a blob must be readable."""

    HOT = "hot"
    COLD = "cold"


class BlobStatus(StrEnum):
    """The life of stored bytes: rows may point at COMMITTED ones; DELETING ones wait for reclaim."""

    COMMITTED = "COMMITTED"
    DELETING = "DELETING"


class UploadProtocol(StrEnum):
    """By which door an upload that outlives one request came in."""

    TUS = "tus"
    S3 = "s3"


class UploadState(StrEnum):
    """The life of an upload: bytes may come while WRITING; a COMPLETED one is an object now."""

    WRITING = "WRITING"
    COMPLETED = "COMPLETED"


class EventType(StrEnum):
    """What happened to an object, in the words of Supabase's webhooks."""

    CREATED = "ObjectCreated:Post"
    REPLACED = "ObjectCreated:Put"
    COPIED = "ObjectCreated:Copy"
    MOVED_IN = "ObjectCreated:Move"
    MOVED_OUT = "ObjectRemoved:Move"
    REMOVED = "ObjectRemoved:Delete"
    DESCRIBED = "ObjectUpdated:Metadata"


class JobState(StrEnum):
    """The life of a job: it waits, it runs, and it ends in one of three ways."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class RlsContext:
    """Who asks, and for what: everything that a policy may look at besides the row.

    user_id is the token's `sub`. claims never change once they are here. operation is the name that policies
    read as `storage.operation()`. can_bypass_rls is true for the service role only; limits still hold then.
    request_id ties events and log lines to the request. door: the protocol, where operations have other
    names there.
    """

    role: str
    user_id: str | None = None
    claims: Mapping[str, Any] = field(default_factory=dict)
    can_bypass_rls: bool = False
    operation: str = ""
    method: str = ""
    path: str = ""
    request_id: str = ""
    door: str = ""

    def performing(self, operation: str) -> "RlsContext":
        """Return this context with `operation` as the operation that policies see."""
        return RlsContext(  # every request passes here, and `replace` takes three times as long
            role=self.role,
            user_id=self.user_id,
            claims=self.claims,
            can_bypass_rls=self.can_bypass_rls,
            operation=operation,
            method=self.method,
            path=self.path,
            request_id=self.request_id,
            door=self.door,
        )


SYSTEM = RlsContext(role="service_role", can_bypass_rls=True)
"""The server itself. Used only inside `service/`, each time with a comment that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A named set of objects with shared limits. None means: no limit of its own."""

    id: str
    name: str
    owner_id: str | None
    public: bool
    type: str
    file_size_limit: int | None
    allowed_mime_types: Sequence[str] | None
    versioning_status: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """Immutable bytes. `key` is the address in the backend; it is never reused.

    piece_sums: what the backend's receipt gave to check parts with; empty when it gave nothing.
    """

    id: str
    key: str
    sha256: str
    size_bytes: int
    storage_class: StorageClass = StorageClass.HOT
    piece_sums: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrubRound:
    """One comparison of all stored bytes with their hashes, under way or finished.

    after_key: how far it is; what has a smaller key is done. damaged, missing: how many blobs it found so.
    """

    id: str
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None = None
    after_key: str = ""
    checked: int = 0
    checked_bytes: int = 0
    damaged: int = 0
    missing: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """A named row that points at a blob.

    id survives overwrites; version is new with each write. metadata is the server's JSON (eTag, size,
    mimetype, cacheControl, lastModified, contentLength, httpStatusCode), user_metadata the client's.
    """

    id: str
    bucket_id: str
    name: str
    owner_id: str | None
    version: str
    metadata: JsonObject
    user_metadata: JsonObject | None
    created_at: datetime
    updated_at: datetime
    last_accessed_at: datetime
    blob_id: str | None = None

    @property
    def etag(self) -> str:
        """The strong entity tag, unquoted."""
        return str(self.metadata.get("eTag", "")).strip('"')

    @property
    def size_bytes(self) -> int:
        """The length of the content."""
        return int(self.metadata.get("size", 0))

    @property
    def mime_type(self) -> str:
        """The content type as it was stored."""
        return str(self.metadata.get("mimetype") or "application/octet-stream")

    @property
    def cache_control(self) -> str:
        """The Cache-Control value as it was stored."""
        return str(self.metadata.get("cacheControl") or "no-cache")


class ListedObject(NamedTuple):
    """What lists show of an object, as it is stored: a page holds a thousand of them, and parses none.

    Times are text as `to_iso` writes them, metadata is the JSON text of `Object.metadata`.
    """

    name: str
    id: str
    created_at: str
    updated_at: str
    last_accessed_at: str
    metadata: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadLink:
    """The right to read one object until `expires_at`."""

    link_id: str
    bucket_id: str
    name: str
    object_id: str
    issuer: str | None
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadLink:
    """The right to write one name until `expires_at`; the object will belong to `owner_id`."""

    link_id: str
    bucket_id: str
    name: str
    owner_id: str | None
    upsert: bool
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadSession:
    """A write in progress that outlives one request: it will be the object `name` of the bucket.

    id: unguessable. holder: who alone may go on with it, as `service.upload` writes it. size_bytes: None
    while unknown. offset_bytes: how many bytes are durable, of all parts together where there are parts.
    metadata: what the protocol needs of the upload later.
    """

    id: str
    protocol: UploadProtocol
    bucket_id: str
    name: str
    owner_id: str | None
    holder: str
    state: UploadState
    offset_bytes: int
    size_bytes: int | None
    upsert: bool
    metadata: JsonObject
    user_metadata: JsonObject | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPart:
    """One part of a multipart upload, with bytes of its own.

    etag: unquoted. checksums: in base64, by algorithm.
    """

    number: int
    blob: Blob
    etag: str
    checksums: Mapping[str, str] = field(default_factory=dict)
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """A key of the S3 protocol: who signs with it acts with this role and these claims (RFC 7519 names).

    signing_key_id: names the server's key that its secret follows from; the secret itself is kept nowhere.
    """

    id: str
    role: str
    claims: JsonObject
    description: str
    signing_key_id: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminSession:
    """Somebody who is signed in at the admin UI, with the role and the claims of the token they showed.

    secret_hash: of what their cookie holds. expires_at: when their token ends, None for one that does not.
    """

    id: str
    secret_hash: str = field(repr=False)
    role: str
    user_id: str | None
    claims: JsonObject
    address: str | None
    user_agent: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime | None

    @property
    def context(self) -> RlsContext:
        """As whom they act."""
        return RlsContext(
            role=self.role,
            user_id=self.user_id,
            claims=self.claims,
            can_bypass_rls=self.role == "service_role",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One committed change of one object. seq grows with each commit; payload is the webhook's.

    actor: `role` and `sub` of whoever did it, for operators alone; None when it was not noted.
    """

    seq: int
    id: str
    type: str
    bucket_id: str
    name: str
    object_id: str
    payload: JsonObject
    created_at: datetime
    actor: JsonObject | None = None
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work that outlives a request, as far as it has come.

    kind: what is done, such as `folder.move`. is_cancelling: somebody asked it to stop. context: as whom it
    acts, whoever started it. request: what was asked for. after_key: what is behind it is still to do.
    done, total, skipped, refused: things of its kind, total None while unknown. error: why it stopped.
    report: `counters` and `entries`, for whoever looks into it.
    """

    id: str
    kind: str
    state: JobState
    context: RlsContext
    request: JsonObject
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    is_cancelling: bool = False
    after_key: str = ""
    done: int = 0
    total: int | None = None
    done_bytes: int = 0
    skipped: int = 0
    refused: int = 0
    error: JsonObject | None = None
    report: JsonObject = field(default_factory=dict)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will be done."""
        return self.state not in {JobState.PENDING, JobState.RUNNING}


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A satisfiable range: bytes `first` to `last`, both included (RFC 9110 section 14.1.2)."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """How many bytes the range covers."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """The conditional headers of a read (RFC 9110 section 13.1), parsed; None means absent.

    if_match and if_none_match hold unquoted tags with their weakness dropped, or ("*",).
    """

    if_match: Sequence[str] | None = None
    if_none_match: Sequence[str] | None = None
    if_modified_since: datetime | None = None
    if_unmodified_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class RangeRequest:
    """What a Range header asks for: first-last, first- (last None) or the last `last` bytes (first None)."""

    first: int | None
    last: int | None

    def within(self, size_bytes: int) -> ByteRange:
        """Return the bytes meant, in an object of `size_bytes`.

        Raises: InvalidRange when none of them exist. Source: RFC 9110 section 14.1.2.
        """
        if self.first is None:
            suffix = min(self.last or 0, size_bytes)
            first, last = size_bytes - suffix, size_bytes - 1
        else:
            first = self.first
            last = size_bytes - 1 if self.last is None else min(self.last, size_bytes - 1)
        if first > last or first >= size_bytes:
            raise InvalidRange(size_bytes=size_bytes)
        return ByteRange(first, last)


def utc_now() -> datetime:
    """Return the current time in UTC, in whole milliseconds: the resolution of the rows and the wire."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


@lru_cache(maxsize=256)
def to_iso(moment: datetime) -> str:
    """Write a UTC time as the wire and SQLite have it: `2026-01-31T09:00:00.000Z`.

    Remembered for a while: one upload writes its moment eight times.
    """
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def parse_iso(text: str) -> datetime:
    """Read a time written by `to_iso`."""
    return datetime.fromisoformat(text)


def check_bucket_name(name: str) -> str:
    """Return `name` if a bucket may be called that.

    Raises: InvalidBucketName. Source: Supabase Storage's rule, less `.` and `..`, which no client uses.
    """
    reserved = name in {".", ".."} or name.endswith("--table-s3")
    if reserved or name != name.strip() or not _BUCKET_NAME.fullmatch(name):
        raise InvalidBucketName(resource=name[:100])
    return name


def check_object_name(name: str) -> str:
    """Return `name` if an object may be called that: any UTF-8 that no client or log can be tricked with.

    Names are compared byte by byte and never become file paths, so Unicode is taken as it comes.
    Raises: InvalidKey for an empty name, more than 1,024 bytes, a control character, a lone surrogate
    or a `.` or `..` segment.
    """
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        raise InvalidKey("Invalid key: it is not valid UTF-8") from None
    if not 1 <= length <= MAX_NAME_BYTES or has_control_character(name):
        raise InvalidKey(f"Invalid key: {printable(name)}")
    if any(segment in {".", ".."} for segment in name.split("/")):
        raise InvalidKey(f"Invalid key: {printable(name)}")
    return name


def has_control_character(text: str) -> bool:
    """Tell whether `text` holds a C0 or C1 control, a line or paragraph separator."""
    if text.isprintable():
        return False
    return any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in text)


def printable(text: str, limit: int = 1100) -> str:
    """Return `text` for a message: at most `limit` characters, nothing that could forge a line."""
    shown = text[:limit]
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown)
    return shown + "…" if len(text) > limit else shown
