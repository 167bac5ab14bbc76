"""Scenario 13: orphans are looked for first, and removed when somebody has seen which; nothing else goes."""

import csv
import io
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.contract.client import Target, get_object, put_object

from .conftest import MakeBucket
from .support import picture, sign_in, violations
from .support_server import Server
from .support_watch import Watch

GRACE_S = 1
CONTENT = b"an object that stays"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jobs")


@pytest.fixture(scope="module")
def server(data_dir: Path) -> Iterator[Server]:
    """A server that does not wait a day before it removes what nobody needs."""
    with Server(data_dir, reclaim_grace=GRACE_S) as server:
        yield server


def leave_orphans(data_dir: Path, count: int) -> list[Path]:
    """Leave bytes that no row knows and that are older than the grace period."""
    folder = data_dir / "data" / "blobs" / "sha256" / "ab"
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"ab{number:062x}.{number:036x}" for number in range(count)]
    an_hour_ago = time.time() - 3600
    for path in paths:
        path.write_bytes(b"orphan")
        os.utime(path, (an_hour_ago, an_hour_ago))
    return paths


def stored_files(data_dir: Path) -> set[Path]:
    return {path for path in (data_dir / "data" / "blobs" / "sha256").rglob("*") if path.is_file()}


def look_for_orphans(page: Page) -> Locator:
    """Begin a dry run, and return its report when it is there."""
    page.get_by_role("link", name="Jobs", exact=True).click()
    page.get_by_role("button", name="Look for orphans").click()
    return report_of(page)


def apply(page: Page, report: Locator) -> Locator:
    """Apply what a dry run has found, and return the report of that."""
    dry_run = page.url
    report.get_by_role("button", name=re.compile("^Apply to ")).click()
    picture(page, "jobs-confirm")
    page.get_by_role("dialog").get_by_role("button", name=re.compile("^Apply to ")).click()
    expect(page).not_to_have_url(dry_run)
    return report_of(page)


def report_of(page: Page) -> Locator:
    expect(page.get_by_role("main").get_by_role("status").filter(has_text="done")).to_be_visible()
    report = page.get_by_role("region", name="Report")
    expect(report).to_be_visible()
    return report


def test_what_a_dry_run_shows_is_what_applying_removes_and_nothing_else(
    page: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket, data_dir: Path
) -> None:
    bucket = make_bucket("kept")
    assert put_object(service, bucket, "stays.txt", CONTENT).status_code == 200
    kept = stored_files(data_dir)
    orphans = leave_orphans(data_dir, 3)
    sign_in(page, target, "jobs")

    report = look_for_orphans(page)
    findings = report.get_by_role("table", name="Findings").get_by_role("row").filter(has_text="orphan")
    expect(findings).to_have_count(3)
    for orphan in orphans:
        expect(findings.filter(has_text=orphan.name)).to_have_count(1)
    expect(report.get_by_role("button", name="Apply to 3 orphans (18 B)…")).to_be_visible()
    assert violations(page) == []
    picture(page, "jobs-dry-run")
    assert stored_files(data_dir) == kept | set(orphans)

    report = apply(page, report)
    expect(report).to_contain_text("wait in quarantine")
    picture(page, "jobs-quarantined")
    assert stored_files(data_dir) == kept | set(orphans), "one look is not enough evidence"

    while stored_files(data_dir) != kept:  # the grace period of another process: there is no clock to pass in
        report = apply(page, look_for_orphans(page))
    expect(report).to_contain_text("orphans removed")
    picture(page, "jobs-applied")
    assert not any(orphan.exists() for orphan in orphans)
    assert get_object(service, bucket, "stays.txt").content == CONTENT
    expect(look_for_orphans(page)).to_contain_text("Nothing to report: everything was in order.")


def test_a_report_is_a_file_for_a_spreadsheet_and_for_a_program(
    page: Page, target: Target, data_dir: Path
) -> None:
    orphans = leave_orphans(data_dir, 2)
    sign_in(page, target, "jobs")
    report = look_for_orphans(page)
    with page.expect_download() as saved:
        report.get_by_role("link", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(saved.value.path().read_text())))
    assert sorted(Path(row["key"]).name for row in rows) == sorted(orphan.name for orphan in orphans)
    with page.expect_download() as saved:
        report.get_by_role("link", name="JSON").click()
    assert saved.value.suggested_filename.endswith(".json")


def test_damage_is_found_and_named(
    page: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket, data_dir: Path
) -> None:
    before = stored_files(data_dir)
    assert put_object(service, make_bucket("damaged"), "a.bin", b"good bytes").status_code == 200
    (blob,) = stored_files(data_dir) - before
    blob.write_bytes(b"evil bytes")
    sign_in(page, target, "jobs")
    page.get_by_role("button", name="Check integrity").click()
    findings = report_of(page).get_by_role("table", name="Findings").get_by_role("row")
    expect(findings.filter(has_text=blob.name)).to_contain_text("damaged")
    picture(page, "jobs-damaged")


def test_jobs_are_listed_filtered_and_linked(page: Page, target: Target) -> None:
    sign_in(page, target, "jobs")
    page.get_by_role("button", name="Check integrity").click()
    report_of(page)
    page.get_by_role("link", name="Jobs", exact=True).click()
    jobs = page.get_by_role("table", name="Jobs").get_by_role("row")
    expect(jobs.filter(has_text="Check integrity").first).to_contain_text("done")
    page.get_by_label("Kind").select_option(label="Check integrity")
    expect(page).to_have_url(re.compile("kind=scrub"))
    expect(jobs.filter(has_text="Clean up stored bytes")).to_have_count(0)
    page.get_by_label("State").select_option("failed")
    page.get_by_role("button", name="Clear the filter").click()
    expect(jobs.filter(has_text="Check integrity").first).to_be_visible()
    assert violations(page) == []
    picture(page, "jobs-list")


def test_a_job_that_is_not_there_is_explained(page: Page, target: Target, watch: Watch) -> None:
    watch.expect("status of 404")
    sign_in(page, target, "jobs/00000000-0000-7000-8000-000000000000")
    expect(page.get_by_role("heading", name="No such job")).to_be_visible()
    page.get_by_role("link", name="All jobs").click()
    expect(page.get_by_role("heading", name="Jobs", level=1)).to_be_visible()


def test_a_user_sees_its_own_jobs_and_starts_none_of_the_operators(page: Page, target: Target) -> None:
    sign_in(page, target, "jobs", role="authenticated", sub="somebody")
    expect(page.get_by_text("No jobs yet")).to_be_visible()
    expect(page.get_by_role("button", name="Look for orphans")).to_have_count(0)
    picture(page, "jobs-user")
