"""Which requests below /admin may come from the admin UI, by what browsers say of them."""

import pytest
from starlette.requests import Request

from aerostore.api.admin.refusal import CrossSiteRequest
from aerostore.api.admin.same_site import check_same_site

CSRF = ("x-aerostore-csrf", "1")
HOST = ("host", "files.example:8443")
OURS = ("origin", "https://files.example:8443")
THEIRS = ("origin", "https://evil.example")


def asked(method: str, *headers: tuple[str, str]) -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    return Request({"type": "http", "method": method, "headers": raw})


def is_taken(request: Request, *, public_url: str = "", is_form: bool = False) -> bool:
    try:
        check_same_site(request, public_url=public_url, is_form=is_form)
    except CrossSiteRequest:
        return False
    return True


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_reading_needs_no_header(method: str) -> None:
    assert is_taken(asked(method))
    assert is_taken(asked(method, ("sec-fetch-site", "same-origin")))
    assert is_taken(asked(method, ("sec-fetch-site", "none")))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_sites_may_nothing_at_all(method: str, site: str) -> None:
    assert not is_taken(asked(method, HOST, OURS, CSRF, ("sec-fetch-site", site)))


@pytest.mark.parametrize("kind", ["script", "style", "worker", "serviceworker"])
def test_no_page_runs_what_it_gets_here(kind: str) -> None:
    ours = ("sec-fetch-site", "same-origin")
    assert not is_taken(asked("GET", ours, ("sec-fetch-dest", kind)))
    for shown in ("image", "video", "iframe", "document", "empty"):
        assert is_taken(asked("GET", ours, ("sec-fetch-dest", shown)))


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "LOCK"])
def test_a_change_needs_the_header(method: str) -> None:
    for headers in ((HOST, OURS), (HOST, OURS, ("sec-fetch-site", "same-origin"))):
        assert is_taken(asked(method, *headers, CSRF))
        assert not is_taken(asked(method, *headers))
        assert not is_taken(asked(method, *headers, ("x-aerostore-csrf", "0")))


def test_without_a_site_the_origin_must_be_ours() -> None:
    assert is_taken(asked("POST", HOST, OURS, CSRF))
    for origin in (THEIRS, ("origin", "null"), ("origin", ""), ("origin", "https://files.example")):
        assert not is_taken(asked("POST", HOST, origin, CSRF))


def test_no_host_is_nobodys_origin() -> None:
    for origin in ("null", "http://", "", "://"):
        assert not is_taken(asked("POST", ("origin", origin), CSRF))


def test_a_client_that_is_no_browser_needs_the_header_only() -> None:
    assert is_taken(asked("POST", HOST, CSRF))


def test_behind_a_proxy_that_changes_host_the_public_url_tells() -> None:
    inside = ("host", "inside:8000")
    assert not is_taken(asked("POST", inside, OURS, CSRF))
    for public_url in ("https://files.example:8443", "https://FILES.example:8443/below"):
        assert is_taken(asked("POST", inside, OURS, CSRF), public_url=public_url)
        assert not is_taken(asked("POST", inside, THEIRS, CSRF), public_url=public_url)
    assert not is_taken(asked("POST", inside, OURS, CSRF), public_url="http://files.example:8443")


def test_what_the_browser_says_of_the_site_counts_before_host() -> None:
    headers = (("host", "inside:8000"), OURS, CSRF)
    assert is_taken(asked("POST", *headers, ("sec-fetch-site", "same-origin")))


def test_a_form_has_no_header_and_must_name_its_page() -> None:
    assert is_taken(asked("POST", HOST, ("sec-fetch-site", "same-origin")), is_form=True)
    assert is_taken(asked("POST", HOST, OURS), is_form=True)
    assert not is_taken(asked("POST", HOST), is_form=True)
    assert not is_taken(asked("POST", HOST, THEIRS), is_form=True)
    assert not is_taken(asked("POST", HOST, ("sec-fetch-site", "none")), is_form=True)
