"""Scenario 3: large files that are dropped, paused, continued, and taken up again after a reload."""

import hashlib
import os
import re
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from tests.contract.client import Target

from .conftest import MakeBucket
from .support import picture, reload
from .support_explorer import drop, list_status, open_folder, resumable_requests, row, throttle, uploads
from .support_watch import Watch

MIB = 1024 * 1024
LARGE_BYTES = 200 * MIB


def test_a_large_upload_survives_pause_and_reload(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket, tmp_path: Path
) -> None:
    bucket = make_bucket("uploads")
    files = [tmp_path / name for name in ("a.txt", "empty.txt", "large.bin")]
    for file, size in zip(files, (5, 0, LARGE_BYTES), strict=True):
        file.write_bytes(os.urandom(size))
    admin.on("dialog", lambda dialog: dialog.accept())
    grid = open_folder(admin, target, bucket)
    sent = resumable_requests(admin)
    throttle(admin, 30 * MIB)

    drop(admin, grid, files)
    expect(row(admin, "a.txt")).to_be_visible()
    expect(uploads(admin)).to_contain_text("2 of 3")
    expect(uploads(admin).get_by_text(re.compile(r"^([5-9]|[1-8]\d) %$"))).to_be_visible()
    picture(admin, "upload-under-way")
    uploads(admin).get_by_role("button", name="Pause large.bin").click()
    expect(uploads(admin)).to_contain_text("1 paused")
    before = len(sent)
    admin.get_by_role("link", name="Buckets").first.click()
    expect(admin.get_by_role("heading", name="Buckets")).to_be_visible()
    admin.go_back()
    expect(row(admin, "a.txt")).to_be_visible()
    assert len(sent) == before
    picture(admin, "upload-paused")

    uploads(admin).get_by_role("button", name="Resume large.bin").click()
    expect(uploads(admin).get_by_text(re.compile(r"^[2-8]\d %$"))).to_be_visible()
    assert [request.method for request in sent[before:]].count("POST") == 0
    reload(admin)
    expect(admin.get_by_text("One upload was not finished: large.bin")).to_be_visible()
    picture(admin, "upload-unfinished")
    sent.clear()
    throttle(admin, -1)

    drop(admin, grid, files[2:])
    expect(uploads(admin)).to_contain_text("1 of 1")
    expect(row(admin, "large.bin")).to_contain_text("200 MiB")
    assert [request.method for request in sent[:2]] == ["HEAD", "PATCH"]
    assert int(sent[1].headers["upload-offset"]) > LARGE_BYTES // 10
    stored = service.get(f"/object/authenticated/{bucket}/large.bin").content
    assert hashlib.sha256(stored).digest() == hashlib.sha256(files[2].read_bytes()).digest()
    assert service.get(f"/object/authenticated/{bucket}/empty.txt").content == b""


def test_files_dropped_on_a_folder_go_into_it(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket, tmp_path: Path
) -> None:
    bucket = make_bucket("uploads")
    service.post(f"/object/{bucket}/reports/first.txt", content=b"1").raise_for_status()
    (tmp_path / "second.txt").write_text("2")
    open_folder(admin, target, bucket)
    drop(admin, row(admin, "reports"), [tmp_path / "second.txt"])
    expect(uploads(admin)).to_contain_text("1 of 1")
    uploads(admin).get_by_role("link", name="reports/").click()
    expect(row(admin, "second.txt")).to_be_visible()
    expect(list_status(admin)).to_have_text("2 items")


def test_a_name_that_is_taken_is_asked_about(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket, watch: Watch, tmp_path: Path
) -> None:
    watch.expect("status of 409")
    bucket = make_bucket("uploads")
    files = [tmp_path / name for name in ("kept.txt", "skipped.txt", "replaced.txt")]
    for file in files:
        file.write_text("new")
        service.post(f"/object/{bucket}/{file.name}", content=b"old").raise_for_status()
    grid = open_folder(admin, target, bucket)
    question = admin.get_by_role("dialog")
    for file, answer in zip(files, ("Keep both", "Skip", "Replace"), strict=True):
        drop(admin, grid, [file])
        expect(question).to_contain_text(f"“{file.name}” exists already")
        picture(admin, "upload-conflict")
        question.get_by_role("button", name=answer).click()
        expect(question).to_have_count(0)
    expect(row(admin, "kept (2).txt")).to_be_visible()
    expect(uploads(admin)).to_contain_text("2 of 2")
    stored = {file.name: service.get(f"/object/authenticated/{bucket}/{file.name}").text for file in files}
    assert stored == {"kept.txt": "old", "skipped.txt": "old", "replaced.txt": "new"}
