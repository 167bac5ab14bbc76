"""What tests do in the explorer as a person would: open a folder, find a row, drop files on it."""

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from playwright.sync_api import Locator, Page, Request, expect

from tests.contract.client import Target, put_object

from .support import folder_path, visit

UPLOADS_AT_ONCE = 8


def open_folder(page: Page, target: Target, bucket: str, prefix: str = "", query: str = "") -> Locator:
    """Open the page of a folder and return its grid, which has the focus. query: `?...` of the address."""
    visit(page, target, folder_path(bucket, prefix) + query)
    grid = page.get_by_role("grid")
    expect(grid).to_be_focused()
    return grid


def row(page: Page, label: str) -> Locator:
    """Return the row that shows this name."""
    return page.get_by_role("row").filter(has=page.get_by_text(label, exact=True))


def rows_selected(page: Page) -> Locator:
    """Return the rows that are selected and drawn."""
    return page.get_by_role("grid").get_by_role("row", selected=True)


def cursor(page: Page) -> Locator:
    """Return the row that the keys act on."""
    return page.locator("[role=row][data-active]")


def list_status(page: Page) -> Locator:
    """Return the line that counts rows."""
    return (
        page.get_by_role("region", name="Objects of")
        .get_by_role("status")
        .filter(has_text=re.compile(r"\bitems?\b"))
    )


def uploads(page: Page) -> Locator:
    """Return the panel of uploads."""
    return page.get_by_role("region", name="Uploads", exact=True)


def drop(page: Page, where: Locator, paths: Iterable[Path]) -> None:
    """Drop files and folders of this machine on `where`, as from the file manager."""
    devtools = page.context.new_cdp_session(page)
    box = where.bounding_box()
    assert box is not None
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    for step in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": step, "data": data} | place)
    devtools.detach()


def throttle(page: Page, bytes_per_s: int) -> None:
    """Let the browser send at most so much from now on; -1 is as fast as it can."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_s}
    devtools.send("Network.emulateNetworkConditions", limits)


def resumable_requests(page: Page) -> list[Request]:
    """Return a list that fills with the requests of uploads from now on."""
    found: list[Request] = []
    page.on("request", lambda request: found.append(request) if "/upload/resumable" in request.url else None)
    return found


def put_all(service: httpx.Client, bucket: str, names: Iterable[str]) -> None:
    """Store a small object under each name."""
    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        list(pool.map(lambda name: put_object(service, bucket, name, name.encode()), names))


def names_in(service: httpx.Client, bucket: str, prefix: str = "") -> list[str]:
    """Return the names of all objects below `prefix`, in folders too."""
    names: list[str] = []
    cursor: str | None = None
    while True:
        question = {"prefix": prefix, "limit": 1000} | ({} if cursor is None else {"cursor": cursor})
        answer = service.post(f"/object/list-v2/{bucket}", json=question).raise_for_status().json()
        names += [found["name"] for found in answer["objects"]]
        cursor = answer.get("nextCursor")
        if cursor is None:
            return names
