"""The documents of multipart uploads: what completes one, and what is told of parts and uploads."""

import re
from collections.abc import Callable
from xml.etree.ElementTree import Element

from aerostore.api.s3.checksum import add_checksums, checksums_in
from aerostore.api.s3.page import add_owner, encode_name
from aerostore.api.s3.xml import add, document, text_of
from aerostore.domain import JsonObject, UploadPart, UploadSession
from aerostore.errors import MalformedXml
from aerostore.service.completion import Completed, NamedPart
from aerostore.service.multipart import PartPage, UploadAddress
from aerostore.service.upload_listing import UploadGroup, UploadListing, UploadQuery

_PART_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


def named_parts_of(root: Element) -> list[NamedPart]:
    """Return the parts in a <CompleteMultipartUpload> document. Raises: MalformedXml."""
    if any(each.tag != "Part" for each in root):
        raise MalformedXml
    return [_named_part(each) for each in root]


def _named_part(element: Element) -> NamedPart:
    number, etag = text_of(element, "PartNumber"), text_of(element, "ETag")
    if number is None or etag is None or not _PART_NUMBER.fullmatch(number.strip()):
        raise MalformedXml
    return NamedPart(
        number=int(number),
        etag=etag.strip().strip('"'),
        checksums=checksums_in(element),
    )


def begun_document(address: UploadAddress) -> Element:
    """Return the answer to CreateMultipartUpload."""
    root = document("InitiateMultipartUploadResult")
    _add_address(root, address)
    return root


def copied_document(part: UploadPart) -> Element:
    """Return the answer to UploadPartCopy."""
    root = document("CopyPartResult")
    add(root, "LastModified", part.created_at)
    add(root, "ETag", f'"{part.etag}"')
    add_checksums(root, part.checksums)
    return root


def completed_document(completed: Completed, *, location: str) -> Element:
    """Return the answer to CompleteMultipartUpload."""
    root = document("CompleteMultipartUploadResult")
    add(root, "Location", location)
    add(root, "Bucket", completed.bucket_id)
    add(root, "Key", completed.name)
    add(root, "ETag", f'"{completed.etag}"')
    add_checksums(root, completed.checksums)
    if completed.checksum_type:
        add(root, "ChecksumType", completed.checksum_type)
    return root


def parts_document(page: PartPage, address: UploadAddress, *, after_number: int, limit: int) -> Element:
    """Return the answer to ListParts."""
    root = document("ListPartsResult")
    _add_address(root, address)
    add(root, "PartNumberMarker", after_number)
    add(root, "NextPartNumberMarker", page.parts[-1].number if page.parts else 0)
    add(root, "MaxParts", limit)
    add(root, "IsTruncated", not page.is_last)
    _add_checksum_kind(root, page.session.metadata)
    _add_people(root)
    add(root, "StorageClass", "STANDARD")
    for part in page.parts:
        _add_part(root, part)
    return root


def uploads_document(
    listing: UploadListing, bucket_id: str, query: UploadQuery, *, is_encoded: bool
) -> Element:
    """Return the answer to ListMultipartUploads. is_encoded: names are spelled as URLs do."""

    def spell(name: str) -> str:
        return encode_name(name) if is_encoded else name

    root = document("ListMultipartUploadsResult")
    add(root, "Bucket", bucket_id)
    add(root, "KeyMarker", spell(query.after_name))
    add(root, "UploadIdMarker", query.after_id)
    if not listing.is_last:
        _add_next(root, listing, spell)
    add(root, "Prefix", spell(query.prefix))
    if query.delimiter:
        add(root, "Delimiter", spell(query.delimiter))
    add(root, "MaxUploads", query.limit)
    if is_encoded:
        add(root, "EncodingType", "url")
    add(root, "IsTruncated", not listing.is_last)
    for entry in listing.entries:
        if isinstance(entry, UploadSession):
            _add_upload(root, entry, spell)
    for entry in listing.entries:
        if isinstance(entry, UploadGroup):
            add(add(root, "CommonPrefixes"), "Prefix", spell(entry.prefix))
    return root


def _add_next(root: Element, listing: UploadListing, spell: Callable[[str], str]) -> None:
    last = listing.entries[-1]
    add(root, "NextKeyMarker", spell(last.prefix if isinstance(last, UploadGroup) else last.name))
    add(root, "NextUploadIdMarker", "" if isinstance(last, UploadGroup) else last.id)


def _add_upload(root: Element, session: UploadSession, spell: Callable[[str], str]) -> None:
    upload = add(root, "Upload")
    add(upload, "Key", spell(session.name))
    add(upload, "UploadId", session.id)
    _add_people(upload)
    add(upload, "StorageClass", "STANDARD")
    add(upload, "Initiated", session.created_at)
    _add_checksum_kind(upload, session.metadata)


def _add_address(root: Element, address: UploadAddress) -> None:
    add(root, "Bucket", address.bucket_id)
    add(root, "Key", address.name)
    add(root, "UploadId", address.upload_id)


def _add_people(parent: Element) -> None:
    """Add who owns and who began an upload: the same, as in every list."""
    add_owner(parent)
    owner = parent[-1]
    add(parent, "Initiator").extend(owner)


def _add_part(root: Element, part: UploadPart) -> None:
    element = add(root, "Part")
    add(element, "PartNumber", part.number)
    add(element, "LastModified", part.created_at)
    add(element, "ETag", f'"{part.etag}"')
    add(element, "Size", part.blob.size_bytes)
    add_checksums(element, part.checksums)


def _add_checksum_kind(parent: Element, metadata: JsonObject) -> None:
    if "checksumAlgorithm" in metadata:
        add(parent, "ChecksumAlgorithm", metadata["checksumAlgorithm"])
        add(parent, "ChecksumType", metadata["checksumType"])
