"""Scenario 10: rows are chosen by mouse and keys, and the whole work of a day is done without a mouse."""

from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from tests.contract.client import Target

from .conftest import MakeBucket
from .support import admin_url, picture, visit
from .support_explorer import cursor, list_status, names_in, open_folder, put_all, row, rows_selected, uploads


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_rows_are_chosen_with_the_mouse(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket("rows")
    put_all(service, bucket, [f"{letter}.txt" for letter in "abcdefgh"])
    open_folder(admin, target, bucket)
    row(admin, "b.txt").click()
    expect(rows_selected(admin)).to_have_count(1)
    row(admin, "e.txt").click(modifiers=["Shift"])
    expect(rows_selected(admin)).to_have_count(4)
    row(admin, "c.txt").click(modifiers=["Control"])
    expect(rows_selected(admin)).to_have_count(3)
    row(admin, "g.txt").locator("[data-check]").click()
    expect(rows_selected(admin)).to_have_count(4)
    row(admin, "h.txt").click(modifiers=["Control", "Shift"])
    expect(list_status(admin)).to_contain_text("8 items · 5 selected")
    picture(admin, "rows-selected")
    row(admin, "h.txt").click(button="right")
    admin.get_by_role("menuitem", name="Delete").click()
    expect(admin.get_by_role("dialog")).to_contain_text("Delete 5 items?")
    admin.keyboard.press("Escape")
    admin.get_by_role("button", name="Select nothing").click()
    expect(rows_selected(admin)).to_have_count(0)


def test_rows_are_chosen_with_keys(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket("rows")
    put_all(service, bucket, [f"{letter}.txt" for letter in "abcdefgh"])
    open_folder(admin, target, bucket)
    press(admin, "ArrowDown", "ArrowDown", "Shift+ArrowDown", "Shift+ArrowDown")
    expect(rows_selected(admin)).to_contain_text(["b.txt", "c.txt", "d.txt"])
    press(admin, "Control+ArrowDown", "Control+ArrowDown", "Space")
    expect(rows_selected(admin)).to_contain_text(["b.txt", "c.txt", "d.txt", "f.txt"])
    press(admin, "Home", "Shift+End")
    expect(rows_selected(admin)).to_have_count(8)
    press(admin, "Escape")
    expect(rows_selected(admin)).to_have_count(0)
    press(admin, "Control+a")
    expect(list_status(admin)).to_contain_text("8 selected")
    press(admin, "g", "Escape")
    expect(admin).to_have_url(admin_url(target, f"buckets/{bucket}/"))


def test_a_dialog_that_a_menu_opened_keeps_the_focus(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket("rows")
    put_all(service, bucket, ["a.txt", "b.txt"])
    grid = open_folder(admin, target, bucket)
    press(admin, "Home", "Shift+F10")
    expect(admin.locator("[role=menu]:focus, [role=menu] :focus")).to_have_count(1)
    press(admin, "r")
    expect(admin.get_by_role("menuitem", name="Rename…")).to_be_focused()
    press(admin, "Enter")
    expect(admin.get_by_role("menu")).to_have_count(0)
    expect(admin.get_by_label("Name", exact=True)).to_be_focused()
    admin.keyboard.type("renamed")
    press(admin, "Enter")
    expect(row(admin, "renamed.txt")).to_be_visible()
    expect(grid).to_be_focused()


def test_a_day_of_work_needs_no_mouse(
    page: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket, tmp_path: Path
) -> None:
    bucket = make_bucket("work")
    (tmp_path / "report.txt").write_text("figures")
    # From here on choosers are caught: told so only when the key is pressed, Chromium may open its own.
    page.on("filechooser", lambda _chooser: None)
    visit(page, target, f"buckets/{bucket}")
    expect(page.get_by_role("textbox", name="Service key")).to_be_focused()
    page.keyboard.insert_text(target.token("service_role"))
    press(page, "Enter")
    grid = page.get_by_role("grid")
    expect(grid).to_be_focused()

    with page.expect_file_chooser() as chosen:
        press(page, "u")
    chosen.value.set_files(tmp_path / "report.txt")
    expect(row(page, "report.txt")).to_be_visible()
    expect(uploads(page)).to_contain_text("1 of 1")

    press(page, "n")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("2026")
    press(page, "Enter")
    expect(cursor(page)).to_contain_text("2026")
    expect(grid).to_be_focused()
    press(page, "ArrowDown", "Control+x", "ArrowUp", "Enter")
    expect(page.get_by_text("Nothing is in this folder")).to_be_visible()
    expect(grid).to_be_focused()
    press(page, "Control+v")
    expect(row(page, "report.txt")).to_be_visible()

    press(page, "Home", "F2")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("summary")
    press(page, "Enter")
    expect(row(page, "summary.txt")).to_be_visible()
    expect(grid).to_be_focused()
    assert names_in(service, bucket) == ["2026/summary.txt"]

    press(page, "Enter")
    expect(page.get_by_text("figures")).to_be_visible()
    press(page, "i")
    expect(page.get_by_role("tab", name="Details")).to_have_attribute("aria-selected", "true")
    press(page, "Shift+F10")
    expect(page.get_by_role("menu")).to_be_visible()
    picture(page, "keyboard-menu")
    press(page, "Escape")
    expect(grid).to_be_focused()
    press(page, "Escape", "Escape")
    expect(page.get_by_role("complementary")).to_have_count(0)

    press(page, "Backspace")
    expect(cursor(page)).to_contain_text("2026")
    press(page, "/")
    page.keyboard.type("summ")
    expect(row(page, "2026/summary.txt")).to_be_visible()
    picture(page, "keyboard-search")
    press(page, "ArrowDown")
    expect(grid).to_be_focused()
    press(page, "Control+l")
    expect(page.get_by_label(f"Folder in {bucket}")).to_be_focused()
    page.keyboard.type("2026")
    press(page, "Enter")
    expect(row(page, "summary.txt")).to_be_visible()
    expect(grid).to_be_focused()

    press(page, "Home", "Delete")
    expect(page.get_by_role("dialog")).to_contain_text("Delete “summary.txt”?")
    expect(page.get_by_role("dialog").locator(":focus")).to_have_count(1)
    press(page, "Tab")
    while page.get_by_role("button", name="Delete for good").evaluate(
        "button => button !== document.activeElement"
    ):
        press(page, "Tab")
    press(page, "Enter")
    expect(page.get_by_text("Nothing is in this folder")).to_be_visible()
    expect(page.get_by_text("1 object deleted")).to_be_visible()
    assert names_in(service, bucket) == []
