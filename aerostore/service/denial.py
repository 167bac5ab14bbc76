"""Denials: what was refused to whom, kept for a while with its explanation, for `explain --request`.

Doors only drop a note; a background job explains and writes in batches. A flood of refusals costs notes,
not requests: what does not fit is counted and forgotten.
"""

import logging
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from aerostore.domain import SYSTEM, Clock, JsonObject, RlsContext
from aerostore.errors import StorageError
from aerostore.executor import Executor, Result, Statement, Work
from aerostore.executor import statements as sql
from aerostore.executor.row import to_denial
from aerostore.service.explain import Explain
from aerostore.service.explanation import story_of
from aerostore.service.note_taking import keep_writing
from aerostore.service.question import Question
from aerostore.telemetry import Telemetry

QUEUE_LENGTH = 256
KEPT_AT_MOST = 10_000
KEPT_FOR = timedelta(days=7)
# Explaining takes milliseconds: a flood of refusals must not buy more of them than this a second.
_BATCH = 8
_TRIM_EVERY = timedelta(minutes=10)
_SECRET_WORDS = ("token", "secret", "password", "nonce", "session", "jti", "hash", "key")
logger = logging.getLogger("aerostore.denial")


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """A note about one refused request. code: what the client was told."""

    at: datetime
    context: RlsContext
    question: Question
    code: str


class Denials:
    """The notes of this process that wait to be written, and those that any process wrote."""

    def __init__(self, executor: Executor, explain: Explain, *, clock: Clock, telemetry: Telemetry) -> None:
        self._executor = executor
        self._explain = explain
        self._clock = clock
        self._telemetry = telemetry
        self._waiting: deque[Denial] = deque()
        self._trim_at: datetime | None = None

    def note(self, context: RlsContext, question: Question, error: StorageError) -> None:
        """Remember a refusal; returns at once. Counts it as dropped when too many wait."""
        if len(self._waiting) >= QUEUE_LENGTH:
            self._telemetry.denials_dropped.inc()
            return
        self._waiting.append(Denial(at=self._clock(), context=context, question=question, code=error.code))

    async def write_for_ever(self, interval_s: float) -> None:
        """Write what waits, a batch each `interval_s`, until cancelled; then one more batch."""
        await keep_writing(self.write_waiting, lambda: interval_s, logger)

    async def write_waiting(self) -> int:
        """Explain and write the oldest batch of notes; return how many. Trims old ones now and then."""
        batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
        rows = [await self._row(denial) for denial in batch]
        await self._insert(rows)
        await self._trim()
        return len(rows)

    async def _insert(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write all at once, or one by one when a row holds what the database does not take."""
        if not rows:
            return
        try:
            await self._write([sql.insert_denial(row) for row in rows])
        except StorageError:
            for row in rows:
                await self._insert_or_drop(row)

    async def _insert_or_drop(self, row: Mapping[str, Any]) -> None:
        try:
            await self._write([sql.insert_denial(row)])
        except StorageError:
            self._telemetry.denials_dropped.inc()

    async def find(self, request_id: str) -> Sequence[JsonObject]:
        """Return what is known of the denials of a request, newest first; clients may repeat an id."""

        def work() -> Work[list[JsonObject]]:
            return [to_denial(row) for row in (yield sql.find_denials(request_id)).rows]

        # As the system: the notes belong to the operator.
        return await self._executor.read(SYSTEM, work)

    async def _row(self, denial: Denial) -> Mapping[str, Any]:
        context, question = denial.context, denial.question
        story = await self._story(denial)
        logger.info(
            "denied",
            extra={
                "facts": {
                    "request_id": context.request_id,
                    "operation": question.operation.name_at(context.door),
                    "bucket": question.bucket_id,
                    "decided_by": story.get("decided_by", {}).get("sentence", ""),
                }
            },
        )
        return {
            "id": str(uuid.uuid4()),
            "request_id": context.request_id,
            "created_at": denial.at,
            "operation": question.operation.name_at(context.door),
            "bucket_id": question.bucket_id,
            "name": question.name,
            "role": context.role,
            "user_id": context.user_id,
            "code": denial.code,
            "claims": without_secrets(context.claims),
            "question": asdict(question),
            "story": story,
        }

    async def _story(self, denial: Denial) -> JsonObject:
        """Explain a note as things are now; what cannot be explained is kept all the same."""
        try:
            return story_of(await self._explain.explain(denial.context, denial.question))
        except StorageError as exc:
            return {"remark": f"This could not be explained: {exc.message}"}

    async def _trim(self) -> None:
        now = self._clock()
        if self._trim_at is not None and now < self._trim_at:
            return
        self._trim_at = now + _TRIM_EVERY
        await self._write([sql.trim_denials(now - KEPT_FOR, KEPT_AT_MOST)])

    async def _write(self, statements: Sequence[Statement]) -> None:
        def work() -> Work[None]:
            for statement in statements:
                _result: Result = yield statement

        # As the system: callers have no rights on the notes about them.
        await self._executor.write(SYSTEM, work)


def without_secrets(claims: Mapping[str, Any]) -> JsonObject:
    """Return claims without those whose names say that they could let somebody in."""
    return {name: value for name, value in claims.items() if not _sounds_secret(name)}


def _sounds_secret(name: str) -> bool:
    return any(word in name.lower() for word in _SECRET_WORDS)
