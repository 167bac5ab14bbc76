"""Scenario 4: a folder of many files: stopped half-way, taken up again, refused in parts, tried again."""

import re
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from tests.contract.client import Target

from .conftest import MakeBucket
from .support import picture
from .support_explorer import drop, list_status, names_in, open_folder, row, uploads
from .support_watch import Watch

FILES, PER_FOLDER = 300, 30
KIB = 1024


def tree_of_files(directory: Path) -> Path:
    """Make a folder `tree` of ten folders with thirty files of 2 KiB each."""
    tree = directory / "tree"
    for number in range(FILES):
        file = tree / f"part-{number // PER_FOLDER}" / f"file-{number:03}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes([number % 256]) * 2 * KIB)
    return tree


def test_a_folder_is_uploaded_in_two_halves(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket, watch: Watch, tmp_path: Path
) -> None:
    watch.expect("status of 409")
    bucket = make_bucket("trees")
    tree = tree_of_files(tmp_path)
    grid = open_folder(admin, target, bucket)
    drop(admin, grid, [tree])
    expect(uploads(admin)).to_contain_text(re.compile(r"\b[1-9]\d+ of 300"))
    uploads(admin).get_by_role("button", name="Pause all").click()
    expect(uploads(admin)).to_contain_text(re.compile(r"\d paused"))
    picture(admin, "folder-upload")
    uploads(admin).get_by_role("button", name="Cancel all").click()
    question = admin.get_by_role("dialog")
    expect(question).to_contain_text(re.compile(r"Cancel \d+ uploads\?"))
    picture(admin, "folder-upload-cancel")
    question.get_by_role("button", name="Cancel uploads").click()
    expect(uploads(admin)).to_contain_text(re.compile(r"^(\d+) of \1"))
    half = names_in(service, bucket)
    assert 10 <= len(half) < FILES

    uploads(admin).get_by_role("button", name="Clear finished uploads").click()
    drop(admin, grid, [tree])
    expect(question).to_contain_text("exists already")
    question.get_by_label("Do this for all").check()
    question.get_by_role("button", name="Skip").click()
    left = FILES - len(half)
    expect(uploads(admin)).to_contain_text(f"{left} of {left}")
    assert len(names_in(service, bucket)) == FILES
    row(admin, "tree").dblclick()
    expect(list_status(admin)).to_have_text("10 items")
    row(admin, "part-9").dblclick()
    expect(list_status(admin)).to_have_text("30 items")
    picture(admin, "folder-uploaded")


def test_reasons_are_shown_and_failed_uploads_tried_again(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket, watch: Watch, tmp_path: Path
) -> None:
    bucket = make_bucket("limits")
    files = {name: tmp_path / name for name in ("small.txt", "large.txt", "page.html")}
    for name, file in files.items():
        file.write_bytes(b"x" * (5 * KIB if name == "large.txt" else 10))
    grid = open_folder(admin, target, bucket)
    # The page has seen the bucket without limits: the server alone knows of these.
    watch.expect("status of 413")
    watch.expect("status of 415")
    limits = {"public": False, "file_size_limit": KIB, "allowed_mime_types": ["text/plain"]}
    service.put(f"/bucket/{bucket}", json=limits).raise_for_status()
    drop(admin, grid, files.values())
    expect(uploads(admin)).to_contain_text("1 of 3 · 2 failed")
    expect(uploads(admin)).to_contain_text("Failed: Maximum size exceeded. Send a smaller object")
    expect(uploads(admin)).to_contain_text(
        "mime type text/html is not supported. Send an allowed Content-Type"
    )
    picture(admin, "upload-failed")
    service.put(
        f"/bucket/{bucket}", json={"public": False, "file_size_limit": None, "allowed_mime_types": None}
    )
    uploads(admin).get_by_role("button", name="Retry failed").click()
    expect(uploads(admin)).to_contain_text("3 of 3")
    expect(list_status(admin)).to_have_text("3 items")


def test_what_the_bucket_refuses_is_said_without_asking_the_server(
    admin: Page, target: Target, make_bucket: MakeBucket, tmp_path: Path
) -> None:
    bucket = make_bucket("limits", file_size_limit=KIB, allowed_mime_types=["image/*"])
    for name, size in (("note.txt", 10), ("large.png", 2 * KIB)):
        (tmp_path / name).write_bytes(b"x" * size)
    grid = open_folder(admin, target, bucket)
    drop(admin, grid, [tmp_path / "note.txt", tmp_path / "large.png"])
    expect(uploads(admin)).to_contain_text("This bucket does not take text/plain, only image/*.")
    expect(uploads(admin)).to_contain_text("2 KiB is more than the 1 KiB that this bucket takes.")
    expect(uploads(admin).get_by_role("button", name="Retry failed")).to_have_count(0)
    picture(admin, "upload-refused")
