"""Scenario 12: what one person does another sees at once, and after a restart of the server nothing twice."""

import json

import httpx
from playwright.sync_api import Locator, Page, expect

from tests.contract.client import Target, put_object, unique

from .conftest import MakeBucket, NewContext
from .support import folder_path, picture, start_session, violations, visit
from .support_server import Server
from .support_watch import Watch

# Signing in takes the browser some requests; an upload that is there has a second to be seen.
AT_ONCE_MS = 1_000


def signed_in(new_context: NewContext, target: Target) -> Page:
    """Return a page in a window of its own, of somebody with a service key."""
    page = new_context().new_page()
    start_session(page.context.request, target, target.token("service_role"))
    return page


def follow(page: Page, target: Target, **search: str) -> Locator:
    """Open the live events as who is signed in, and return the rows once they are live."""
    query = "&".join(f"{name}={value}" for name, value in search.items())
    visit(page, target, f"events?{query}")
    expect_live(page)
    return page.get_by_role("log").locator(".event-line")


def expect_live(page: Page) -> None:
    expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()


def names_in(rows: Locator) -> list[str]:
    """Return what the rows are about, newest first."""
    return rows.get_by_role("link").all_inner_texts()


def test_an_upload_in_one_window_is_seen_in_another(
    new_context: NewContext, target: Target, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket("live")
    watching, working = signed_in(new_context, target), signed_in(new_context, target)
    rows = follow(watching, target, bucket=bucket)
    visit(working, target, folder_path(bucket))
    with working.expect_response(
        lambda answer: answer.request.method == "POST" and "resumable" in answer.url
    ):
        choose_file(working, "hello.txt")
    expect(rows.filter(has_text=f"{bucket}/hello.txt")).to_have_count(1, timeout=AT_ONCE_MS)
    assert violations(watching) == []
    picture(watching, "events-live")


def choose_file(page: Page, name: str) -> None:
    page.locator("input[type=file]").first.set_input_files(
        {"name": name, "mimeType": "text/plain", "buffer": b"hello"}
    )


def test_a_row_opens_to_what_was_told_and_leads_to_the_object(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket("live")
    rows = follow(admin, target, bucket=bucket)
    put_object(service, bucket, "a/b.txt", b"x" * 2048)
    rows.first.get_by_role("button", name="Show the details").click()
    told = json.loads(admin.locator(".event-json").inner_text())
    assert (told["type"], told["name"], told["size_bytes"]) == ("ObjectCreated:Post", "a/b.txt", 2048)
    picture(admin, "events-details")
    rows.first.get_by_role("link").click()
    expect(admin.get_by_role("heading", name="b.txt")).to_be_visible()


def test_a_pause_holds_rows_back_and_counts_them(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket("live")
    rows = follow(admin, target, bucket=bucket)
    put_object(service, bucket, "before.txt")
    expect(rows).to_have_count(1)
    admin.get_by_role("button", name="Pause").click()
    put_object(service, bucket, "meanwhile-1.txt")
    put_object(service, bucket, "meanwhile-2.txt")
    resume = admin.get_by_role("button", name="Resume (2 new)")
    expect(resume).to_be_visible()
    expect(rows).to_have_count(1)
    resume.click()
    expect(rows).to_have_count(3)
    assert names_in(rows) == [f"{bucket}/{name}.txt" for name in ("meanwhile-2", "meanwhile-1", "before")]


def test_filters_show_their_kind_only(
    admin: Page, target: Target, service: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket, other = make_bucket("live"), make_bucket("other")
    rows = follow(admin, target, bucket=bucket, type="ObjectRemoved:")
    put_object(service, other, "elsewhere.txt")
    put_object(service, bucket, "gone.txt")
    assert service.request("DELETE", f"/object/{bucket}", json={"prefixes": ["gone.txt"]}).status_code == 200
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("ObjectRemoved:Delete")


def test_a_denial_is_seen_and_leads_to_the_simulator(
    admin: Page, target: Target, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket("closed")
    rows = follow(admin, target, denied="true")
    with target.connect(target.token("authenticated", sub=unique("user"))) as stranger:
        assert stranger.get(f"/object/authenticated/{bucket}/secret.txt").status_code == 400
    expect(rows.filter(has_text=bucket)).to_have_count(1)
    picture(admin, "events-denial")
    rows.filter(has_text=bucket).get_by_role("link", name="Why denied?").click()
    expect(admin.get_by_label("Bucket", exact=True)).to_have_value(bucket)
    expect(admin.get_by_role("region", name="Answer").get_by_role("heading", level=2)).to_be_visible()


def test_a_restart_loses_nothing_and_repeats_nothing(
    new_context: NewContext, own_server: Server, watch: Watch
) -> None:
    """Two readers: one that had seen events before, one that had only listened."""
    watch.allow("ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET")
    target = own_server.target
    watch.hosts.add("{}:{}".format(*target.address))
    with target.connect(target.token("service_role")) as service:
        assert service.post("/bucket", json={"name": "live"}).status_code == 200
        readers = [signed_in(new_context, target) for _ in range(2)]
        rows = [follow(page, target) for page in readers]
        before = [f"before-{number}.txt" for number in range(3)]
        put_all(service, before)
        for each in rows:
            expect(each).to_have_count(3)
        own_server.stop()
        for page in readers:
            expect(page.get_by_role("status").filter(has_text="Reconnecting")).to_be_visible()
        picture(readers[0], "events-reconnecting")
        own_server.start()
        after = [f"after-{number}.txt" for number in range(3)]
        put_all(service, after)
        for page, each in zip(readers, rows, strict=True):
            expect_live(page)
            expect(each).to_have_count(6)
            assert names_in(each) == [f"live/{name}" for name in reversed(before + after)]


def put_all(service: httpx.Client, names: list[str]) -> None:
    for name in names:
        assert put_object(service, "live", name).status_code == 200
