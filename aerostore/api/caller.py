"""Who is calling: from a request to the `RlsContext` that the service asks for."""

import logging
from typing import Protocol

from starlette.requests import Request

from aerostore.api.auth import Authenticator, credentials
from aerostore.api.gate import route_path
from aerostore.domain import RlsContext, printable
from aerostore.errors import SchemaViolation, StorageError

CALLER = "aerostore.caller"
"""Where a request's scope holds its caller, once a token has been accepted."""

QUESTION = "aerostore.question"
"""Where a door leaves the question of a request whose path does not tell it, for when it is refused."""

SIGNED_IN = "aerostore.signed_in"
"""Where the edge of /admin leaves who is signed in with a request; the public API never sets it."""

_ANONYMOUS = RlsContext(role="anon")
_MAX_WARNED_ORIGINS = 100
logger = logging.getLogger("aerostore.auth")


class SignedIn(Protocol):
    """Somebody whose right to ask does not come from a token in the request."""

    async def identify(self) -> RlsContext:
        """Return as whom they act, still. Raises: AccessDenied when that has ended meanwhile."""
        ...


class Callers:
    """Identifies callers by their tokens. Source: Supabase Storage, its classes of routes."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator
        self._warned_origins: set[str] = set()

    async def required(self, request: Request) -> RlsContext:
        """Return the caller of a route that needs one. Raises: what `identify` raises."""
        return self._seen_now(request, await self.identify(request))

    async def identify(self, request: Request) -> RlsContext:
        """Return what the token of a request says, or who is signed in below /admin.

        Raises: SchemaViolation without credentials; InvalidToken, ExpiredToken, RoleNotAllowed with bad ones;
        AccessDenied when a session has ended.
        """
        signed_in: SignedIn | None = request.scope.get(SIGNED_IN)
        if signed_in is not None:
            return await signed_in.identify()
        token = credentials(request.headers)
        if token is None:
            raise SchemaViolation(
                "headers must have required property 'authorization'",
                hint="Send 'Authorization: Bearer <token>' or an apikey header.",
            )
        return await self._authenticator.authenticate(token)

    async def optional(self, request: Request) -> RlsContext | None:
        """Return the caller if there are valid credentials, else None: such a route has public answers."""
        if SIGNED_IN in request.scope:
            return await self.required(request)
        token = credentials(request.headers)
        if not token:
            return None
        try:
            return self.seen(request, await self._authenticator.authenticate(token))
        except StorageError as exc:
            if exc.retryable:
                raise
            return None

    def nobody(self, request: Request) -> RlsContext:
        """Return the context of a request that nobody has to sign: public files, signed URLs."""
        return self.seen(request, _ANONYMOUS)

    def _seen_now(self, request: Request, context: RlsContext) -> RlsContext:
        return self.seen(request, context, has_key=SIGNED_IN not in request.scope)

    def seen(self, request: Request, context: RlsContext, *, has_key: bool = True) -> RlsContext:
        """Return `context` with the facts of its request, which notes who sent it.

        has_key: false when somebody else signed the request beforehand, as a link or a form.
        """
        scope = request.scope
        scope.setdefault("aerostore.facts", {})["user"] = context.user_id or context.role
        seen = RlsContext(
            role=context.role,
            user_id=context.user_id,
            claims=context.claims,
            can_bypass_rls=context.can_bypass_rls,
            operation=context.operation,
            method=scope["method"],
            path=route_path(scope),
            request_id=scope.get("aerostore.request_id", ""),
            door=context.door,
        )
        if context is not _ANONYMOUS:
            scope[CALLER] = seen
        if has_key and context.can_bypass_rls and "origin" in request.headers:
            self._warn_of_service_key_in(request.headers["origin"])
        return seen

    def _warn_of_service_key_in(self, origin: str) -> None:
        """Tell the operator that a web page has a service key: browsers send Origin, servers do not.

        Once for each origin, and for so many of them only: the header is whatever a client makes it.
        """
        if origin in self._warned_origins or len(self._warned_origins) >= _MAX_WARNED_ORIGINS:
            return
        self._warned_origins.add(origin)
        logger.warning(
            "a service key was used from a web page; whoever opens that page can read it: change it",
            extra={"facts": {"origin": printable(origin, 200)}},
        )
