"""What requests to the tus door say in their headers."""

import base64
import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerostore.api.tus.header import (
    OFFSET_TYPE,
    check_version,
    format_metadata,
    parse_checksum,
    parse_continuation,
    parse_creation,
    parse_metadata,
)
from aerostore.errors import (
    AccessDenied,
    ChecksumMismatch,
    InvalidBucketName,
    InvalidDigest,
    InvalidInput,
    InvalidKey,
    NotSupported,
    PreconditionFailed,
)

KEYS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=","), min_size=1)
NAMED = "bucketName Yg==,objectName YQ=="


@given(st.dictionaries(KEYS, st.binary(), min_size=1, max_size=100))
def test_metadata_comes_back_as_it_was_written(values: dict[str, bytes]) -> None:
    assert parse_metadata(format_metadata(values)) == values


@given(st.text())
def test_metadata_is_read_or_refused_whatever_it_is(text: str) -> None:
    with contextlib.suppress(InvalidInput):
        parse_metadata(text)


@pytest.mark.parametrize("text", ["a YQ==, b Yg==", " a YQ==,b Yg== ", "a YQ==,b Yg=="])
def test_spaces_around_pairs_do_not_matter(text: str) -> None:
    assert parse_metadata(text) == {"a": b"a", "b": b"b"}


@pytest.mark.parametrize(
    "text",
    ["", ",", "a YQ==,", "a YQ", "a Y Q==", "a YQ==,a Yg==", "ä YQ==", "a _w==", "a YQ==\x00", " "],
)
def test_metadata_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="Invalid upload-metadata"):
        parse_metadata(text)


def test_metadata_of_a_hundred_keys_is_the_longest() -> None:
    pairs = [f"k{number}" for number in range(101)]
    assert len(parse_metadata(",".join(pairs[:100]))) == 100
    with pytest.raises(InvalidInput):
        parse_metadata(",".join(pairs))


def test_creation_is_an_upload_and_what_head_gives_back() -> None:
    values = {
        "bucketName": b"photos",
        "objectName": "ü.png".encode(),
        "contentType": b"image/png",
        "cacheControl": b"0060",
        "metadata": b'{"k": 1}',
    }
    asked = parse_creation(
        {"upload-length": "7", "upload-metadata": format_metadata(values), "content-type": OFFSET_TYPE},
        upsert=True,
    )
    assert (asked.upload.bucket_id, asked.upload.name) == ("photos", "ü.png")
    assert (asked.upload.mime_type, asked.upload.cache_control) == ("image/png", "max-age=60")
    assert (asked.upload.user_metadata, asked.upload.size_bytes) == ({"k": 1}, 7)
    assert (asked.upload.upsert, asked.upload.upload_type) == (True, "resumable")
    assert asked.has_first_bytes
    assert parse_metadata(asked.metadata) == values | {"cacheControl": b"max-age=60"}


def test_creation_has_defaults() -> None:
    asked = parse_creation({"upload-defer-length": "1", "upload-metadata": NAMED}, upsert=False)
    assert (asked.upload.mime_type, asked.upload.cache_control) == ("application/octet-stream", "no-cache")
    assert (asked.upload.user_metadata, asked.upload.size_bytes) == ({}, None)
    assert not asked.has_first_bytes


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({}, InvalidInput),
        ({"upload-length": "1"}, InvalidInput),
        ({"upload-length": "1", "upload-metadata": "objectName YQ=="}, InvalidBucketName),
        ({"upload-length": "1", "upload-metadata": "bucketName YQ=="}, InvalidKey),
        ({"upload-length": "+1", "upload-metadata": NAMED}, InvalidInput),
        ({"upload-length": "1_0", "upload-metadata": NAMED}, InvalidInput),
        ({"upload-length": "\u0661", "upload-metadata": NAMED}, InvalidInput),
        ({"upload-length": "1", "upload-metadata": NAMED, "upload-concat": "final;/a /b"}, NotSupported),
        ({"upload-length": "1", "upload-metadata": NAMED, "content-type": "a/b"}, InvalidInput),
    ],
)
def test_creation_that_cannot_be_is_refused(headers: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_creation(headers, upsert=False)


def test_continuation_has_an_offset_and_perhaps_a_length() -> None:
    headers = {"upload-offset": "5", "content-type": f"{OFFSET_TYPE}; charset=utf-8"}
    assert (parse_continuation(headers).offset, parse_continuation(headers).size_bytes) == (5, None)
    assert parse_continuation({**headers, "upload-length": "9"}).size_bytes == 9


@pytest.mark.parametrize("missing", ["upload-offset", "content-type"])
def test_continuation_needs_its_headers(missing: str) -> None:
    headers = {"upload-offset": "5", "content-type": OFFSET_TYPE}
    del headers[missing]
    with pytest.raises(AccessDenied):
        parse_continuation(headers)


def test_version_must_be_the_one() -> None:
    check_version({"tus-resumable": "1.0.0"})
    for wrong in ({}, {"tus-resumable": "1.0.1"}, {"tus-resumable": ""}):
        with pytest.raises(PreconditionFailed):
            check_version(wrong)


def test_checksum_compares() -> None:
    assert parse_checksum({}) is None
    text = f"sha256 {base64.b64encode(hashlib.sha256(b'content').digest()).decode()}"
    digests = parse_checksum({"upload-checksum": text})
    assert digests is not None
    digests.update(b"content")
    digests.check()
    digests.update(b"!")
    with pytest.raises(ChecksumMismatch):
        digests.check()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", InvalidInput),
        ("crc99 AAAA", InvalidInput),
        ("SHA256 AAAA", InvalidInput),
        ("sha256", InvalidDigest),
        ("sha256 AAAA", InvalidDigest),
        ("md5 *", InvalidDigest),
    ],
)
def test_checksum_that_is_none_is_refused(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_checksum({"upload-checksum": text})
