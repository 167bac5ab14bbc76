"""S3's operations on buckets on the wire: what is refused, who is told what, how pages of them go on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.client import Target, unique
from tests.contract.conftest import serve

from .conftest import KEYS, S3As
from .door import PART_BYTES, REGION, S3, Answer, Door, refused

OWN_BUCKETS = """
create policy "users make buckets" on storage.buckets for insert to authenticated
    with check (owner_id = (select auth.jwt() ->> 'sub'));
create policy "users see their buckets by S3" on storage.buckets for select to authenticated
    using (owner_id = (select auth.jwt() ->> 'sub') and storage.operation() like 'storage.s3.%');
create policy "users delete their buckets" on storage.buckets for delete to authenticated
    using (owner_id = (select auth.jwt() ->> 'sub'));
"""


def make_buckets(s3: S3, count: int) -> list[str]:
    """Create buckets with one beginning; return their names in order."""
    stem = unique("paged")
    names = [f"{stem}-{number}" for number in range(count)]
    for name in names:
        s3.create_bucket(Bucket=name)
    return names


def names_in(answer: Answer) -> list[str]:
    return answer.texts("Buckets/Bucket/Name")


def list_buckets(door: Door, query: str = "") -> Answer:
    answer = door.send("GET", "/", query=query)
    assert answer.status == 200, answer.body
    return answer


class TestListing:
    @pytest.mark.parametrize("path", ["", "/"])
    def test_root_lists_buckets_with_owner_time_and_region(self, door: Door, bucket: str, path: str) -> None:
        answer = door.send("GET", path)
        assert bucket in names_in(answer)
        assert answer.text("Owner/ID") and answer.text("Owner/DisplayName")
        assert set(answer.texts("Buckets/Bucket/BucketRegion")) == {REGION}
        assert all(each.endswith("Z") for each in answer.texts("Buckets/Bucket/CreationDate"))
        assert answer.text("ContinuationToken") == ""

    def test_pages_go_on_where_a_bucket_has_gone(self, door: Door, s3: S3) -> None:
        names = make_buckets(s3, 5)
        stem = names[0][:-2]
        first = list_buckets(door, f"max-buckets=2&prefix={stem}")
        assert (names_in(first), first.text("Prefix")) == (names[:2], stem)
        s3.delete_bucket(Bucket=names[1])
        token = first.text("ContinuationToken")
        second = list_buckets(door, f"max-buckets=3&prefix={stem}&continuation-token={token}")
        assert (names_in(second), second.text("ContinuationToken")) == (names[2:], "")

    def test_only_buckets_of_the_region_that_is_asked_for_are_listed(self, door: Door, bucket: str) -> None:
        assert bucket in names_in(list_buckets(door, f"bucket-region={REGION}"))
        assert names_in(list_buckets(door, "bucket-region=mars-north-1")) == []

    @pytest.mark.parametrize(
        "query",
        [
            "max-buckets=0",
            "max-buckets=10001",
            "max-buckets=-1",
            "max-buckets=1e3",
            "max-buckets=%D9%A3",
            f"max-buckets={'9' * 5000}",
            "continuation-token=garbage",
            "continuation-token=",
            "continuation-token=YWZ0ZXI6",
            "continuation-token=b3RoZXI6YQ",
            "continuation-token=YWZ0ZXI6YQBi",
            "continuation-token=YWZ0ZXI6YQ%3D%3D",
            "continuation-token=%F0%9F%98%80",
            "prefix=%00",
        ],
    )
    def test_what_cannot_be_used_is_refused_by_name(self, door: Door, query: str) -> None:
        answer = door.send("GET", "/", query=query)
        assert (answer.status, answer.code) == (400, "InvalidArgument")
        assert answer.text("ArgumentName") == query.partition("=")[0]

    @pytest.mark.parametrize("prefix", ["%25", "_", "%27", "%22%3B--", "%F0%9F%98%80", "a" * 3000])
    def test_a_prefix_is_taken_literally(self, door: Door, bucket: str, prefix: str) -> None:
        assert names_in(list_buckets(door, f"prefix={prefix}")) == []

    def test_nobody_lists_buckets_without_a_signature(self, door: Door) -> None:
        answer = door.send_unsigned("GET", "/")
        assert (answer.status, answer.code) == (403, "AccessDenied")

    def test_users_see_no_bucket_until_a_policy_says_so(self, s3_as: S3As, public_bucket: str) -> None:
        for role in ("authenticated", "anon"):
            assert s3_as(role=role).list_buckets()["Buckets"] == []


class TestCreation:
    @pytest.mark.parametrize(
        "body",
        [
            "<CreateBucketConfiguration/>",
            "<CreateBucketConfiguration><LocationConstraint/></CreateBucketConfiguration>",
            "<CreateBucketConfiguration xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>"
            f"<LocationConstraint> {REGION} </LocationConstraint></CreateBucketConfiguration>",
        ],
    )
    def test_a_configuration_may_name_this_region_or_none(self, door: Door, body: str) -> None:
        assert door.send("PUT", f"/{unique('bucket')}", body=body.encode()).status == 200

    @pytest.mark.parametrize(
        ("inside", "status", "code"),
        [
            ("<LocationConstraint>mars-north-1</LocationConstraint>", 400, "InvalidLocationConstraint"),
            ("<LocationConstraint/><LocationConstraint/>", 400, "MalformedXML"),
            ("<Surprise/>", 400, "MalformedXML"),
            ("<Location><Name>x</Name></Location>", 501, "NotImplemented"),
            ("<Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags>", 501, "NotImplemented"),
        ],
    )
    def test_another_configuration_makes_no_bucket(
        self, door: Door, inside: str, status: int, code: str
    ) -> None:
        name = unique("bucket")
        body = f"<CreateBucketConfiguration>{inside}</CreateBucketConfiguration>".encode()
        answer = door.send("PUT", f"/{name}", body=body)
        assert (answer.status, answer.code) == (status, code)
        assert door.send("HEAD", f"/{name}").status == 404

    @pytest.mark.parametrize(
        "headers",
        [
            {"x-amz-acl": "public-read-write"},
            {"x-amz-acl": "authenticated-read"},
            {"x-amz-acl": "aws-exec-read"},
            {"x-amz-grant-read": "uri=http://acs.amazonaws.com/groups/global/AllUsers"},
            {"x-amz-bucket-object-lock-enabled": "true"},
            {"x-amz-object-ownership": "ObjectWriter"},
        ],
        ids=str,
    )
    def test_what_is_not_implemented_makes_no_bucket(self, door: Door, headers: dict[str, str]) -> None:
        name = unique("bucket")
        answer = door.send("PUT", f"/{name}", headers=headers)
        assert (answer.status, answer.code) == (501, "NotImplemented")
        assert door.send("HEAD", f"/{name}").status == 404

    def test_headers_that_change_nothing_are_taken(self, door: Door, s3: S3) -> None:
        headers = {
            "x-amz-acl": "private",
            "x-amz-bucket-object-lock-enabled": "false",
            "x-amz-object-ownership": "BucketOwnerEnforced",
        }
        name = unique("bucket")
        assert door.send("PUT", f"/{name}", headers=headers).status == 200
        s3.put_object(Bucket=name, Key="a", Body=b"private")
        assert door.send_unsigned("GET", f"/{name}/a").status == 403

    def test_the_bodys_hash_counts_also_when_it_is_empty(self, door: Door) -> None:
        name = unique("bucket")
        answer = door.send("PUT", f"/{name}", payload="0" * 64)
        assert (answer.status, answer.code) == (400, "XAmzContentSHA256Mismatch")
        answer = door.send(
            "PUT", f"/{name}", headers={"content-md5": "1B2M2Y8AsgTpgAmY7PhCfw=="}, body=b"<a/>"
        )
        assert (answer.status, answer.code) == (400, "BadDigest")
        assert door.send("HEAD", f"/{name}").status == 404

    def test_the_location_is_spelled_as_in_a_url(self, door: Door) -> None:
        name = f"{unique('bucket')}%20%26%2B"
        answer = door.send("PUT", f"/{name}")
        assert (answer.status, answer.headers["location"]) == (200, f"/{name}")

    @pytest.mark.parametrize("name", ["%E2%80%AE", "a%00b", "a%0Ab", "a%5Cb", "x--table-s3", "%20"])
    def test_a_name_that_could_fool_somebody_is_refused(self, door: Door, name: str) -> None:
        for path in (f"/{name}", f"/{name}/"):
            assert door.send("PUT", path).status == 400

    @pytest.mark.parametrize("name", ["a%00b", "%EF%BF%BE", "a" * 3000, "..%2F"])
    def test_there_is_no_bucket_of_such_a_name(self, door: Door, name: str) -> None:
        for method, query in (("GET", ""), ("GET", "location"), ("HEAD", ""), ("DELETE", "")):
            assert door.send(method, f"/{name}", query=query).status in {400, 404}

    def test_users_may_not_and_learn_nothing_of_a_bucket_that_exists(self, s3_as: S3As, bucket: str) -> None:
        answers = {refused(s3_as().create_bucket, Bucket=name) for name in (bucket, unique("absent"))}
        assert answers == {(403, "AccessDenied")}


class TestDeletion:
    def test_unfinished_uploads_do_not_hold_a_bucket(self, s3: S3) -> None:
        [name] = make_buckets(s3, 1)
        begun = s3.create_multipart_upload(Bucket=name, Key="a")
        upload = {"Bucket": name, "Key": "a", "UploadId": begun["UploadId"]}
        s3.upload_part(**upload, PartNumber=1, Body=b"a" * PART_BYTES)
        s3.delete_bucket(Bucket=name)
        s3.create_bucket(Bucket=name)
        assert refused(s3.list_parts, **upload) == (404, "NoSuchUpload")

    def test_a_bucket_with_an_object_stays(self, door: Door, s3: S3, bucket: str) -> None:
        s3.put_object(Bucket=bucket, Key="a", Body=b"")
        answer = door.send("DELETE", f"/{bucket}")
        assert (answer.status, answer.code) == (409, "BucketNotEmpty")
        assert door.send("HEAD", f"/{bucket}").status == 200


class TestSubresources:
    def test_location_and_versioning_are_documents_without_content(self, door: Door, bucket: str) -> None:
        location = door.send("GET", f"/{bucket}", query="location")
        assert (location.plain_xml.tag, location.plain_xml.text) == ("LocationConstraint", None)
        versioning = door.send("GET", f"/{bucket}/", query="versioning=")
        assert (versioning.plain_xml.tag, len(versioning.plain_xml)) == ("VersioningConfiguration", 0)

    @pytest.mark.parametrize(
        ("method", "query"),
        [
            ("PUT", "versioning"),
            ("PUT", "acl"),
            ("PUT", "policy"),
            ("DELETE", "policy"),
            ("DELETE", "cors"),
            ("GET", "versions"),
            ("GET", "acl"),
            ("GET", "location&policy"),
            ("GET", "list-type=2&versions"),
            ("GET", "object-lock"),
        ],
    )
    def test_others_are_refused_and_never_taken_for_something_else(
        self, door: Door, bucket: str, method: str, query: str
    ) -> None:
        answer = door.send(method, f"/{bucket}", query=query)
        assert (answer.status, answer.code) == (501, "NotImplemented")
        assert door.send("HEAD", f"/{bucket}").status == 200


@pytest.fixture(scope="module")
def lenient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server in another region where users may have buckets of their own."""
    folder = tmp_path_factory.mktemp("buckets")
    policies = folder / "policies"
    policies.mkdir()
    Path(policies / "own.sql").write_text(OWN_BUCKETS)
    yield from serve(folder, policies_dir=policies, s3_region="eu-west-9", **KEYS)


class TestUnderPolicies:
    def user(self, target: Target, name: str) -> S3:
        token = target.token("authenticated", sub=name)
        key = KEYS["anon_key"]
        return Door(
            target=target,
            access_key_id="project",
            secret_access_key=key,
            session_token=token,
            region="eu-west-9",
        ).client()

    def test_a_taken_name_tells_whose_it_is_to_who_may_know(self, lenient: Target) -> None:
        ada, ben, name = self.user(lenient, "ada"), self.user(lenient, "ben"), unique("mine")
        ada.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-9"})
        assert refused(ada.create_bucket, Bucket=name) == (409, "BucketAlreadyOwnedByYou")
        assert refused(ben.create_bucket, Bucket=name) == (409, "BucketAlreadyExists")

    def test_who_may_see_a_bucket_is_told_of_it_and_others_of_nothing(self, lenient: Target) -> None:
        ada, ben, name = self.user(lenient, "ada"), self.user(lenient, "ben"), unique("mine")
        ada.create_bucket(Bucket=name)
        assert ada.get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-west-9"
        headers = ada.head_bucket(Bucket=name)["ResponseMetadata"]["HTTPHeaders"]
        assert headers["x-amz-bucket-region"] == "eu-west-9"
        assert ada.list_objects_v2(Bucket=name)["KeyCount"] == 0
        assert name in [each["Name"] for each in ada.list_buckets()["Buckets"]]
        assert name not in [each["Name"] for each in ben.list_buckets()["Buckets"]]
        assert ben.list_objects_v2(Bucket=name)["KeyCount"] == 0
        asked = (ben.get_bucket_location, ben.get_bucket_versioning, ben.delete_bucket)
        assert {refused(ask, Bucket=name) for ask in asked} == {(404, "NoSuchBucket")}
        assert refused(ben.head_bucket, Bucket=name) == (404, "404")
        ada.delete_bucket(Bucket=name)
