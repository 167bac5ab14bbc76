"""What newcomers stumble over: a lost focus, a hidden row, a server that goes away."""

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.contract.client import Target, put_object

from .conftest import MakeBucket
from .support import admin_url, png, sign_in
from .support_explorer import open_folder, uploads
from .support_server import Server
from .support_watch import Watch

REFUSED = r"ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE"


@pytest.fixture(scope="module")
def server(own_server: Server) -> Server:
    """A server that goes away for a moment."""
    return own_server


def test_the_key_to_sign_in_with_is_explained(page: Page, target: Target) -> None:
    page.goto(admin_url(target))
    expect(page.get_by_text("aerostore serve --show-keys")).to_be_visible()


def test_an_ended_session_asks_first_for_what_it_began_with(page: Page, target: Target, watch: Watch) -> None:
    watch.expect("status of 401")
    sign_in(page, target, role="authenticated", sub="member-1")
    expect(page.get_by_text("No buckets yet")).to_be_visible()
    page.context.clear_cookies()
    page.keyboard.press("r")
    dialog = page.get_by_role("dialog", name="Session ended")
    expect(dialog.get_by_role("radio", name="User JWT")).to_be_checked()


def test_the_focus_stays_near_a_bucket_that_was_deleted(
    page: Page, target: Target, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket("gone")
    sign_in(page, target)
    page.get_by_role("button", name=f"Actions for {bucket}").click()
    page.get_by_role("menuitem", name="Delete…").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete bucket").click()
    expect(page.get_by_role("link", name=bucket)).to_have_count(0)
    expect(page.get_by_role("button", name="New bucket")).to_be_focused()


def test_a_type_that_is_still_being_typed_counts(
    page: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket("typed")
    sign_in(page, target, f"buckets/{bucket}/-/settings")
    page.get_by_label("Types of content that may be uploaded").fill("image/*")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Settings saved")).to_be_visible()
    assert service.get(f"/bucket/{bucket}").json()["allowed_mime_types"] == ["image/*"]


def test_finished_uploads_make_room_once_their_reader_goes_on(
    page: Page, target: Target, make_bucket: MakeBucket, tmp_path: Path
) -> None:
    file = tmp_path / "note.txt"
    file.write_text("a note")
    sign_in(page, target)
    grid = open_folder(page, target, make_bucket("room"))
    page.get_by_label("Files to upload").set_input_files(file)
    expect(uploads(page).get_by_text("Done")).to_be_visible()
    grid.press("Home")
    expect(uploads(page).get_by_text("Done")).to_have_count(0)
    expect(uploads(page)).to_contain_text("1 of 1")


def test_a_preview_on_a_narrow_page_comes_into_view(
    page: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket("narrow")
    put_object(service, bucket, "map.png", png(), {"content-type": "image/png"})
    page.set_viewport_size({"width": 320, "height": 640})
    sign_in(page, target)
    grid = open_folder(page, target, bucket)
    grid.press("Home")
    grid.press("Enter")
    expect(page.get_by_role("img", name="map.png")).to_be_in_viewport()


def test_an_open_plot_takes_the_colours_of_the_system(page: Page, target: Target) -> None:
    page.emulate_media(color_scheme="light")
    sign_in(page, target, "metrics")
    canvas = page.locator(".plot canvas").first
    expect(canvas).to_be_visible()
    canvas.evaluate("(canvas) => { canvas.dataset.drawn = 'light' }")
    page.emulate_media(color_scheme="dark")
    expect(page.locator(".plot canvas[data-drawn=light]")).to_have_count(0)
    expect(canvas).to_be_visible()


def test_a_server_that_was_away_is_found_again(
    page: Page, target: Target, server: Server, make_bucket: MakeBucket, watch: Watch
) -> None:
    watch.expect(REFUSED)
    bucket = make_bucket("away")
    sign_in(page, target)
    expect(page.get_by_role("link", name=bucket)).to_be_visible()
    server.stop()
    page.keyboard.press("r")
    away = page.get_by_text("The server cannot be reached.")
    expect(away).to_be_visible()
    expect(page.get_by_role("link", name=bucket)).to_be_visible()
    server.start()
    expect(away).to_have_count(0)
    expect(page.get_by_role("link", name=bucket)).to_be_visible()
