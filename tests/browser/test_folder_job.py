"""Scenario 8: a folder of a thousand objects gets another name; the server does it, and the page follows."""

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.contract.client import Target, put_object

from .conftest import MakeBucket
from .support import admin_url, folder_path, picture, visit
from .support_explorer import cursor, list_status, names_in, open_folder, row
from .support_fill import fill
from .support_server import Server
from .support_watch import Watch

OBJECTS, MANY = 1000, 30_000


@pytest.fixture(scope="module")
def server(own_server: Server) -> Server:
    """A server of its own: so many objects are in the way of whoever counts them."""
    return own_server


def make_archive(server: Server, service: httpx.Client, bucket: str, objects: int) -> None:
    """Fill a bucket with a folder `drafts` and one object beside it."""
    fill(server.data_dir, service, bucket, "drafts/page-%05d.txt", objects)
    put_object(service, bucket, "readme.txt").raise_for_status()


def rename(page: Page, label: str, to: str) -> None:
    row(page, label).click()
    page.keyboard.press("F2")
    page.get_by_label("Name", exact=True).fill(to)
    page.keyboard.press("Enter")


def test_a_folder_is_renamed_and_its_old_address_explains(
    admin: Page, server: Server, target: Target, service: httpx.Client, make_bucket: MakeBucket, watch: Watch
) -> None:
    watch.expect("status of 404")
    bucket = make_bucket("archive")
    make_archive(server, service, bucket, OBJECTS)
    open_folder(admin, target, bucket)
    row(admin, "drafts").dblclick()
    expect(list_status(admin)).to_have_text("1,000 items")
    admin.go_back()
    rename(admin, "drafts", "essays")
    picture(admin, "folder-renaming")
    expect(row(admin, "essays")).to_be_visible()
    expect(row(admin, "drafts")).to_have_count(0)
    expect(cursor(admin)).to_contain_text("essays")
    expect(list_status(admin)).to_have_text("2 items")
    assert len(names_in(service, bucket, "essays/")) == OBJECTS

    admin.keyboard.press("Enter")
    expect(list_status(admin)).to_have_text("1,000 items")
    expect(admin).to_have_url(admin_url(target, folder_path(bucket, "essays/")))
    admin.go_back()
    expect(row(admin, "readme.txt")).to_be_visible()
    expect(cursor(admin)).to_contain_text("essays")
    admin.go_forward()
    expect(list_status(admin)).to_have_text("1,000 items")

    visit(admin, target, folder_path(bucket, "drafts/") + "?preview=drafts%2Fpage-00007.txt")
    expect(admin.get_by_text("Nothing is in this folder")).to_be_visible()
    expect(admin.get_by_text("This object is not there")).to_be_visible()
    picture(admin, "folder-gone")
    admin.get_by_role("link", name="Go to the parent folder").click()
    expect(row(admin, "essays")).to_be_visible()


def test_a_job_that_is_stopped_half_way_leaves_every_object_in_one_place(
    admin: Page, server: Server, target: Target, service: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket("archive")
    make_archive(server, service, bucket, MANY)
    open_folder(admin, target, bucket)
    rename(admin, "drafts", "essays")
    expect(
        admin.get_by_text(re.compile(r"Renaming drafts to essays: [1-9][\d,]* of 30,000 objects"))
    ).to_be_visible()
    picture(admin, "folder-job")
    admin.get_by_role("button", name="Stop").click()
    stopped = re.compile(r"Renaming drafts to essays: cancelled, [\d,]+ of 30,000 objects")
    expect(admin.get_by_text(stopped)).to_be_visible()
    picture(admin, "folder-job-stopped")
    after = names_in(service, bucket)
    moved = [name for name in after if name.startswith("essays/")]
    assert 0 < len(moved) < MANY
    assert len(after) == MANY + 1
    assert len({name.rpartition("/")[2] for name in after}) == MANY + 1
    expect(row(admin, "drafts")).to_be_visible()
    expect(row(admin, "essays")).to_be_visible()
    admin.get_by_role("button", name="Continue").click()
    expect(admin.get_by_text("Renaming drafts to essays: done")).to_be_visible()
    expect(row(admin, "drafts")).to_have_count(0)
    assert len(names_in(service, bucket, "essays/")) == MANY
