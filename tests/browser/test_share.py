"""Scenario 6: links for people without an account: signed ones end, public ones are for public buckets."""

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.contract.client import Target, put_object

from .conftest import MakeBucket, NewContext
from .support import folder_path, picture, sign_in, visit
from .support_watch import Watch

NAME = "letter.txt"
TEXT = "Dear reader"
HOUR_S = 3600


@pytest.fixture
def bucket(service: httpx.Client, make_bucket: MakeBucket) -> str:
    bucket = make_bucket("private")
    put_object(service, bucket, NAME, TEXT.encode())
    return bucket


@pytest.fixture
def share(page: Page, target: Target, bucket: str) -> Page:
    """The Share tab of the letter."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(page, target, f"{folder_path(bucket)}?preview={NAME}&tab=share")
    expect(page.get_by_role("heading", name="Signed URL")).to_be_visible()
    return page


def create(share: Page) -> tuple[str, int]:
    """Press the button; return the link and the seconds that were asked for."""
    with share.expect_request("**/api/objects/sign") as asked:
        share.get_by_role("button", name="Create signed URL").click()
    body = asked.value.post_data_json
    assert isinstance(body, dict)
    return share.get_by_label("Signed URL", exact=True).input_value(), body["expires_in_s"]


def test_a_signed_url_opens_for_somebody_without_an_account(share: Page, new_context: NewContext) -> None:
    expect(share.get_by_role("radio", name="1 hour")).to_be_checked()
    url, seconds = create(share)
    expect(share.get_by_text("Signed URL copied")).to_be_visible()
    picture(share, "share-signed")
    assert share.evaluate("navigator.clipboard.readText()") == url
    assert seconds == HOUR_S
    elsewhere = new_context().new_page()
    elsewhere.goto(url)
    expect(elsewhere.get_by_text(TEXT)).to_be_visible()
    assert elsewhere.context.cookies() == []


def test_a_link_that_has_ended_is_refused(share: Page, new_context: NewContext, watch: Watch) -> None:
    watch.expect("status of 400")
    share.get_by_text("Custom").click()
    share.get_by_label("For", exact=True).fill("0.05")
    share.get_by_label("Unit").select_option("minutes")
    url, seconds = create(share)
    assert seconds == 3
    elsewhere = new_context().new_page()
    answer = elsewhere.goto(url)
    while answer is not None and answer.ok:
        expect(elsewhere.get_by_text(TEXT)).to_be_visible()
        answer = elsewhere.reload()
    assert answer is not None
    assert answer.status == 400
    expect(elsewhere.get_by_text(TEXT)).not_to_be_visible()


def test_a_custom_time_and_a_file_name_are_in_the_link(share: Page, new_context: NewContext) -> None:
    share.get_by_text("Custom").click()
    amount = share.get_by_label("For", exact=True)
    amount.fill("soon")
    expect(share.get_by_text("Enter a number, such as 12.")).to_be_visible()
    expect(share.get_by_role("button", name="Create signed URL")).to_be_disabled()
    amount.fill("90")
    share.get_by_label("Unit").select_option("minutes")
    share.get_by_role("switch", name="Save instead of showing").click()
    share.get_by_label("Name of the file").fill("für dich.txt")
    url, seconds = create(share)
    picture(share, "share-custom")
    assert seconds == 90 * 60
    elsewhere = new_context().new_page()
    elsewhere.set_content(f"<a href='{url}'>it</a>")
    with elsewhere.expect_download() as download:
        elsewhere.get_by_role("link", name="it").click()
    assert download.value.suggested_filename == "für dich.txt"
    assert download.value.path().read_text() == TEXT


def test_without_the_clipboard_it_says_how_to_copy(page: Page, target: Target, bucket: str) -> None:
    page.add_init_script("delete Navigator.prototype.clipboard; document.execCommand = () => false;")
    sign_in(page, target, f"{folder_path(bucket)}?preview={NAME}&tab=share")
    page.get_by_role("button", name="Create signed URL").click()
    expect(page.get_by_text("The browser did not allow copying.")).to_be_visible()
    expect(page.get_by_text("Signed URL copied")).not_to_be_visible()
    field = page.get_by_label("Signed URL", exact=True)
    expect(field).to_be_focused()
    assert page.evaluate("getSelection().toString()") == field.input_value()
    picture(page, "share-no-clipboard")


def test_only_public_buckets_have_public_urls(
    share: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket, new_context: NewContext
) -> None:
    expect(share.get_by_label("Public URL", exact=True)).not_to_be_visible()
    public = make_bucket("public", public=True)
    put_object(service, public, NAME, TEXT.encode())
    visit(share, target, f"{folder_path(public)}?preview={NAME}&tab=share")
    share.get_by_role("button", name="Copy public URL").click()
    expect(share.get_by_text("Public URL copied")).to_be_visible()
    picture(share, "share-public")
    elsewhere = new_context().new_page()
    elsewhere.goto(share.evaluate("navigator.clipboard.readText()"))
    expect(elsewhere.get_by_text(TEXT)).to_be_visible()
