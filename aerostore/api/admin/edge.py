"""Who is signed in below /admin: from the cookie of a request to the caller that doors ask for.

This stands inside the gate, so that its limits, its log and its errors hold here as they do elsewhere.
"""

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from aerostore.api.admin.area import ADMIN_PATH, API_PATH, STORAGE_PATH
from aerostore.api.admin.cookie import secrets_in
from aerostore.api.admin.refusal import SessionRequired
from aerostore.api.admin.same_site import check_same_site
from aerostore.api.caller import SIGNED_IN
from aerostore.api.gate import own_path, route_path
from aerostore.api.request import ADMIN, DoorRequest
from aerostore.api.s3 import PREFIX as S3_PREFIX
from aerostore.domain import AdminSession, RlsContext
from aerostore.errors import NoSuchRoute
from aerostore.service.admin_session import AdminSessions

SESSION = "aerostore.session"
"""Where a request's scope holds its session."""

# These tell by themselves who is signed in, or need nobody.
_FOR_EVERYBODY = {f"{API_PATH}/session", f"{API_PATH}/health"}
# A browser saves what a form asks for as it comes; a form cannot send headers, and this changes nothing.
_FORM_PATH = f"{API_PATH}/zip"
_FORM_TYPE = "application/x-www-form-urlencoded"


class AdminEdge:
    """Wraps the routes; touches what is below /admin/api and /admin/storage only.

    public_url: where browsers reach the server, if that is known.
    """

    def __init__(self, app: ASGIApp, *, sessions: AdminSessions, public_url: str) -> None:
        self._app = app
        self._sessions = sessions
        self._public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises: SessionRequired, CrossSiteRequest, NoSuchRoute."""
        if scope["type"] == "http" and ADMIN_PATH in scope["path"] and _is_guarded(scope):
            request = DoorRequest(scope)
            check_same_site(request, public_url=self._public_url, is_form=_is_form(request))
            if ADMIN in scope and route_path(scope).startswith(S3_PREFIX):
                raise NoSuchRoute(hint="The S3 protocol has keys of its own, at /storage/v1/s3.")
            if own_path(scope) not in _FOR_EVERYBODY:
                await self._sign_in(request)
        await self._app(scope, receive, send)

    async def _sign_in(self, request: Request) -> None:
        session = await find_session(request, self._sessions)
        if session is None:
            raise SessionRequired
        request.scope[SESSION] = session
        request.scope[SIGNED_IN] = _Bearer(self._sessions, session)


class _Bearer:
    """Whoever has a session; asked for again after a long body, it may have ended meanwhile."""

    def __init__(self, sessions: AdminSessions, session: AdminSession) -> None:
        self._sessions = sessions
        self._session = session
        self._is_fresh = True

    async def identify(self) -> RlsContext:
        if not self._is_fresh and not await self._sessions.is_open(self._session.id):
            raise SessionRequired
        self._is_fresh = False
        return self._session.context


async def find_session(request: Request, sessions: AdminSessions) -> AdminSession | None:
    """Return the open session that a cookie of the request belongs to."""
    for secret in secrets_in(request):
        session = await sessions.find(secret)
        if session is not None:
            return session
    return None


def _is_guarded(scope: Scope) -> bool:
    """Tell whether a request needs a session, by its path as the gate has decoded it."""
    is_storage: bool = scope.get(ADMIN, "").startswith(f"{STORAGE_PATH}/")
    return is_storage or own_path(scope).startswith(f"{API_PATH}/")


def _is_form(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return request.method == "POST" and own_path(request.scope) == _FORM_PATH and kind == _FORM_TYPE
