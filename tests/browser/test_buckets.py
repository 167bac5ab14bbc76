"""Scenario 2: buckets are made, changed and removed, and clients of the public API see the same ones."""

import re

import httpx
from playwright.sync_api import Locator, Page, expect

from tests.contract.client import Target, put_object, unique

from .conftest import MakeBucket
from .support import admin_url, picture, reload, sign_in, visit
from .support_watch import Watch


def open_form(page: Page, target: Target) -> Locator:
    visit(page, target)
    page.get_by_role("button", name="New bucket").click()
    return page.get_by_role("dialog", name="New bucket")


def open_settings(page: Page, target: Target, bucket: str) -> Locator:
    sign_in(page, target, f"buckets/{bucket}/-/settings")
    return page.get_by_role("form", name="Access and limits")


def test_without_buckets_the_page_says_what_to_do(page: Page, target: Target) -> None:
    sign_in(page, target, role="authenticated", sub=unique("user"))
    expect(page.get_by_role("button", name="Create your first bucket")).to_be_visible()
    picture(page, "buckets-none")


def test_a_name_that_cannot_be_is_told_at_the_field(admin: Page, target: Target) -> None:
    form = open_form(admin, target)
    form.get_by_label("Name", exact=True).fill("a/b")
    expect(form.get_by_label("Name", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(form.get_by_role("button", name="Create bucket")).to_be_disabled()
    picture(admin, "bucket-name-refused")


def test_a_taken_name_is_told_at_the_field(
    admin: Page, target: Target, make_bucket: MakeBucket, watch: Watch
) -> None:
    watch.expect("status of 409")
    form = open_form(admin, target)
    field = form.get_by_label("Name", exact=True)
    field.fill(make_bucket("taken"))
    form.get_by_role("button", name="Create bucket").click()
    expect(form.get_by_text("There is a bucket of this name already.")).to_be_visible()
    expect(field).to_have_attribute("aria-invalid", "true")
    field.press("End")
    field.type("x")
    expect(form.get_by_text("There is a bucket of this name already.")).not_to_be_visible()


def test_a_new_bucket_is_what_clients_see(admin: Page, target: Target, service: httpx.Client) -> None:
    name = unique("avatars")
    form = open_form(admin, target)
    form.get_by_label("Name", exact=True).fill(name)
    form.get_by_label("Size limit of an object").fill("5")
    form.get_by_label("Types of content that may be uploaded").fill("image/*")
    form.get_by_role("button", name="Add").click()
    expect(form.get_by_role("list", name="Allowed types")).to_contain_text("image/*")
    picture(admin, "bucket-form")
    form.get_by_role("button", name="Create bucket").click()
    expect(admin).to_have_url(re.compile(f"/admin/buckets/{name}/?$"))
    picture(admin, "bucket-empty")
    seen = service.get(f"/bucket/{name}").json()
    assert (seen["public"], seen["file_size_limit"], seen["allowed_mime_types"]) == (
        False,
        5 * 1024 * 1024,
        ["image/*"],
    )


def test_public_asks_first_and_counts_what_becomes_readable(
    page: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket("notes")
    for number in range(3):
        put_object(service, bucket, f"{number}.txt")
    form = open_settings(page, target, bucket)
    form.get_by_role("switch", name="Public").click()
    form.get_by_role("button", name="Save").click()
    confirm = page.get_by_role("dialog", name=f"Make {bucket} public")
    expect(confirm).to_contain_text("3 objects in this bucket can then be read by anybody")
    picture(page, "bucket-public")
    confirm.get_by_role("button", name="Cancel").click()
    assert service.get(f"/bucket/{bucket}").json()["public"] is False
    form.get_by_role("button", name="Save").click()
    confirm.get_by_role("button", name="Make public").click()
    expect(page.get_by_text("Settings saved")).to_be_visible()
    assert service.get(f"/bucket/{bucket}").json()["public"] is True


def test_limits_are_changed_and_taken_back(
    page: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket("limits", file_size_limit=1024, allowed_mime_types=["text/plain", "image/png"])
    form = open_settings(page, target, bucket)
    expect(form.get_by_label("Size limit of an object")).to_have_value("1")
    form.get_by_label("Size limit of an object").fill("")
    form.get_by_role("button", name="Remove text/plain").click()
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Settings saved")).to_be_visible()
    expect(form.get_by_role("button", name="Save")).to_be_disabled()
    seen = service.get(f"/bucket/{bucket}").json()
    assert (seen["file_size_limit"], seen["allowed_mime_types"]) == (None, ["image/png"])
    picture(page, "bucket-settings")


def test_leaving_with_changes_asks_first(page: Page, target: Target, make_bucket: MakeBucket) -> None:
    bucket = make_bucket("dirty")
    form = open_settings(page, target, bucket)
    form.get_by_role("switch", name="Public").click()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Jobs").click()
    question = page.get_by_role("dialog")
    expect(question).to_be_visible()
    picture(page, "bucket-unsaved")
    expect(page).to_have_url(admin_url(target, f"buckets/{bucket}/-/settings"))


def test_a_full_bucket_is_deleted_after_its_name_was_typed(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket("full")
    for number in range(5):
        put_object(service, bucket, f"in/{number}.txt")
    visit(admin, target)
    admin.get_by_role("button", name=f"Actions for {bucket}").click()
    admin.get_by_role("menuitem", name="Delete…").click()
    confirm = admin.get_by_role("dialog", name=f"Delete bucket {bucket}")
    expect(confirm).to_contain_text("It holds 5 objects")
    remove = confirm.get_by_role("button", name="Empty, then delete")
    expect(remove).to_be_disabled()
    confirm.get_by_label(f"Type {bucket} to go on").fill(bucket)
    picture(admin, "bucket-delete")
    remove.click()
    expect(admin.get_by_text(f"Bucket {bucket} deleted")).to_be_visible()
    expect(admin.get_by_role("link", name=bucket)).not_to_be_visible()
    assert service.get(f"/bucket/{bucket}").status_code == 400
    expect(admin.get_by_role("button", name="New bucket")).to_be_focused()


def test_the_filter_is_in_the_address_and_asks_the_server(
    admin: Page, target: Target, make_bucket: MakeBucket
) -> None:
    wanted, other = make_bucket("wanted"), make_bucket("other")
    visit(admin, target)
    admin.get_by_label("Filter buckets").fill(wanted)
    expect(admin.get_by_role("link", name=wanted)).to_be_visible()
    expect(admin.get_by_role("link", name=other)).not_to_be_visible()
    expect(admin).to_have_url(f"{admin_url(target)}?q={wanted}")
    reload(admin)
    expect(admin.get_by_role("link", name=wanted)).to_be_visible()
    admin.get_by_label("Filter buckets").fill("no such bucket anywhere")
    expect(admin.get_by_text("No match", exact=True)).to_be_visible()
    picture(admin, "buckets-no-match")
    admin.get_by_role("button", name="Clear the filter").click()
    expect(admin.get_by_role("link", name=other)).to_be_visible()
    picture(admin, "buckets")
