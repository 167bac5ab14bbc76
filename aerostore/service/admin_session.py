"""Who is signed in at the admin UI: sessions that stand in for a token the server does not keep.

A session holds the role and the claims of the token; whoever has its secret acts with them. The secret is
in a cookie, and only its hash in the rows.
"""

import hmac
import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from aerostore.domain import SYSTEM, AdminSession, Clock, RlsContext, printable
from aerostore.errors import NotFound, Unavailable
from aerostore.executor import Executor, Statement, Work
from aerostore.executor.row import to_admin_session
from aerostore.executor.statements import admin_session as sql
from aerostore.permissions import ADMIN_SESSION_LIST, ADMIN_SESSION_REVOKE, admit
from aerostore.service.identifier import new_id

IDLE_S = 8 * 3600
"""A session ends when it is not used for so long."""

MAX_LISTED = 1000
_KEPT_FOR_EACH_CALLER = 100
# How exactly `last_seen_at` is known: a write for each request would cost more than the request.
_TOUCHED_EVERY_S = 60
_SECRET_BYTES = 32
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)


class AdminSessions:
    """The sessions in the rows.

    secret: the server's JWT secret. Hashes depend on it: a new secret, which ends the tokens signed with the
    old one, ends the sessions that these opened.
    """

    def __init__(self, executor: Executor, secret: str, *, clock: Clock) -> None:
        self._executor = executor
        self._hash_key = hmac.digest(secret.encode(), b"aerostore admin sessions", "sha256")
        self._clock = clock

    async def create(
        self, context: RlsContext, *, address: str | None, user_agent: str
    ) -> tuple[AdminSession, str]:
        """Open a session for the bearer of a verified token; return it with its secret.

        Sessions that have ended are removed, and the oldest of a caller that has very many.
        """
        now, secret = self._clock(), secrets.token_urlsafe(_SECRET_BYTES)
        session = AdminSession(
            id=new_id(),
            secret_hash=self._hash(secret),
            role=context.role,
            user_id=context.user_id,
            claims=dict(context.claims),
            address=address,
            user_agent=printable(user_agent, 200),
            created_at=now,
            last_seen_at=now,
            expires_at=_end_of(context.claims.get("exp")),
        )
        # As the system, here and below: sessions are the server's own, no policy speaks of them.
        await self._write(
            sql.trim_admin_sessions(now, now - timedelta(seconds=IDLE_S)),
            sql.insert_admin_session(session),
            sql.trim_admin_sessions_of(session.role, session.user_id, _KEPT_FOR_EACH_CALLER),
        )
        return session, secret

    async def find(self, secret: str) -> AdminSession | None:
        """Return the session of this secret if it is open, and note that it is in use."""
        secret_hash = self._hash(secret)
        session = await self._read_one(sql.find_admin_session(secret_hash))
        if session is None or not hmac.compare_digest(session.secret_hash, secret_hash):
            return None
        if not self._is_open(session):
            return None
        await self._touch(session)
        return session

    async def is_open(self, session_id: str) -> bool:
        """Tell whether a session can still be used. To ask does not count as use."""
        session = await self._read_one(sql.find_admin_session_by_id(session_id))
        return session is not None and self._is_open(session)

    async def end(self, session: AdminSession) -> None:
        """Close a session, as whoever has it wishes."""
        await self._write(sql.delete_admin_session(session.id))

    async def list_open(self, context: RlsContext) -> Sequence[AdminSession]:
        """Return the open sessions, newest first. Raises: RoleNotAllowed."""
        admit(context, ADMIN_SESSION_LIST)

        def work() -> Work[Sequence[AdminSession]]:
            return [to_admin_session(row) for row in (yield sql.list_admin_sessions(MAX_LISTED)).rows]

        return [each for each in await self._executor.read(SYSTEM, work) if self._is_open(each)]

    async def revoke(self, context: RlsContext, session_id: str) -> None:
        """Close somebody's session; their next request is refused.

        Raises: RoleNotAllowed; NotFound when there is none with this id.
        """
        admit(context, ADMIN_SESSION_REVOKE)
        if not await self._write(sql.delete_admin_session(session_id)):
            raise NotFound("Session not found", hint="It has ended, or was revoked already.")

    async def revoke_others(self, context: RlsContext, session_id: str) -> int:
        """Close all sessions but this one; return how many there were. Raises: RoleNotAllowed."""
        admit(context, ADMIN_SESSION_REVOKE)
        return await self._write(sql.delete_other_admin_sessions(session_id))

    def idle_end(self, session: AdminSession) -> datetime:
        """Return when a session ends unless it is used before."""
        return session.last_seen_at + timedelta(seconds=IDLE_S)

    def _is_open(self, session: AdminSession) -> bool:
        now = self._clock()
        return now < self.idle_end(session) and (session.expires_at is None or now < session.expires_at)

    async def _touch(self, session: AdminSession) -> None:
        now = self._clock()
        unseen_since = now - timedelta(seconds=_TOUCHED_EVERY_S)
        if session.last_seen_at > unseen_since:
            return
        # A database that takes no writes now must not keep an operator from looking.
        with suppress(Unavailable):
            await self._write(sql.touch_admin_session(session.id, now, unseen_since))

    def _hash(self, secret: str) -> str:
        return hmac.digest(self._hash_key, secret.encode(), "sha256").hex()

    async def _read_one(self, statement: Statement) -> AdminSession | None:
        def work() -> Work[AdminSession | None]:
            rows = (yield statement).rows
            return to_admin_session(rows[0]) if rows else None

        return await self._executor.read(SYSTEM, work)

    async def _write(self, *statements: Statement) -> int:
        """Run `statements` in one transaction; return how many rows the last one changed."""

        def work() -> Work[int]:
            changed = 0
            for statement in statements:
                changed = (yield statement).changed
            return changed

        return await self._executor.write(SYSTEM, work)


def _end_of(exp: Any) -> datetime | None:
    """Return the moment of an `exp` claim, in whole milliseconds as rows have them."""
    if not isinstance(exp, int | float):
        return None
    if exp >= _LATEST.timestamp():
        return _LATEST
    return datetime.fromtimestamp(int(exp * 1000) / 1000, UTC)
