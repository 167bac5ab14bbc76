"""Scenario 17: the session ends in the middle of things; one signs in over the page, and they go on."""

import hashlib
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, Request, expect

from tests.contract.client import Target, get_object

from .conftest import MakeBucket
from .support import admin_url, folder_path, picture, sign_in, start_session, violations
from .support_watch import Watch

# Six chunks of more than a second each: on a busy machine the session ends later than in the second one.
SIZE = 32 * 1024 * 1024
SLOW = 5 * 1024 * 1024
NO_LIMIT = -1


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "film.bin"
    path.write_bytes(hashlib.shake_256(b"film").digest(SIZE))
    return path


def send_at(page: Page, bytes_per_s: int) -> None:
    """Limit how fast the page may send."""
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": NO_LIMIT, "uploadThroughput": bytes_per_s},
    )


def upload(page: Page, path: Path) -> Locator:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload", exact=True).click()
        page.get_by_role("menuitem", name="Files…").click()
    chooser.value.set_files(path)
    # A dialog hides from readers what is behind it.
    region = page.get_by_role("region", name="Uploads", include_hidden=True)
    return region.get_by_role("listitem", include_hidden=True).filter(has_text=path.name)


def offsets_sent(page: Page) -> list[int]:
    """Return a list that grows: where each request with bytes of an upload begins."""
    offsets: list[int] = []

    def note(request: Request) -> None:
        if request.method == "PATCH":
            offsets.append(int(request.headers["upload-offset"]))

    page.on("request", note)
    return offsets


def revoke(page: Page, target: Target, session_id: str) -> None:
    """End a session, as somebody else with a service key would."""
    browser = page.context.browser
    assert browser is not None
    operator = browser.new_context()
    start_session(operator.request, target, target.token("service_role"))
    answer = operator.request.delete(
        admin_url(target, f"api/sessions/{session_id}"),
        headers={"x-aerostore-csrf": "1", "origin": admin_url(target).removesuffix("/admin/")},
    )
    assert answer.ok, answer.text()
    operator.close()


def sign_in_again(page: Page, token: str) -> None:
    dialog = page.get_by_role("dialog", name="Session ended")
    expect(dialog).to_be_visible()
    dialog.get_by_role("textbox", name="Service key").fill(token)
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog).not_to_be_visible()


def test_an_upload_waits_for_the_new_session_and_goes_on(
    page: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket, file: Path, watch: Watch
) -> None:
    watch.expect("status of 401")
    bucket = make_bucket("films")
    session_id = sign_in(page, target, folder_path(bucket))
    send_at(page, SLOW)
    offsets = offsets_sent(page)
    row = upload(page, file)
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        expect(row).to_contain_text("Uploading")
    revoke(page, target, session_id)
    expect(row).to_contain_text("Paused: The session has ended.")
    expect(page.get_by_role("dialog", name="Session ended")).to_be_visible()
    picture(page, "expiry-dialog")
    send_at(page, NO_LIMIT)
    before = len(offsets)
    sign_in_again(page, target.token("service_role"))
    expect(row).to_contain_text("Done")
    picture(page, "expiry-done")
    assert offsets[before] > 0, "the upload began anew"
    stored = get_object(service, bucket, file.name).content
    assert hashlib.sha256(stored).hexdigest() == hashlib.sha256(file.read_bytes()).hexdigest()
    expect(page.get_by_role("grid").get_by_text(file.name)).to_be_visible()


def test_what_was_typed_is_still_there(
    page: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket, watch: Watch
) -> None:
    watch.expect("status of 401")
    bucket = make_bucket("typed")
    session_id = sign_in(page, target, f"buckets/{bucket}/-/settings")
    form = page.get_by_role("form", name="Access and limits")
    form.get_by_label("Size limit of an object").fill("7")
    revoke(page, target, session_id)
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog", name="Session ended").locator(":focus")).to_have_count(1)
    assert violations(page) == []
    sign_in_again(page, target.token("service_role"))
    expect(form.get_by_label("Size limit of an object")).to_have_value("7")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Settings saved")).to_be_visible()
    assert service.get(f"/bucket/{bucket}").json()["file_size_limit"] == 7 * 1024 * 1024


def test_another_user_sees_nothing_of_the_one_before(
    page: Page, target: Target, make_bucket: MakeBucket, watch: Watch
) -> None:
    watch.expect("status of 401")
    bucket = make_bucket("secret")
    session_id = sign_in(page, target)
    expect(page.get_by_role("link", name=bucket)).to_be_visible()
    revoke(page, target, session_id)
    page.get_by_label("Filter buckets").fill("s")
    dialog = page.get_by_role("dialog", name="Session ended")
    dialog.get_by_text("User JWT").click()
    dialog.get_by_role("textbox", name="JWT of a user").fill(target.token("authenticated", sub="another"))
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog).not_to_be_visible()
    expect(page.get_by_text("No match", exact=True)).to_be_visible()
    page.get_by_role("button", name="Clear the filter").click()
    expect(page.get_by_text("No buckets yet")).to_be_visible()
    assert bucket not in page.content()
