"""What must not be lost: a bucket that was kept after all, half-typed edits, the place in a growing log."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from playwright.sync_api import Dialog, Locator, Page, Route, expect

from tests.contract.client import Target, put_object, unique

from .conftest import MakeBucket
from .support import admin_url, visit
from .support_explorer import open_folder, put_all
from .support_watch import Watch


@pytest.fixture
def bucket(service: httpx.Client, make_bucket: MakeBucket) -> str:
    """A bucket with one object."""
    name = make_bucket("trouble")
    put_object(service, name, "note.txt", b"text").raise_for_status()
    return name


class LongJob:
    """Stands in for a job that would run until it is cancelled; a real one would have ended by then."""

    def __init__(self, page: Page, bucket: str) -> None:
        self.asked: list[str] = []
        self._job: dict[str, Any] = {
            "id": "long",
            "state": "running",
            "request": {"bucket": bucket},
            "error": None,
        }
        page.route(re.compile("/admin/api/(prefix/delete|jobs/long)"), self._answer)
        page.on("request", lambda request: self.asked.append(f"{request.method} {request.url}"))

    def _answer(self, route: Route) -> None:
        if route.request.url.endswith("/cancel"):
            self._job["state"] = "cancelled"
        route.fulfill(json={"job": self._job})

    @property
    def deletions(self) -> list[str]:
        """The requests that would delete a bucket or an object."""
        return [each for each in self.asked if each.startswith("DELETE")]


def test_a_deletion_that_is_under_way_is_left_by_stopping_it_only(
    admin: Page, target: Target, service: httpx.Client, bucket: str
) -> None:
    visit(admin, target, "jobs")
    admin.get_by_role("navigation", name="Main").get_by_role("link", name="Buckets").click()
    job = LongJob(admin, bucket)
    admin.get_by_role("button", name=f"Actions for {bucket}").click()
    admin.get_by_role("menuitem", name="Delete…").click()
    dialog = admin.get_by_role("dialog", name=f"Delete bucket {bucket}")
    dialog.get_by_label(f"Type {bucket} to go on").fill(bucket)
    dialog.get_by_role("button", name="Empty, then delete").click()
    expect(dialog.get_by_role("button", name="Working…")).to_be_visible()
    admin.keyboard.press("Escape")
    admin.evaluate("history.back()")
    expect(dialog.get_by_role("button", name="Close")).to_be_disabled()
    dialog.get_by_role("button", name="Stop").click()
    expect(dialog.get_by_role("alert")).to_contain_text("The bucket is still there")
    expect(admin).to_have_url(admin_url(target))
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    assert job.deletions == []
    assert service.get(f"/bucket/{bucket}").is_success


def test_a_type_that_is_typed_and_not_added_counts(
    admin: Page, target: Target, service: httpx.Client
) -> None:
    name = unique("typed")
    visit(admin, target)
    admin.get_by_role("button", name="New bucket").click()
    form = admin.get_by_role("dialog", name="New bucket")
    form.get_by_label("Name", exact=True).fill(name)
    types = form.get_by_label("Types of content that may be uploaded")
    types.fill("nonsense")
    expect(form.get_by_role("button", name="Create bucket")).to_be_disabled()
    types.fill("image/*")
    form.get_by_role("button", name="Create bucket").click()
    expect(admin).to_have_url(re.compile(f"/admin/buckets/{name}/?$"))
    assert service.get(f"/bucket/{name}").json()["allowed_mime_types"] == ["image/*"]


def test_letters_go_where_the_caret_is(admin: Page, target: Target) -> None:
    visit(admin, target)
    field = admin.get_by_label("Filter buckets")
    field.press_sequentially("abc")
    expect(admin).to_have_url(re.compile(r"\?q=abc$"))
    for key in ("ArrowLeft", "ArrowLeft", "X", "Y"):
        field.press(key)
    expect(field).to_have_value("aXYbc")
    expect(admin).to_have_url(re.compile(r"\?q=aXYbc$"))


@contextmanager
def held(page: Page, address: str, method: str) -> Iterator[None]:
    """Keep requests from the server until the end of the block."""
    kept: list[Route] = []
    page.route(
        address, lambda route: kept.append(route) if route.request.method == method else route.fallback()
    )
    yield
    for route in kept:
        route.continue_()


def test_what_is_typed_while_settings_are_saved_stays(admin: Page, target: Target, bucket: str) -> None:
    visit(admin, target, f"buckets/{bucket}/-/settings")
    form = admin.get_by_role("form", name="Access and limits")
    size, save = form.get_by_label("Size limit of an object"), form.get_by_role("button", name="Save")
    with held(admin, f"**/bucket/{bucket}", "PUT"):
        size.fill("5")
        with admin.expect_request(lambda request: request.method == "PUT"):
            save.click()
        size.fill("57")
    expect(admin.get_by_text("Settings saved")).to_be_visible()
    expect(size).to_have_value("57")
    expect(save).to_be_enabled()


def open_metadata(page: Page, target: Target, bucket: str) -> Locator:
    open_folder(page, target, bucket, query="?preview=note.txt&tab=metadata")
    return page.get_by_role("complementary", name="Preview of note.txt")


def questions_before_leaving(page: Page) -> list[str]:
    """Return a list that fills with what the browser asks; each time the page is left."""
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", answer)
    return asked


def test_an_edit_of_an_object_that_is_gone_holds_nobody_back(
    admin: Page, target: Target, service: httpx.Client, bucket: str, watch: Watch
) -> None:
    watch.expect("status of 404")
    edit = open_metadata(admin, target, bucket)
    asked = questions_before_leaving(admin)
    edit.get_by_label("Content type").fill("text/markdown")
    admin.reload()
    assert asked == ["beforeunload"]
    edit.get_by_label("Content type").fill("text/markdown")
    service.delete(f"/object/{bucket}/note.txt").raise_for_status()
    admin.get_by_role("heading", name="note.txt").click()
    admin.keyboard.press("r")
    expect(edit).to_contain_text("This object is not there")
    admin.reload()
    assert asked == ["beforeunload"]


def test_an_object_that_gets_another_name_keeps_what_was_typed_about_it(
    admin: Page, target: Target, service: httpx.Client, bucket: str, watch: Watch
) -> None:
    watch.allow("status of 404")
    edit = open_metadata(admin, target, bucket)
    edit.get_by_label("Content type").fill("text/markdown")
    admin.get_by_role("row").filter(has_text="note.txt").click()
    admin.keyboard.press("F2")
    admin.get_by_role("dialog").get_by_role("textbox").fill("paper.txt")
    admin.keyboard.press("Enter")
    admin.get_by_role("row").filter(has_text="paper.txt").dblclick()
    renamed = admin.get_by_role("complementary", name="Preview of paper.txt")
    renamed.get_by_role("tab", name="Metadata").click()
    expect(renamed.get_by_label("Content type")).to_have_value("text/markdown")


def test_rows_that_are_being_read_stay_where_they_are(
    admin: Page, target: Target, service: httpx.Client, bucket: str
) -> None:
    visit(admin, target, f"events?bucket={bucket}")
    log = admin.get_by_role("log")
    expect(admin.get_by_role("status").filter(has_text="Live")).to_be_visible()
    put_all(service, bucket, (f"{number}.txt" for number in range(40)))
    expect(log.locator(".event-line").first).to_contain_text("Created")
    expect(admin.locator(".event-rows")).to_have_css("height", f"{40 * 37}px")
    log.evaluate("(element) => { element.scrollTop = 400 }")
    name = log.locator(".event-line").nth(14).get_by_role("link").inner_text()
    line = log.locator(".event-line").filter(has_text=name)
    before = line.bounding_box()
    put_object(service, bucket, "new.txt")
    expect(admin.locator(".event-rows")).to_have_css("height", f"{41 * 37}px")
    assert line.bounding_box() == before
    log.evaluate("(element) => { element.scrollTop = 0 }")
    expect(log.locator(".event-line").first).to_contain_text("new.txt")


def test_what_an_address_says_and_nobody_knows_is_not_asked_for(admin: Page, target: Target) -> None:
    with admin.expect_request("**/admin/api/jobs?*") as asked:
        visit(admin, target, "jobs?state=lost&kind=scrub")
    assert asked.value.url.endswith("?kind=scrub")
    expect(admin).to_have_url(admin_url(target, "jobs?kind=scrub"))
