"""How large and how fast the admin UI is, in Chromium, over a folder of 100,000 objects.

    python -m benchmarks.ui

Prints each figure beside the most that is accepted, and fails when one is beyond it. The UI has to be built
(`make ui`). A busy machine is slow: figures count on an idle one only.
"""

import argparse
import gzip
import re
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.conftest import FLAGS
from tests.browser.support import admin_url, folder_path, start_session
from tests.browser.support_fill import fill
from tests.browser.support_server import ROOT, Server

OBJECTS = 100_000
BUCKET, PREFIX = "measured", "all/"
VISITS = 5
SCROLL_S = 5
LISTING_DEADLINE_MS = 60_000
_STATIC = ROOT / "aerostore" / "admin_static"
# Notes when the first row was there and when the list was complete, in ms since the page was asked for.
_NOTE_TIMES = """(() => {
  const noted = (window.noted = {});
  const look = () => {
    if (!noted.first && document.querySelector('.grid-row')) noted.first = performance.now();
    const status = document.querySelector('.explorer-status');
    if (!noted.complete && status?.textContent === '100,000 items') noted.complete = performance.now();
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true, characterData: true });
})()"""
_FIRST_PAINT = """new Promise((resolve) => {
  new PerformanceObserver((list) => {
    for (const entry of list.getEntriesByName('first-contentful-paint')) resolve(entry.startTime);
  }).observe({ type: 'paint', buffered: true });
})"""
_SCROLL = """async (grid, { pxPerS, seconds }) => {
  grid.scrollTop = 0;
  const frames = [];
  let blank = 0;
  let last = performance.now();
  for (const end = last + seconds * 1000; last < end; ) {
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    const { left, top, height } = grid.getBoundingClientRect();
    if (!document.elementFromPoint(left + 120, top + height / 2)?.closest('.grid-row')) blank += 1;
    grid.scrollTop += (pxPerS * (now - last)) / 1000;
    frames.push(now - last);
    last = now;
  }
  frames.sort((a, b) => a - b);
  return { fps: frames.length / seconds, p95: frames[Math.floor(frames.length * 0.95)], blank };
}"""
_PRESS = """async (grid, { key, ctrlKey }) => {
  grid.focus();
  const began = performance.now();
  grid.dispatchEvent(new KeyboardEvent('keydown', { key, ctrlKey, bubbles: true, cancelable: true }));
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  return performance.now() - began;
}"""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value and its gate: the most that is accepted, or the least."""

    label: str
    value: float
    unit: str
    gate: float
    is_least: bool = False

    @property
    def passes(self) -> bool:
        return self.value >= self.gate if self.is_least else self.value <= self.gate

    def __str__(self) -> str:
        relation, verdict = "≥" if self.is_least else "≤", "" if self.passes else "  BEYOND THE GATE"
        return f"{self.label:44}{self.value:10,.1f} {self.unit:5}{relation} {self.gate:g}{verdict}"


def main() -> int:
    """Measure everything; return 1 when a figure is beyond its gate."""
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    figures = sizes()
    with tempfile.TemporaryDirectory() as directory, Server(Path(directory)) as server, chromium() as browser:
        seed(server)
        figures += paints(browser, server)
        figures += folder(browser, server)
    print(*figures, sep="\n")
    return 0 if all(figure.passes for figure in figures) else 1


def sizes() -> list[Figure]:
    """Return what the browser has to fetch, compressed by gzip."""
    page = (_STATIC / "index.html").read_text()
    initial = [path for path in re.findall(r'(?:src|href)="\./(assets/[^"]+)"', page)]
    return [
        Figure("JavaScript before the first paint", _kilobytes(initial, ".js"), "kB", 130),
        Figure("styles before the first paint", _kilobytes(initial, ".css"), "kB", 12),
        Figure("explorer", _kilobytes(_assets("ExplorerRoute-*.js")), "kB", 35),
        Figure(
            "uploads, with the first one", _kilobytes(_assets("tus-*.js") + _assets("queue-*.js")), "kB", 20
        ),
        Figure("plots, with the page of metrics", _kilobytes(_assets("plot-*.js")), "kB", 25),
        Figure("JavaScript of all pages", _kilobytes(_assets("*.js")), "kB", 320),
    ]


def _assets(pattern: str) -> list[str]:
    return [str(path.relative_to(_STATIC)) for path in (_STATIC / "assets").glob(pattern)]


def _kilobytes(paths: list[str], suffix: str = "") -> float:
    files = [_STATIC / path for path in paths if path.endswith(suffix)]
    return sum(len(gzip.compress(file.read_bytes())) for file in files) / 1000


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Debian's Chromium for the time of the block."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        sys.exit("Chromium is missing: make services")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def seed(server: Server) -> None:
    """Make a bucket with a folder of 100,000 objects."""
    with server.target.connect(server.target.token("service_role")) as service:
        service.post("/bucket", json={"name": BUCKET}).raise_for_status()
        fill(server.data_dir, service, BUCKET, f"{PREFIX}%06d-picture.png", OBJECTS)


def paints(browser: Browser, server: Server) -> list[Figure]:
    """Return how soon somebody who was never here sees something, as the median of some visits."""
    return [
        Figure(
            "first paint", statistics.median(_first_paint(browser, server) for _ in range(VISITS)), "ms", 800
        )
    ]


def _first_paint(browser: Browser, server: Server) -> float:
    with _visit(browser) as context:
        page = context.new_page()
        page.goto(admin_url(server.target))
        page.get_by_role("textbox").wait_for()
        found: float = page.evaluate(_FIRST_PAINT)
        return found


def folder(browser: Browser, server: Server) -> list[Figure]:
    """Return how the large folder behaves."""
    with _visit(browser) as context:
        start_session(context.request, server.target, server.target.token("service_role"))
        page = context.new_page()
        page.add_init_script(_NOTE_TIMES)
        page.goto(admin_url(server.target, folder_path(BUCKET, PREFIX)))
        expect(page.get_by_text("100,000 items")).to_be_visible(timeout=LISTING_DEADLINE_MS)
        return [*_times(page), *_scrolling(page), *_keys(page), *_weight(page)]


@contextmanager
def _visit(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield context
    context.close()


def _times(page: Page) -> Iterator[Figure]:
    noted: dict[str, float] = page.evaluate("window.noted")
    yield Figure("first rows", noted["first"], "ms", 600)
    yield Figure("100,000 rows listed", noted["complete"], "ms", 4000)


def _scrolling(page: Page) -> Iterator[Figure]:
    grid = page.get_by_role("grid")
    slow: dict[str, Any] = grid.evaluate(_SCROLL, {"pxPerS": 3000, "seconds": SCROLL_S})
    fast: dict[str, Any] = grid.evaluate(_SCROLL, {"pxPerS": 60_000, "seconds": SCROLL_S})
    yield Figure("frames at 3,000 px/s, 95th percentile", slow["p95"], "ms", 20)
    yield Figure("frames at 60,000 px/s", fast["fps"], "fps", 50, is_least=True)
    yield Figure("frames with blank rows", slow["blank"] + fast["blank"], "", 0)


def _keys(page: Page) -> Iterator[Figure]:
    grid = page.get_by_role("grid")
    yield Figure("End", grid.evaluate(_PRESS, {"key": "End", "ctrlKey": False}), "ms", 150)
    yield Figure("Ctrl+A", grid.evaluate(_PRESS, {"key": "a", "ctrlKey": True}), "ms", 150)


def _weight(page: Page) -> Iterator[Figure]:
    yield Figure("elements", page.evaluate("document.querySelectorAll('*').length"), "", 1500)
    devtools = page.context.new_cdp_session(page)
    devtools.send("HeapProfiler.collectGarbage")
    used: int = devtools.send("Runtime.getHeapUsage")["usedSize"]
    yield Figure("memory of scripts", used / 1_000_000, "MB", 80)


if __name__ == "__main__":
    sys.exit(main())
