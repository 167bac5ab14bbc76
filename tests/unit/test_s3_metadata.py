"""What is said about an object: read from headers, and said back in headers."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from aerostore.api.s3.fault import S3Fault
from aerostore.api.s3.metadata import DEFAULT_TYPE, META, describe, fields_of, object_headers, overrides_of
from aerostore.api.s3.tagging import parse_tags, tags_of_xml
from aerostore.api.s3.xml import parse_xml
from aerostore.domain import Object
from aerostore.errors import MalformedXml, MetadataTooLarge

NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)


def stored(metadata: dict[str, Any] | None = None, user_metadata: dict[str, Any] | None = None) -> Object:
    return Object(
        id="1",
        bucket_id="b",
        name="n",
        owner_id=None,
        version="1",
        metadata={"eTag": '"e"', "size": 1} | (metadata or {}),
        user_metadata=user_metadata,
        created_at=NOW,
        updated_at=NOW,
        last_accessed_at=NOW,
    )


# What comes in


def test_nothing_said_is_nothing_stored() -> None:
    nothing = describe({})
    assert (nothing.mime_type, nothing.cache_control, nothing.tags) == (DEFAULT_TYPE, "", None)
    assert nothing.user_metadata == nothing.extra == nothing.extra_with_tags == {}


@pytest.mark.parametrize(
    ("coding", "kept"), [("aws-chunked", None), ("gzip,aws-chunked", "gzip"), ("AWS-chunked, br", "br")]
)
def test_coding_of_the_way_here_is_not_of_the_content(coding: str, kept: str | None) -> None:
    assert describe({"content-encoding": coding}).extra.get("contentEncoding") == kept


@pytest.mark.parametrize(
    "name", ["content-disposition", "content-encoding", "content-language", "expires", "cache-control"]
)
@pytest.mark.parametrize("value", ["a\r\nb: c", "\x00", "ä", "a" * 1001])
def test_value_that_could_not_be_sent_back_is_refused(name: str, value: str) -> None:
    with pytest.raises(S3Fault, match=name):
        describe({name: value})


@pytest.mark.parametrize("field", [{f"{META}k": "a\nb"}, {f"{META}k\n": "a"}, {f"{META}k": "a\x85b"}])
def test_metadata_holds_no_controls(field: dict[str, str]) -> None:
    with pytest.raises(S3Fault):
        describe(field)


def test_metadata_is_limited_by_its_bytes() -> None:
    describe({f"{META}k": "ä" * 1023})
    with pytest.raises(MetadataTooLarge):
        describe({f"{META}kk": "ä" * 1023 + "a"})


def test_headers_of_one_name_are_one_text_in_utf8() -> None:
    raw = [(b"x-amz-meta-a", b"1"), (b"x-amz-meta-a", b"2"), (b"b", "ä".encode()), (b"c", b"\xe4")]
    assert fields_of(Headers(raw=raw)) == {"x-amz-meta-a": "1,2", "b": "ä", "c": "ä"}


# What goes out


def test_metadata_that_no_header_can_hold_is_counted() -> None:
    metadata = {"plain": "a", "number": 1, "umlaut": "ä", "bad name": "a", "line": "a\nb", "": "a"}
    headers = object_headers(stored(user_metadata=metadata), public=True)
    sent = {name for name in headers if name.startswith(META)}
    assert sent == {f"{META}plain", f"{META}number"}
    assert headers["x-amz-missing-meta"] == "4"


def test_metadata_beyond_what_clients_can_read_is_counted() -> None:
    headers = object_headers(stored(user_metadata={"a": "x" * 2000, "b": "x" * 2000}), public=True)
    assert (f"{META}a" in headers, headers["x-amz-missing-meta"]) == (True, "1")


@given(
    st.dictionaries(st.sampled_from(["cacheControl", "contentLanguage", "expires", "mimetype"]), st.text()),
    st.dictionaries(st.text(), st.text() | st.integers()),
)
def test_whatever_a_row_holds_the_headers_can_be_sent(
    metadata: dict[str, Any], user_metadata: dict[str, Any]
) -> None:
    for name, value in object_headers(stored(metadata, user_metadata), public=False).items():
        assert (name + value).isascii()
        assert "\n" not in name + value
        assert "\r" not in name + value


@given(st.text())
def test_header_that_is_asked_for_can_be_sent_or_is_refused(value: str) -> None:
    try:
        asked = overrides_of({"response-content-type": value, "response-other": "a"})
    except S3Fault:
        return
    assert asked == {"content-type": value}
    assert not set(value.encode("latin-1")) & set(range(32))


# Tags


def tagging(*pairs: tuple[str, str]) -> str:
    tags = "".join(f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>" for key, value in pairs)
    return f"<Tagging><TagSet>{tags}</TagSet></Tagging>"


def test_tags_are_read_from_headers_and_documents() -> None:
    tags = {"a b": "c/d", "ä": "", "e": "f+g=h@i:j_k.l-m"}
    assert parse_tags("a+b=c%2Fd&%C3%A4=&e=f%2Bg%3Dh%40i%3Aj_k.l-m") == tags
    assert tags_of_xml(parse_xml(tagging(*tags.items()).encode(), "Tagging")) == tags
    assert parse_tags("") == tags_of_xml(parse_xml(tagging().encode(), "Tagging")) == {}


@pytest.mark.parametrize(
    "pairs",
    [
        [(str(number), "") for number in range(11)],
        [("a", "1"), ("a", "2")],
        [("", "a")],
        [("k" * 129, "a")],
        [("k", "v" * 257)],
        [("aws:k", "v")],
        [("k", "a;b")],
        [("k\n", "a")],
    ],
    ids=lambda pairs: str(pairs)[:40],
)
def test_tags_beyond_the_rules_are_refused(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(S3Fault, match=r"tag|Tag"):
        tags_of_xml(parse_xml(tagging(*pairs).encode(), "Tagging"))


@pytest.mark.parametrize(
    "text",
    [
        "<Tagging/>",
        "<Tagging><TagSet/><TagSet/></Tagging>",
        "<Tagging><TagSet><Other/></TagSet></Tagging>",
        "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>",
        "<Tagging><TagSet><Tag><Key>a</Key><Key>b</Key><Value/></Tag></TagSet></Tagging>",
    ],
)
def test_document_that_is_no_tag_set_is_refused(text: str) -> None:
    with pytest.raises(MalformedXml):
        tags_of_xml(parse_xml(text.encode(), "Tagging"))


def test_tag_in_a_header_may_have_no_value() -> None:
    assert parse_tags("a") == {"a": ""}
    assert parse_tags("a=1&&b") == {"a": "1", "b": ""}


@pytest.mark.parametrize("text", ["=1", "%ff=1", "a=%C3%28", "a=1&a=2"])
def test_header_that_is_no_tag_set_is_refused(text: str) -> None:
    with pytest.raises(S3Fault):
        parse_tags(text)
