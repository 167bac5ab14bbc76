"""Scenario 20: the unmodified clients of other pages, in the same browser, against the public API."""

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page

from tests.contract.client import Target, get_object, unique
from tests.requirement import skip_without

from .conftest import MakeBucket, NewContext
from .support_server import ROOT
from .support_watch import Watch

PACKAGES = ROOT / "tests" / "contract" / "js"
BUNDLER = ROOT / "admin_ui" / "node_modules" / ".bin" / "rolldown"
SCENARIOS = Path(__file__).parent / "js"
INSTALL_TIMEOUT_S = 100
CHUNK = 6 * 1024**2
HTML = b"""<!doctype html><html lang=en><title>Somebody's page</title>
<link rel=icon href="data:,"><script src=clients.js></script></html>"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: what is asked is seen in the browser."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A site of another origin whose one page has the clients; returns its `host:port`."""
    folder = tmp_path_factory.mktemp("site")
    bundle(folder / "clients.js")
    (folder / "index.html").write_bytes(HTML)
    shutil.copy(SCENARIOS / "scenario.mjs", folder / "scenario.js")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def bundle(target: Path) -> None:
    """Make one script of the packages that the contract tests pin, with the bundler of the admin UI."""
    npm = shutil.which("npm")
    if npm is None or not BUNDLER.is_file():
        skip_without(
            "node", "storage-js and Uppy in a browser, because Node.js or the UI's packages are missing"
        )
    if not (PACKAGES / "node_modules").is_dir():
        subprocess.run(
            [npm, "ci", "--no-audit", "--no-fund"], cwd=PACKAGES, check=True, timeout=INSTALL_TIMEOUT_S
        )
    # Packages are looked for from where the entry is.
    entry = target.with_name("clients.mjs")
    shutil.copy(SCENARIOS / "clients.mjs", entry)
    (target.parent / "node_modules").symlink_to(PACKAGES / "node_modules")
    command = [str(BUNDLER), entry.name, "--file", target.name, "--format", "iife", "--name", "clients"]
    made = subprocess.run(
        [*command, "--platform", "browser"],
        cwd=target.parent,
        capture_output=True,
        text=True,
        timeout=INSTALL_TIMEOUT_S,
        check=False,
    )
    assert made.returncode == 0, made.stderr + made.stdout
    (target.parent / "node_modules").unlink()


class Visitor:
    """Somebody on that site."""

    def __init__(self, page: Page, target: Target, bucket: str) -> None:
        self._page = page
        self._given = {
            "url": target.url,
            "token": target.token("authenticated", sub=unique("visitor")),
            "bucket": bucket,
        }

    def run(self, scenario: str, **options: object) -> Any:
        """Run a function of js/scenario.mjs in the page, and return what it returns."""
        script = f"async (given) => (await import('/scenario.js')).{scenario}(given)"
        return self._page.evaluate(script, self._given | options)


@pytest.fixture
def bucket(make_bucket: MakeBucket) -> str:
    return make_bucket("shared")


@pytest.fixture
def visitor(new_context: NewContext, site: str, target: Target, bucket: str, watch: Watch) -> Visitor:
    watch.hosts.add(site)
    page = new_context().new_page()
    page.goto(f"http://{site}/")
    return Visitor(page, target, bucket)


def sum_of(service: httpx.Client, bucket: str, name: str) -> str:
    return hashlib.sha256(get_object(service, bucket, name).content).hexdigest()


def test_storage_js_goes_its_whole_way(visitor: Visitor) -> None:
    told = visitor.run("storageJs")
    assert told == {"listed": ["größe 1.bin"], "sums": 1, "isThere": True, "removed": 1}


def test_storage_js_knows_a_refusal(visitor: Visitor, watch: Watch) -> None:
    watch.expect("status of 400")
    assert visitor.run("refused") == {"name": "StorageApiError", "statusCode": "409"}


def test_uppy_uploads_pauses_and_goes_on(visitor: Visitor, service: httpx.Client, bucket: str) -> None:
    told = visitor.run("uppy", length=2 * CHUNK + 1)
    assert (told["successful"], told["failed"], told["isPaused"]) == (2, 0, True)
    assert sum_of(service, bucket, "large.png") == told["sum"]


def test_tus_js_client_goes_on_where_it_stopped(visitor: Visitor, service: httpx.Client, bucket: str) -> None:
    told = visitor.run("tus", length=2 * CHUNK + 1)
    assert told["offsets"] == [2 * CHUNK, 2 * CHUNK + 1]
    assert sum_of(service, bucket, "again.bin") == told["sum"]
