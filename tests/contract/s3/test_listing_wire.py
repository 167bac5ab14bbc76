"""S3's lists on the wire: pages that fit together, names of any kind, and who is told what."""

from typing import Any
from urllib.parse import quote, unquote

import pytest

from tests.contract.client import unique

from .conftest import S3As
from .door import S3, Answer, Door, names_of, path_of, prefixes_of, refused

TREE = ["a", "a/1", "a/2/x", "a/2/y", "b/1", "c"]
AWKWARD = [
    "a b",
    "a+b",
    "a%2Bb",
    "a&<>\"'b",
    "a~b*c",
    "ä/日本/\U0001f600",
    "a\u00a0b",
    "\ufffd",
    "/",
    "//",
    "a?b#c",
]
UNHOLDABLE = "a\ufffe/b"


@pytest.fixture
def tree(s3: S3, bucket: str) -> str:
    """A bucket with `TREE` in it."""
    fill(s3, bucket, *TREE)
    return bucket


def fill(s3: S3, bucket: str, *names: str) -> None:
    for name in names:
        s3.put_object(Bucket=bucket, Key=name, Body=b"")


def ask(door: Door, bucket: str, query: str) -> Answer:
    answer = door.send("GET", path_of(bucket), query=query)
    assert answer.status == 200, answer.body
    return answer


def keys(answer: Answer) -> list[str]:
    return answer.texts("Contents/Key")


class TestSecondVersion:
    def test_what_was_asked_is_repeated_as_it_was_understood(self, door: Door, tree: str) -> None:
        answer = ask(door, tree, "list-type=2&prefix=a%2F&delimiter=%2F&start-after=a%2F1&max-keys=1")
        told = {child.tag: child.text for child in answer.plain_xml if len(child) == 0}
        assert told == {
            "Name": tree,
            "Prefix": "a/",
            "Delimiter": "/",
            "StartAfter": "a/1",
            "MaxKeys": "1",
            "KeyCount": "1",
            "IsTruncated": "false",
        }
        assert answer.texts("CommonPrefixes/Prefix") == ["a/2/"]

    def test_a_token_counts_more_than_where_the_first_page_began(self, s3: S3, tree: str) -> None:
        first = s3.list_objects_v2(Bucket=tree, StartAfter="a", MaxKeys=2)
        token = first["NextContinuationToken"]
        second = s3.list_objects_v2(Bucket=tree, StartAfter="a", ContinuationToken=token)
        assert (names_of(first), names_of(second)) == (TREE[1:3], TREE[3:])
        assert (second["StartAfter"], second["ContinuationToken"]) == ("a", token)

    def test_a_token_goes_on_behind_a_whole_common_prefix(self, s3: S3, tree: str) -> None:
        first = s3.list_objects_v2(Bucket=tree, Delimiter="/", MaxKeys=2)
        assert (names_of(first), prefixes_of(first), first["KeyCount"]) == (["a"], ["a/"], 2)
        rest = s3.list_objects_v2(
            Bucket=tree, Delimiter="/", ContinuationToken=first["NextContinuationToken"]
        )
        assert (names_of(rest), prefixes_of(rest), rest["IsTruncated"]) == (["c"], ["b/"], False)

    @pytest.mark.parametrize("query", ["list-type=1", "list-type=3", "list-type=two"])
    def test_there_is_no_third_version(self, door: Door, tree: str, query: str) -> None:
        answer = door.send("GET", path_of(tree), query=query)
        assert (answer.status, answer.code, answer.text("ArgumentName")) == (
            400,
            "InvalidArgument",
            "list-type",
        )

    def test_an_owner_is_told_on_demand_and_the_same_for_everything(self, s3: S3, tree: str) -> None:
        owners = [each["Owner"] for each in s3.list_objects_v2(Bucket=tree, FetchOwner=True)["Contents"]]
        assert {owner["ID"] for owner in owners} == {s3.list_buckets()["Owner"]["ID"]}

    def test_the_checksum_of_an_object_is_named(self, s3: S3, bucket: str) -> None:
        s3.put_object(Bucket=bucket, Key="a", Body=b"1", ChecksumAlgorithm="SHA256")
        [entry] = s3.list_objects_v2(Bucket=bucket)["Contents"]
        assert (entry["ChecksumAlgorithm"], entry["ChecksumType"]) == (["SHA256"], "FULL_OBJECT")

    def test_objects_of_other_protocols_are_listed_with_their_own_tags(
        self, s3: S3, service: Any, bucket: str
    ) -> None:
        service.post(f"/object/{bucket}/by-rest", content=b"rest")
        [entry] = s3.list_objects_v2(Bucket=bucket, OptionalObjectAttributes=["RestoreStatus"])["Contents"]
        assert entry["ETag"] == s3.head_object(Bucket=bucket, Key="by-rest")["ETag"]
        assert (entry["Size"], "ChecksumAlgorithm" in entry) == (4, False)


class TestFirstVersion:
    def test_what_was_asked_is_repeated_as_it_was_understood(self, door: Door, tree: str) -> None:
        answer = ask(door, tree, "delimiter=%2F&marker=a&max-keys=1&encoding-type=url")
        told = {child.tag: child.text for child in answer.plain_xml if len(child) == 0}
        assert told == {
            "Name": tree,
            "Prefix": None,
            "Marker": "a",
            "NextMarker": "a/",
            "Delimiter": "/",
            "MaxKeys": "1",
            "EncodingType": "url",
            "IsTruncated": "true",
        }

    def test_an_empty_delimiter_is_none(self, door: Door, tree: str) -> None:
        answer = ask(door, tree, "delimiter=&max-keys=2")
        assert (keys(answer), answer.text("NextMarker"), answer.texts("Delimiter")) == (TREE[:2], "", [])

    def test_a_marker_may_be_any_text(self, door: Door, tree: str) -> None:
        for marker, expected in (
            ("a%2F2%2F", TREE[2:]),
            ("a%2F1%00", TREE[2:]),
            ("a%0A", TREE[1:]),
            ("%F4%8F%BF%BF", []),
            ("z" * 3000, []),
        ):
            assert keys(ask(door, tree, f"marker={marker}")) == expected

    def test_a_marker_outside_the_prefix_only_orders(self, door: Door, tree: str) -> None:
        assert keys(ask(door, tree, "prefix=a%2F2&marker=Z")) == ["a/2/x", "a/2/y"]
        assert ask(door, tree, "prefix=a%2F2&marker=b%2F&delimiter=%2F").texts("CommonPrefixes/Prefix") == []


class TestNames:
    @pytest.mark.parametrize("version", ["list_objects_v2", "list_objects"])
    def test_names_of_any_kind_come_back_page_by_page(self, s3: S3, bucket: str, version: str) -> None:
        fill(s3, bucket, *AWKWARD)
        paged = s3.get_paginator(version).paginate(Bucket=bucket, PaginationConfig={"PageSize": 1})
        assert [name for page in paged for name in names_of(page)] == sorted(AWKWARD, key=str.encode)

    def test_both_kinds_of_decoders_read_an_encoded_name(self, door: Door, s3: S3, bucket: str) -> None:
        fill(s3, bucket, *AWKWARD)
        encoded = keys(ask(door, bucket, "list-type=2&encoding-type=url"))
        assert [unquote(each) for each in encoded] == sorted(AWKWARD, key=str.encode)
        assert [unquote(each.replace("+", " ")) for each in encoded] == sorted(AWKWARD, key=str.encode)
        assert "%C3%A4/%E6%97%A5%E6%9C%AC/%F0%9F%98%80" in encoded
        assert "a%7Eb*c" in encoded

    def test_a_name_that_xml_cannot_hold_appears_encoded(self, door: Door, s3: S3, bucket: str) -> None:
        fill(s3, bucket, UNHOLDABLE)
        assert keys(ask(door, bucket, "encoding-type=url")) == [quote(UNHOLDABLE)]
        assert keys(ask(door, bucket, "list-type=2")) == ["a\ufffd/b"]
        page = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
        assert prefixes_of(page) == ["a\ufffe/"]

    @pytest.mark.parametrize("delimiter", ["--", "日", "b-", "\U0010ffff", "-/", "a"])
    def test_a_delimiter_may_be_any_text(self, s3: S3, bucket: str, delimiter: str) -> None:
        names = [f"x{delimiter}1", f"x{delimiter}2", f"y{delimiter}{delimiter}", "z"]
        fill(s3, bucket, *names)
        paged = s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Delimiter=delimiter, PaginationConfig={"PageSize": 1}
        )
        pages = list(paged)
        assert [each for page in pages for each in prefixes_of(page)] == [f"x{delimiter}", f"y{delimiter}"]
        assert [name for page in pages for name in names_of(page)] == ["z"]

    def test_a_thousand_are_a_page_however_many_are_asked_for(self, door: Door, s3: S3, service: Any) -> None:
        bucket = unique("many")
        s3.create_bucket(Bucket=bucket)
        service.post(f"/object/{bucket}/k", content=b"x")
        for number in range(1001):
            body = {"bucketId": bucket, "sourceKey": "k", "destinationKey": f"k{number:04}"}
            assert service.post("/object/copy", json=body).status_code == 200
        answer = ask(door, bucket, "list-type=2&max-keys=2147483647")
        assert (len(keys(answer)), answer.text("MaxKeys"), answer.text("IsTruncated")) == (
            1000,
            "1000",
            "true",
        )
        token = answer.text("NextContinuationToken")
        rest = ask(door, bucket, f"list-type=2&continuation-token={token}")
        assert keys(rest) == ["k0999", "k1000"]


@pytest.mark.parametrize(
    "query",
    [
        "max-keys=2147483648",
        "max-keys=%D9%A3",
        "max-keys=1.0",
        f"max-keys={'9' * 5000}",
        "list-type=2&continuation-token=YWZ0ZXI6",
        "list-type=2&continuation-token=YWZ0ZXI6YQ%3D%3D",
        "encoding-type=URL",
        "prefix=%00",
        "delimiter=%00",
    ],
)
def test_what_cannot_be_used_is_refused_by_name(door: Door, tree: str, query: str) -> None:
    answer = door.send("GET", path_of(tree), query=query)
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert answer.text("ArgumentName") == query.rpartition("&")[2].partition("=")[0]


@pytest.mark.parametrize("query", ["max-keys=", f"max-keys={'0' * 5000}7", "encoding-type=", "fetch-owner=x"])
def test_what_says_nothing_changes_nothing(door: Door, tree: str, query: str) -> None:
    assert keys(ask(door, tree, query)) == TREE


class TestWhoIsTold:
    @pytest.mark.parametrize("query", ["", "list-type=2", "list-type=2&prefix=a", "max-keys=0"])
    def test_nobody_lists_a_public_bucket_without_a_signature(
        self, door: Door, s3: S3, public_bucket: str, query: str
    ) -> None:
        fill(s3, public_bucket, "a/unlisted")
        answer = door.send_unsigned("GET", path_of(public_bucket), query=query)
        assert (answer.status, answer.code) == (403, "AccessDenied")
        assert b"unlisted" not in answer.body

    @pytest.mark.parametrize("role", ["authenticated", "anon"])
    def test_whoever_may_see_nothing_in_a_bucket_lists_nothing(
        self, s3: S3, s3_as: S3As, bucket: str, public_bucket: str, role: str
    ) -> None:
        for each in (bucket, public_bucket):
            fill(s3, each, "hidden", "folder/hidden")
        caller = s3_as(role=role)
        for options in ({}, {"Prefix": "folder/"}, {"Delimiter": "/"}, {"MaxKeys": 0}, {"StartAfter": "z"}):
            for name in (bucket, public_bucket):
                assert caller.list_objects_v2(Bucket=name, **options)["KeyCount"] == 0
            absent = unique("absent")
            assert refused(caller.list_objects_v2, Bucket=absent, **options) == (404, "NoSuchBucket")
        for name in (bucket, public_bucket, unique("absent")):
            assert refused(caller.head_bucket, Bucket=name) == (404, "404")

    def test_users_list_what_is_theirs_and_no_folder_or_count_besides(
        self, s3: S3, s3_as: S3As, bucket: str
    ) -> None:
        fill(s3, bucket, "hidden", "folder/hidden", "secret/hidden")
        user = s3_as(sub=unique("user"))
        fill(user, bucket, "folder/mine", "mine")
        page = user.list_objects_v2(Bucket=bucket, Delimiter="/")
        assert (names_of(page), prefixes_of(page), page["KeyCount"]) == (["mine"], ["folder/"], 2)
        assert names_of(user.list_objects_v2(Bucket=bucket)) == ["folder/mine", "mine"]
        nothing = user.list_objects_v2(Bucket=bucket, Prefix="secret/")
        assert (nothing["KeyCount"], nothing["IsTruncated"]) == (0, False)
        full = user.list_objects_v2(Bucket=bucket, MaxKeys=2)
        assert (names_of(full), full["IsTruncated"]) == (["folder/mine", "mine"], False)
