"""A server, a browser for each file of tests, and a guard that sees what goes wrong beside them."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from tests.contract.client import Target, unique
from tests.requirement import skip_without

from .support import admin_url, start_session
from .support_server import Server
from .support_watch import Watch

MakeBucket = Callable[..., str]
# Below what a test may take: it costs nothing where all is well, and a busy machine of two cores needs it.
PATIENCE_MS = 30_000.0
# Each window has an address bar, unseen, whose two hidden pages cost as much as the page that is tested. Of
# this option the last one counts: the others are those that playwright turns off itself.
FEATURES_OFF = (
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup"),
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades"),
    *("HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding", "OptimizationHints"),
    *("ThirdPartyStoragePartitioning", "AvoidCorsURLLoaderRestartOnRedirect", "NetworkTimeServiceQuerying"),
    *("AimEnabled", "PreconnectToSearch"),
)
FLAGS = ["--disable-gpu", "--disable-dev-shm-usage", f"--disable-features={','.join(FEATURES_OFF)}"]


class NewContext(Protocol):
    """Opens a browser context that is guarded; options are those of playwright."""

    def __call__(self, **options: Any) -> BrowserContext:
        """Open one."""
        ...


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


# Of a module and not of the session, as the plugin has it: while playwright runs, its event loop is the
# running one of this thread, and no other test of the process could call asyncio.run.
@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        expect.set_options(timeout=PATIENCE_MS)
        yield running


@pytest.fixture(scope="module")
def browser_context_args() -> dict[str, object]:
    return {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", "timezone_id": "UTC"}


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Debian's Chromium: playwright's own builds are another download."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        skip_without("chromium", "the admin UI in a browser: Chromium is missing (make services)")
    browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server as it is without settings, whose buckets are of all files of tests."""
    with Server(tmp_path_factory.mktemp("browser")) as server:
        if not httpx.get(admin_url(server.target, "api/health"), trust_env=False).json()["ui"]:
            skip_without("chromium", "the admin UI in a browser: it is not built (make ui)")
        yield server


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that only this file of tests asks, and may stop."""
    with Server(tmp_path_factory.mktemp("own")) as server:
        yield server


@pytest.fixture(scope="module")
def server(shared_server: Server) -> Server:
    """The server that a file of tests asks; one whose others would be in the way has its own."""
    return shared_server


@pytest.fixture(scope="module")
def target(server: Server) -> Target:
    """Where the server is, and how to become somebody there."""
    return server.target


@pytest.fixture(scope="module")
def service(target: Target) -> Iterator[httpx.Client]:
    """A client of the public API with the service role, to seed and to look with."""
    with target.connect(target.token("service_role")) as caller:
        yield caller


@pytest.fixture
def make_bucket(service: httpx.Client) -> MakeBucket:
    """Create a bucket: its stem, then options of the wire (`public`, `file_size_limit`, ...)."""

    def make(stem: str = "bucket", **options: object) -> str:
        name = unique(stem)
        response = service.post("/bucket", json={"name": name} | options)
        assert response.status_code == 200, response.text
        return name

    return make


@pytest.fixture
def watch(target: Target) -> Iterator[Watch]:
    """The guard: a test fails on errors in the console, CSP violations, uncaught errors and other hosts."""
    host, port = target.address
    watch = Watch(f"{host}:{port}")
    yield watch
    watch.assert_calm()


@pytest.fixture
def new_context(new_context: NewContext, watch: Watch) -> NewContext:
    """The plugin's own, with the guard."""

    def opened(**options: Any) -> BrowserContext:
        context = new_context(**options)
        context.set_default_timeout(PATIENCE_MS)
        watch.follow(context)
        return context

    return opened


@pytest.fixture
def admin(page: Page, target: Target) -> Page:
    """A page of somebody who is signed in with a service key, and has gone nowhere yet."""
    start_session(page.context.request, target, target.token("service_role"))
    return page
