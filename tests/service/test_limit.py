"""Sizes and content types: how limits are read, and that no body gets past them."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerostore.errors import EntityTooLarge, InvalidInput, InvalidMimeType
from aerostore.service.limit import (
    check_cache_control,
    check_content_type,
    check_mime_types,
    parse_file_size,
)
from aerostore.service.publish import Upload
from tests.blobs import in_chunks
from tests.service.stage import OWNER, SERVICE, Stage

AT_MOST = 10**12


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("5", 5),
        ("20B", 20),
        ("20KB", 20_000),
        ("1.5mb", 1_500_000),
        ("20Gb", 20_000_000_000),
        ("1.2349MB", 1_230_000),
        ("20000MB", 20_000_000_000),
    ],
)
def test_a_size_is_read_with_its_unit(text: str, size: int) -> None:
    assert parse_file_size(text, AT_MOST) == size


@pytest.mark.parametrize("text", ["", "MB", "-5", "1.9", "1 MB", "1TB", "1.MB", "٣", "1" * 31, "1e3", "1\n"])
def test_an_unreadable_size_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_file_size(text, AT_MOST)


def test_a_size_is_bounded_on_both_sides() -> None:
    assert parse_file_size(None, 5) is None
    assert parse_file_size(5, 5) == 5
    with pytest.raises(EntityTooLarge):
        parse_file_size(6, 5)
    with pytest.raises(InvalidInput):
        parse_file_size(-1, 5)


@given(st.text())
def test_any_text_is_a_size_or_refused(text: str) -> None:
    try:
        size = parse_file_size(text, AT_MOST)
    except (InvalidInput, EntityTooLarge):
        return
    assert size is not None and 0 <= size <= AT_MOST


GOOD_TYPES = ["text/plain", "text/plain; charset=utf-8", "image/svg+xml", "a/b;x=1; y=2"]
BAD_TYPES = ["", "text", "text/", "/plain", "text/plain\r\nx: y", "text/pläin", "a/" + "b" * 1000, "a b/c"]


def test_a_content_type_must_fit_a_header() -> None:
    assert [check_content_type(value) for value in GOOD_TYPES] == GOOD_TYPES
    for value in BAD_TYPES:
        with pytest.raises(InvalidMimeType):
            check_content_type(value)


def test_a_cache_control_must_fit_a_header() -> None:
    assert check_cache_control("max-age=3600, public") == "max-age=3600, public"
    for value in ("a\nb", "ä", "x" * 1001):
        with pytest.raises(InvalidInput):
            check_cache_control(value)


def test_an_allow_list_is_of_types_and_wildcards() -> None:
    assert check_mime_types(None) is None
    assert check_mime_types(["", "image/*", "*", "text/plain"]) == ["image/*", "*", "text/plain"]
    for value in ("image", "image/\n*", "x" * 1001, "a/b/c"):
        with pytest.raises(InvalidMimeType):
            check_mime_types([value])


def put_whole(stage: Stage, upload: Upload, content: bytes) -> None:
    stage.run(stage.storage.files.put(OWNER, upload, content))


def put_chunked(stage: Stage, upload: Upload, content: bytes) -> None:
    pieces = (content[start : start + 3] for start in range(0, len(content), 3))
    stage.run(stage.storage.files.put(OWNER, upload, in_chunks(*pieces)))


@pytest.mark.parametrize("put", [put_whole, put_chunked])
@pytest.mark.parametrize(("size", "fits"), [(0, True), (10, True), (11, False), (500, False)])
def test_the_buckets_size_limit_holds_to_the_byte(
    stage: Stage, put: Callable[..., None], size: int, fits: bool
) -> None:
    stage.make_bucket("small", file_size_limit=10)
    upload = Upload(bucket_id="small", name="a")
    if fits:
        put(stage, upload, b"x" * size)
        return
    with pytest.raises(EntityTooLarge):
        put(stage, upload, b"x" * size)
    assert (stage.names(), stage.keys_of_bytes()) == ([], set())


def test_an_announced_size_over_the_limit_is_refused_before_the_body(stage: Stage) -> None:
    stage.make_bucket("small", file_size_limit=10)
    with pytest.raises(EntityTooLarge):
        put_chunked(stage, Upload(bucket_id="small", name="a", size_bytes=11), b"x" * 11)
    assert "write" not in stage.backend.calls


def test_the_service_role_does_not_bypass_limits(stage: Stage) -> None:
    stage.make_bucket("small", file_size_limit=10, allowed_mime_types=["image/*"])
    for options in ({"mime_type": "image/png"}, {}):
        with pytest.raises((EntityTooLarge, InvalidMimeType)):
            stage.put("a", b"x" * 11, by=SERVICE, bucket_id="small", **options)


def test_a_limit_lowered_while_a_body_arrives_still_counts(stage: Stage) -> None:
    stage.make_bucket("small", file_size_limit=100)

    async def body() -> AsyncIterator[bytes]:
        yield b"x" * 50
        await stage.storage.buckets.update(SERVICE, "small", {"file_size_limit": 10})

    with pytest.raises(EntityTooLarge):
        stage.run(stage.storage.files.put(OWNER, Upload(bucket_id="small", name="a"), body()))
    assert (stage.names(), stage.keys_of_bytes()) == ([], set())


TYPES: list[tuple[list[str], str, bool]] = [
    (["image/png"], "image/png", True),
    (["image/png"], "IMAGE/PNG; x=1", True),
    (["image/png"], "image/pngx", False),
    (["image/*"], "image/webp", True),
    (["image/*"], "imagery/webp", False),
    (["*"], "x/y", True),
    (["*/*"], "x/y", True),
    ([], "x/y", True),
    (["text/plain; charset=utf-8"], "text/plain", True),
]


@pytest.mark.parametrize(("allowed", "mime_type", "fits"), TYPES, ids=str)
def test_the_buckets_allow_list_decides_by_type(
    stage: Stage, allowed: list[str], mime_type: str, fits: bool
) -> None:
    stage.make_bucket("typed", allowed_mime_types=allowed)
    options: dict[str, Any] = {"bucket_id": "typed", "mime_type": mime_type}
    if fits:
        stage.put("a", **options)
        return
    with pytest.raises(InvalidMimeType):
        stage.put("a", **options)


def test_a_folder_placeholder_is_always_taken_and_always_empty(stage: Stage) -> None:
    stage.make_bucket("typed", allowed_mime_types=["image/*"])
    stage.put("folder/.emptyFolderPlaceholder", b"", bucket_id="typed")
    with pytest.raises(EntityTooLarge):
        stage.put("other/.emptyFolderPlaceholder", b"x", bucket_id="typed")
