"""Scenario 16: somebody with few rights sees what policies allow, and is told why the rest is refused."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.contract.client import Target, get_object, put_object, unique

from .conftest import MakeBucket
from .support import folder_path, picture, sign_in, visit
from .support_server import Server
from .support_watch import Watch

OPERATORS_ONLY = ["Policies", "Metrics"]
LAW = """
-- Everybody who is signed in sees the buckets and reads what is in them.
create policy "members see buckets" on storage.buckets for select to authenticated using (true);
create policy "members read" on storage.objects for select to authenticated using (true);
-- Uploads go to the folder that is named after the user.
create policy "members upload to their own folder" on storage.objects for insert to authenticated
    with check (name like (auth.jwt() ->> 'sub') || '/%');
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a law of its own."""
    directory = tmp_path_factory.mktemp("rights")
    policies = directory / "policies"
    policies.mkdir()
    (policies / "members.sql").write_text(LAW.strip())
    with Server(directory, policies_dir=policies) as server:
        yield server


@pytest.fixture
def member() -> str:
    """The subject of somebody who is signed in."""
    return unique("member")


@pytest.fixture
def bucket(make_bucket: MakeBucket, service: httpx.Client) -> str:
    bucket = make_bucket("shared")
    put_object(service, bucket, "rules.txt", b"read only")
    return bucket


def open_as(page: Page, target: Target, member: str, path: str = "") -> None:
    sign_in(page, target, path, role="authenticated", sub=member)


def upload(page: Page, path: Path) -> Locator:
    """Choose a file; return its row in the list of uploads."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload", exact=True).click()
        page.get_by_role("menuitem", name="Files…").click()
    chooser.value.set_files(path)
    return page.get_by_role("region", name="Uploads").get_by_role("listitem").filter(has_text=path.name)


def test_pages_of_operators_are_neither_offered_nor_filled(page: Page, target: Target, member: str) -> None:
    open_as(page, target, member)
    places = page.get_by_role("navigation", name="Main")
    expect(places.get_by_role("link", name="Jobs")).to_be_visible()
    for place in OPERATORS_ONLY:
        expect(places.get_by_role("link", name=place)).not_to_be_visible()
    for path in ("policies", "policies/simulator", "metrics"):
        visit(page, target, path)
        expect(page.get_by_text("This page is for operators")).to_be_visible()
    picture(page, "rights-operators-only")
    visit(page, target, "settings")
    expect(page.get_by_role("tab", name="Appearance")).to_be_visible()
    for part in ("Configuration", "Sessions", "Audit"):
        expect(page.get_by_role("tab", name=part)).not_to_be_visible()
    picture(page, "rights-settings")


def test_a_bucket_that_may_not_be_made_is_refused_in_words(
    page: Page, target: Target, member: str, watch: Watch
) -> None:
    watch.expect("status of 403")
    open_as(page, target, member)
    page.get_by_role("button", name="New bucket").first.click()
    form = page.get_by_role("dialog", name="New bucket")
    form.get_by_label("Name", exact=True).fill(unique("mine"))
    form.get_by_role("button", name="Create bucket").click()
    expect(form.get_by_role("alert")).to_contain_text("new row violates row-level security policy")
    expect(form.get_by_role("alert")).to_contain_text("request")
    picture(page, "rights-no-bucket")


def test_uploads_are_stored_in_one_s_own_folder_only(
    page: Page, target: Target, member: str, bucket: str, tmp_path: Path, watch: Watch, service: httpx.Client
) -> None:
    watch.expect("status of 403")
    file = tmp_path / "note.txt"
    file.write_text("a note")
    open_as(page, target, member, folder_path(bucket))
    refused = upload(page, file)
    expect(refused).to_contain_text("Failed: new row violates row-level security policy")
    picture(page, "rights-upload-refused")
    visit(page, target, folder_path(bucket, f"{member}/"))
    expect(upload(page, file)).to_contain_text("Done")
    assert get_object(service, bucket, f"{member}/note.txt").text == "a note"


def test_a_deletion_that_is_refused_brings_the_row_back_and_says_why(
    page: Page, target: Target, member: str, bucket: str, service: httpx.Client
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_as(page, target, member, folder_path(bucket))
    row = page.get_by_role("row").filter(has_text="rules.txt")
    row.click()
    page.keyboard.press("Delete")
    page.get_by_role("dialog").get_by_role("button", name="Delete for good").click()
    toasts = page.get_by_role("region", name="Notifications")
    expect(toasts.get_by_role("button", name="Copy a link for an operator")).to_be_visible()
    expect(row).to_be_visible()
    picture(page, "rights-delete-refused")
    assert get_object(service, bucket, "rules.txt").status_code == 200
    toasts.get_by_role("button", name="Copy a link for an operator").click()
    expect(page.get_by_text("Link copied. An operator can open it.")).to_be_visible()
    address = page.evaluate("navigator.clipboard.readText()")
    assert "policies/simulator?" in address
    assert "op=delete" in address
    assert bucket in address


def test_nothing_of_others_is_seen_without_a_policy(
    page: Page, target: Target, bucket: str, watch: Watch
) -> None:
    watch.expect("status of 40[04]")
    sign_in(page, target, role="anon")
    expect(page.get_by_text("No buckets yet")).to_be_visible()
    assert bucket not in page.content()
    visit(page, target, f"{folder_path(bucket)}?preview=rules.txt")
    expect(page.get_by_text("This object is not there")).to_be_visible()
    expect(page.get_by_text("This bucket is empty")).to_be_visible()
    picture(page, "rights-nothing")
