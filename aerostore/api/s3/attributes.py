"""S3's GetObjectAttributes: what is known of an object, as far as the client asks for it."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from starlette.requests import Request
from starlette.responses import Response

from aerostore.api.address import address
from aerostore.api.blob_response import last_modified
from aerostore.api.s3.caller import Signed
from aerostore.api.s3.fault import S3Fault
from aerostore.api.s3.metadata import add_checksums
from aerostore.api.s3.route import S3Route
from aerostore.api.s3.setup import S3Setup
from aerostore.api.s3.xml import add, document, xml_response
from aerostore.domain import printable
from aerostore.service.download import ReadRequest, part_sizes

HEADER = "x-amz-object-attributes"
ATTRIBUTES = ("ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize")
MAX_PARTS = 1000


class AttributesRoutes:
    """Parses requests for attributes, asks the service, renders its answers."""

    def __init__(self, setup: S3Setup) -> None:
        self._downloads = setup.storage.downloads
        self._callers = setup.callers

    def routes(self) -> list[S3Route]:
        """List the route: for policies it is the operation of HeadObject."""
        return [
            S3Route(
                "/{bucket}/{name:name}",
                self.get,
                caller=self._callers.required,
                method="GET",
                needs={"attributes"},
                name="storage.s3.object.info",
            )
        ]

    async def get(self, request: Request, signed: Signed) -> Response:
        """GetObjectAttributes."""
        wanted = _wanted(request)
        at_most = min(_count(request, "x-amz-max-parts", MAX_PARTS), MAX_PARTS)
        marker = _count(request, "x-amz-part-number-marker", 0)
        found = (await self._downloads.head(signed.context, *address(request), ReadRequest())).object
        root = document("GetObjectAttributesResponse")
        if "ETag" in wanted:
            add(root, "ETag", found.etag)
        if "Checksum" in wanted and found.metadata.get("checksums"):
            add_checksums(add(root, "Checksum"), found)
        if "ObjectParts" in wanted and (sizes := part_sizes(found)):
            _add_parts(add(root, "ObjectParts"), sizes, marker=marker, at_most=at_most)
        if "StorageClass" in wanted:
            add(root, "StorageClass", "STANDARD")
        if "ObjectSize" in wanted:
            add(root, "ObjectSize", found.size_bytes)
        return xml_response(root, headers={"last-modified": last_modified(found)})


def _add_parts(parent: Element, sizes: Sequence[int], *, marker: int, at_most: int) -> None:
    shown = list(enumerate(sizes, start=1))[marker : marker + at_most]
    last = shown[-1][0] if shown else marker
    add(parent, "PartsCount", len(sizes))
    add(parent, "PartNumberMarker", marker)
    add(parent, "NextPartNumberMarker", last)
    add(parent, "MaxParts", at_most)
    add(parent, "IsTruncated", last < len(sizes))
    for number, size_bytes in shown:
        part = add(parent, "Part")
        add(part, "PartNumber", number)
        add(part, "Size", size_bytes)


def _wanted(request: Request) -> set[str]:
    given = ",".join(request.headers.getlist(HEADER))
    wanted = {each.strip() for each in given.split(",")} - {""}
    if not wanted or not wanted <= set(ATTRIBUTES):
        raise S3Fault(
            "InvalidArgument",
            "Invalid attribute name specified.",
            hint=f"Name some of these in {HEADER}: {', '.join(ATTRIBUTES)}.",
            details={"ArgumentName": HEADER, "ArgumentValue": printable(given, 200)},
        )
    return wanted


def _count(request: Request, header: str, default: int) -> int:
    text = request.headers.get(header, str(default))
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        details = {"ArgumentName": header, "ArgumentValue": printable(text, 100)}
        raise S3Fault("InvalidArgument", f"{header} must be a number that is not negative", details=details)
    return int(text)
