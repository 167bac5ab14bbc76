"""Cookies go along with requests that other sites make: how the admin UI's own are told apart from those.

A header of its own is what no form can send, and scripts of other origins only after a preflight that is
never granted here. Browsers tell besides who asks. Source: Fetch Metadata (W3C), RFC 6454.
"""

from urllib.parse import urlsplit

from starlette.requests import Request

from aerostore.api.admin.refusal import CrossSiteRequest

CSRF_HEADER = "x-aerostore-csrf"
_SAFE_METHODS = {"GET", "HEAD"}
_ELSEWHERE = {"cross-site", "same-site"}
# The UI's own are among its assets; what users store must never run in its pages, whatever else fails.
_RUN_BY_PAGES = {"script", "style", "worker", "sharedworker", "serviceworker", "audioworklet", "paintworklet"}


def check_same_site(request: Request, *, public_url: str, is_form: bool = False) -> None:
    """Refuse what another site may have made the browser send, and what a page would run.

    public_url: where browsers reach the server, if that is known. is_form: the request can come from a form,
    which cannot send a header: the browser must say that the page is ours. Raises: CrossSiteRequest.
    """
    site = request.headers.get("sec-fetch-site")
    if site in _ELSEWHERE:
        raise CrossSiteRequest
    if request.headers.get("sec-fetch-dest") in _RUN_BY_PAGES:
        raise CrossSiteRequest("Nothing here is part of a page", hint="Open it, or download it.")
    if request.method in _SAFE_METHODS:
        return
    if not is_form and request.headers.get(CSRF_HEADER) != "1":
        raise CrossSiteRequest
    # A proxy may have changed Host, but no page can make a browser say this.
    if site != "same-origin":
        _check_origin(request, public_url, is_needed=is_form)


def _check_origin(request: Request, public_url: str, *, is_needed: bool) -> None:
    origin = request.headers.get("origin")
    if origin is None and not is_needed:
        return  # no browser: every one sends it with such a method
    if origin is None or not _is_ours(origin, request.headers.get("host", ""), public_url):
        raise CrossSiteRequest(
            hint="Behind a proxy that changes Host, set AEROSTORE_PUBLIC_URL to the address in the browser."
        )


def _is_ours(origin: str, host: str, public_url: str) -> bool:
    public = urlsplit(public_url)
    scheme, _, authority = origin.lower().partition("://")
    if public_url and (scheme, authority) == (public.scheme, public.netloc.lower()):
        return True
    return bool(authority) and authority == host.lower()
