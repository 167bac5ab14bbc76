"""What S3 says of lists: order, prefixes, delimiters and pages, in both versions."""

from typing import Any

import pytest

from .door import S3, Door, names_of, path_of, prefixes_of

TREE = ["a", "a/1", "a/2/x", "a/2/y", "b/1", "c", "c|1|2", "c|1|3", "d--1", "d--2"]


@pytest.fixture
def tree(s3: S3, bucket: str) -> str:
    """A bucket with `TREE` in it."""
    for name in TREE:
        s3.put_object(Bucket=bucket, Key=name, Body=name.encode())
    return bucket


def list_v2(door: Door, bucket: str, query: str) -> Any:
    return door.send("GET", path_of(bucket), query=f"list-type=2&{query}".rstrip("&"))


def test_empty_bucket_lists_nothing(s3: S3, bucket: str) -> None:
    page = s3.list_objects_v2(Bucket=bucket)
    assert (page["KeyCount"], page["IsTruncated"], page["MaxKeys"]) == (0, False, 1000)
    assert "Contents" not in page


def test_entry_tells_size_tag_time_and_class(s3: S3, bucket: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="a", Body=b"123")
    [entry] = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert (entry["Size"], entry["ETag"], entry["StorageClass"]) == (3, put["ETag"], "STANDARD")
    assert entry["LastModified"] == s3.head_object(Bucket=bucket, Key="a")["LastModified"].replace(
        microsecond=entry["LastModified"].microsecond
    )


def test_names_come_in_the_order_of_their_bytes(s3: S3, bucket: str) -> None:
    names = ["a", "B", "a/", "a0", "a-", "é", "z", "\U0001f600", "\uffee", "~"]
    for name in names:
        s3.put_object(Bucket=bucket, Key=name, Body=b"")
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == sorted(names, key=str.encode)


@pytest.mark.parametrize(
    ("prefix", "delimiter", "names", "prefixes"),
    [
        ("", "/", ["a", "c", "c|1|2", "c|1|3", "d--1", "d--2"], ["a/", "b/"]),
        ("a", "/", ["a"], ["a/"]),
        ("a/", "/", ["a/1"], ["a/2/"]),
        ("a/2", "/", [], ["a/2/"]),
        ("c", "|", ["c"], ["c|"]),
        ("c|", "|", [], ["c|1|"]),
        ("", "--", ["a", "a/1", "a/2/x", "a/2/y", "b/1", "c", "c|1|2", "c|1|3"], ["d--"]),
        ("d", "-", [], ["d-"]),
        ("", "@", TREE, []),
        ("absent", "/", [], []),
        ("a/2/x", "/", ["a/2/x"], []),
        ("", "", TREE, []),
    ],
)
def test_delimiter_folds_what_follows_the_prefix(
    s3: S3, tree: str, prefix: str, delimiter: str, names: list[str], prefixes: list[str]
) -> None:
    for list_objects in (s3.list_objects_v2, s3.list_objects):
        page = list_objects(Bucket=tree, Prefix=prefix, Delimiter=delimiter)
        assert (names_of(page), prefixes_of(page)) == (names, prefixes)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("version", ["list_objects_v2", "list_objects"])
def test_pages_of_any_size_show_everything_once(s3: S3, tree: str, version: str, size: int) -> None:
    pages = list(
        s3.get_paginator(version).paginate(Bucket=tree, Delimiter="/", PaginationConfig={"PageSize": size})
    )
    assert [name for page in pages for name in names_of(page)] == TREE[:1] + TREE[5:]
    assert [prefix for page in pages for prefix in prefixes_of(page)] == ["a/", "b/"]
    assert all(len(names_of(page)) + len(prefixes_of(page)) <= size for page in pages)


def test_full_page_is_not_truncated_when_nothing_follows(s3: S3, tree: str) -> None:
    page = s3.list_objects_v2(Bucket=tree, MaxKeys=len(TREE))
    assert (page["IsTruncated"], page["KeyCount"]) == (False, len(TREE))
    assert "NextContinuationToken" not in page


def test_no_names_asked_is_none_given(door: Door, tree: str) -> None:
    answer = list_v2(door, tree, "max-keys=0")
    assert (answer.texts("Contents/Key"), answer.text("IsTruncated")) == ([], "false")


def test_more_than_a_thousand_is_a_thousand(door: Door, tree: str) -> None:
    assert list_v2(door, tree, "max-keys=5000").text("MaxKeys") == "1000"


@pytest.mark.parametrize(
    "query",
    [
        "max-keys=-1",
        "max-keys=many",
        "encoding-type=base64",
        "continuation-token=garbage",
    ],
)
def test_what_cannot_be_an_argument_is_refused(door: Door, tree: str, query: str) -> None:
    answer = list_v2(door, tree, query)
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_start_after_begins_behind_any_text(s3: S3, tree: str) -> None:
    assert names_of(s3.list_objects_v2(Bucket=tree, StartAfter="c|1|2")) == ["c|1|3", "d--1", "d--2"]
    assert names_of(s3.list_objects_v2(Bucket=tree, StartAfter="b")) == TREE[4:]
    assert names_of(s3.list_objects_v2(Bucket=tree, StartAfter="zzz")) == []


def test_marker_inside_a_common_prefix_leaves_it_out(s3: S3, tree: str) -> None:
    page = s3.list_objects(Bucket=tree, Delimiter="/", Marker="a/1")
    assert prefixes_of(page) == ["b/"]


def test_first_version_names_where_to_go_on_with_a_delimiter_only(s3: S3, tree: str) -> None:
    assert "NextMarker" not in s3.list_objects(Bucket=tree, MaxKeys=2)
    assert s3.list_objects(Bucket=tree, MaxKeys=2, Delimiter="/")["NextMarker"] == "a/"


def test_url_encoding_covers_names_prefixes_and_what_was_asked(door: Door, s3: S3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a b/c+d", Body=b"")
    s3.put_object(Bucket=bucket, Key="a b&é", Body=b"")
    answer = list_v2(door, bucket, "delimiter=%2F&encoding-type=url&prefix=a%20b")
    assert answer.text("EncodingType") == "url"
    assert answer.texts("Contents/Key")[0] in {"a%20b%26%C3%A9", "a+b%26%C3%A9"}
    assert answer.text("Prefix") in {"a%20b", "a+b"}
    assert answer.texts("CommonPrefixes/Prefix")[0] in {"a%20b/", "a+b/", "a%20b%2F"}


def test_owner_is_told_when_asked(s3: S3, tree: str) -> None:
    assert "Owner" not in s3.list_objects_v2(Bucket=tree)["Contents"][0]
    assert s3.list_objects_v2(Bucket=tree, FetchOwner=True)["Contents"][0]["Owner"]["ID"]
    assert s3.list_objects(Bucket=tree)["Contents"][0]["Owner"]["ID"]


def test_next_page_goes_on_where_names_have_gone(s3: S3, bucket: str) -> None:
    for number in range(12):
        s3.put_object(Bucket=bucket, Key=f"{number:02}", Body=b"")
    first = s3.list_objects_v2(Bucket=bucket, MaxKeys=5)
    s3.delete_object(Bucket=bucket, Key="05")
    token = first["NextContinuationToken"]
    second = s3.list_objects_v2(Bucket=bucket, MaxKeys=5, ContinuationToken=token)
    assert second["ContinuationToken"] == token
    assert names_of(second) == ["06", "07", "08", "09", "10"]
