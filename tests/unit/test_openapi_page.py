"""The page of the API description: one file, well-formed, safe and whole."""

from html.parser import HTMLParser

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from aerostore.api.openapi.catalogue import OPERATIONS
from aerostore.api.openapi.document import describe
from aerostore.api.openapi.page import render
from aerostore.domain import JsonObject

VOID = {"meta", "link", "img", "base"}


class Page(HTMLParser):
    """What a browser would see of a page; fails on tags that do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data

    def values(self, attribute: str) -> list[str]:
        return [attrs[attribute] or "" for _, attrs in self.tags if attribute in attrs]


def document_with(**info: str) -> JsonObject:
    keys = [key.split(" ") for key in OPERATIONS]
    routes = [Route(path, Starlette(), methods=[method], name="x") for method, path in keys]
    document = describe(routes, version="1.2.3", base_url="/storage/v1")
    return {**document, "info": {**document["info"], **info}}


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(render(document_with()))


def test_page_shows_every_operation_with_its_path(page: Page) -> None:
    assert {operation.id for operation in OPERATIONS.values()} <= set(page.values("id"))
    for key in OPERATIONS:
        assert key.split(" ")[1] in page.text


def test_page_shows_every_status_and_code_of_an_operation() -> None:
    only = {"/status", "/bucket/{bucket}"}
    document = document_with()
    document["paths"] = {path: item for path, item in document["paths"].items() if path in only}
    text = Page(render(document)).text
    for status in document["paths"]["/bucket/{bucket}"]["get"]["responses"]:
        assert status in text
    assert "NoSuchBucket (404)" in text


def test_page_needs_no_script_and_no_other_file(page: Page) -> None:
    tags = {tag for tag, _ in page.tags}
    assert tags.isdisjoint({"script", "link", "img", "iframe", "object", "form", "base"})
    assert page.values("src") == page.values("style") == []
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert "url(" not in render(document_with())
    assert "@import" not in render(document_with())


def test_links_lead_to_a_place_on_the_page_or_to_the_document(page: Page) -> None:
    links = set(page.values("href"))
    assert {link for link in links if not link.startswith("#")} == {"/storage/v1/openapi.json"}
    assert {link[1:] for link in links if link.startswith("#")} <= set(page.values("id"))


def test_ids_are_unique(page: Page) -> None:
    ids = page.values("id")
    assert len(ids) == len(set(ids))


def test_text_is_escaped() -> None:
    hostile = "<script>\"&'</script> `<img src=x>`"
    page = Page(render(document_with(title=hostile, version=hostile, description=hostile)))
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "img"})
    assert page.text.count("<script>") >= 3
