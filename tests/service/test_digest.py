"""Digests: known answers for each algorithm, in any pieces, and what is no digest."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerostore.errors import ChecksumMismatch, InvalidDigest
from aerostore.service.digest import ALGORITHMS, Digests, parse_digest

# "123456789" is the check text of the catalogues of CRCs; the others were computed with coreutils.
KNOWN = {
    "CRC32": "cbf43926",
    "CRC32C": "e3069283",
    "CRC64NVME": "ae8b14860a799888",
    "SHA1": "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
    "SHA256": "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_known_text_has_its_known_digest(algorithm: str) -> None:
    digests = Digests(algorithm)
    digests.update(b"123456789")
    assert base64.b64decode(digests.checksums[algorithm]).hex() == KNOWN[algorithm]


def test_md5_is_the_tag_and_no_checksum() -> None:
    digests = Digests("MD5", "CRC32")
    digests.update(b"123456789")
    assert digests.etag == "25f9e794323b453885f5181f1b624d0b"
    assert set(digests.checksums) == {"CRC32"}


@given(st.lists(st.binary()))
def test_pieces_do_not_matter(pieces: list[bytes]) -> None:
    whole, in_pieces = Digests("MD5", *ALGORITHMS), Digests("MD5", *ALGORITHMS)
    whole.update(b"".join(pieces))
    for piece in pieces:
        in_pieces.update(piece)
    assert (in_pieces.etag, in_pieces.checksums) == (whole.etag, whole.checksums)


@pytest.mark.parametrize("algorithm", [*ALGORITHMS, "MD5"])
def test_only_the_expected_digest_passes(algorithm: str) -> None:
    right = Digests(algorithm)
    right.update(b"content")
    expected = (
        bytes.fromhex(right.etag) if algorithm == "MD5" else base64.b64decode(right.checksums[algorithm])
    )
    right.expect(algorithm, expected)
    right.check()
    right.update(b"!")
    with pytest.raises(ChecksumMismatch, match=algorithm):
        right.check()


def test_what_was_not_counted_from_the_beginning_cannot_be_expected() -> None:
    with pytest.raises(ValueError, match="CRC32"):
        Digests("MD5").expect("CRC32", b"\0\0\0\0")


@pytest.mark.parametrize("algorithm", [*ALGORITHMS, "MD5"])
@pytest.mark.parametrize("text", ["", "?", "AAA", "AAAA AAAA", "ä", "A" * 400])
def test_text_that_is_no_digest_is_refused(algorithm: str, text: str) -> None:
    with pytest.raises(InvalidDigest):
        parse_digest(algorithm, text)
