"""Digests of a body while it passes: what S3's clients expect as its entity tag, and checksums they ask for.

Only who asks pays: an MD5 beside the SHA-256 that every upload has halves what a core can take in.
"""

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable, Mapping
from typing import Protocol

from awscrt import checksums as crt

from aerostore.errors import ChecksumMismatch, InvalidDigest


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc:
    """A cyclic redundancy check with the face of a hash."""

    def __init__(self, extend: Callable[[bytes, int], int], length: int) -> None:
        self._extend = extend
        self._length = length
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = self._extend(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._length, "big")


_HASHES: Mapping[str, tuple[Callable[[], _Hash], int]] = {
    "MD5": (lambda: hashlib.md5(usedforsecurity=False), 16),
    "SHA1": (lambda: hashlib.sha1(usedforsecurity=False), 20),
    "SHA256": (hashlib.sha256, 32),
    "CRC32": (lambda: _Crc(zlib.crc32, 4), 4),
    "CRC32C": (lambda: _Crc(crt.crc32c, 4), 4),
    "CRC64NVME": (lambda: _Crc(crt.crc64nvme, 8), 8),
}

ALGORITHMS = tuple(name for name in _HASHES if name != "MD5")
"""The checksums of S3 that are verified, stored and given back."""


def parse_digest(algorithm: str, text: str) -> bytes:
    """Return a digest that was sent in base64. Raises: InvalidDigest when it cannot be one of `algorithm`."""
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidDigest from None
    if len(digest) != _HASHES[algorithm][1]:
        raise InvalidDigest
    return digest


class Digests:
    """The digests of one body by `algorithms`: "MD5", or one of `ALGORITHMS`."""

    def __init__(self, *algorithms: str) -> None:
        self._hashes = {name: _HASHES[name][0]() for name in algorithms}
        self._expected: dict[str, bytes] = {}

    def expect(self, algorithm: str, digest: bytes) -> None:
        """Compare at the end with what the client says; it may say so as late as behind the body."""
        if algorithm not in self._hashes:
            raise ValueError(f"{algorithm} was not counted from the beginning")
        self._expected[algorithm] = digest

    def update(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        for each in self._hashes.values():
            each.update(chunk)

    def check(self) -> None:
        """Raise ChecksumMismatch unless the whole body is what the client said."""
        for algorithm, digest in self._expected.items():
            if self._hashes[algorithm].digest() != digest:
                raise ChecksumMismatch(f"The {algorithm} you specified did not match what we received")

    @property
    def etag(self) -> str:
        """The MD5 in hex, which must be among the algorithms: S3's entity tag of what came in one piece."""
        return self._hashes["MD5"].digest().hex()

    @property
    def checksums(self) -> Mapping[str, str]:
        """The digests besides the MD5, in base64, by algorithm."""
        return {
            name: base64.b64encode(each.digest()).decode()
            for name, each in self._hashes.items()
            if name != "MD5"
        }
