"""Routes to sign in and out of the admin UI, and to see who is signed in."""

import logging
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aerostore.api.admin.attempt import Attempts
from aerostore.api.admin.cookie import cookie_path, ended_cookie, every_secret_in, session_cookie
from aerostore.api.admin.edge import SESSION as SESSION
from aerostore.api.admin.edge import find_session
from aerostore.api.auth import Authenticator
from aerostore.api.caller import Callers
from aerostore.api.rest.body import read_json
from aerostore.api.rest.schema import Field
from aerostore.api.rest.wire import json_response
from aerostore.domain import AdminSession, JsonObject, RlsContext, to_iso
from aerostore.errors import AccessDenied
from aerostore.service.admin_session import AdminSessions

SIGN_IN_BODY = {"key": Field(kind="string", required=True)}
_REFUSED = "Use a service key of this server, or the JWT of a user that it accepts."
logger = logging.getLogger("aerostore.audit")


class Note(Protocol):
    """Takes down what happened, for those who look later; never fails and never waits."""

    def __call__(
        self,
        event: str,
        /,
        *,
        role: str | None,
        sub: str | None,
        session_id: str | None,
        address: str | None,
        request_id: str | None,
        detail: JsonObject,
    ) -> None:
        """Take down one event."""
        ...


class SessionDoor:
    """Verifies a token once, and gives a cookie for it. note: where sign-ins are kept besides the log."""

    def __init__(
        self,
        callers: Callers,
        authenticator: Authenticator,
        sessions: AdminSessions,
        *,
        body_timeout_s: float,
        note: Note,
        attempts: Attempts | None = None,
    ) -> None:
        self._callers = callers
        self._authenticator = authenticator
        self._sessions = sessions
        self._body_timeout_s = body_timeout_s
        self._note = note
        self._attempts = attempts or Attempts()

    def routes(self) -> list[Route]:
        """List the routes; each is named after its operation."""
        return [
            Route("/session", self.show, methods=["GET"], name="admin.session.get"),
            Route("/session", self.sign_in, methods=["POST"], name="admin.session.create"),
            Route("/session", self.sign_out, methods=["DELETE"], name="admin.session.end"),
            Route("/sessions", self.list, methods=["GET"], name="admin.session.list"),
            Route("/sessions", self.revoke_others, methods=["DELETE"], name="admin.session.revoke"),
            Route("/sessions/{id}", self.revoke, methods=["DELETE"], name="admin.session.revoke"),
        ]

    async def show(self, request: Request) -> Response:
        """GET /session: who is signed in, if anybody."""
        session = await find_session(request, self._sessions)
        return json_response({"session": session and self._json(session, session)})

    async def sign_in(self, request: Request) -> Response:
        """POST /session. A session that the browser had before is closed."""
        path = cookie_path(request)
        body = await read_json(request, SIGN_IN_BODY, self._body_timeout_s)
        context = await self._verified(request, body["key"])
        session_before = await find_session(request, self._sessions)
        session, secret = await self._sessions.create(
            context, address=_address(request), user_agent=request.headers.get("user-agent", "")
        )
        if session_before is not None:
            await self._sessions.end(session_before)
        self._tell(request, "session.created", session)
        cookie = session_cookie(request, secret, path)
        return json_response({"session": self._json(session, session)}, {"set-cookie": cookie})

    async def _verified(self, request: Request, token: str) -> RlsContext:
        """Return whom a token stands for. Raises: SlowDown after many refusals, AccessDenied, Unavailable."""
        try:
            return await self._authenticator.authenticate(token)
        except AccessDenied as exc:
            self._attempts.refuse(_address(request))
            self._tell(request, "session.refused", None, reason=exc.code)
            raise type(exc)(f"This key or token is not accepted: {exc.message}", hint=_REFUSED) from exc

    async def sign_out(self, request: Request) -> Response:
        """DELETE /session: every one that the browser has; well also when there is none."""
        cookie = ended_cookie(request, cookie_path(request))
        for secret in every_secret_in(request):
            session = await self._sessions.find(secret)
            if session is not None:
                await self._sessions.end(session)
                self._tell(request, "session.ended", session)
        return json_response({"session": None}, {"set-cookie": cookie})

    async def list(self, request: Request) -> Response:
        """GET /sessions."""
        found = await self._sessions.list_open(await self._callers.required(request))
        current: AdminSession = request.scope[SESSION]
        return json_response({"sessions": [self._json(each, current) for each in found]})

    async def revoke(self, request: Request) -> Response:
        """DELETE /sessions/{id}."""
        session_id: str = request.path_params["id"]
        await self._sessions.revoke(await self._callers.required(request), session_id)
        self._tell(request, "session.revoked", request.scope[SESSION], revoked=session_id)
        return json_response({"revoked": 1})

    async def revoke_others(self, request: Request) -> Response:
        """DELETE /sessions: all but this one."""
        current: AdminSession = request.scope[SESSION]
        count = await self._sessions.revoke_others(await self._callers.required(request), current.id)
        self._tell(request, "session.revoked", current, revoked=count)
        return json_response({"revoked": count})

    def _json(self, session: AdminSession, current: AdminSession) -> JsonObject:
        return {
            "id": session.id,
            "role": session.role,
            "sub": session.user_id,
            "claims": session.claims,
            "is_service": session.context.can_bypass_rls,
            "created_at": to_iso(session.created_at),
            "last_seen_at": to_iso(session.last_seen_at),
            "idle_expires_at": to_iso(self._sessions.idle_end(session)),
            "expires_at": session.expires_at and to_iso(session.expires_at),
            "address": session.address,
            "user_agent": session.user_agent,
            "is_current": session.id == current.id,
        }

    def _tell(self, request: Request, event: str, session: AdminSession | None, **detail: Any) -> None:
        facts: dict[str, Any] = {
            "role": session and session.role,
            "sub": session and session.user_id,
            "session_id": session and session.id,
            "address": _address(request),
            "request_id": request.scope.get("aerostore.request_id", ""),
        }
        logger.info(event, extra={"facts": {**facts, **detail}})
        self._note(event, **facts, detail=detail)


def _address(request: Request) -> str | None:
    """Return where the connection comes from; what a proxy says of others anybody could say."""
    return request.client.host if request.client else None
