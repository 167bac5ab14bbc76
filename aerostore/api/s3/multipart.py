"""S3's multipart uploads: begun, filled with parts, listed, and completed or aborted."""

import re
from functools import partial
from xml.etree.ElementTree import Element

from starlette.requests import Request
from starlette.responses import Response

from aerostore.api.address import address
from aerostore.api.caller import QUESTION
from aerostore.api.s3.body import open_body
from aerostore.api.s3.caller import Signed
from aerostore.api.s3.checksum import checksums_of, to_checksum_headers
from aerostore.api.s3.condition import write_condition
from aerostore.api.s3.copy import copy_source, source_conditions
from aerostore.api.s3.location import url_of
from aerostore.api.s3.metadata import describe, fields_of
from aerostore.api.s3.multipart_xml import (
    begun_document,
    completed_document,
    copied_document,
    named_parts_of,
    parts_document,
    uploads_document,
)
from aerostore.api.s3.page import bad_argument, parse_count, parse_text
from aerostore.api.s3.part_number import get_part_number
from aerostore.api.s3.patience import patient_response
from aerostore.api.s3.route import S3Route
from aerostore.api.s3.setup import S3Setup
from aerostore.api.s3.xml import read_xml, xml_response
from aerostore.domain import ByteRange, RlsContext
from aerostore.errors import LengthRequired
from aerostore.service.completion import ChecksumKind, CompleteRequest, checksum_kind
from aerostore.service.multipart import UploadAddress
from aerostore.service.part import PartSource
from aerostore.service.publish import Upload
from aerostore.service.question import Question
from aerostore.service.upload_listing import UploadQuery

MAX_LISTED = 1000
_SOURCE_RANGE = re.compile(r"bytes=(\d{1,19})-(\d{1,19})", re.ASCII)
_LENGTH = re.compile(r"\d{1,19}", re.ASCII)
_NAMED = "/{bucket}/{name:name}"
_RANGE_HEADER = "x-amz-copy-source-range"
_SIZE_HEADER = "x-amz-mp-object-size"


class MultipartRoutes:
    """Parses requests about multipart uploads, asks the service, renders its answers."""

    def __init__(self, setup: S3Setup) -> None:
        self._uploads = setup.storage.multipart
        self._callers = setup.callers
        self._body_timeout_s = setup.body_timeout_s

    def routes(self) -> list[S3Route]:
        """List the routes; each is named after its operation."""
        named = partial(S3Route, _NAMED, caller=self._callers.required)
        one, operation = {"uploadId"}, "storage.s3.upload"
        return [
            named(self.begin, method="POST", needs={"uploads"}, name=f"{operation}.create_multipart"),
            named(self.put_part, method="PUT", needs=one, name=f"{operation}.part"),
            named(self.copy_part, method="PUT", needs=one, copies=True, name=f"{operation}.part_copy"),
            named(self.complete, method="POST", needs=one, name=f"{operation}.complete_multipart"),
            named(self.abort, method="DELETE", needs=one, name=f"{operation}.abort_multipart"),
            named(self.list_parts, method="GET", needs=one, name=f"{operation}.list_parts"),
            *(
                S3Route(
                    path,
                    self.list,
                    caller=self._callers.required,
                    method="GET",
                    needs={"uploads"},
                    name=f"{operation}.list_multipart",
                )
                for path in ("/{bucket}", "/{bucket}/")
            ),
        ]

    # Beginning and filling

    async def begin(self, request: Request, signed: Signed) -> Response:
        """CreateMultipartUpload."""
        upload, kind = _upload(request), _checksum_kind(request)
        request.scope[QUESTION] = _question(upload)
        session = await self._uploads.begin(signed.context, upload, kind)
        begun = UploadAddress(bucket_id=session.bucket_id, name=session.name, upload_id=session.id)
        headers = {}
        if kind is not None:
            headers = {"x-amz-checksum-algorithm": kind.algorithm, "x-amz-checksum-type": kind.type}
        return xml_response(begun_document(begun), headers=headers)

    async def put_part(self, request: Request, signed: Signed) -> Response:
        """UploadPart."""
        number = get_part_number(request)
        body = await open_body(request, signed, idle_timeout_s=self._body_timeout_s)
        if body.size_bytes is None:
            raise LengthRequired
        part = await self._uploads.put_part(
            signed.context,
            _upload_address(request),
            number,
            body.chunks,
            size_bytes=body.size_bytes,
            digests=body.digests,
        )
        return Response(headers={"etag": f'"{part.etag}"', **to_checksum_headers(part.checksums)})

    async def copy_part(self, request: Request, signed: Signed) -> Response:
        """UploadPartCopy."""
        number, source = get_part_number(request), _part_source(request)
        work = self._copy_part(signed.context, _upload_address(request), number, source)
        return await patient_response(request, work)

    async def _copy_part(
        self, context: RlsContext, address: UploadAddress, number: int, source: PartSource
    ) -> Element:
        return copied_document(await self._uploads.copy_part(context, address, number, source))

    # Ending

    async def complete(self, request: Request, signed: Signed) -> Response:
        """CompleteMultipartUpload."""
        # Here x-amz-checksum-* are about the object.
        body = await open_body(request, signed, idle_timeout_s=self._body_timeout_s, has_checksums=False)
        root = await read_xml(body.chunks, "CompleteMultipartUpload", body.digests)
        asked = _complete_request(request, root)
        return await patient_response(request, self._complete(request, signed.context, asked))

    async def _complete(self, request: Request, context: RlsContext, asked: CompleteRequest) -> Element:
        completed = await self._uploads.complete(context, _upload_address(request), asked)
        return completed_document(completed, location=url_of(request))

    async def abort(self, request: Request, signed: Signed) -> Response:
        """AbortMultipartUpload."""
        await self._uploads.abort(signed.context, _upload_address(request))
        return Response(status_code=204)

    # Looking

    async def list_parts(self, request: Request, signed: Signed) -> Response:
        """ListParts."""
        upload = _upload_address(request)
        limit = min(parse_count(request, "max-parts", MAX_LISTED), MAX_LISTED)
        after = parse_count(request, "part-number-marker", 0)
        page = await self._uploads.list_parts(signed.context, upload, after_number=after, limit=limit)
        return xml_response(parts_document(page, upload, after_number=after, limit=limit))

    async def list(self, request: Request, signed: Signed) -> Response:
        """ListMultipartUploads."""
        encoding = request.query_params.get("encoding-type", "")
        if encoding not in {"", "url"}:
            raise bad_argument("encoding-type", encoding, "Invalid Encoding Method specified in Request")
        bucket_id, query = request.path_params["bucket"], _upload_query(request)
        listing = await self._uploads.list_uploads(signed.context, bucket_id, query)
        return xml_response(uploads_document(listing, bucket_id, query, is_encoded=encoding == "url"))


def _upload(request: Request) -> Upload:
    bucket, name = address(request)
    described = describe(fields_of(request.headers))
    return Upload(
        bucket_id=bucket,
        name=name,
        mime_type=described.mime_type,
        cache_control=described.cache_control,
        user_metadata=described.user_metadata,
        extra=described.extra_with_tags,
        upsert=True,
        upload_type="s3",
    )


def _question(upload: Upload) -> Question:
    return Question(op="upsert", bucket_id=upload.bucket_id, name=upload.name, mime_type=upload.mime_type)


def _checksum_kind(request: Request) -> ChecksumKind | None:
    algorithm = request.headers.get("x-amz-checksum-algorithm")
    checksum_type = request.headers.get("x-amz-checksum-type")
    return checksum_kind(algorithm and algorithm.upper(), checksum_type and checksum_type.upper())


def _upload_address(request: Request) -> UploadAddress:
    bucket, name = address(request)
    return UploadAddress(bucket_id=bucket, name=name, upload_id=request.query_params["uploadId"])


def _part_source(request: Request) -> PartSource:
    bucket, name = copy_source(request)
    return PartSource(
        bucket_id=bucket,
        name=name,
        byte_range=_source_range(request),
        conditions=source_conditions(request),
    )


def _source_range(request: Request) -> ByteRange | None:
    """Return the range of the source; it has both ends. Raises: S3Fault InvalidArgument."""
    given = request.headers.get(_RANGE_HEADER)
    if given is None:
        return None
    match = _SOURCE_RANGE.fullmatch(given.strip())
    if match is None or int(match[1]) > int(match[2]):
        raise bad_argument(
            _RANGE_HEADER,
            given,
            f"The {_RANGE_HEADER} value must be of the form bytes=first-last where first and last are the"
            " zero-based offsets of the first and last bytes to copy",
        )
    return ByteRange(int(match[1]), int(match[2]))


def _complete_request(request: Request, root: Element) -> CompleteRequest:
    return CompleteRequest(
        parts=named_parts_of(root),
        size_bytes=_whole_length(request),
        checksums=checksums_of(request.headers),
        checksum_type=request.headers.get("x-amz-checksum-type"),
        condition=write_condition(request.headers),
    )


def _whole_length(request: Request) -> int | None:
    given = request.headers.get(_SIZE_HEADER)
    if given is not None and not _LENGTH.fullmatch(given):
        raise bad_argument(_SIZE_HEADER, given, f"The {_SIZE_HEADER} header is not a number")
    return None if given is None else int(given)


def _upload_query(request: Request) -> UploadQuery:
    after_name = parse_text(request, "key-marker")
    return UploadQuery(
        prefix=parse_text(request, "prefix"),
        delimiter=parse_text(request, "delimiter"),
        after_name=after_name,
        after_id=parse_text(request, "upload-id-marker") if after_name else "",
        limit=min(parse_count(request, "max-uploads", MAX_LISTED), MAX_LISTED),
    )
