"""XML as S3 has it: bodies of requests read without entities or DTDs, answers written in its namespace."""

import re
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from xml.etree.ElementTree import Element, ParseError, SubElement, TreeBuilder, tostring
from xml.sax.saxutils import escape

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser
from starlette.responses import Response

from aerostore.domain import to_iso
from aerostore.errors import MalformedXml, RequestBodyTooLarge
from aerostore.service.digest import Digests

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
# How many elements a document may need: 10,000 parts with every checksum, 1,000 keys with all that may be
# said of each, 10 tags. One of more was made to keep the server busy.
_MOST_ELEMENTS = {"CompleteMultipartUpload": 90_001, "Delete": 7_002, "Tagging": 64}
_MOST_ELEMENTS_OF_OTHERS = 16
_MOST_DEPTH = 8
_FED_BYTES = 16 * 1024
_LONG_TAG = re.compile(rb"<[^<>]{1024}")
_BYTES_OF_AN_ELEMENT = 1200
_MOST_BYTES = 4 * 1024 * 1024

DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
# What XML cannot hold. Source: XML 1.0 section 2.2.
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Content = str | int | bool | datetime | None


async def read_xml(chunks: AsyncIterator[bytes], root: str, digests: Digests | None = None) -> Element:
    """Return the root of an XML body, which must be called `root`; names come without namespaces.

    digests: what the body is compared with. Raises: MalformedXml, also for a DTD or an entity;
    RequestBodyTooLarge over what such a document may need, at most 4 MiB; ChecksumMismatch.
    """
    limit = _most_bytes(root)
    raw = bytearray()
    async for chunk in chunks:
        raw += chunk
        if len(raw) > limit:
            raise RequestBodyTooLarge
    if digests is not None:
        digests.update(bytes(raw))
        digests.check()
    return parse_xml(bytes(raw), root)


def parse_xml(raw: bytes, root: str) -> Element:
    """Return the root of `raw`, as `read_xml` does."""
    if len(raw) > _most_bytes(root):
        raise RequestBodyTooLarge
    if _LONG_TAG.search(raw):  # of attributes, which the parser would all take in first
        raise MalformedXml
    parser = DefusedXMLParser(target=_BoundedBuilder(_most_elements(root)), forbid_dtd=True)
    try:
        for start in range(0, len(raw), _FED_BYTES):  # of one piece it would read all, whatever is wrong
            parser.feed(raw[start : start + _FED_BYTES])
        found: Element = parser.close()
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise MalformedXml from None
    for each in found.iter():
        each.tag = each.tag.rpartition("}")[2]
    if found.tag != root:
        raise MalformedXml
    return found


class _BoundedBuilder(TreeBuilder):
    """Builds a tree, and gives up when it grows too large: its elements cost far more than their bytes."""

    def __init__(self, at_most: int) -> None:
        super().__init__()
        self._left = at_most
        self._depth = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._left -= 1
        self._depth += 1
        if self._left < 0 or self._depth > _MOST_DEPTH:
            raise MalformedXml
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def _most_elements(root: str) -> int:
    return _MOST_ELEMENTS.get(root, _MOST_ELEMENTS_OF_OTHERS)


def _most_bytes(root: str) -> int:
    return min(_MOST_BYTES, _BYTES_OF_AN_ELEMENT * _most_elements(root))


def text_of(parent: Element, name: str) -> str | None:
    """Return the text of the child called `name`, None when there is none. Raises: MalformedXml for two."""
    found = parent.findall(name)
    if len(found) > 1:
        raise MalformedXml
    return (found[0].text or "") if found else None


def add(parent: Element, name: str, content: Content = None) -> Element:
    """Add a child with this text to `parent` and return it; a time as S3 writes it, nothing for None."""
    child = SubElement(parent, name)
    if content is not None:
        child.text = _text(content)
    return child


def document(name: str) -> Element:
    """Return the root of an answer, in S3's namespace."""
    return Element(name, xmlns=NAMESPACE)


def xml_response(root: Element, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return `root` as a response."""
    return document_response(to_xml(root), status=status, headers=headers)


def document_response(body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a document as a response."""
    return Response(body, status_code=status, headers={"content-type": "application/xml", **(headers or {})})


def written(name: str, content: Content = None) -> str:
    """Return an element as text, the same as `add` and `to_xml` write. For lists: their trees take long."""
    text = "" if content is None else escape(_without_controls(_text(content)))
    return f"<{name}>{text}</{name}>" if text else f"<{name} />"


def written_around(name: str, children: Iterable[str]) -> str:
    """Return an element around others that are written already."""
    return f"<{name}>{''.join(children)}</{name}>"


def written_document(name: str, children: Iterable[str]) -> bytes:
    """Return a document in S3's namespace around elements that are written already."""
    return DECLARATION + f"""<{name} xmlns="{NAMESPACE}">{"".join(children)}</{name}>""".encode()


def to_xml(root: Element) -> bytes:
    """Return `root` as a document in UTF-8."""
    for each in root.iter():
        if each.text is not None:
            each.text = _without_controls(each.text)
    body: bytes = tostring(root, encoding="utf-8", xml_declaration=False)
    return DECLARATION + body


def _without_controls(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _text(content: str | int | bool | datetime) -> str:
    if isinstance(content, bool):
        return "true" if content else "false"
    return to_iso(content) if isinstance(content, datetime) else str(content)
