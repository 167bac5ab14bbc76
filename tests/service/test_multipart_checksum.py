"""Checksums of multipart uploads: of the whole content, or of the checksums of its parts."""

import base64

import pytest

from aerostore.errors import ChecksumMismatch, InvalidInput, InvalidPart
from aerostore.service.completion import COMPOSITE, FULL_OBJECT, ChecksumKind, NamedPart, checksum_kind
from aerostore.service.digest import ALGORITHMS, Digests
from tests.service.conftest import in_memory
from tests.service.multipart_scene import Scene, composite_md5
from tests.service.stage import Stage


@pytest.fixture
def scene(stage: Stage) -> Scene:
    return Scene(stage)


@in_memory
@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME"])
def test_the_checksum_of_the_whole_is_found_from_those_of_its_parts(scene: Scene, algorithm: str) -> None:
    upload = scene.begin(checksum=ChecksumKind(algorithm, FULL_OBJECT))
    contents = [b"first part", b"and another", b"!"]
    parts = [scene.put(upload, number, content) for number, content in enumerate(contents, 1)]
    whole = Digests(algorithm)
    whole.update(b"".join(contents))
    done = scene.complete(upload, parts, checksums=whole.checksums, checksum_type=FULL_OBJECT)
    assert done.checksums == whole.checksums
    assert scene.info().metadata["checksums"] == whole.checksums
    assert scene.info().metadata["checksumType"] == FULL_OBJECT


@in_memory
@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256"])
def test_a_composite_checksum_is_that_of_the_checksums_of_the_parts(scene: Scene, algorithm: str) -> None:
    upload = scene.begin(checksum=checksum_kind(algorithm, None))
    parts = [scene.put(upload, 1, b"first part"), scene.put(upload, 2, b"last")]
    sums = Digests(algorithm)
    sums.update(b"".join(base64.b64decode(part.checksums[algorithm]) for part in parts))
    said = {algorithm: f"{sums.checksums[algorithm]}-2"}
    with pytest.raises(ChecksumMismatch):
        scene.complete(upload, parts, checksums={algorithm: parts[0].checksums[algorithm]})
    done = scene.complete(upload, parts, checksums=said)
    assert done.checksums == scene.info().metadata["checksums"] == said
    assert done.checksum_type == scene.info().metadata["checksumType"] == COMPOSITE


@in_memory
def test_a_wrong_checksum_or_length_of_the_whole_is_refused_and_the_upload_goes_on(scene: Scene) -> None:
    upload = scene.begin(checksum=ChecksumKind("CRC32", FULL_OBJECT))
    parts = [scene.put(upload, 1, b"first part"), scene.put(upload, 2, b"last")]
    with pytest.raises(ChecksumMismatch):
        scene.complete(upload, parts, checksums={"CRC32": parts[0].checksums["CRC32"]})
    with pytest.raises(InvalidInput):
        scene.complete(upload, parts, size_bytes=13)
    with pytest.raises(InvalidInput):
        scene.complete(upload, parts, checksum_type=COMPOSITE)
    with pytest.raises(InvalidInput, match="SHA256"):
        scene.complete(upload, parts, checksums={"SHA256": "AAAA"})
    named = [NamedPart(number=1, etag=parts[0].etag, checksums={"CRC32": "AAAAAA=="})]
    with pytest.raises(InvalidPart):
        scene.complete(upload, named)
    assert scene.complete(upload, parts, size_bytes=14).etag == composite_md5(b"first part", b"last")


@in_memory
def test_a_part_with_another_checksum_than_the_upload_is_refused(scene: Scene) -> None:
    upload = scene.begin(checksum=ChecksumKind("CRC32", COMPOSITE))
    with pytest.raises(InvalidInput, match=r"crc32.*sha1"):
        scene.stage.run(scene.aput(upload, 1, b"content", digests=Digests("MD5", "SHA1")))
    part = scene.stage.run(scene.aput(upload, 1, b"content", digests=Digests("MD5", "CRC32")))
    assert list(part.checksums) == ["CRC32"]


@in_memory
def test_the_checksum_of_an_upload_that_was_begun_without_one_is_checked_where_it_can_be(
    scene: Scene,
) -> None:
    upload = scene.begin()
    contents = [b"first part", b"last"]
    parts = [
        scene.stage.run(scene.aput(upload, number, content, digests=Digests("MD5", "CRC32C")))
        for number, content in enumerate(contents, 1)
    ]
    whole = Digests("CRC32C", "CRC32")
    whole.update(b"".join(contents))
    with pytest.raises(InvalidInput, match="Part 1 was sent without a CRC32,"):
        scene.complete(upload, parts, checksums={"CRC32": whole.checksums["CRC32"]})
    done = scene.complete(upload, parts, checksums={"CRC32C": whole.checksums["CRC32C"]})
    assert done.checksums == {"CRC32C": whole.checksums["CRC32C"]}


@in_memory
def test_a_hash_of_the_whole_cannot_be_checked_with_those_of_the_parts(scene: Scene) -> None:
    upload = scene.begin()
    part = scene.stage.run(scene.aput(upload, 1, b"content", digests=Digests("MD5", "SHA256")))
    with pytest.raises(InvalidInput, match="cannot be found from that of its parts"):
        scene.complete(upload, [part], checksums=part.checksums)


@in_memory
def test_not_every_checksum_can_be_of_either_type(scene: Scene) -> None:
    possible = {(algorithm, kind) for algorithm in ALGORITHMS for kind in (COMPOSITE, FULL_OBJECT)} - {
        ("SHA1", FULL_OBJECT),
        ("SHA256", FULL_OBJECT),
        ("CRC64NVME", COMPOSITE),
    }
    for algorithm in ALGORITHMS:
        for kind in (COMPOSITE, FULL_OBJECT):
            if (algorithm, kind) in possible:
                assert checksum_kind(algorithm, kind) == ChecksumKind(algorithm, kind)
            else:
                with pytest.raises(InvalidInput):
                    checksum_kind(algorithm, kind)
    for algorithm_and_kind in ((None, COMPOSITE), ("MD5", None), ("CRC32", "HALF")):
        with pytest.raises(InvalidInput):
            checksum_kind(*algorithm_and_kind)
    assert checksum_kind(None, None) is None
