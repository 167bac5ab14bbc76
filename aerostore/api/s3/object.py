"""S3's operations on the content of one object: get, look at, put."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from starlette.requests import Request
from starlette.responses import Response

from aerostore.api.address import address
from aerostore.api.blob_response import BlobResponse, bare_response
from aerostore.api.body import INLINE_BYTES
from aerostore.api.caller import QUESTION
from aerostore.api.conditional import conditions_of, parse_if_range, parse_range
from aerostore.api.s3.body import S3Body, open_body
from aerostore.api.s3.caller import Signed
from aerostore.api.s3.condition import write_condition
from aerostore.api.s3.fault import S3Fault
from aerostore.api.s3.metadata import (
    checksum_headers,
    describe,
    fields_of,
    object_headers,
    overrides_of,
)
from aerostore.api.s3.part_number import find_part_number
from aerostore.api.s3.route import S3Route
from aerostore.api.s3.setup import S3Setup
from aerostore.domain import Object
from aerostore.errors import AccessDenied, InvalidRange, LengthRequired, NoSuchBucket
from aerostore.service.download import Download, ReadRequest, part_sizes, wanted_range
from aerostore.service.publish import Upload
from aerostore.service.question import Question


class ObjectRoutes:
    """Parses requests about objects, asks the service, renders its answers."""

    def __init__(self, setup: S3Setup) -> None:
        self._files = setup.storage.files
        self._downloads = setup.storage.downloads
        self._callers = setup.callers
        self._body_timeout_s = setup.body_timeout_s

    def routes(self) -> list[S3Route]:
        """List the routes; each is named after its operation."""
        required, optional = self._callers.required, self._callers.optional
        served = (
            (self.get, optional, "GET", "storage.s3.object.get"),
            (self.head, optional, "HEAD", "storage.s3.object.info"),
            (self.put, required, "PUT", "storage.s3.upload"),
        )
        return [
            S3Route("/{bucket}/{name:name}", operation, caller=caller, method=method, name=name)
            for operation, caller, method, name in served
        ]

    # Reading

    async def get(self, request: Request, signed: Signed) -> Response:
        """GetObject: anybody's of a public bucket."""
        download, wanted, headers = await self._read(request, signed)
        if download.is_current:
            return bare_response(304, headers)
        is_part = download.byte_range is not None
        headers |= _headers_of_part(download.object, request, wanted, is_part=is_part)
        return BlobResponse(download, headers)

    async def head(self, request: Request, signed: Signed) -> Response:
        """HeadObject: the headers of GetObject, those of a range included."""
        download, wanted, headers = await self._read(request, signed)
        if download.is_current:
            return bare_response(304, headers)
        size_bytes = download.object.size_bytes
        with _naming_part(wanted):
            part = wanted_range(download.object, wanted, size_bytes)
        headers |= _headers_of_part(download.object, request, wanted, is_part=part is not None)
        if part is None:
            return bare_response(200, {**headers, "content-length": str(size_bytes)})
        where = f"bytes {part.first}-{part.last}/{size_bytes}"
        return bare_response(206, {**headers, "content-length": str(part.length), "content-range": where})

    async def _read(self, request: Request, signed: Signed) -> tuple[Download, ReadRequest, dict[str, str]]:
        """Return the object, open for a GET, what is wanted of it, and the headers to answer with."""
        wanted, overrides = _read_request(request), _overrides(request, signed)
        with _naming_part(wanted):
            download = await self._found(request, signed, wanted)
        headers = object_headers(download.object, public=download.public, overrides=overrides)
        return download, wanted, headers

    async def _found(self, request: Request, signed: Signed, wanted: ReadRequest) -> Download:
        bucket, name = address(request)
        is_head, downloads = request.method == "HEAD", self._downloads
        if not signed.is_anonymous:
            request.scope["aerostore.facts"]["bucket"] = bucket
            return await (downloads.head if is_head else downloads.open)(signed.context, bucket, name, wanted)
        find = downloads.head_public if is_head else downloads.open_public
        try:
            return await find(signed.context, bucket, name, wanted)
        except NoSuchBucket:  # a private one, or none: who does not sign is not told which
            hint = "Sign the request: only objects of public buckets are for everybody."
            raise AccessDenied("Access Denied", resource=bucket, hint=hint) from None

    # Writing

    async def put(self, request: Request, signed: Signed) -> Response:
        """PutObject: over whatever has the name, unless a condition forbids it."""
        bucket, name = address(request)
        described = describe(fields_of(request.headers))
        condition = write_condition(request.headers)
        body = await open_body(request, signed, idle_timeout_s=self._body_timeout_s)
        if body.size_bytes is None:
            raise LengthRequired
        upload = Upload(
            bucket_id=bucket,
            name=name,
            mime_type=described.mime_type,
            cache_control=described.cache_control,
            user_metadata=described.user_metadata,
            extra=described.extra_with_tags,
            upsert=True,
            size_bytes=body.size_bytes,
            upload_type="s3",
            digests=body.digests,
            condition=condition,
        )
        request.scope[QUESTION] = Question(
            op="upsert",
            bucket_id=bucket,
            name=name,
            size_bytes=body.size_bytes,
            mime_type=upload.mime_type,
        )
        stored = await self._files.put(signed.context, upload, await _content(body, body.size_bytes))
        return Response(headers={"etag": f'"{stored.etag}"', **checksum_headers(stored)})


def _read_request(request: Request) -> ReadRequest:
    """Return what a client says about its copy and the part it wants.

    A Range that is not one range of bytes is passed over (RFC 9110 section 14.2). Raises: S3Fault.
    """
    headers = request.headers
    wanted, part_number = headers.get("range"), find_part_number(request)
    if wanted is not None and part_number is not None:
        message = "Cannot specify both Range header and partNumber query parameter"
        raise S3Fault("InvalidRequest", message)
    return ReadRequest(
        conditions=conditions_of(headers),
        byte_range=parse_range(wanted) if wanted is not None else None,
        if_range=parse_if_range(headers.get("if-range")),
        part_number=part_number,
    )


@contextmanager
def _naming_part(wanted: ReadRequest) -> Iterator[None]:
    """Say that it is the part that cannot be had, and not a range."""
    try:
        yield
    except InvalidRange:
        if wanted.part_number is None:
            raise
        raise S3Fault(
            "InvalidPartNumber",
            "The requested partnumber is not satisfiable",
            hint="Ask for a part from 1 to the number in x-amz-mp-parts-count.",
            details={"PartNumberRequested": str(wanted.part_number)},
        ) from None


def _overrides(request: Request, signed: Signed) -> dict[str, str]:
    """Return the headers that the client wants: only who signs may make links that show other ones."""
    overrides = overrides_of(request.query_params)
    if overrides and signed.is_anonymous:
        message = "Request specific response headers cannot be used for anonymous GET requests."
        raise S3Fault("InvalidRequest", message)
    return overrides


def _headers_of_part(
    found: Object, request: Request, wanted: ReadRequest, *, is_part: bool
) -> dict[str, str]:
    """Return what depends on how much is sent: checksums are of everything."""
    headers = {}
    if wanted.part_number is not None and (sizes := part_sizes(found)):
        headers["x-amz-mp-parts-count"] = str(len(sizes))
    if not is_part and request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED":
        headers |= checksum_headers(found)
    return headers


async def _content(body: S3Body, size_bytes: int) -> bytes | AsyncIterator[bytes]:
    """Return the content whole when it is small: then the service asks the policies only once."""
    if size_bytes > INLINE_BYTES:
        return body.chunks
    return b"".join([chunk async for chunk in body.chunks])
