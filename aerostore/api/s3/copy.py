"""S3's CopyObject: another object with the same bytes, and the same or another description."""

from urllib.parse import unquote_to_bytes
from xml.etree.ElementTree import Element

from starlette.requests import Request
from starlette.responses import Response

from aerostore.api.address import address
from aerostore.api.caller import QUESTION
from aerostore.api.conditional import conditions_of
from aerostore.api.s3.caller import Signed
from aerostore.api.s3.condition import write_condition
from aerostore.api.s3.fault import S3Fault
from aerostore.api.s3.metadata import Description, add_checksums, describe, fields_of
from aerostore.api.s3.route import COPY_SOURCE, S3Route
from aerostore.api.s3.setup import S3Setup
from aerostore.api.s3.supported import check_version
from aerostore.api.s3.xml import add, document, xml_response
from aerostore.domain import Conditions, Object, RlsContext, check_object_name, printable
from aerostore.errors import NoSuchKey, NotSupported
from aerostore.service.copy import CopyRequest
from aerostore.service.download import ReadRequest
from aerostore.service.question import Question

_VERSION = "?versionId="
_OTHER_ALGORITHM = "x-amz-checksum-algorithm"


class CopyRoutes:
    """Parses requests to copy, asks the service, renders its answers."""

    def __init__(self, setup: S3Setup) -> None:
        self._files = setup.storage.files
        self._downloads = setup.storage.downloads
        self._callers = setup.callers

    def routes(self) -> list[S3Route]:
        """List the route; it is named after its operation."""
        return [
            S3Route(
                "/{bucket}/{name:name}",
                self.copy,
                caller=self._callers.required,
                method="PUT",
                copies=True,
                name="storage.s3.object.copy",
            )
        ]

    async def copy(self, request: Request, signed: Signed) -> Response:
        """CopyObject."""
        if _OTHER_ALGORITHM in request.headers:
            raise NotSupported("A copy keeps the checksums of its source; others are not computed")
        copying = _copy_request(request)
        request.scope[QUESTION] = Question(
            op="copy",
            bucket_id=copying.bucket_id,
            name=copying.name,
            to_bucket_id=copying.to_bucket_id,
            to_name=copying.to_name,
            upsert=True,
        )
        return xml_response(_to_document(await self._copy(signed.context, copying)))

    async def _copy(self, context: RlsContext, copying: CopyRequest) -> Object:
        try:
            return await self._files.copy(context, copying)
        except NoSuchKey:
            # It may be the bucket that is missing: other doors tell no difference, S3's clients want one.
            await self._downloads.head(context, copying.bucket_id, copying.name, ReadRequest())
            raise


def _copy_request(request: Request) -> CopyRequest:
    bucket, name = copy_source(request)
    to_bucket, to_name = address(request)
    keeps = not _replaces(request, "x-amz-metadata-directive")
    keeps_tags = not _replaces(request, "x-amz-tagging-directive")
    if (bucket, name) == (to_bucket, to_name) and keeps and keeps_tags:
        raise S3Fault(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without changing"
            " the object's metadata, storage class, website redirect location or encryption attributes.",
            hint="Send 'x-amz-metadata-directive: REPLACE' and the new metadata.",
        )
    described = describe(fields_of(request.headers))
    condition = write_condition(request.headers)
    return CopyRequest(
        bucket_id=bucket,
        name=name,
        to_bucket_id=to_bucket,
        to_name=to_name,
        upsert=not condition.absent,
        keep_metadata=keeps,
        mime_type=described.mime_type,
        cache_control=described.cache_control,
        user_metadata=described.user_metadata,
        extra=described.extra,
        tags=None if keeps_tags else _tags(described),
        conditions=source_conditions(request),
        condition=condition,
        upload_type="s3",
    )


def _tags(described: Description) -> dict[str, str]:
    return dict(described.tags or {})


def source_conditions(request: Request) -> Conditions:
    """Return what must hold for the source of a copy."""
    return conditions_of(request.headers, f"{COPY_SOURCE}-")


def copy_source(request: Request) -> tuple[str, str]:
    """Return the bucket and the name in the x-amz-copy-source header, decoded once, as in a form.

    Raises: S3Fault InvalidArgument; NoSuchVersion for a version other than `null`; InvalidKey.
    """
    given = request.headers.get(COPY_SOURCE, "")
    path, _mark, version = given.partition(_VERSION)
    check_version(version if _VERSION in given else None)
    try:
        decoded = unquote_to_bytes(path.replace("+", " ").encode("latin-1")).decode()
    except UnicodeError:
        raise _bad_source(given) from None
    bucket, slash, name = decoded.removeprefix("/").partition("/")
    if not (bucket and slash and name):
        raise _bad_source(given)
    return bucket, check_object_name(name)


def _bad_source(given: str) -> S3Fault:
    return S3Fault(
        "InvalidArgument",
        "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
        hint="Percent-encode the key as UTF-8.",
        details={"ArgumentName": COPY_SOURCE, "ArgumentValue": printable(given, 200)},
    )


def _replaces(request: Request, header: str) -> bool:
    """Tell whether a directive says REPLACE and not COPY, which it does when it is absent."""
    directive = request.headers.get(header, "COPY")
    if directive not in {"COPY", "REPLACE"}:
        raise S3Fault(
            "InvalidArgument",
            f"Unknown directive in {header}",
            hint="Send COPY or REPLACE.",
            details={"ArgumentName": header, "ArgumentValue": printable(directive, 100)},
        )
    return directive == "REPLACE"


def _to_document(copied: Object) -> Element:
    root = document("CopyObjectResult")
    add(root, "LastModified", copied.updated_at)
    add(root, "ETag", f'"{copied.etag}"')
    add_checksums(root, copied)
    return root
