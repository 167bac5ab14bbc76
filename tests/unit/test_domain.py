"""The rules of names, ranges and times."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerostore.domain import (
    ByteRange,
    Object,
    RangeRequest,
    RlsContext,
    check_bucket_name,
    check_object_name,
    has_control_character,
    parse_iso,
    printable,
    to_iso,
    utc_now,
)
from aerostore.errors import (
    InvalidBucketName,
    InvalidKey,
    InvalidParameter,
    InvalidRange,
    StorageError,
    Unavailable,
)
from tests.error_family import error_types

NOW = datetime(2026, 1, 31, 9, 0, 0, 123_000, tzinfo=UTC)


def an_object(**metadata: object) -> Object:
    return Object(
        id="id",
        bucket_id="photos",
        name="a",
        owner_id=None,
        version="version",
        metadata=metadata,
        user_metadata=None,
        created_at=NOW,
        updated_at=NOW,
        last_accessed_at=NOW,
    )


# Names


@pytest.mark.parametrize(
    "name", ["a", "A b", "a" * 100, "_!.*'() &$@=;:+,?-", "...", "-", "123", "x--table-s3x"]
)
def test_a_bucket_may_be_called(name: str) -> None:
    assert check_bucket_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        " a",
        "a ",
        ".",
        "..",
        "a/b",
        "a\\b",
        "ä",
        "a\n",
        "a\x00",
        "a%b",
        "a" * 101,
        "x--table-s3",
        "a\tb",
    ],
)
def test_a_bucket_may_not_be_called(name: str) -> None:
    with pytest.raises(InvalidBucketName):
        check_bucket_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "/",
        "/a",
        "a//b/",
        "...",
        "a/...b/c..",
        " ",
        "a b%2F?#&=\"'<>\\|*",
        "日本\U0001f600",
        "e\u0301",
        "\u202egnp.exe",
        "\ufeff",
        "x" * 1024,
        "é" * 512,
    ],
)
def test_an_object_may_be_called(name: str) -> None:
    assert check_object_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../a",
        "a/..",
        "a/./b",
        "a/../b",
        "x" * 1025,
        "é" * 513,
        "a\x00",
        "a\n",
        "a\x7f",
        "a\x85",
        "a\u2028b",
        "a\u2029b",
        "\ud800",
        "a\udfff/b",
    ],
)
def test_an_object_may_not_be_called(name: str) -> None:
    with pytest.raises(InvalidKey) as raised:
        check_object_name(name)
    assert not has_control_character(raised.value.message)
    assert raised.value.message.encode()


@given(st.text())
def test_a_name_is_taken_as_it_is_or_refused(name: str) -> None:
    try:
        assert check_object_name(name) == name
    except InvalidKey:
        return
    assert 1 <= len(name.encode()) <= 1024
    assert not {".", ".."} & set(name.split("/"))
    assert min(name) >= " "


@given(st.text(max_size=40), st.integers(1, 20))
def test_a_printable_text_fits_one_line(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert shown.isprintable()
    assert len(shown) <= limit + 1
    assert shown.endswith("…") or len(text) <= limit


# Ranges


@given(size=st.integers(0, 50), first=st.none() | st.integers(0, 60), last=st.none() | st.integers(0, 60))
def test_a_range_is_the_bytes_it_names_that_exist(size: int, first: int | None, last: int | None) -> None:
    content = bytes(range(size))
    if first is None:
        wanted = content[-last:] if last else b""
    else:
        wanted = content[first : None if last is None else last + 1]
    try:
        found = RangeRequest(first, last).within(size)
    except InvalidRange:
        assert wanted == b""
        return
    assert content[found.first : found.last + 1] == wanted
    assert found.length == len(wanted) > 0


def test_a_range_counts_both_ends() -> None:
    assert ByteRange(3, 3).length == 1


# Times


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1000, 1, 1)))
def test_a_time_survives_writing_to_the_millisecond(moment: datetime) -> None:
    rounded = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert parse_iso(to_iso(moment)) == rounded
    assert len(to_iso(moment)) == len("2026-01-31T09:00:00.000Z")


def test_times_are_written_in_utc_and_sort_as_text() -> None:
    east = timezone(timedelta(hours=2))
    assert to_iso(datetime(2026, 1, 31, 11, 0, tzinfo=east)) == "2026-01-31T09:00:00.000Z"
    assert to_iso(NOW) < to_iso(NOW + timedelta(milliseconds=1)) < to_iso(NOW + timedelta(days=400))


def test_now_is_aware_and_in_whole_milliseconds() -> None:
    now = utc_now()
    assert now.tzinfo is UTC
    assert now.microsecond % 1000 == 0


# Values


def test_an_object_reads_its_metadata() -> None:
    found = an_object(eTag='"abc"', size=5, mimetype="text/plain", cacheControl="max-age=1")
    assert (found.etag, found.size_bytes, found.mime_type, found.cache_control) == (
        "abc",
        5,
        "text/plain",
        "max-age=1",
    )


def test_an_object_with_nothing_known_has_defaults() -> None:
    found = an_object()
    assert (found.etag, found.size_bytes) == ("", 0)
    assert (found.mime_type, found.cache_control) == ("application/octet-stream", "no-cache")


def test_a_context_performs_an_operation_and_stays_as_it_was() -> None:
    context = RlsContext(role="anon")
    assert context.performing("storage.object.list").operation == "storage.object.list"
    assert context.operation == ""


# Errors


def test_codes_are_unique_and_every_error_can_be_made_without_words() -> None:
    types = error_types()
    assert len({error.code for error in types}) == len(types)
    assert types[0] is StorageError
    for error in types:
        assert str(error()) == error.default_message


def test_an_error_says_what_it_is_told() -> None:
    error = InvalidParameter("no token", resource="photos/a", hint="send one")
    assert (error.message, error.resource, error.hint) == ("no token", "photos/a", "send one")


def test_only_what_is_unavailable_is_worth_a_retry() -> None:
    retryable = {error for error in error_types() if error.retryable}
    assert retryable == set(error_types(Unavailable))
