"""The audit: who signed in to the admin UI, what was started there, and what policies refused.

Doors and jobs only drop a note; a background job writes them in batches. A flood costs notes, not requests.
"""

import base64
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson

from aerostore.domain import Clock, JsonObject, RlsContext, parse_iso, printable, to_iso
from aerostore.errors import InvalidParameter, StorageError
from aerostore.executor import Executor
from aerostore.executor.row import to_audit
from aerostore.executor.statements import audit as audit_sql
from aerostore.permissions import ADMIN_AUDIT_LIST, admit
from aerostore.service.bookkeeping import Bookkeeping
from aerostore.service.identifier import new_id
from aerostore.service.note_taking import keep_writing

TYPES = (
    "session.created",
    "session.refused",
    "session.ended",
    "session.revoked",
    "job.started",
    "job.cancelled",
    "denial",
)
QUEUE_LENGTH = 1000
KEPT_AT_MOST = 20_000
"""How many notes of each type and role are kept: a flood of one kind washes no other one away."""
KEPT_FOR = timedelta(days=90)
_BATCH = 100
_TRIM_EVERY = timedelta(minutes=10)
_LONGEST_TEXT = 200
# Behind everything: what a first page begins with.
_END_OF_TIME = "9999-12-31T23:59:59.999Z"
logger = logging.getLogger("aerostore.audit")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """A page, newest first. type: one of `TYPES`, None for all. cursor: what the page before gave."""

    type: str | None = None
    limit: int = 50
    cursor: str | None = None


class AuditPage(NamedTuple):
    """Entries as JSON, and the cursor of the next ones, None when these were the last."""

    entries: Sequence[JsonObject]
    cursor: str | None


class Audit:
    """The notes of this process that wait to be written, and those that any process wrote."""

    def __init__(self, executor: Executor, *, clock: Clock) -> None:
        # As the system throughout: the audit is the operator's.
        self._books = Bookkeeping(executor)
        self._clock = clock
        self._waiting: deque[Mapping[str, Any]] = deque()
        self._dropped = 0
        self._trim_at: datetime | None = None

    def note(
        self,
        event: str,
        *,
        role: str | None = None,
        sub: str | None = None,
        session_id: str | None = None,
        address: str | None = None,
        request_id: str | None = None,
        detail: JsonObject | None = None,
    ) -> None:
        """Remember something; returns at once, never fails. Forgets it when too many wait.

        event: one of `TYPES` but `denial`. detail: JSON without secrets.
        """
        # Users, and whoever is refused, leave half of the room to operators.
        room = QUEUE_LENGTH if role == "service_role" else QUEUE_LENGTH // 2
        if len(self._waiting) >= room:
            self._dropped += 1
            return
        texts = {
            "role": role,
            "user_id": sub,
            "session_id": session_id,
            "address": address,
            "request_id": request_id,
        }
        row = {name: None if text is None else printable(text, _LONGEST_TEXT) for name, text in texts.items()}
        about = {"id": new_id(), "created_at": self._clock(), "type": event, "detail": detail or {}}
        self._waiting.append(row | about)

    def note_by(self, context: RlsContext, type: str, **detail: Any) -> None:
        """Remember what a caller did."""
        self.note(type, role=context.role, sub=context.user_id, request_id=context.request_id, detail=detail)

    async def write_for_ever(self, interval_s: float) -> None:
        """Write what waits, each `interval_s`, until cancelled; then all that is left."""
        await keep_writing(self.write_waiting, lambda: interval_s, logger)

    async def write_waiting(self) -> int:
        """Write all notes that wait; return how many. Trims old ones now and then. Raises: Unavailable."""
        written = 0
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            written += await self._insert(batch)
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            logger.warning("too many notes at once", extra={"facts": {"dropped": dropped}})
        await self._trim()
        return written

    async def _insert(self, batch: Sequence[Mapping[str, Any]]) -> int:
        """Write all at once, or one by one when a row holds what the database does not take."""
        try:
            return await self._books.write(*(audit_sql.insert_audit(row) for row in batch))
        except StorageError:
            return sum([await self._insert_or_log(row) for row in batch])

    async def _insert_or_log(self, row: Mapping[str, Any]) -> int:
        try:
            return await self._books.write(audit_sql.insert_audit(row))
        except StorageError as exc:
            facts = {"type": row["type"], "user": row["user_id"], "reason": exc.message}
            logger.warning("a note was not written", extra={"facts": facts})
            return 0

    async def _trim(self) -> None:
        now = self._clock()
        if self._trim_at is not None and now < self._trim_at:
            return
        self._trim_at = now + _TRIM_EVERY
        await self._books.write(audit_sql.trim_audit(now - KEPT_FOR, KEPT_AT_MOST))

    async def list(self, context: RlsContext, query: AuditQuery) -> AuditPage:
        """Return a page of all notes, refusals by policies among them, as long as those are kept.

        Raises: RoleNotAllowed, InvalidParameter, Unavailable.
        """
        admit(context, ADMIN_AUDIT_LIST)
        if query.type is not None and query.type not in TYPES:
            raise InvalidParameter("Unknown type", hint=f"Use one of {', '.join(TYPES)}.")
        before, before_id = _place_of(query.cursor)
        statement = audit_sql.list_audit(
            query.type, before=before, before_id=before_id, limit=query.limit + 1
        )
        entries = [to_audit(row) for row in await self._books.read(statement)]
        shown = entries[: query.limit]
        return AuditPage(shown, _cursor_after(shown[-1]) if len(entries) > query.limit else None)


def _cursor_after(entry: JsonObject) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([entry["at"], entry["id"]])).decode()


def _place_of(cursor: str | None) -> tuple[datetime, str]:
    """Return where a page ended. Raises: InvalidParameter."""
    if cursor is None:
        return parse_iso(_END_OF_TIME), ""
    try:
        at, id = orjson.loads(base64.urlsafe_b64decode(cursor))
        if not id.isprintable() or to_iso(parse_iso(at)) != at:
            raise ValueError
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise InvalidParameter(
            "Invalid cursor", hint="Send the cursor of the page before as it is."
        ) from None
    return parse_iso(at), id
