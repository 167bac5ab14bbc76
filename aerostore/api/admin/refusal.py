"""What only the paths below /admin refuse."""

from aerostore.errors import AccessDenied


class SessionRequired(AccessDenied):
    """Nobody is signed in with this request."""

    code = "SessionRequired"
    default_message = "Nobody is signed in, or the session has ended"
    default_hint = "Sign in: POST /admin/api/session with a service key or the JWT of a user."


class CrossSiteRequest(AccessDenied):
    """The request was made by a page that is not the admin UI, or does not show that it was made by it."""

    code = "CrossSiteRequest"
    default_message = "The request does not come from the admin UI"
    default_hint = "Send 'x-aerostore-csrf: 1', from a page of the same origin."
