"""S3's operations on the tags of objects, and the rules for tags."""

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl
from xml.etree.ElementTree import Element

from starlette.requests import Request
from starlette.responses import Response

from aerostore.api.address import address
from aerostore.api.s3.body import open_body
from aerostore.api.s3.caller import Signed
from aerostore.api.s3.fault import S3Fault
from aerostore.api.s3.route import S3Route
from aerostore.api.s3.setup import S3Setup
from aerostore.api.s3.xml import add, document, read_xml, text_of, xml_response
from aerostore.domain import printable
from aerostore.errors import MalformedXml

MAX_TAGS = 10
MAX_KEY_LENGTH = 128
MAX_VALUE_LENGTH = 256
_PUNCTUATION = frozenset(" +-=._:/@")


class TaggingRoutes:
    """Parses requests about tags, asks the service, renders its answers."""

    def __init__(self, setup: S3Setup) -> None:
        self._tags = setup.storage.tags
        self._callers = setup.callers
        self._body_timeout_s = setup.body_timeout_s

    def routes(self) -> list[S3Route]:
        """List the routes; each is named after its operation."""
        served = (
            (self.get, "GET", "storage.s3.object.get_tagging"),
            (self.put, "PUT", "storage.s3.object.put_tagging"),
            (self.delete, "DELETE", "storage.s3.object.delete_tagging"),
        )
        return [
            S3Route(
                "/{bucket}/{name:name}",
                operation,
                caller=self._callers.required,
                method=method,
                name=name,
                needs={"tagging"},
            )
            for operation, method, name in served
        ]

    async def get(self, request: Request, signed: Signed) -> Response:
        """GetObjectTagging."""
        tags = await self._tags.get(signed.context, *address(request))
        root = document("Tagging")
        tag_set = add(root, "TagSet")
        for key, value in tags.items():
            tag = add(tag_set, "Tag")
            add(tag, "Key", key)
            add(tag, "Value", value)
        return xml_response(root)

    async def put(self, request: Request, signed: Signed) -> Response:
        """PutObjectTagging: these tags and no others."""
        body = await open_body(request, signed, idle_timeout_s=self._body_timeout_s)
        tags = tags_of_xml(await read_xml(body.chunks, "Tagging", body.digests))
        await self._tags.put(signed.context, *address(request), tags)
        return Response()

    async def delete(self, request: Request, signed: Signed) -> Response:
        """DeleteObjectTagging."""
        await self._tags.delete(signed.context, *address(request))
        return Response(status_code=204)


def parse_tags(text: str) -> Mapping[str, str]:
    """Return the tags in an x-amz-tagging header: a query string. Raises: S3Fault."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict")
    except ValueError:
        raise S3Fault(
            "InvalidArgument",
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters"
            " without tag name duplicates.",
        ) from None
    return _checked(pairs)


def tags_of_xml(root: Element) -> Mapping[str, str]:
    """Return the tags in a <Tagging> document. Raises: MalformedXml, S3Fault."""
    tag_sets = root.findall("TagSet")
    if len(tag_sets) != 1:
        raise MalformedXml
    pairs = []
    for tag in tag_sets[0]:
        key, value = text_of(tag, "Key"), text_of(tag, "Value")
        if tag.tag != "Tag" or key is None or value is None:
            raise MalformedXml
        pairs.append((key, value))
    return _checked(pairs)


def _checked(pairs: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Return `pairs` as tags if an object may have them. Source: Amazon S3, "Categorizing objects"."""
    tags: dict[str, str] = {}
    for key, value in pairs:
        if key in tags:
            raise _invalid("Cannot provide multiple Tags with the same key")
        if not 1 <= len(key) <= MAX_KEY_LENGTH or not _is_plain(key) or key.startswith("aws:"):
            raise _invalid(f"The TagKey you have provided is invalid: {printable(key, 200)}")
        if len(value) > MAX_VALUE_LENGTH or not _is_plain(value):
            raise _invalid(f"The TagValue you have provided is invalid: {printable(value, 300)}")
        tags[key] = value
    if len(tags) > MAX_TAGS:
        raise _invalid(f"Object tags cannot be greater than {MAX_TAGS}")
    return tags


def _invalid(message: str) -> S3Fault:
    lengths = f"Keys have 1 to {MAX_KEY_LENGTH} characters, values up to {MAX_VALUE_LENGTH}"
    hint = f"{lengths}: letters, digits, spaces and + - = . _ : / @"
    return S3Fault("InvalidTag", message, hint=hint)


def _is_plain(text: str) -> bool:
    return all(character.isalnum() or character in _PUNCTUATION for character in text)
