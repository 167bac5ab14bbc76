"""The shape of keys."""

import pytest

from aerostore.backend.key import blob_key, draft_key, find_sha256, is_draft_key, is_key

SHA256 = "ab" + "0" * 62
BLOB_ID = "00000000-0000-4000-8000-000000000000"


def test_a_blob_key_is_sharded_by_the_first_two_digits() -> None:
    assert blob_key(SHA256, BLOB_ID) == f"sha256/ab/{SHA256}.{BLOB_ID}"


@pytest.mark.parametrize(
    ("sha256", "blob_id"),
    [(SHA256[1:], BLOB_ID), (SHA256.upper(), BLOB_ID), (SHA256, BLOB_ID[1:]), (SHA256, "../" * 12)],
)
def test_what_makes_no_key_is_refused(sha256: str, blob_id: str) -> None:
    with pytest.raises(ValueError, match="blob key"):
        blob_key(sha256, blob_id)


def test_a_blob_in_the_shard_of_another_has_no_key() -> None:
    assert is_key(f"sha256/ab/{SHA256}.{BLOB_ID}")
    assert not is_key(f"sha256/ba/{SHA256}.{BLOB_ID}")


@pytest.mark.parametrize("segments", [1, 4])
def test_a_meta_key_has_one_to_four_segments(segments: int) -> None:
    assert is_key("meta" + "/a" * segments)
    assert not is_key("meta" + "/a" * (segments + 4))


def test_a_segment_of_a_meta_key_has_at_most_100_characters() -> None:
    assert is_key("meta/" + "a" * 100)
    assert not is_key("meta/" + "a" * 101)


def test_a_blob_key_tells_the_hash_and_a_meta_key_has_none() -> None:
    assert find_sha256(blob_key(SHA256, BLOB_ID)) == SHA256
    assert find_sha256("meta/a") is None


def test_a_draft_key_is_no_blobs_and_tells_no_hash() -> None:
    key = draft_key(BLOB_ID)
    assert key == f"draft/{BLOB_ID}"
    assert is_key(key)
    assert is_draft_key(key)
    assert find_sha256(key) is None
    assert not is_draft_key(blob_key(SHA256, BLOB_ID))


@pytest.mark.parametrize("draft_id", ["", "../" * 12, BLOB_ID[1:], BLOB_ID.replace("0", "A"), f"{BLOB_ID}/x"])
def test_what_is_no_blob_id_is_no_draft_id(draft_id: str) -> None:
    assert not is_key(f"draft/{draft_id}")
    with pytest.raises(ValueError, match="draft id"):
        draft_key(draft_id)
