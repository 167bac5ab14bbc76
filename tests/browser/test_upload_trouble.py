"""Uploads in trouble: the same file twice, a name taken meanwhile, a server that is away, one who leaves."""

import os
import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.contract.client import Target, get_object

from .conftest import MakeBucket
from .support import admin_url
from .support_explorer import drop, open_folder, resumable_requests, row, throttle, uploads
from .support_watch import Watch

MIB = 1024 * 1024
# A first part that is sent, a second one, and a rest.
SIZE = 13 * MIB
BYTES_PER_S = 10 * MIB
REMEMBERED = "JSON.stringify(localStorage)"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "film.bin"
    path.write_bytes(os.urandom(SIZE))
    return path


def drop_and_pause(page: Page, grid: Locator, file: Path) -> None:
    """Drop a file, and pause it when the server has its first bytes, and not all of them."""
    throttle(page, BYTES_PER_S)
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        drop(page, grid, [file])
    uploads(page).get_by_role("button", name=f"Pause {file.name}").click()
    throttle(page, -1)


def resume(page: Page, file: Path) -> None:
    uploads(page).get_by_role("button", name=f"Resume {file.name}").click()


def test_a_resumed_upload_may_replace_what_came_meanwhile(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket, watch: Watch, file: Path
) -> None:
    watch.expect("status of 409")
    bucket = make_bucket("trouble")
    grid = open_folder(admin, target, bucket)
    drop_and_pause(admin, grid, file)
    admin.reload()
    expect(admin.get_by_text("One upload was not finished: film.bin")).to_be_visible()
    service.post(f"/object/{bucket}/{file.name}", content=b"other").raise_for_status()

    sent = resumable_requests(admin)
    drop(admin, grid, [file])
    question = admin.get_by_role("dialog")
    expect(question).to_contain_text("“film.bin” exists already")
    assert [request.method for request in sent[:2]] == ["HEAD", "PATCH"]
    sent.clear()
    question.get_by_role("button", name="Replace").click()
    expect(uploads(admin).get_by_text("Done")).to_be_visible()
    assert [request.method for request in sent if request.method != "PATCH"] == ["POST"]
    assert get_object(service, bucket, file.name).content == file.read_bytes()
    uploads(admin).get_by_role("button", name="Clear finished uploads").click()
    expect(uploads(admin)).to_have_count(0)
    expect(admin.get_by_text("not finished")).to_have_count(0)


def test_a_file_that_is_under_way_is_not_uploaded_twice_by_two_drops_or_two_tabs(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket, file: Path
) -> None:
    bucket = make_bucket("trouble")
    grid = open_folder(admin, target, bucket)
    drop_and_pause(admin, grid, file)
    drop(admin, grid, [file])
    expect(admin.get_by_text("A file is being uploaded already")).to_be_visible()
    expect(uploads(admin).get_by_role("listitem")).to_have_count(1)

    other = admin.context.new_page()
    other_grid = open_folder(other, target, bucket)
    drop(other, other_grid, [file])
    expect(uploads(other)).to_contain_text("Failed: Another tab is uploading this file")
    uploads(other).get_by_role("button", name="Take film.bin off the list").click()
    expect(other.get_by_text("not finished")).to_have_count(0)
    resume(admin, file)
    expect(uploads(admin).get_by_text("Done")).to_be_visible()
    assert get_object(service, bucket, file.name).content == file.read_bytes()


def test_an_upload_goes_on_by_itself_when_the_server_is_back(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket, watch: Watch, file: Path
) -> None:
    watch.expect("ERR_FAILED")
    bucket = make_bucket("trouble")
    grid = open_folder(admin, target, bucket)
    drop_and_pause(admin, grid, file)
    everything = re.compile(re.escape(admin_url(target)))
    admin.route(everything, lambda route: route.abort())
    resume(admin, file)
    banner = admin.get_by_text("The server cannot be reached. What you see may be old")
    expect(uploads(admin)).to_contain_text("Failed: The server cannot be reached.")
    expect(banner).to_be_visible()
    admin.unroute(everything)
    expect(uploads(admin).get_by_text("Done")).to_be_visible()
    expect(banner).to_have_count(0)
    expect(row(admin, file.name)).to_be_visible()
    assert get_object(service, bucket, file.name).content == file.read_bytes()


def test_a_proxy_without_its_server_does_not_make_an_upload_begin_anew(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket, watch: Watch, file: Path
) -> None:
    watch.expect("status of 502")
    bucket = make_bucket("trouble")
    grid = open_folder(admin, target, bucket)
    drop_and_pause(admin, grid, file)
    refused: list[str] = []

    def refuse_once(route: Route) -> None:
        method = route.request.method
        if method in refused:
            route.fallback()
        else:
            refused.append(method)
            route.fulfill(status=502, content_type="text/html", body="<html>Bad Gateway</html>")

    sent = resumable_requests(admin)
    admin.route(re.compile("/upload/resumable/"), refuse_once)
    resume(admin, file)
    expect(uploads(admin).get_by_text("Done")).to_be_visible()
    assert refused == ["HEAD", "PATCH"]
    assert "POST" not in [request.method for request in sent]
    assert get_object(service, bucket, file.name).content == file.read_bytes()


def test_signing_out_asks_about_uploads_and_leaves_no_name_behind(
    admin: Page, target: Target, make_bucket: MakeBucket, file: Path
) -> None:
    grid = open_folder(admin, target, make_bucket("trouble"))
    drop_and_pause(admin, grid, file)
    admin.reload()
    expect(admin.get_by_text("One upload was not finished: film.bin")).to_be_visible()
    later = file.rename(file.with_name("later.bin"))
    drop_and_pause(admin, grid, later)
    assert all(name in admin.evaluate(REMEMBERED) for name in ("film.bin", "later.bin"))
    sent = resumable_requests(admin)
    admin.get_by_role("button", name="Account").click()
    admin.get_by_role("menuitem", name="Sign out").click()
    question = admin.get_by_role("dialog", name="Sign out all the same?")
    expect(question).to_contain_text("One upload has not ended.")
    question.get_by_role("button", name="Sign out").click()
    expect(admin.get_by_role("heading", name="Sign in")).to_be_visible()
    assert [request.method for request in sent] == ["DELETE"]
    assert not any(name in admin.evaluate(REMEMBERED) for name in ("film.bin", "later.bin"))


def test_signing_out_asks_about_what_is_not_saved_before_the_session_ends(
    admin: Page, target: Target, make_bucket: MakeBucket
) -> None:
    admin.goto(admin_url(target, f"buckets/{make_bucket('trouble')}/-/settings"))
    admin.get_by_label("Size limit of an object").fill("7")
    admin.get_by_role("button", name="Account").click()
    admin.get_by_role("menuitem", name="Sign out").click()
    question = admin.get_by_role("dialog", name="Sign out all the same?")
    question.get_by_role("button", name="Cancel").click()
    expect(question).to_have_count(0)
    assert admin.request.get(admin_url(target, "api/session")).json()["session"] is not None
    admin.get_by_role("button", name="Account").click()
    admin.get_by_role("menuitem", name="Sign out").click()
    question.get_by_role("button", name="Sign out").click()
    expect(admin.get_by_role("heading", name="Sign in")).to_be_visible()
