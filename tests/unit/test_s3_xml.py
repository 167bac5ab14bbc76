"""Documents as they are read and written: bounded for who sends them, readable whatever a row holds."""

import sys
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

from aerostore.api.s3.xml import (
    Content,
    add,
    document,
    parse_xml,
    to_xml,
    written_around,
    written_document,
)
from aerostore.api.s3.xml import written as written_text
from aerostore.errors import MalformedXml


def written(text: str) -> str:
    """Return `text` as a client reads it."""
    root = document("Any")
    add(root, "Text", text)
    return ElementTree.fromstring(to_xml(root))[0].text or ""


@pytest.mark.parametrize(
    "text", ["a\tb\nc", "\x7f\x85\xa0", "ä\ud7ff\ue000\ufffd", "\U00010000\U0010ffff", "&<>\"'"]
)
def test_text_that_xml_can_hold_stays_as_it_is(text: str) -> None:
    assert written(text) == text


@pytest.mark.parametrize("character", ["\0", "\x08", "\x0b", "\x1f", "\ud800", "\udfff", "\ufffe", "\uffff"])
def test_character_that_xml_cannot_hold_is_replaced(character: str) -> None:
    assert written(f"a{character}b{character}") == "a\ufffdb\ufffd"


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "text",
        "&<>\"'\t\n\r",
        "a\0\ufffe\udfff",
        "日本",
        True,
        False,
        0,
        7,
        datetime(2026, 1, 31, tzinfo=UTC),
    ],
)
def test_text_is_the_same_document_as_a_tree(content: Content) -> None:
    root = document("Any")
    add(add(root, "Around"), "Text", content)
    assert written_document("Any", [written_around("Around", [written_text("Text", content)])]) == to_xml(
        root
    )


def test_every_character_there_is_can_be_read() -> None:
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    assert len(written(everything.replace("\r", ""))) == sys.maxunicode


@pytest.mark.parametrize(
    ("root", "content"),
    [
        ("Delete", b"<a>" * 20),
        ("Delete", b"<a/>" * 7_002),
        ("Tagging", b"<a/>" * 64),
        ("CompleteMultipartUpload", b"<Part/>" * 90_001),
        ("Delete", b"<a " + b" ".join(b'b%d=""' % number for number in range(300)) + b"/>"),
        ("Delete", b"<a>&#x41;</a><!DOCTYPE a>"),
    ],
    ids=["deep", "wide", "too wide for its kind", "too many parts", "attributes", "doctype"],
)
def test_document_of_a_shape_that_no_client_sends_is_refused(root: str, content: bytes) -> None:
    with pytest.raises(MalformedXml):
        parse_xml(b"<%s>%s</%s>" % (root.encode(), content, root.encode()), root)


def test_document_of_as_many_elements_as_it_may_need_is_read() -> None:
    keys = b"<Object><Key>a</Key><ETag>b</ETag></Object>" * 1000
    assert len(parse_xml(b'<Delete xmlns="any"><Quiet>true</Quiet>' + keys + b"</Delete>", "Delete")) == 1001
