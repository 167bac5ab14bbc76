"""What once went wrong in the explorer: what a key, a selection or a strange name meant by mistake."""

import re

import httpx
from playwright.sync_api import Page, Route, expect

from tests.contract.client import Target, object_path

from .conftest import MakeBucket
from .support import admin_url, sign_in
from .support_explorer import cursor, list_status, names_in, open_folder, put_all, row, rows_selected
from .support_watch import Watch

SEARCH = "Search by name"


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_a_key_after_g_leads_to_a_page_and_not_to_a_row(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket("trouble")
    put_all(service, bucket, ["a.txt", "j.txt"])
    open_folder(admin, target, bucket)
    press(admin, "g", "j")
    expect(admin).to_have_url(admin_url(target, "jobs"))
    expect(admin.get_by_role("heading", name="Jobs")).to_be_visible()


def test_what_is_selected_in_a_search_is_not_selected_in_the_folder(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket("trouble")
    put_all(service, bucket, ["a.txt", "b.txt", "c.bin"])
    grid = open_folder(admin, target, bucket, query="?q=txt")
    expect(list_status(admin)).to_contain_text("2 items")
    press(admin, "Control+a")
    expect(list_status(admin)).to_contain_text("2 selected")
    admin.get_by_label(SEARCH).fill("")
    expect(row(admin, "c.bin")).to_be_visible()
    expect(rows_selected(admin)).to_have_count(0)
    grid.focus()
    press(admin, "Control+a")
    expect(list_status(admin)).to_contain_text("3 selected")
    admin.get_by_label(SEARCH).fill("bin")
    expect(row(admin, "a.txt")).to_have_count(0)
    expect(list_status(admin)).not_to_contain_text("selected")


def test_a_space_at_the_end_of_a_search_stays_while_its_writer_thinks(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket("trouble")
    put_all(service, bucket, ["annual report.txt", "annual.txt"])
    open_folder(admin, target, bucket)
    press(admin, "/")
    admin.keyboard.type("annual ")
    expect(admin).to_have_url(re.compile(r"\?q=annual$"))
    expect(list_status(admin)).to_contain_text("2 items")
    admin.keyboard.type("rep")
    expect(admin.get_by_label(SEARCH)).to_have_value("annual rep")
    expect(list_status(admin)).to_contain_text("1 item")


def test_folders_without_a_name_are_left_like_others(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket("trouble")
    put_all(service, bucket, ["/lead.txt", "a//deep.txt"])
    open_folder(admin, target, bucket)
    row(admin, "(no name)").dblclick()
    expect(row(admin, "lead.txt")).to_be_visible()
    press(admin, "Control+l", "Enter")
    expect(row(admin, "lead.txt")).to_be_visible()
    press(admin, "Backspace")
    expect(row(admin, "a")).to_be_visible()
    expect(cursor(admin)).to_contain_text("(no name)")
    open_folder(admin, target, bucket, "a/~/")
    press(admin, "Control+l", "Enter")
    expect(row(admin, "deep.txt")).to_be_visible()
    press(admin, "Backspace", "Backspace")
    expect(row(admin, "(no name)")).to_be_visible()


def test_an_object_that_is_named_like_a_folder_is_an_object(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket("trouble")
    put_all(service, bucket, ["dir/", "dir/a.txt"])
    open_folder(admin, target, bucket, "dir/")
    row(admin, "(the folder itself)").dblclick()
    expect(admin.get_by_role("complementary", name="Preview of dir")).to_contain_text("dir/")
    row(admin, "(the folder itself)").click()
    press(admin, "F2")
    admin.get_by_label("Name", exact=True).fill("marker")
    press(admin, "Enter")
    expect(row(admin, "marker")).to_be_visible()
    assert names_in(service, bucket) == ["dir/a.txt", "dir/marker"]


def test_a_cut_that_is_pasted_where_it_was_can_be_pasted_again(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket("trouble")
    put_all(service, bucket, ["a.txt", "dir/b.txt"])
    open_folder(admin, target, bucket)
    row(admin, "a.txt").click()
    press(admin, "Control+x", "Control+v")
    expect(admin.get_by_text("Everything is in this folder already.")).to_be_visible()
    row(admin, "dir").dblclick()
    expect(row(admin, "b.txt")).to_be_visible()
    press(admin, "Control+v")
    expect(row(admin, "a.txt")).to_be_visible()
    assert names_in(service, bucket) == ["dir/a.txt", "dir/b.txt"]


def test_the_menu_of_a_row_comes_into_view_with_it_and_goes_with_it(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket("trouble")
    put_all(service, bucket, [f"{number:03}.txt" for number in range(150)])
    grid = open_folder(admin, target, bucket)
    press(admin, "Home")
    grid.hover()
    admin.mouse.wheel(0, 4000)
    expect(cursor(admin)).to_have_count(0)
    assert grid.get_attribute("aria-activedescendant") is None
    press(admin, "Shift+F10")
    expect(admin.get_by_role("menu")).to_be_visible()
    expect(cursor(admin)).to_be_in_viewport()
    admin.mouse.wheel(0, 4000)
    expect(admin.get_by_role("menu")).to_have_count(0)
    expect(grid).to_be_focused()
    press(admin, "Home")
    expect(cursor(admin)).to_be_in_viewport()
    expect(admin.get_by_role("menu")).to_have_count(0)


def test_a_download_that_is_refused_is_told_on_the_page(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket, watch: Watch
) -> None:
    bucket = make_bucket("trouble")
    put_all(service, bucket, ["a.txt", "b.txt", "gone.txt"])
    open_folder(admin, target, bucket)
    row(admin, "a.txt").click()
    row(admin, "b.txt").click(modifiers=["Shift"])
    with admin.expect_download() as archive:
        choose(admin, "Download")
    assert archive.value.path().read_bytes().startswith(b"PK")
    row(admin, "b.txt").click()
    with admin.expect_download() as file:
        choose(admin, "Download")
    assert file.value.suggested_filename == "b.txt"
    assert file.value.path().read_bytes() == b"b.txt"
    watch.expect("status of 40")
    row(admin, "gone.txt").click()
    service.delete(object_path(bucket, "gone.txt")).raise_for_status()
    choose(admin, "Download")
    expect(admin.get_by_role("alert")).to_contain_text("“gone.txt” not saved")
    expect(admin.get_by_role("alert")).to_contain_text("not found")
    assert admin.context.pages == [admin]


def test_a_question_about_a_taken_name_follows_its_reader_to_other_pages(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket, watch: Watch
) -> None:
    bucket = make_bucket("trouble")
    put_all(service, bucket, ["a.txt", "dir/a.txt"])
    open_folder(admin, target, bucket)
    waiting: list[Route] = []
    admin.route("**/object/move", lambda route: waiting.append(route))
    row(admin, "a.txt").click()
    press(admin, "Control+x")
    row(admin, "dir").dblclick()
    expect(list_status(admin)).to_have_text("1 item")
    with admin.expect_request("**/object/move"):
        press(admin, "Control+v")
    admin.get_by_role("link", name="Metrics").click()
    expect(admin.get_by_role("heading", name="Metrics")).to_be_visible()
    expect(admin.get_by_text("Moving 1 object: 0 of 1")).to_be_visible()
    watch.expect("status of 409")
    waiting[0].continue_()
    admin.unroute("**/object/move")
    expect(admin.get_by_role("dialog")).to_contain_text("In dir/ there is an object with this name.")
    press(admin, "Enter")
    expect(admin.get_by_text("1 object moved")).to_be_visible()
    assert names_in(service, bucket) == ["dir/a (2).txt", "dir/a.txt"]


def test_what_was_cut_is_not_known_to_whoever_signs_in_after_the_session(
    page: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket, watch: Watch
) -> None:
    watch.expect("status of 401")
    bucket = make_bucket("trouble")
    put_all(service, bucket, ["a.txt"])
    session_id = sign_in(page, target)
    page.get_by_role("link", name=bucket).click()
    row(page, "a.txt").click()
    press(page, "Control+x")
    page.evaluate("window.isUsed = true")
    end_session(page, target, session_id)
    with page.expect_response(lambda answer: answer.url.endswith("/api/session")):
        press(page, "r")
    expect(page.get_by_role("dialog", name="Session ended")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in to aerostore")).to_be_visible()
    assert page.evaluate("window.isUsed") is None


def end_session(page: Page, target: Target, session_id: str) -> None:
    headers = {"x-aerostore-csrf": "1", "origin": admin_url(target).removesuffix("/admin/")}
    answer = page.context.request.delete(admin_url(target, f"api/sessions/{session_id}"), headers=headers)
    assert answer.ok, answer.text()


def choose(page: Page, action: str) -> None:
    """Do `action` to what is selected, by the menu."""
    page.get_by_role("button", name="Actions", exact=True).click()
    page.get_by_role("menuitem", name=action).click()
