"""Scenario 9: there is no trash, so what is deleted is said beforehand, and the word is typed for folders."""

import httpx
from playwright.sync_api import Page, expect

from tests.contract.client import Target

from .conftest import MakeBucket
from .support import picture
from .support_explorer import cursor, list_status, names_in, open_folder, put_all, row, rows_selected


def test_five_objects_are_deleted_after_a_question(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket("bin")
    put_all(service, bucket, [f"{number}.txt" for number in range(8)])
    grid = open_folder(admin, target, bucket)
    row(admin, "1.txt").click()
    row(admin, "5.txt").click(modifiers=["Shift"])
    expect(rows_selected(admin)).to_have_count(5)
    admin.keyboard.press("Delete")
    question = admin.get_by_role("dialog")
    expect(question).to_contain_text("Delete 5 items?")
    expect(question).to_contain_text("this cannot be undone")
    picture(admin, "delete-objects")
    admin.keyboard.press("Escape")
    expect(grid).to_be_focused()
    expect(list_status(admin)).to_contain_text("8 items · 5 selected")

    admin.keyboard.press("Delete")
    question.get_by_role("button", name="Delete for good").click()
    expect(list_status(admin)).to_have_text("3 items")
    expect(admin.get_by_text("5 objects deleted")).to_be_visible()
    expect(grid).to_be_focused()
    expect(cursor(admin)).to_contain_text("6.txt")
    assert names_in(service, bucket) == ["0.txt", "6.txt", "7.txt"]


def test_a_folder_is_deleted_only_when_the_word_is_typed(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket("bin")
    put_all(service, bucket, [f"old/{number}/page.txt" for number in range(12)] + ["kept.txt"])
    open_folder(admin, target, bucket)
    row(admin, "old").click()
    admin.keyboard.press("Delete")
    question = admin.get_by_role("dialog")
    expect(question).to_contain_text("Delete “old”?")
    expect(question).to_contain_text("In there: 12 objects")
    confirm = question.get_by_role("button", name="Delete for good")
    expect(confirm).to_be_disabled()
    picture(admin, "delete-folder")
    admin.keyboard.type("del")
    admin.keyboard.press("Enter")
    expect(question).to_be_visible()
    admin.keyboard.type("ete")
    expect(confirm).to_be_enabled()
    admin.keyboard.press("Enter")
    expect(row(admin, "old")).to_have_count(0)
    expect(list_status(admin)).to_have_text("1 item")
    assert names_in(service, bucket) == ["kept.txt"]


def test_what_somebody_else_deleted_is_not_selected_any_more(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket("bin")
    put_all(service, bucket, ["a.txt", "b.txt", "c.txt"])
    open_folder(admin, target, bucket)
    row(admin, "b.txt").click()
    row(admin, "c.txt").click(modifiers=["Control"])
    expect(list_status(admin)).to_contain_text("3 items · 2 selected")
    service.request("DELETE", f"/object/{bucket}", json={"prefixes": ["c.txt"]}).raise_for_status()
    admin.keyboard.press("r")
    expect(list_status(admin)).to_contain_text("2 items · 1 selected")
    expect(cursor(admin)).to_contain_text("b.txt")
