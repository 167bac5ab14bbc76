"""S3's multipart uploads: begun, filled with parts, listed, and completed or aborted."""

import re
from urllib.parse import quote
from xml.etree.ElementTree import Element

from starlette.requests import Request
from starlette.responses import Response

from aerostore.api.address import address
from aerostore.api.caller import QUESTION
from aerostore.api.s3.body import open_body
from aerostore.api.s3.caller import S3Callers
from aerostore.api.s3.condition import write_condition
from aerostore.api.s3.copy import copy_source, source_conditions
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
from aerostore.api.s3.patience import patient_response
from aerostore.api.s3.route import S3Route
from aerostore.api.s3.supported import check_supported
from aerostore.api.s3.xml import read_xml, xml_response
from aerostore.domain import ByteRange, RlsContext
from aerostore.errors import LengthRequired
from aerostore.service import FileStorage
from aerostore.service.completion import ChecksumKind, CompleteRequest, checksum_kind
from aerostore.service.digest import ALGORITHMS
from aerostore.service.multipart import UploadAddress
from aerostore.service.part import MAX_PARTS, PartSource
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

    def __init__(
        self, storage: FileStorage, callers: S3Callers, *, region: str, body_timeout_s: float
    ) -> None:
        self._uploads = storage.multipart
        self._callers = callers
        self._body_timeout_s = body_timeout_s

    def routes(self) -> list[S3Route]:
        """List the routes; each is named after its operation."""
        one, operation = {"uploadId"}, "storage.s3.upload"
        return [
            S3Route(
                _NAMED, self.begin, method="POST", needs={"uploads"}, name=f"{operation}.create_multipart"
            ),
            S3Route(_NAMED, self.put_part, method="PUT", needs=one, name=f"{operation}.part"),
            S3Route(
                _NAMED, self.copy_part, method="PUT", needs=one, copies=True, name=f"{operation}.part_copy"
            ),
            S3Route(_NAMED, self.complete, method="POST", needs=one, name=f"{operation}.complete_multipart"),
            S3Route(_NAMED, self.abort, method="DELETE", needs=one, name=f"{operation}.abort_multipart"),
            S3Route(_NAMED, self.list_parts, method="GET", needs=one, name=f"{operation}.list_parts"),
            *(
                S3Route(path, self.list, method="GET", needs={"uploads"}, name=f"{operation}.list_multipart")
                for path in ("/{bucket}", "/{bucket}/")
            ),
        ]

    # Beginning and filling

    async def begin(self, request: Request) -> Response:
        """CreateMultipartUpload."""
        signed = await self._callers.required(request)
        check_supported(request)
        upload, kind = _upload(request), _checksum_kind(request)
        request.scope[QUESTION] = _question(upload)
        session = await self._uploads.begin(signed.context, upload, kind)
        begun = UploadAddress(bucket_id=session.bucket_id, name=session.name, upload_id=session.id)
        headers = {}
        if kind is not None:
            headers = {"x-amz-checksum-algorithm": kind.algorithm, "x-amz-checksum-type": kind.type}
        return xml_response(begun_document(begun), headers=headers)

    async def put_part(self, request: Request) -> Response:
        """UploadPart."""
        signed = await self._callers.required(request)
        check_supported(request)
        number = _part_number(request)
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
        checksums = {f"x-amz-checksum-{name.lower()}": value for name, value in part.checksums.items()}
        return Response(headers={"etag": f'"{part.etag}"', **checksums})

    async def copy_part(self, request: Request) -> Response:
        """UploadPartCopy."""
        signed = await self._callers.required(request)
        check_supported(request)
        number, source = _part_number(request), _part_source(request)
        work = self._copy_part(signed.context, _upload_address(request), number, source)
        return await patient_response(request, work)

    async def _copy_part(
        self, context: RlsContext, address: UploadAddress, number: int, source: PartSource
    ) -> Element:
        return copied_document(await self._uploads.copy_part(context, address, number, source))

    # Ending

    async def complete(self, request: Request) -> Response:
        """CompleteMultipartUpload."""
        signed = await self._callers.required(request)
        check_supported(request)
        # Here x-amz-checksum-* are about the object.
        body = await open_body(request, signed, idle_timeout_s=self._body_timeout_s, has_checksums=False)
        root = await read_xml(body.chunks, "CompleteMultipartUpload", body.digests)
        asked = _complete_request(request, root)
        return await patient_response(
            request, self._complete(signed.context, _upload_address(request), asked)
        )

    async def _complete(self, context: RlsContext, address: UploadAddress, asked: CompleteRequest) -> Element:
        completed = await self._uploads.complete(context, address, asked)
        # No host: whoever asked knows it, and a header of the request proves nothing.
        location = quote(f"/{completed.bucket_id}/{completed.name}")
        return completed_document(completed, location=location)

    async def abort(self, request: Request) -> Response:
        """AbortMultipartUpload."""
        signed = await self._callers.required(request)
        check_supported(request)
        await self._uploads.abort(signed.context, _upload_address(request))
        return Response(status_code=204)

    # Looking

    async def list_parts(self, request: Request) -> Response:
        """ListParts."""
        signed = await self._callers.required(request)
        check_supported(request)
        upload = _upload_address(request)
        limit = min(parse_count(request, "max-parts", MAX_LISTED), MAX_LISTED)
        after = parse_count(request, "part-number-marker", 0)
        page = await self._uploads.list_parts(signed.context, upload, after_number=after, limit=limit)
        return xml_response(parts_document(page, upload, after_number=after, limit=limit))

    async def list(self, request: Request) -> Response:
        """ListMultipartUploads."""
        signed = await self._callers.required(request)
        check_supported(request)
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


def _part_number(request: Request) -> int:
    """Return the number of the part. Raises: S3Fault InvalidArgument."""
    number = parse_count(request, "partNumber", 0)
    if not 1 <= number <= MAX_PARTS:
        given = request.query_params.get("partNumber", "")
        message = f"Part number must be an integer between 1 and {MAX_PARTS}, inclusive"
        raise bad_argument("partNumber", given, message)
    return number


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
    given = {name: request.headers.get(f"x-amz-checksum-{name.lower()}") for name in ALGORITHMS}
    return CompleteRequest(
        parts=named_parts_of(root),
        size_bytes=_whole_length(request),
        checksums={name: value for name, value in given.items() if value is not None},
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
