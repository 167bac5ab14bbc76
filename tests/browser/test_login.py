"""Scenario 1: signing in, landing where one wanted to go, and what the browser keeps of the key: nothing."""

import time

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.contract.client import Target, put_object

from .conftest import MakeBucket
from .support import admin_url, folder_path, picture, reload, sign_in, visit
from .support_watch import Watch

KEY = "Service key"
JWT = "JWT of a user"


def send(page: Page, token: str, label: str = KEY) -> None:
    """Sign in by the form. label: that of its field."""
    page.get_by_role("textbox", name=label).fill(token)
    page.get_by_role("button", name="Sign in").click()


def test_a_wrong_key_is_refused_in_words(page: Page, target: Target, watch: Watch) -> None:
    watch.expect("status of 403")
    visit(page, target)
    send(page, "not-a-key")
    expect(page.get_by_role("alert")).to_contain_text("This key or token is not accepted")
    expect(page.get_by_role("textbox", name=KEY)).to_have_value("not-a-key")
    picture(page, "login-refused")


def test_an_expired_token_is_read_and_refused(page: Page, target: Target, watch: Watch) -> None:
    watch.expect("status of 403")
    visit(page, target)
    page.get_by_text("User JWT").click()
    expired = target.token("authenticated", sub="somebody", exp=int(time.time()) - 60)
    page.get_by_role("textbox", name=JWT).fill(expired)
    expect(page.get_by_role("main")).to_contain_text("somebody")
    picture(page, "login-token-facts")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text('"exp" claim timestamp check failed')


@pytest.fixture
def deep_link(service: httpx.Client, make_bucket: MakeBucket) -> str:
    """The path of a folder's page with an object of it in the preview."""
    bucket = make_bucket("reports")
    put_object(service, bucket, "2026/q1.txt", b"first quarter")
    return f"{folder_path(bucket, '2026/')}?preview=2026%2Fq1.txt"


def test_the_right_key_leads_to_the_deep_link(page: Page, target: Target, deep_link: str) -> None:
    visit(page, target, deep_link)
    send(page, target.token("service_role"))
    expect(page.get_by_text("first quarter")).to_be_visible()
    expect(page).to_have_url(admin_url(target, deep_link))
    picture(page, "login-deep-link")
    reload(page)
    expect(page.get_by_text("first quarter")).to_be_visible()
    expect(page).to_have_url(admin_url(target, deep_link))


def test_next_never_leads_to_another_host(page: Page, target: Target) -> None:
    for elsewhere in ("//example.com/", "https://example.com/", "/\\example.com/", "javascript:alert(1)"):
        page.goto("about:blank")  # what the page before still asks would be refused without its cookie
        page.context.clear_cookies()
        visit(page, target, f"login?next={elsewhere}")
        send(page, target.token("service_role"))
        expect(page.get_by_role("button", name="Account")).to_be_visible()
        assert page.url.startswith(admin_url(target))


def test_the_cookie_is_out_of_reach_and_nothing_else_is_kept(page: Page, target: Target) -> None:
    key = target.token("service_role")
    visit(page, target)
    send(page, key)
    expect(page.get_by_role("heading", name="Buckets")).to_be_visible()
    [cookie] = page.context.cookies()
    assert cookie["name"] == "aerostore-admin"
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/admin")
    assert cookie["value"] not in key
    assert page.evaluate("document.cookie") == ""
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert key not in kept
    assert cookie["value"] not in kept
    assert page.evaluate("indexedDB.databases()") == []
    assert key not in page.content()


def test_signing_out_holds_for_the_back_button_too(page: Page, target: Target, deep_link: str) -> None:
    sign_in(page, target, deep_link)
    expect(page.get_by_text("first quarter")).to_be_visible()
    page.get_by_role("button", name="Account").click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in to aerostore")).to_be_visible()
    assert page.context.cookies() == []
    page.go_back()
    expect(page.get_by_role("textbox", name=KEY)).to_be_visible()
    expect(page.get_by_text("first quarter")).not_to_be_visible()
