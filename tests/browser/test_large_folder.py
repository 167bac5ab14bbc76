"""Scenario 15: a folder of 100,000 objects. How fast it is, benchmarks/ui.py measures; here it is counted.

What is counted does not depend on the machine: elements, requests, rows that are blank while they fly by.
"""

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.contract.client import Target, unique

from .support import picture
from .support_explorer import cursor, list_status, open_folder, row
from .support_fill import fill
from .support_server import Server

OBJECTS = 100_000
MOST_ELEMENTS = 1500
# The first page has 200 rows, the others as many as the server gives.
PAGES = 1 + OBJECTS // 5000
# Elements that leave their place: for the row that the view goes on by, and for one that it is shorter by.
MOST_TAKEN_IN_A_STEP = 2
# One step in each frame, as a wheel and a dragged thumb do; looked at before the next step, as a reader does.
SCROLL = """async (grid, { stepPx, steps }) => {
  let blank = 0;
  let taken = 0;
  const rows = new MutationObserver((records) => {
    for (const { removedNodes } of records) taken += removedNodes.length;
  });
  rows.observe(grid, { childList: true, subtree: true });
  grid.scrollTop = 0;
  for (let step = 0; step < steps; step += 1) {
    grid.scrollTop += stepPx;
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    const { left, top, height } = grid.getBoundingClientRect();
    for (const share of [0.25, 0.5, 0.9]) {
      const seen = document.elementFromPoint(left + 120, top + height * share);
      if (!seen?.closest('[role=row]')) blank += 1;
    }
  }
  rows.disconnect();
  return { blank, taken };
}"""


@pytest.fixture(scope="module")
def server(own_server: Server) -> Server:
    """A server of its own: so many objects are in the way of whoever counts them."""
    return own_server


@pytest.fixture(scope="module")
def bucket(server: Server, service: httpx.Client) -> str:
    """A bucket with one folder of 100,000 objects, one by one named by number."""
    name = unique("large")
    service.post("/bucket", json={"name": name}).raise_for_status()
    fill(server.data_dir, service, name, "all/%06d-picture.png", OBJECTS)
    return name


def test_it_is_listed_in_few_requests_and_few_elements(admin: Page, target: Target, bucket: str) -> None:
    pages: list[str] = []
    admin.on("request", lambda request: pages.append(request.url) if "/list-v2/" in request.url else None)
    grid = open_folder(admin, target, bucket, "all/")
    expect(row(admin, "000000-picture.png")).to_be_visible()
    expect(list_status(admin)).to_have_text("100,000 items")
    assert len(pages) == PAGES
    expect(grid).to_have_attribute("aria-rowcount", str(OBJECTS + 1))
    assert admin.evaluate("document.querySelectorAll('*').length") <= MOST_ELEMENTS
    for step_px, steps in ((50, 30), (1000, 40), (60_000, 40)):
        seen: dict[str, int] = grid.evaluate(SCROLL, {"stepPx": step_px, "steps": steps})
        assert seen["blank"] == 0, step_px
        assert seen["taken"] <= MOST_TAKEN_IN_A_STEP * steps, step_px
    assert admin.evaluate("document.querySelectorAll('*').length") <= MOST_ELEMENTS
    picture(admin, "large-folder")


def test_keys_reach_every_row(admin: Page, target: Target, bucket: str) -> None:
    grid = open_folder(admin, target, bucket, "all/")
    expect(list_status(admin)).to_have_text("100,000 items")
    admin.keyboard.press("End")
    expect(cursor(admin)).to_contain_text("099999-picture.png")
    expect(cursor(admin)).to_be_in_viewport(ratio=1)
    expect(cursor(admin)).to_have_attribute("aria-rowindex", str(OBJECTS + 1))
    admin.keyboard.press("PageUp")
    expect(cursor(admin)).to_be_in_viewport(ratio=1)
    admin.keyboard.press("Home")
    expect(cursor(admin)).to_contain_text("000000-picture.png")
    admin.keyboard.type("0777")
    expect(cursor(admin)).to_contain_text("077700-picture.png")
    expect(cursor(admin)).to_be_in_viewport(ratio=1)
    admin.keyboard.press("Control+a")
    expect(list_status(admin)).to_contain_text("100,000 selected")
    expect(grid).to_be_focused()
    picture(admin, "large-folder-selected")


def test_a_search_finds_names_that_are_not_listed_yet(admin: Page, target: Target, bucket: str) -> None:
    open_folder(admin, target, bucket)
    admin.keyboard.press("/")
    admin.keyboard.type("99125")
    expect(list_status(admin)).to_have_text("1 item")
    expect(row(admin, "all/099125-picture.png")).to_be_visible()
    expect(admin).to_have_url(re.compile("99125"))


def test_a_folder_that_is_left_is_not_listed_to_its_end(admin: Page, target: Target, bucket: str) -> None:
    open_folder(admin, target, bucket)
    pages: list[str] = []
    admin.on("request", lambda request: pages.append(request.url) if "/list-v2/" in request.url else None)
    row(admin, "all").dblclick()
    expect(row(admin, "000000-picture.png")).to_be_visible()
    admin.keyboard.press("Backspace")
    expect(cursor(admin)).to_contain_text("all")
    expect(list_status(admin)).to_have_text("1 item")
    assert len(pages) < PAGES
