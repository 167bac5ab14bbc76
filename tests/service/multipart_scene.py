"""Multipart uploads over the parts of a stage, with parts as small as tests like them."""

import asyncio
import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import Any

from aerostore.backend import BlobBackend
from aerostore.domain import Object, RlsContext, UploadPart, UploadProtocol
from aerostore.executor import Executor
from aerostore.service.completion import ChecksumKind, Completed, CompleteRequest, NamedPart
from aerostore.service.digest import Digests, parse_digest
from aerostore.service.multipart import MultipartUploads, UploadAddress
from aerostore.service.part import PartSource
from aerostore.service.publish import Upload
from aerostore.service.upload import UploadSessions
from tests.service.stage import GRACE_S, OWNER, SERVICE, Stage

Parts = Sequence[UploadPart | NamedPart]
LEAST_BYTES = 4
LIFETIME_S = 1000


def uploads_over(
    stage: Stage, executor: Executor | None = None, backend: BlobBackend | None = None
) -> MultipartUploads:
    """Return the operations with these in front of the stage's rows and bytes."""
    executor, backend = executor or stage.executor, backend or stage.backend
    publisher = stage.publisher_over(executor, backend)
    sessions = UploadSessions(executor, UploadProtocol.S3, clock=stage.clock, lifetime_s=LIFETIME_S)
    return MultipartUploads(
        sessions, executor, backend, publisher, clock=stage.clock, min_part_bytes=LEAST_BYTES
    )


class Scene:
    """Short words for what nearly every test of multipart uploads does."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.uploads = uploads_over(stage)

    def begin(
        self,
        name: str = "a",
        by: RlsContext = OWNER,
        checksum: ChecksumKind | None = None,
        **options: Any,
    ) -> UploadAddress:
        return self.stage.run(self.abegin(name, by, checksum, **options))

    async def abegin(
        self,
        name: str = "a",
        by: RlsContext = OWNER,
        checksum: ChecksumKind | None = None,
        **options: Any,
    ) -> UploadAddress:
        values: dict[str, Any] = {"bucket_id": "photos", "upsert": True, "upload_type": "s3"}
        wanted = Upload(name=name, **values | options)
        session = await self.uploads.begin(by, wanted, checksum)
        return UploadAddress(bucket_id=session.bucket_id, name=session.name, upload_id=session.id)

    def put(self, upload: UploadAddress, number: int, content: bytes, by: RlsContext = OWNER) -> UploadPart:
        return self.stage.run(self.aput(upload, number, content, by))

    async def aput(
        self,
        upload: UploadAddress,
        number: int,
        content: bytes | AsyncIterable[bytes],
        by: RlsContext = OWNER,
        *,
        announced: bool = True,
        digests: Digests | None = None,
    ) -> UploadPart:
        chunks = in_one(content) if isinstance(content, bytes) else content
        size = len(content) if announced and isinstance(content, bytes) else None
        return await self.uploads.put_part(
            by, upload, number, chunks, size_bytes=size, digests=digests or Digests("MD5")
        )

    def copy(
        self, upload: UploadAddress, number: int, source: PartSource, by: RlsContext = OWNER
    ) -> UploadPart:
        return self.stage.run(self.uploads.copy_part(by, upload, number, source))

    def complete(
        self, upload: UploadAddress, parts: Parts, by: RlsContext = OWNER, **options: Any
    ) -> Completed:
        return self.stage.run(self.acomplete(upload, parts, by, **options))

    async def acomplete(
        self, upload: UploadAddress, parts: Parts, by: RlsContext = OWNER, **options: Any
    ) -> Completed:
        return await self.uploads.complete(by, upload, asked(parts, **options))

    def info(self, name: str = "a") -> Object:
        return self.stage.run(self.stage.storage.downloads.info(SERVICE, "photos", name)).object

    def abort(self, upload: UploadAddress, by: RlsContext = OWNER) -> None:
        self.stage.run(self.uploads.abort(by, upload))

    def numbers(self, upload: UploadAddress) -> list[int]:
        page = self.stage.run(self.uploads.list_parts(OWNER, upload, after_number=0, limit=1000))
        return [part.number for part in page.parts]

    def require_right_counts(self) -> None:
        """Fail unless every blob has as many references as rows point at it, and waits when none does."""
        rows = self.stage.rows(
            "SELECT id, ref_count, status,"
            " (SELECT count(*) FROM storage_objects WHERE blob_id = storage_blobs.id) AS objects,"
            " (SELECT count(*) FROM storage_upload_parts WHERE blob_id = storage_blobs.id) AS parts"
            " FROM storage_blobs"
        )
        for row in rows:
            assert row["ref_count"] == row["objects"] + row["parts"], row
            assert row["status"] == ("COMMITTED" if row["ref_count"] else "DELETING"), row

    def reclaim(self) -> None:
        """Let all grace periods pass, and reclaim what is ripe."""
        for _ in range(3):
            self.stage.clock.advance(2 * GRACE_S)
            self.stage.run(self.stage.another_reclaim(max_deletes=1000).run(apply=True))

    def everything_stored(self) -> set[str]:
        async def listed() -> set[str]:
            return {each.key async for each in self.stage.backend.list() if not each.key.startswith("meta/")}

        return self.stage.run(listed())


async def in_one(content: bytes) -> AsyncIterator[bytes]:
    yield content


def asked(parts: Parts, **options: Any) -> CompleteRequest:
    """Return the request that names `parts`, those that are stored with their entity tags."""
    return CompleteRequest(parts=[_named(part) for part in parts], **options)


def _named(part: UploadPart | NamedPart) -> NamedPart:
    return part if isinstance(part, NamedPart) else NamedPart(number=part.number, etag=part.etag)


def expecting(algorithm: str, value: str) -> Digests:
    """Return what counts a body whose client says this of it."""
    digests = Digests("MD5", algorithm) if algorithm != "MD5" else Digests("MD5")
    digests.expect(algorithm, parse_digest(algorithm, value))
    return digests


def composite_md5(*contents: bytes) -> str:
    md5s = b"".join(hashlib.md5(each, usedforsecurity=False).digest() for each in contents)
    return f"{hashlib.md5(md5s, usedforsecurity=False).hexdigest()}-{len(contents)}"


async def outcomes(*doings: Any) -> list[Any]:
    """Do all at once; return what each gave, or its refusal."""
    return await asyncio.gather(*doings, return_exceptions=True)
