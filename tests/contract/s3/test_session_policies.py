"""Policies decide about users who come by S3 with a session token, through every operation of theirs."""

import io
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig

from tests.contract.client import Target
from tests.contract.conftest import serve

from .conftest import KEYS, as_user
from .door import PART_BYTES, S3, Door, names_of, path_of, refused
from .program import content

POLICIES = Path(__file__).parents[3] / "policies"
BUCKET = "avatars"
ANN, BOB = str(uuid.uuid4()), str(uuid.uuid4())
DENIED = (403, "AccessDenied")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server where each user has a folder in one bucket, and nothing else."""
    policies = tmp_path_factory.mktemp("policies")
    shutil.copy(POLICIES / "gallery/own-folder.sql", policies)
    yield from serve(tmp_path_factory.mktemp("folders"), policies_dir=policies, **KEYS)


@pytest.fixture(scope="module")
def root(folders: Target) -> Iterator[S3]:
    """Whoever has the server's own key."""
    client = Door(target=folders).client()
    client.create_bucket(Bucket=BUCKET)
    yield client
    client.close()


@pytest.fixture(scope="module")
def ann(root: S3, folders: Target) -> Iterator[S3]:
    """A signed-in user with a folder."""
    client = as_user(folders, sub=ANN).client()
    yield client
    client.close()


@pytest.fixture
def hers(ann: S3) -> dict[str, str]:
    """An object in her folder."""
    place = {"Bucket": BUCKET, "Key": f"{ANN}/a b"}
    ann.put_object(**place, Body=b"hers")
    return place


@pytest.fixture
def his(root: S3) -> dict[str, str]:
    """An object in his folder, where she may do nothing."""
    place = {"Bucket": BUCKET, "Key": f"{BOB}/a b"}
    root.put_object(**place, Body=b"his")
    return place


def test_user_does_everything_in_the_own_folder(ann: S3, hers: dict[str, str]) -> None:
    copy = {"Bucket": BUCKET, "Key": f"{ANN}/copy"}
    ann.copy_object(**copy, CopySource=hers)
    assert ann.get_object(**copy)["Body"].read() == b"hers"
    ann.put_object_tagging(**copy, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert names_of(ann.list_objects_v2(Bucket=BUCKET, Prefix=f"{ANN}/copy")) == [copy["Key"]]
    ann.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": copy["Key"]}]})
    assert refused(ann.get_object, **copy) == (404, "NoSuchKey")


def test_user_uploads_in_parts_to_the_own_folder_only(ann: S3) -> None:
    body, parts = content(PART_BYTES + 1), TransferConfig(multipart_threshold=PART_BYTES)
    ann.upload_fileobj(io.BytesIO(body), BUCKET, f"{ANN}/big", Config=parts)
    assert ann.get_object(Bucket=BUCKET, Key=f"{ANN}/big")["Body"].read() == body
    assert refused(ann.create_multipart_upload, Bucket=BUCKET, Key=f"{BOB}/big") == DENIED


def test_user_writes_nothing_elsewhere(ann: S3, root: S3, hers: dict[str, str], his: dict[str, str]) -> None:
    new = {"Bucket": BUCKET, "Key": f"{BOB}/new"}
    assert refused(ann.put_object, **new, Body=b"1") == DENIED
    assert refused(ann.put_object, **his, Body=b"1") == DENIED
    assert refused(ann.copy_object, **new, CopySource=hers) == DENIED
    assert refused(root.get_object, **new) == (404, "NoSuchKey")
    assert root.get_object(**his)["Body"].read() == b"his"


def test_what_others_have_does_not_exist_for_a_user(ann: S3, root: S3, his: dict[str, str]) -> None:
    hidden = (404, "NoSuchKey")
    calls: list[tuple[Callable[..., Any], dict[str, Any]]] = [
        (ann.get_object, his),
        (ann.get_object_tagging, his),
        (ann.get_object_attributes, his | {"ObjectAttributes": ["ETag"]}),
        (ann.copy_object, {"Bucket": BUCKET, "Key": f"{ANN}/stolen", "CopySource": his}),
    ]
    for call, arguments in calls:
        assert refused(call, **arguments) == hidden, call.__name__
    ann.delete_object(**his)
    ann.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": his["Key"]}]})
    assert root.get_object(**his)["Body"].read() == b"his"


def test_list_shows_a_user_the_own_folder_only(ann: S3, hers: dict[str, str], his: dict[str, str]) -> None:
    listed = ann.list_objects_v2(Bucket=BUCKET)
    assert {name.partition("/")[0] for name in names_of(listed)} == {ANN}


def test_link_of_a_user_opens_no_more_than_the_user_may(
    ann: S3, folders: Target, his: dict[str, str]
) -> None:
    path = path_of(BUCKET, his["Key"])
    query = as_user(folders, sub=ANN).presign("GET", path)
    answer = Door(target=folders).send_unsigned("GET", path, query=query)
    assert (answer.status, answer.code) == (404, "NoSuchKey")


def test_upload_of_another_user_cannot_be_gone_on_with(root: S3, ann: S3) -> None:
    place = {"Bucket": BUCKET, "Key": f"{ANN}/begun"}
    upload = place | {"UploadId": root.create_multipart_upload(**place)["UploadId"]}
    unknown = (404, "NoSuchUpload")
    assert refused(ann.upload_part, **upload, PartNumber=1, Body=b"1") == unknown
    assert refused(ann.list_parts, **upload) == unknown
    assert refused(ann.abort_multipart_upload, **upload) == unknown
