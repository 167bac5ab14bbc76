"""How S3 spells checksums: the names of their headers and of their elements, by algorithm."""

from collections.abc import Mapping
from xml.etree.ElementTree import Element

from aerostore.api.s3.xml import add, text_of
from aerostore.service.digest import ALGORITHMS

CHECKSUM = "x-amz-checksum-"
CHECKSUM_HEADERS: Mapping[str, str] = {f"{CHECKSUM}{name.lower()}": name for name in ALGORITHMS}
"""The algorithm that each header is about."""


def checksums_of(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the checksums in headers, by algorithm. headers: by lower-case name."""
    return {name: headers[header] for header, name in CHECKSUM_HEADERS.items() if header in headers}


def to_checksum_headers(checksums: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that tell `checksums`."""
    return {f"{CHECKSUM}{name.lower()}": value for name, value in checksums.items()}


def checksums_in(parent: Element) -> dict[str, str]:
    """Return the checksums that children of `parent` tell; empty ones tell none. Raises: MalformedXml."""
    given = {name: text_of(parent, f"Checksum{name}") for name in ALGORITHMS}
    return {name: value.strip() for name, value in given.items() if value}


def add_checksums(parent: Element, checksums: Mapping[str, str]) -> None:
    """Add a child for each of `checksums`."""
    for name, value in checksums.items():
        add(parent, f"Checksum{name}", value)
