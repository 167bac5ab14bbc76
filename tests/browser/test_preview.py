"""Scenario 5: how objects look beside the list, by the content type that is stored with them."""

import re

import httpx
import pytest
from playwright.sync_api import Locator, Page, Response, expect

from tests.contract.client import Target, put_object

from .conftest import MakeBucket
from .support import picture, png
from .support_explorer import open_folder, row
from .support_media import film, pdf, sound

KIB = 1024
THE_VIEWER_READS = re.compile(r"^chrome-extension://[a-z]+/[0-9a-f-]{36}$")
SCRIPTED_SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" width="120" height="80" onload="parent.pwned = 1">
<rect width="120" height="80" fill="seagreen"/><script>window.top.pwned = 1; fetch('/pwned')</script></svg>"""


@pytest.fixture
def bucket(make_bucket: MakeBucket) -> str:
    return make_bucket("looks")


def store(service: httpx.Client, bucket: str, name: str, content: bytes, content_type: str) -> None:
    put_object(service, bucket, name, content, {"content-type": content_type}).raise_for_status()


def pane(page: Page, name: str) -> Locator:
    return page.get_by_role("complementary", name=f"Preview of {name}")


def test_a_picture_is_shown_and_the_next_one_is_a_click_away(
    admin: Page, target: Target, service: httpx.Client, bucket: str
) -> None:
    for name in ("a.png", "b.png"):
        store(service, bucket, name, png(), "image/png")
    open_folder(admin, target, bucket)
    row(admin, "a.png").dblclick()
    shown = pane(admin, "a.png").get_by_role("img", name="a.png")
    expect(shown).to_have_js_property("naturalWidth", 64)
    expect(pane(admin, "a.png").get_by_role("button", name="Previous object")).to_be_disabled()
    picture(admin, "preview-picture")
    pane(admin, "a.png").get_by_role("button", name="Next object").click()
    expect(pane(admin, "b.png").get_by_role("img", name="b.png")).to_have_js_property("naturalWidth", 64)
    expect(admin).to_have_url(re.compile(r"preview=b\.png"))
    expect(pane(admin, "b.png").get_by_role("button", name="Next object")).to_be_disabled()
    admin.keyboard.press("Escape")
    admin.keyboard.press("Escape")
    expect(admin.get_by_role("complementary")).to_have_count(0)
    expect(admin.get_by_role("grid")).to_be_focused()


def test_a_script_in_an_svg_does_not_run(
    admin: Page, target: Target, service: httpx.Client, bucket: str
) -> None:
    store(service, bucket, "evil.svg", SCRIPTED_SVG, "image/svg+xml")
    asked: list[str] = []
    admin.on("request", lambda request: asked.append(request.url))
    open_folder(admin, target, bucket, query="?preview=evil.svg")
    expect(pane(admin, "evil.svg").get_by_role("img", name="evil.svg")).to_have_js_property(
        "naturalWidth", 120
    )
    assert admin.evaluate("window.pwned") is None
    assert not [url for url in asked if url.endswith("/pwned")]
    picture(admin, "preview-svg")


def test_a_film_can_be_entered_in_the_middle(
    admin: Page, target: Target, service: httpx.Client, bucket: str
) -> None:
    open_folder(admin, target, bucket)
    store(service, bucket, "film.webm", film(admin), "video/webm")
    answers: list[Response] = []
    admin.on(
        "response", lambda response: answers.append(response) if "film.webm?v=" in response.url else None
    )
    open_folder(admin, target, bucket, query="?preview=film.webm")
    player = admin.get_by_label("film.webm", exact=True)
    expect(player).to_have_js_property("readyState", 4)
    player.evaluate("video => { video.currentTime = video.duration - 2 }")
    expect(player).to_have_js_property("seeking", False)
    assert player.evaluate("video => video.currentTime > video.duration - 3 && video.readyState >= 2")
    assert {response.status for response in answers} == {206}
    assert not answers[-1].headers["content-range"].startswith("bytes 0-")
    picture(admin, "preview-film")


def test_a_sound_can_be_played(admin: Page, target: Target, service: httpx.Client, bucket: str) -> None:
    store(service, bucket, "tone.wav", sound(seconds=3), "audio/wav")
    open_folder(admin, target, bucket, query="?preview=tone.wav")
    expect(admin.get_by_label("tone.wav", exact=True)).to_have_js_property("duration", 3)
    picture(admin, "preview-sound")


def test_a_pdf_is_shown_by_the_browser(
    admin: Page, target: Target, service: httpx.Client, bucket: str
) -> None:
    store(service, bucket, "paper.pdf", pdf("Quarterly figures"), "application/pdf")
    with admin.expect_request(THE_VIEWER_READS):
        open_folder(admin, target, bucket, query="?preview=paper.pdf")
    expect(pane(admin, "paper.pdf").get_by_role("link", name="Open in a new tab")).to_be_visible()
    picture(admin, "preview-pdf")


def test_text_comes_in_portions_and_as_it_is_stored(
    admin: Page, target: Target, service: httpx.Client, bucket: str
) -> None:
    line = "<b>bold</b> naïve, line {:06}\n"
    text = "".join(line.format(number) for number in range(12_000)).encode()
    store(service, bucket, "notes.md", text, "text/markdown")
    open_folder(admin, target, bucket, query="?preview=notes.md")
    shown = pane(admin, "notes.md").locator("pre")
    expect(shown).to_contain_text("<b>bold</b> naïve, line 000000")
    expect(shown).not_to_contain_text("line 011999")
    picture(admin, "preview-text")
    pane(admin, "notes.md").get_by_role("button", name="Load more").click()
    expect(shown).to_contain_text("line 011999")
    expect(pane(admin, "notes.md").get_by_role("button", name="Load more")).to_have_count(0)
    assert "\ufffd" not in (shown.text_content() or "")


def test_other_bytes_are_shown_in_hexadecimal(
    admin: Page, target: Target, service: httpx.Client, bucket: str
) -> None:
    store(service, bucket, "data.bin", bytes(range(256)) * 64, "application/octet-stream")
    store(service, bucket, "empty.bin", b"", "application/octet-stream")
    open_folder(admin, target, bucket, query="?preview=data.bin")
    shown = pane(admin, "data.bin")
    expect(shown.locator("pre")).to_contain_text("0040  40 41 42 43  44 45 46 47  @ABCDEFG")
    expect(shown).to_contain_text("The first 4 KiB of 16 KiB")
    picture(admin, "preview-bytes")
    shown.get_by_role("button", name="Next object").click()
    expect(pane(admin, "empty.bin")).to_contain_text("This object is empty")


def test_a_picture_that_is_none_falls_back_to_its_bytes(
    admin: Page, target: Target, service: httpx.Client, bucket: str
) -> None:
    store(service, bucket, "broken.png", b"not a picture", "image/png")
    open_folder(admin, target, bucket, query="?preview=broken.png")
    expect(pane(admin, "broken.png")).to_contain_text("The browser cannot show this")
    expect(pane(admin, "broken.png").locator("pre")).to_contain_text("not a pi")


def test_a_large_text_is_not_fetched_before_somebody_says_so(
    admin: Page, target: Target, service: httpx.Client, bucket: str
) -> None:
    store(service, bucket, "large.txt", b"0123456789abcdef" * (26 * KIB * KIB // 16), "text/plain")
    asked: list[str] = []
    admin.on(
        "request", lambda request: asked.append(request.url) if "/authenticated/" in request.url else None
    )
    open_folder(admin, target, bucket, query="?preview=large.txt")
    expect(pane(admin, "large.txt")).to_contain_text("This object has 26 MiB")
    assert not [url for url in asked if "/info/" not in url]
    picture(admin, "preview-asks")
    pane(admin, "large.txt").get_by_role("button", name="Show it anyway").click()
    expect(pane(admin, "large.txt").locator("pre")).to_contain_text("0123456789abcdef")


def test_metadata_is_edited_beside_the_list(
    admin: Page, target: Target, service: httpx.Client, bucket: str
) -> None:
    store(service, bucket, "note.txt", b"text", "text/plain")
    open_folder(admin, target, bucket, query="?preview=note.txt&tab=metadata")
    edit = pane(admin, "note.txt")
    edit.get_by_label("Content type").fill("text/markdown")
    edit.get_by_role("button", name="Add").click()
    edit.get_by_label("Name 1").fill("colour")
    edit.get_by_label("Value 1").fill("green")
    picture(admin, "preview-metadata")
    edit.get_by_role("tab", name="Details").click()
    expect(edit).to_contain_text("text/plain")
    edit.get_by_role("tab", name="Metadata").click()
    expect(edit.get_by_label("Value 1")).to_have_value("green")
    edit.get_by_role("button", name="Save").click()
    expect(admin.get_by_text("Metadata saved")).to_be_visible()
    info = service.get(f"/object/info/{bucket}/note.txt").json()
    assert (info["content_type"], info["metadata"]) == ("text/markdown", {"colour": "green"})
    edit.get_by_role("tab", name="Details").click()
    expect(edit).to_contain_text("text/markdown")
    picture(admin, "preview-details")
