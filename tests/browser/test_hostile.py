"""Scenario 7: names that break careless code are opened, shown, signed, renamed and deleted like others."""

from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.contract.client import Target, get_object, put_object

from .conftest import MakeBucket, NewContext
from .support import admin_url, folder_path, picture, reload, sign_in

NAMES = {
    "markup": "<img src=x onerror=alert(1)>",
    "quotes": '日本語 "q" & #hash?.txt',
    "percent": "100% sure + more.txt",
    "slashes": "dir #1?/in%20side/x.txt",
    "reversed": "bill \N{RIGHT-TO-LEFT OVERRIDE}fdp.exe",
    "reserved": "~tilde/-/12.50",
}
TEXT = "What this object holds"
NEIGHBOUR = "neighbour"


def row(page: Page, label: str) -> Locator:
    return page.get_by_role("grid").get_by_role("row").filter(has=page.get_by_text(label, exact=True))


def open_by_hand(page: Page, name: str) -> None:
    """Walk to the object, one double click for each folder on the way."""
    for label in name.split("/"):
        row(page, label).dblclick()
    expect(page.get_by_text(TEXT)).to_be_visible()


def see_again(page: Page, name: str) -> None:
    """Reload: the address alone brings it back, as text and nothing else."""
    reload(page)
    expect(page.get_by_text(TEXT)).to_be_visible()
    expect(page.get_by_role("heading", name=name.rpartition("/")[2], exact=True)).to_be_visible()
    assert page.get_by_role("main").locator("img").count() == 0


def sign(page: Page, elsewhere: Page) -> None:
    """Make a link, and open it as somebody else."""
    page.get_by_role("tab", name="Share").click()
    page.get_by_role("button", name="Create signed URL").click()
    elsewhere.goto(page.get_by_label("Signed URL", exact=True).input_value())
    expect(elsewhere.get_by_text(TEXT)).to_be_visible()


def rename(page: Page, old: str, new: str) -> None:
    row(page, old).click()
    page.keyboard.press("F2")
    dialog = page.get_by_role("dialog", name="Rename object")
    dialog.get_by_label("Name", exact=True).fill(new)
    with page.expect_response("**/object/move"):
        dialog.get_by_role("button", name="Rename").click()
    expect(row(page, new)).to_be_visible()
    expect(row(page, old)).not_to_be_visible()


def delete(page: Page, label: str) -> None:
    row(page, label).click()
    page.keyboard.press("Delete")
    with page.expect_response(lambda answer: answer.request.method == "DELETE"):
        page.get_by_role("dialog").get_by_role("button", name="Delete for good").click()
    expect(row(page, label)).not_to_be_visible()


@pytest.mark.parametrize("kind", NAMES)
def test_a_hostile_name_goes_all_the_way_round(
    page: Page,
    target: Target,
    service: httpx.Client,
    make_bucket: MakeBucket,
    new_context: NewContext,
    kind: str,
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    bucket, name = make_bucket("hostile"), NAMES[kind]
    prefix, slash, label = name.rpartition("/")
    new, neighbour = f"new & {label} #2?%41", f"{prefix}{slash}{NEIGHBOUR}"
    for each in (name, neighbour):
        assert put_object(service, bucket, each, TEXT.encode()).status_code == 200
    sign_in(page, target, folder_path(bucket))
    open_by_hand(page, name)
    see_again(page, name)
    picture(page, f"hostile-{kind}")
    sign(page, new_context().new_page())
    rename(page, label, new)
    assert get_object(service, bucket, f"{prefix}{slash}{new}").text == TEXT
    delete(page, new)
    assert get_object(service, bucket, f"{prefix}{slash}{new}").status_code == 400
    assert get_object(service, bucket, neighbour).status_code == 200


def test_a_download_has_the_object_s_own_name_where_a_file_can(
    page: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket, name = make_bucket("hostile"), NAMES["percent"]
    put_object(service, bucket, name, TEXT.encode())
    sign_in(page, target, folder_path(bucket))
    open_by_hand(page, name)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == name
    assert download.value.path().read_text() == TEXT


def test_a_deep_link_that_was_written_by_hand_works(
    page: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket, name = make_bucket("hostile"), NAMES["slashes"]
    put_object(service, bucket, name, TEXT.encode())
    prefix = name.rpartition("/")[0]
    sign_in(page, target, f"buckets/{bucket}/{quote(prefix)}/?preview={quote(name, safe='')}")
    expect(page.get_by_text(TEXT)).to_be_visible()
    assert page.url.startswith(admin_url(target, f"buckets/{bucket}/dir%20%231%3F/in%2520side"))
