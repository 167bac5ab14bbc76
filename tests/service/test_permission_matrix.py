"""Every operation for every kind of caller under the default policies: who may, what a refusal leaves."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import pytest

from aerostore import permissions
from aerostore.domain import DownloadLink, Job, Object, RlsContext, UploadLink, UploadPart, UploadSession
from aerostore.errors import (
    AccessDenied,
    NoSuchBucket,
    NoSuchKey,
    NoSuchUpload,
    NotFound,
    RoleNotAllowed,
    StorageError,
)
from aerostore.permissions import OPERATIONS, Operation
from aerostore.service.audit import AuditQuery
from aerostore.service.bucket import BucketQuery
from aerostore.service.copy import CopyRequest
from aerostore.service.digest import Digests
from aerostore.service.download import Download, ReadRequest
from aerostore.service.folder_request import folder_request
from aerostore.service.job import JobQuery
from aerostore.service.listing import FolderQuery, PrefixQuery
from aerostore.service.multipart import UploadAddress
from aerostore.service.part import PartSource
from aerostore.service.portion import Portion
from aerostore.service.publish import Upload
from aerostore.service.search import Count, SearchPage, SearchQuery
from aerostore.service.upload_listing import UploadQuery
from aerostore.service.zip import Selection
from tests.service import operator_scene as operator
from tests.service.multipart_scene import asked, in_one
from tests.service.stage import ANON, OWNER, SERVICE, STRANGER, Stage, content_of

CALLERS = {"anon": ANON, "stranger": STRANGER, "owner": OWNER, "service_role": SERVICE}
SERVICE_ROLE = {"service_role"}
OWNERS = {"owner", "service_role"}
SIGNED_IN = {"stranger", "owner", "service_role"}
ANYONE = set(CALLERS)


@dataclass(frozen=True)
class Scene:
    """What there is: `mine`, which belongs to `owner`, in a private bucket and in the public one `open`.

    upload: one in parts that `owner` has begun, with one part; resumable: another one; granted: one that was
    begun by `upload_link`.
    """

    stage: Stage
    mine: Object
    upload: UploadAddress
    part: UploadPart
    resumable: str = ""
    granted: str = ""
    job: str = ""

    def download_link(self) -> DownloadLink:
        return DownloadLink(
            link_id="link",
            bucket_id=self.mine.bucket_id,
            name=self.mine.name,
            object_id=self.mine.id,
            issuer=self.mine.owner_id,
            issued_at=self.stage.clock(),
            expires_at=self.stage.clock() + timedelta(hours=1),
        )

    def upload_link(self, link_id: str = "link") -> UploadLink:
        return UploadLink(
            link_id=link_id,
            bucket_id="photos",
            name="signed",
            owner_id=OWNER.user_id,
            upsert=False,
            issued_at=self.stage.clock(),
            expires_at=self.stage.clock() + timedelta(hours=1),
        )


@pytest.fixture
def scene(stage: Stage) -> Scene:
    stage.make_bucket("open", public=True)
    stage.make_bucket("empty")
    stage.put("mine", b"open", bucket_id="open")
    upload = stage.run(begin_upload(stage))
    part = stage.run(put_part(stage, upload, OWNER, 1))
    scene = Scene(stage, stage.put("mine", b"mine"), upload, part)
    begin = stage.storage.resumable.create
    resumable = stage.run(begin(OWNER, replace(NEW, size_bytes=3), echo={}))
    granted = stage.run(begin(ANON, GRANTED, echo={}, link=scene.upload_link()))
    stage.put("dir/mine", b"mine")
    job = stage.run(stage.storage.jobs.start(OWNER, "folder.delete", {"bucket": "photos", "prefix": "dir/"}))
    return replace(scene, resumable=resumable.id, granted=granted.id, job=job.id)


def portion() -> Portion:
    async def body() -> AsyncIterator[bytes]:
        yield b"new"

    return Portion(body=body(), offset=0)


async def begin_upload(stage: Stage) -> UploadAddress:
    upload = Upload(bucket_id="photos", name="large", upsert=True, upload_type="s3")
    session = await stage.storage.multipart.begin(OWNER, upload)
    return UploadAddress(bucket_id="photos", name="large", upload_id=session.id)


async def put_part(stage: Stage, upload: UploadAddress, by: RlsContext, number: int) -> UploadPart:
    return await stage.storage.multipart.put_part(
        by, upload, number, in_one(b"part"), size_bytes=4, digests=Digests("MD5")
    )


Ask = Callable[[Scene, RlsContext], Awaitable[object]]


@dataclass(frozen=True)
class Case:
    """One way to ask for an operation, and who may.

    refusal: the error that others meet; or the answer they get, as if there were nothing to see or touch.
    """

    operation: Operation
    ask: Ask
    allowed: set[str]
    refusal: object = AccessDenied


async def bytes_of(download: Awaitable[Download]) -> bytes:
    return await content_of(await download)


async def bucket_ids(scene: Scene, by: RlsContext) -> list[str]:
    return [bucket.id for bucket in await scene.stage.storage.buckets.list(by, BucketQuery())]


async def folder_names(scene: Scene, by: RlsContext) -> list[str]:
    entries = await scene.stage.storage.listing.list_folder(by, "photos", FolderQuery())
    return [entry.name for entry in entries]


async def prefix_names(scene: Scene, by: RlsContext) -> list[str]:
    entries, _ = await scene.stage.storage.listing.list_prefix(by, "photos", PrefixQuery())
    return [entry.name for entry in entries]


async def listed_uploads(scene: Scene, by: RlsContext) -> list[str]:
    listing = await scene.stage.storage.multipart.list_uploads(by, "photos", UploadQuery())
    return [each.name for each in listing.entries if isinstance(each, UploadSession)]


async def folder_done(scene: Scene, by: RlsContext, kind: str) -> Job:
    body = {"bucket": "photos", "prefix": "dir/", "to_prefix": "new/"}
    return await scene.stage.storage.folders.start(by, folder_request(kind, body))


async def job_ids(scene: Scene, by: RlsContext) -> list[str]:
    jobs, _ = await scene.stage.storage.jobs.list(by, JobQuery())
    return [job.id for job in jobs]


async def packed(scene: Scene, by: RlsContext) -> bytes:
    selection = Selection(bucket_id="photos", prefixes=[""])
    pieces = await scene.stage.storage.archives.open(by, selection, confirm=is_signed_in)
    return b"".join([piece async for piece in pieces])


async def is_signed_in() -> None:
    """Confirm that the caller is, as the session would."""


async def deleted_names(scene: Scene, by: RlsContext) -> list[str]:
    deleted = await scene.stage.storage.files.delete_many(by, "photos", ["mine"])
    return [each.name for each in deleted]


def a_copy(to_name: str) -> CopyRequest:
    return CopyRequest(bucket_id="photos", name="mine", to_bucket_id="photos", to_name=to_name)


NEW = Upload(bucket_id="photos", name="new")
GRANTED = Upload(bucket_id="photos", name="signed", size_bytes=3)
OVER_MINE = Upload(bucket_id="photos", name="mine", upsert=True)
OVER_NOTHING = Upload(bucket_id="photos", name="new", upsert=True)
READ = ReadRequest()
MINE_AS_PART = PartSource(bucket_id="photos", name="mine")

CASES = [
    Case(
        permissions.BUCKET_CREATE, lambda s, by: s.stage.storage.buckets.create(by, name="new"), SERVICE_ROLE
    ),
    Case(
        permissions.BUCKET_GET,
        lambda s, by: s.stage.storage.buckets.get(by, "photos"),
        SERVICE_ROLE,
        NoSuchBucket,
    ),
    Case(permissions.BUCKET_LIST, bucket_ids, SERVICE_ROLE, []),
    Case(
        permissions.BUCKET_UPDATE,
        lambda s, by: s.stage.storage.buckets.update(by, "photos", {"public": True}),
        SERVICE_ROLE,
        NoSuchBucket,
    ),
    Case(
        permissions.BUCKET_EMPTY,
        lambda s, by: s.stage.storage.buckets.empty(by, "photos"),
        SERVICE_ROLE,
        RoleNotAllowed,
    ),
    Case(
        permissions.BUCKET_DELETE,
        lambda s, by: s.stage.storage.buckets.delete(by, "empty"),
        SERVICE_ROLE,
        NoSuchBucket,
    ),
    Case(permissions.OBJECT_UPLOAD, lambda s, by: s.stage.storage.files.put(by, NEW, b"new"), SIGNED_IN),
    Case(
        permissions.OBJECT_UPLOAD_UPDATE,
        lambda s, by: s.stage.storage.files.put(by, OVER_NOTHING, b"new"),
        SIGNED_IN,
    ),
    Case(
        permissions.OBJECT_UPLOAD_UPDATE,
        lambda s, by: s.stage.storage.files.put(by, OVER_MINE, b"new"),
        OWNERS,
    ),
    Case(
        permissions.OBJECT_UPLOAD_SIGNED,
        lambda s, by: s.stage.storage.files.put_signed(by, s.upload_link(), NEW, b"new"),
        ANYONE,
    ),
    Case(
        permissions.OBJECT_GET,
        lambda s, by: bytes_of(s.stage.storage.downloads.open(by, "photos", "mine", READ)),
        OWNERS,
        NoSuchKey,
    ),
    Case(
        permissions.OBJECT_GET_PUBLIC,
        lambda s, by: bytes_of(s.stage.storage.downloads.open_public(by, "open", "mine", READ)),
        ANYONE,
    ),
    Case(
        permissions.OBJECT_GET_PUBLIC,
        lambda s, by: s.stage.storage.downloads.head_public(by, "photos", "mine", READ),
        set(),
        NoSuchBucket,
    ),
    Case(
        permissions.OBJECT_GET_SIGNED,
        lambda s, by: bytes_of(s.stage.storage.downloads.open_signed(by, s.download_link(), READ)),
        ANYONE,
    ),
    Case(
        permissions.OBJECT_HEAD,
        lambda s, by: s.stage.storage.downloads.head(by, "photos", "mine", READ),
        OWNERS,
        NoSuchKey,
    ),
    Case(
        permissions.OBJECT_INFO,
        lambda s, by: s.stage.storage.downloads.info(by, "photos", "mine"),
        OWNERS,
        NoSuchKey,
    ),
    Case(
        permissions.OBJECT_INFO_PUBLIC,
        lambda s, by: s.stage.storage.downloads.info_public(by, "open", "mine"),
        ANYONE,
    ),
    Case(
        permissions.OBJECT_INFO_PUBLIC,
        lambda s, by: s.stage.storage.downloads.info_public(by, "photos", "mine"),
        set(),
        NoSuchBucket,
    ),
    Case(permissions.OBJECT_LIST, folder_names, OWNERS, []),
    Case(permissions.OBJECT_LIST_V2, prefix_names, OWNERS, []),
    Case(
        permissions.OBJECT_COPY,
        lambda s, by: s.stage.storage.files.copy(by, a_copy("new")),
        OWNERS,
        NoSuchKey,
    ),
    Case(
        permissions.OBJECT_MOVE,
        lambda s, by: s.stage.storage.files.move(by, "photos", "mine", to_bucket_id="photos", to_name="new"),
        OWNERS,
        NoSuchKey,
    ),
    Case(permissions.OBJECT_DELETE, lambda s, by: s.stage.storage.files.delete(by, "photos", "mine"), OWNERS),
    Case(permissions.OBJECT_DELETE_MANY, deleted_names, OWNERS, []),
    Case(
        permissions.OBJECT_SIGN,
        lambda s, by: s.stage.storage.signed_urls.sign(by, "photos", "mine", expires_in_s=60),
        OWNERS,
        NoSuchKey,
    ),
    Case(
        permissions.OBJECT_SIGN_MANY,
        lambda s, by: s.stage.storage.signed_urls.sign_many(by, "photos", ["mine"], expires_in_s=60),
        OWNERS,
        {},
    ),
    Case(
        permissions.OBJECT_SIGN_UPLOAD,
        lambda s, by: s.stage.storage.signed_urls.sign_upload(by, NEW),
        SIGNED_IN,
    ),
    Case(
        permissions.OBJECT_SIGN_UPLOAD,
        lambda s, by: s.stage.storage.signed_urls.sign_upload(by, OVER_MINE),
        OWNERS,
    ),
    Case(
        permissions.S3_CREATE_MULTIPART,
        lambda s, by: s.stage.storage.multipart.begin(by, OVER_NOTHING),
        SIGNED_IN,
    ),
    Case(
        permissions.S3_CREATE_MULTIPART,
        lambda s, by: s.stage.storage.multipart.begin(by, OVER_MINE),
        OWNERS,
    ),
    Case(permissions.S3_PART, lambda s, by: put_part(s.stage, s.upload, by, 2), OWNERS, NoSuchUpload),
    Case(
        permissions.S3_PART_COPY,
        lambda s, by: s.stage.storage.multipart.copy_part(by, s.upload, 2, MINE_AS_PART),
        OWNERS,
        NoSuchUpload,
    ),
    Case(
        permissions.S3_LIST_PARTS,
        lambda s, by: s.stage.storage.multipart.list_parts(by, s.upload, after_number=0, limit=10),
        OWNERS,
        NoSuchUpload,
    ),
    Case(
        permissions.S3_COMPLETE_MULTIPART,
        lambda s, by: s.stage.storage.multipart.complete(by, s.upload, asked([s.part])),
        OWNERS,
        NoSuchUpload,
    ),
    Case(
        permissions.S3_ABORT_MULTIPART,
        lambda s, by: s.stage.storage.multipart.abort(by, s.upload),
        OWNERS,
        NoSuchUpload,
    ),
    Case(
        permissions.S3_LIST_MULTIPART,
        listed_uploads,
        OWNERS,
        [],
    ),
    Case(permissions.TUS_CREATE, lambda s, by: s.stage.storage.resumable.create(by, NEW, echo={}), SIGNED_IN),
    Case(
        permissions.TUS_CREATE, lambda s, by: s.stage.storage.resumable.create(by, OVER_MINE, echo={}), OWNERS
    ),
    Case(
        permissions.TUS_GET,
        lambda s, by: s.stage.storage.resumable.get(by, s.resumable),
        OWNERS,
        NoSuchUpload,
    ),
    Case(
        permissions.TUS_PART,
        lambda s, by: s.stage.storage.resumable.append(by, s.resumable, portion()),
        OWNERS,
        NoSuchUpload,
    ),
    Case(
        permissions.TUS_DELETE,
        lambda s, by: s.stage.storage.resumable.delete(by, s.resumable),
        OWNERS,
        NoSuchUpload,
    ),
    Case(
        permissions.TUS_CREATE_SIGNED,
        lambda s, by: s.stage.storage.resumable.create(by, GRANTED, echo={}, link=s.upload_link()),
        ANYONE,
    ),
    Case(
        permissions.TUS_GET_SIGNED,
        lambda s, by: s.stage.storage.resumable.get(by, s.granted, link=s.upload_link()),
        ANYONE,
    ),
    Case(
        permissions.TUS_GET_SIGNED,
        lambda s, by: s.stage.storage.resumable.get(by, s.granted, link=s.upload_link("another")),
        set(),
        NoSuchUpload,
    ),
    Case(
        permissions.TUS_PART_SIGNED,
        lambda s, by: s.stage.storage.resumable.append(by, s.granted, portion(), link=s.upload_link()),
        ANYONE,
    ),
    Case(
        permissions.TUS_DELETE_SIGNED,
        lambda s, by: s.stage.storage.resumable.delete(by, s.granted, link=s.upload_link()),
        ANYONE,
    ),
    Case(
        permissions.S3_BUCKET_HEAD,
        lambda s, by: s.stage.storage.buckets.head(by, "photos"),
        SERVICE_ROLE,
        NoSuchBucket,
    ),
    Case(
        permissions.S3_BUCKET_LOCATION,
        lambda s, by: s.stage.storage.buckets.get_location(by, "photos"),
        SERVICE_ROLE,
        NoSuchBucket,
    ),
    Case(
        permissions.S3_BUCKET_VERSIONING,
        lambda s, by: s.stage.storage.buckets.get_versioning(by, "photos"),
        SERVICE_ROLE,
        NoSuchBucket,
    ),
    Case(
        permissions.S3_GET_TAGGING,
        lambda s, by: s.stage.storage.tags.get(by, "photos", "mine"),
        OWNERS,
        NoSuchKey,
    ),
    Case(
        permissions.S3_PUT_TAGGING,
        lambda s, by: s.stage.storage.tags.put(by, "photos", "mine", {"k": "v"}),
        OWNERS,
        NoSuchKey,
    ),
    Case(
        permissions.S3_DELETE_TAGGING,
        lambda s, by: s.stage.storage.tags.delete(by, "photos", "mine"),
        OWNERS,
        NoSuchKey,
    ),
    Case(
        permissions.ADMIN_SESSION_LIST,
        lambda s, by: operator.sessions_of(s.stage).list_open(by),
        SERVICE_ROLE,
        RoleNotAllowed,
    ),
    Case(
        permissions.ADMIN_SESSION_REVOKE,
        lambda s, by: operator.sessions_of(s.stage).revoke_others(by, ""),
        SERVICE_ROLE,
        RoleNotAllowed,
    ),
    Case(permissions.ADMIN_EVENT_FOLLOW, lambda s, by: operator.events_shown(s.stage, by), OWNERS, []),
    Case(
        permissions.ADMIN_METRICS_GET,
        lambda s, by: operator.metrics_of(s.stage).plots(by, "1h"),
        SERVICE_ROLE,
        RoleNotAllowed,
    ),
    Case(
        permissions.ADMIN_AUDIT_LIST,
        lambda s, by: operator.audit_of(s.stage).list(by, AuditQuery()),
        SERVICE_ROLE,
        RoleNotAllowed,
    ),
    Case(
        permissions.ADMIN_POLICY_LIST,
        lambda s, by: operator.law_of(s.stage).policies(by),
        SERVICE_ROLE,
        RoleNotAllowed,
    ),
    Case(
        permissions.ADMIN_POLICY_COVERAGE,
        lambda s, by: operator.law_of(s.stage).coverage(by, ["photos"]),
        SERVICE_ROLE,
        RoleNotAllowed,
    ),
    Case(
        permissions.ADMIN_JOB_RECLAIM,
        lambda s, by: operator.maintenance_of(s.stage).start_reclaim(by, apply=True),
        SERVICE_ROLE,
        RoleNotAllowed,
    ),
    Case(
        permissions.ADMIN_JOB_SCRUB,
        lambda s, by: operator.maintenance_of(s.stage).start_scrub(by),
        SERVICE_ROLE,
        RoleNotAllowed,
    ),
    *(
        Case(operation, partial(folder_done, kind=kind), OWNERS, NoSuchKey)
        for operation, kind in (
            (permissions.FOLDER_MOVE, "folder.move"),
            (permissions.FOLDER_COPY, "folder.copy"),
            (permissions.FOLDER_DELETE, "folder.delete"),
        )
    ),
    Case(permissions.JOB_GET, lambda s, by: s.stage.storage.jobs.get(by, s.job), OWNERS, NotFound),
    Case(permissions.JOB_LIST, job_ids, OWNERS, []),
    Case(permissions.JOB_CANCEL, lambda s, by: s.stage.storage.jobs.cancel(by, s.job), OWNERS, NotFound),
    Case(
        permissions.BUCKET_MEASURE,
        lambda s, by: s.stage.storage.search.measure(by, ["photos"]),
        SERVICE_ROLE,
        {},
    ),
    Case(
        permissions.OBJECT_COUNT,
        lambda s, by: s.stage.storage.search.count(by, "photos"),
        OWNERS,
        Count(0, 0, complete=True),
    ),
    Case(
        permissions.OBJECT_SEARCH,
        lambda s, by: s.stage.storage.search.find(by, "photos", SearchQuery(text="MINE")),
        OWNERS,
        SearchPage([], None, 0),
    ),
    Case(permissions.OBJECT_ZIP, packed, OWNERS, NoSuchKey),
    Case(
        permissions.OBJECT_DESCRIBE,
        lambda s, by: s.stage.storage.descriptions.change(by, "photos", "mine", {"cache_control": "x"}),
        OWNERS,
        NoSuchKey,
    ),
]
READS = {
    each.name for each in OPERATIONS if each.needs and {command for _, command in each.needs} == {"select"}
}


def test_every_operation_is_in_the_table() -> None:
    assert {case.operation.name for case in CASES} == {operation.name for operation in OPERATIONS}


def test_operation_names_are_unique() -> None:
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)


@pytest.mark.parametrize("role", CALLERS)
@pytest.mark.parametrize(
    "case", CASES, ids=[f"{number}-{case.operation.name}" for number, case in enumerate(CASES)]
)
def test_who_may(scene: Scene, case: Case, role: str) -> None:
    before = scene.stage.everything()
    answer = answer_of(scene, case.ask, CALLERS[role])
    if role in case.allowed:
        assert not isinstance(answer, StorageError)
        assert answer != case.refusal
        return
    assert (type(answer) if isinstance(answer, StorageError) else answer) == case.refusal
    assert scene.stage.everything() == before


def answer_of(scene: Scene, ask: Ask, by: RlsContext) -> object:
    """Return what `ask` gives, or its refusal."""

    async def asked() -> object:
        return await ask(scene, by)

    try:
        return scene.stage.run(asked())
    except StorageError as refusal:
        return refusal


def visible(answer: object) -> object:
    """Return what the caller gets to see of an answer."""
    if isinstance(answer, StorageError):
        return type(answer), answer.message, answer.resource, answer.hint
    return answer


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.operation.name in READS], ids=lambda case: case.operation.name
)
def test_a_denied_read_cannot_be_told_from_nothing_there(scene: Scene, case: Case) -> None:
    denied = visible(answer_of(scene, case.ask, STRANGER))
    scene.stage.rows("DELETE FROM storage_objects")
    if (permissions.BUCKETS, "select") in case.operation.needs:
        scene.stage.rows("DELETE FROM storage_uploads")
        scene.stage.rows("DELETE FROM storage_buckets")
    assert visible(answer_of(scene, case.ask, STRANGER)) == denied


@pytest.mark.parametrize("role", CALLERS)
def test_the_operation_is_what_policies_see(role: str) -> None:
    caller = CALLERS[role]
    for operation in OPERATIONS:
        if operation.service_only and role != "service_role":
            with pytest.raises(RoleNotAllowed) as raised:
                permissions.admit(caller, operation)
            assert operation.name in str(raised.value.hint)
        else:
            assert permissions.admit(caller, operation) == caller.performing(operation.name)
