"""Reading objects: conditions, ranges, public buckets, signed links."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from aerostore.domain import ByteRange, Conditions, DownloadLink, Object, RangeRequest
from aerostore.errors import (
    Corrupted,
    InvalidKey,
    InvalidRange,
    NoSuchBucket,
    NoSuchKey,
    PreconditionFailed,
)
from aerostore.service.download import Download, ReadRequest, part_sizes
from tests.service.stage import ANON, OWNER, STRANGER, Stage, content_of

CONTENT = b"0123456789"


def open_object(stage: Stage, request: ReadRequest) -> Download:
    return stage.run(stage.storage.downloads.open(OWNER, "photos", "a", request))


def part(stage: Stage, first: int | None, last: int | None) -> bytes:
    request = ReadRequest(byte_range=RangeRequest(first, last))
    return stage.run(content_of(open_object(stage, request)))


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (0, 0, b"0"),
        (2, 4, b"234"),
        (9, None, b"9"),
        (5, 500, b"56789"),
        (None, 3, b"789"),
        (None, 500, CONTENT),
    ],
)
def test_a_range_is_read_exactly(stage: Stage, first: int | None, last: int | None, expected: bytes) -> None:
    stage.put("a", CONTENT)
    assert part(stage, first, last) == expected


@pytest.mark.parametrize(("first", "last"), [(10, None), (10, 12), (5, 4), (None, 0)])
def test_a_range_outside_the_object_is_refused(stage: Stage, first: int | None, last: int | None) -> None:
    stage.put("a", CONTENT)
    with pytest.raises(InvalidRange):
        part(stage, first, last)


def test_an_empty_object_has_no_ranges(stage: Stage) -> None:
    stage.put("a", b"")
    assert stage.get("a") == b""
    with pytest.raises(InvalidRange):
        part(stage, 0, None)


def test_a_range_counts_only_while_its_validator_holds(stage: Stage) -> None:
    stored = stage.put("a", CONTENT)
    whole_second = stored.updated_at.replace(microsecond=0)
    for validator, counts in [
        (None, True),
        (stored.etag, True),
        ("other", False),
        (whole_second, True),
        (whole_second - timedelta(seconds=1), False),
    ]:
        request = ReadRequest(byte_range=RangeRequest(0, 1), if_range=validator)
        found = open_object(stage, request)
        assert (found.byte_range is not None) == counts
        assert stage.run(content_of(found)) == (b"01" if counts else CONTENT)


def conditions_of(stored: Object, **given: str) -> Conditions:
    """Write conditions in words: tags `same` or `other` or `*`, times `before`, `same` or `after`."""
    moments = {name: stored.updated_at.replace(microsecond=0) for name in ("before", "same", "after")}
    moments["before"] -= timedelta(seconds=1)
    moments["after"] += timedelta(seconds=1)
    tags = {"same": ("x", stored.etag), "other": ("x",), "*": ("*",)}
    values: dict[str, tuple[str, ...] | datetime] = {
        name: tags[word] if name.endswith("match") else moments[word] for name, word in given.items()
    }
    return Conditions(**values)  # type: ignore[arg-type] # each word is looked up in the table of its kind


NEEDED, CURRENT = "needed", "current"
CONDITIONS: list[tuple[dict[str, str], str]] = [
    ({}, NEEDED),
    ({"if_match": "same"}, NEEDED),
    ({"if_match": "*"}, NEEDED),
    ({"if_match": "other"}, "failed"),
    ({"if_unmodified_since": "same"}, NEEDED),
    ({"if_unmodified_since": "before"}, "failed"),
    ({"if_match": "same", "if_unmodified_since": "before"}, NEEDED),
    ({"if_none_match": "same"}, CURRENT),
    ({"if_none_match": "*"}, CURRENT),
    ({"if_none_match": "other"}, NEEDED),
    ({"if_modified_since": "same"}, CURRENT),
    ({"if_modified_since": "after"}, CURRENT),
    ({"if_modified_since": "before"}, NEEDED),
    ({"if_none_match": "other", "if_modified_since": "after"}, NEEDED),
    ({"if_match": "other", "if_none_match": "same"}, "failed"),
]


@pytest.mark.parametrize(("given", "expected"), CONDITIONS, ids=str)
def test_conditions_hold_as_in_rfc_9110(stage: Stage, given: dict[str, str], expected: str) -> None:
    stored = stage.put("a", CONTENT)
    request = ReadRequest(conditions=conditions_of(stored, **given))
    if expected == "failed":
        with pytest.raises(PreconditionFailed):
            open_object(stage, request)
        return
    found = open_object(stage, request)
    assert (found.is_current, found.reader is None) == (
        (True, True) if expected == CURRENT else (False, False)
    )
    if found.reader:
        stage.run(found.reader.aclose())


def test_what_the_policies_hide_is_not_found(stage: Stage) -> None:
    stage.put("a")
    for caller in (STRANGER, ANON):
        with pytest.raises(NoSuchKey):
            stage.get("a", by=caller)


@pytest.mark.parametrize(
    ("bucket", "name", "error"),
    [("missing", "a", NoSuchBucket), ("photos", "missing", NoSuchKey), ("photos", "../a", InvalidKey)],
)
def test_what_is_missing_is_not_found(stage: Stage, bucket: str, name: str, error: type[Exception]) -> None:
    downloads = stage.storage.downloads
    for ask in (downloads.open, downloads.head):
        with pytest.raises(error):
            stage.run(ask(OWNER, bucket, name, ReadRequest()))


def test_a_public_bucket_is_readable_by_anyone_and_a_private_one_does_not_exist(stage: Stage) -> None:
    downloads = stage.storage.downloads
    stage.make_bucket("open", public=True)
    stage.put("a", bucket_id="open")
    stage.put("a")
    found = stage.run(downloads.open_public(ANON, "open", "a", ReadRequest()))
    assert found.public
    assert stage.run(content_of(found)) == b"content"
    assert stage.get("a", by=ANON, bucket_id="open") == b"content"
    assert stage.run(downloads.head_public(ANON, "open", "a", ReadRequest())).public
    assert stage.run(downloads.info_public(ANON, "open", "a")).object == found.object
    with pytest.raises(NoSuchBucket):
        stage.run(downloads.open_public(ANON, "photos", "a", ReadRequest()))
    with pytest.raises(NoSuchKey):
        stage.run(downloads.open_public(ANON, "open", "missing", ReadRequest()))
    with pytest.raises(InvalidKey):
        stage.run(downloads.open_public(ANON, "open", "..", ReadRequest()))


def link_to(stored: Object, **changes: Any) -> DownloadLink:
    link = DownloadLink(
        link_id="link",
        bucket_id=stored.bucket_id,
        name=stored.name,
        object_id=stored.id,
        issuer=stored.owner_id,
        issued_at=stored.created_at,
        expires_at=stored.created_at + timedelta(hours=1),
    )
    return replace(link, **changes)


def test_a_link_opens_its_object_and_says_when_it_ends(stage: Stage) -> None:
    link = link_to(stage.put("a"))
    found = stage.run(stage.storage.downloads.open_signed(ANON, link, ReadRequest()))
    assert stage.run(content_of(found)) == b"content"
    assert found.expires_at == link.expires_at
    looked = stage.run(stage.storage.downloads.head_signed(ANON, link, ReadRequest()))
    assert (looked.object, looked.expires_at) == (found.object, link.expires_at)


@pytest.mark.parametrize(
    "changes", [{"object_id": "another"}, {"name": "b"}, {"bucket_id": "missing"}], ids=str
)
def test_a_link_opens_no_other_object(stage: Stage, changes: dict[str, str]) -> None:
    link = link_to(stage.put("a"), **changes)
    stage.put("b")
    for ask in (stage.storage.downloads.open_signed, stage.storage.downloads.head_signed):
        with pytest.raises(NoSuchKey):
            stage.run(ask(ANON, link, ReadRequest()))


def test_bytes_of_another_length_than_their_row_are_never_served(stage: Stage) -> None:
    stage.put("a", CONTENT)
    stage.rows("UPDATE storage_blobs SET size_bytes = size_bytes + 1")
    for wanted in (None, RangeRequest(0, 1)):
        with pytest.raises(Corrupted):
            open_object(stage, ReadRequest(byte_range=wanted))


def test_downloads_are_counted_by_outcome(stage: Stage) -> None:
    stored = stage.put("a", b"four")
    stage.get("a")
    open_object(stage, ReadRequest(conditions=Conditions(if_none_match=(stored.etag,))))
    text = stage.telemetry.render().decode()
    assert 'storage_download_total{bucket="photos",status="ok"} 1.0' in text
    assert 'storage_download_total{bucket="photos",status="not_modified"} 1.0' in text
    assert 'storage_download_bytes_total{bucket="photos"} 4.0' in text


# Parts: those that the object was uploaded in

IN_PARTS = {"parts": [[2, 4], [1, 2]]}


def test_a_part_is_what_was_uploaded_as_one(stage: Stage) -> None:
    stored = stage.put("a", CONTENT, extra=IN_PARTS)
    parts = [
        stage.run(content_of(open_object(stage, ReadRequest(part_number=number)))) for number in (1, 2, 3)
    ]
    assert parts == [b"0123", b"4567", b"89"]
    assert part_sizes(stored) == [4, 4, 2]


@pytest.mark.parametrize("number", [0, 4, 10_000])
def test_a_part_that_never_was_is_refused(stage: Stage, number: int) -> None:
    stage.put("a", CONTENT, extra=IN_PARTS)
    with pytest.raises(InvalidRange):
        open_object(stage, ReadRequest(part_number=number))


def test_what_came_whole_is_one_part(stage: Stage) -> None:
    stored = stage.put("a", CONTENT)
    assert part_sizes(stored) == []
    found = open_object(stage, ReadRequest(part_number=1))
    assert found.byte_range == ByteRange(0, 9)
    assert stage.run(content_of(found)) == CONTENT
    with pytest.raises(InvalidRange):
        open_object(stage, ReadRequest(part_number=2))


def test_the_one_part_of_nothing_is_all_of_it(stage: Stage) -> None:
    stage.put("a", b"")
    found = open_object(stage, ReadRequest(part_number=1))
    assert found.byte_range is None
    assert stage.run(content_of(found)) == b""
