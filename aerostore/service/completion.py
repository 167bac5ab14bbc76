"""What the parts of a multipart upload become: which of them, the entity tag and the checksum of the whole.

Nothing here reads rows or bytes.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise

from awscrt import checksums as crt

from aerostore.domain import UploadPart, UploadSession
from aerostore.errors import (
    ChecksumMismatch,
    InvalidInput,
    InvalidPart,
    InvalidPartOrder,
    MalformedXml,
    NoSuchUpload,
    PartTooSmall,
)
from aerostore.service.digest import Digests
from aerostore.service.publish import Upload, WriteCondition
from aerostore.service.upload import upload_of

COMPOSITE = "COMPOSITE"
FULL_OBJECT = "FULL_OBJECT"

# What a checksum may be of, first what it is of when nobody says.
_TYPES = {
    "CRC32": (COMPOSITE, FULL_OBJECT),
    "CRC32C": (COMPOSITE, FULL_OBJECT),
    "CRC64NVME": (FULL_OBJECT,),
    "SHA1": (COMPOSITE,),
    "SHA256": (COMPOSITE,),
}
# The CRC of two texts in a row, from that of each and the length of the second: others have nothing like it.
_COMBINE: Mapping[str, Callable[[int, int, int], int]] = {
    "CRC32": crt.combine_crc32,
    "CRC32C": crt.combine_crc32c,
    "CRC64NVME": crt.combine_crc64nvme,
}


@dataclass(frozen=True, slots=True)
class ChecksumKind:
    """The checksum that an upload was begun with. type: of the whole content, or of its parts' checksums."""

    algorithm: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPart:
    """A part as the request that completes the upload names it. etag: unquoted."""

    number: int
    etag: str
    checksums: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteRequest:
    """What is to become of an upload. checksums: of the whole, as the client says; so is size_bytes."""

    parts: Sequence[NamedPart]
    size_bytes: int | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)
    checksum_type: str | None = None
    condition: WriteCondition = field(default_factory=WriteCondition)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFacts:
    """What is known of a stored part, without its bytes."""

    number: int
    size_bytes: int
    etag: str
    checksums: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """The parts that make an object, in order, and what follows from them. checksum_type: "" without any."""

    parts: Sequence[PartFacts]
    checksums: Mapping[str, str] = field(default_factory=dict)
    checksum_type: str = ""

    @property
    def size_bytes(self) -> int:
        """The length of the object."""
        return sum(each.size_bytes for each in self.parts)

    @property
    def etag(self) -> str:
        """The entity tag of the object, unquoted."""
        return composite_etag(each.etag for each in self.parts)

    @property
    def runs(self) -> list[list[int]]:
        """The lengths of the parts as [count, size_bytes], neighbours of one length together."""
        return [[len(list(run)), size] for size, run in groupby(each.size_bytes for each in self.parts)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The object that an upload became."""

    bucket_id: str
    name: str
    etag: str
    checksums: Mapping[str, str] = field(default_factory=dict)
    checksum_type: str = ""


def checksum_kind(algorithm: str | None, checksum_type: str | None) -> ChecksumKind | None:
    """Return the checksum that an upload shall have; None for none.

    Raises: InvalidInput for what S3 does not have. Source: Amazon S3, "Checking object integrity".
    """
    if algorithm is None:
        if checksum_type is not None:
            raise InvalidInput("The checksum type can only be used together with a checksum algorithm")
        return None
    types = _TYPES.get(algorithm)
    if types is None:
        names = ", ".join(_TYPES)
        raise InvalidInput(f"Checksum algorithm provided is unsupported. Please use one of: {names}")
    chosen = checksum_type or types[0]
    if chosen not in types:
        raise InvalidInput(f"The {chosen} checksum type cannot be used with the {algorithm} algorithm")
    return ChecksumKind(algorithm, chosen)


def checksum_kind_of(session: UploadSession) -> ChecksumKind | None:
    """Return the checksum that the upload was begun with."""
    algorithm = session.metadata.get("checksumAlgorithm")
    return ChecksumKind(algorithm, session.metadata["checksumType"]) if algorithm else None


def check_order(parts: Sequence[NamedPart]) -> None:
    """Raise MalformedXml when no part is named, InvalidPartOrder unless each number is above the last."""
    if not parts:
        raise MalformedXml("You must specify at least one part")
    if any(one.number >= other.number for one, other in pairwise(parts)):
        raise InvalidPartOrder


def confirmed(stored: UploadPart, named: NamedPart) -> PartFacts:
    """Return what is known of a part if it is the one that was named. Raises: InvalidPart."""
    has_same_sums = all(stored.checksums.get(name) == value for name, value in named.checksums.items())
    if stored.etag != named.etag or not has_same_sums:
        raise InvalidPart(f"Part {named.number} has another entity tag or checksum than was specified")
    return PartFacts(
        number=stored.number, size_bytes=stored.blob.size_bytes, etag=stored.etag, checksums=stored.checksums
    )


def to_whole(
    parts: Sequence[PartFacts],
    request: CompleteRequest,
    kind: ChecksumKind | None,
    *,
    least_bytes: int,
) -> Whole:
    """Return what `parts` become. least_bytes: every part but the last has so many.

    Raises: PartTooSmall, ChecksumMismatch; InvalidInput when the length or the kind of checksum is another
    than the client says.
    """
    for each in parts[:-1]:
        if each.size_bytes < least_bytes:
            raise PartTooSmall(f"Part {each.number} is smaller than the minimum allowed size")
    size_bytes = sum(each.size_bytes for each in parts)
    if request.size_bytes not in {None, size_bytes}:
        raise InvalidInput(f"The parts have {size_bytes} bytes together, not {request.size_bytes}")
    if request.checksum_type not in {None, kind.type if kind else FULL_OBJECT}:
        raise InvalidInput(f"The upload was not begun with the {request.checksum_type} checksum type")
    checksums = _checksums(parts, request, kind)
    checksum_type = kind.type if kind else FULL_OBJECT
    return Whole(parts=parts, checksums=checksums, checksum_type=checksum_type if checksums else "")


def upload_of_whole(session: UploadSession, whole: Whole, request: CompleteRequest) -> Upload:
    """Return what is written when the upload is completed."""
    upload = upload_of(session, whole.size_bytes)
    extra = {**upload.extra, "parts": whole.runs}
    if whole.checksums:
        extra |= {"checksums": dict(whole.checksums), "checksumType": whole.checksum_type}
    return replace(upload, etag=whole.etag, extra=extra, condition=request.condition)


def with_answer(session: UploadSession, whole: Whole) -> UploadSession:
    """Return the session with what a repeated request has to be told besides the entity tag."""
    answer = {"checksums": dict(whole.checksums), "type": whole.checksum_type}
    return replace(session, metadata={**session.metadata, "answer": answer})


def completed(session: UploadSession, whole: Whole) -> Completed:
    """Return the answer of the request that completed the upload."""
    return Completed(
        bucket_id=session.bucket_id,
        name=session.name,
        etag=whole.etag,
        checksums=whole.checksums,
        checksum_type=whole.checksum_type,
    )


def remembered(session: UploadSession, request: CompleteRequest) -> Completed:
    """Return that answer again, long afterwards. Raises: NoSuchUpload when other parts are named."""
    etag, answer = session.metadata["completed"]["eTag"], session.metadata["answer"]
    if composite_etag(each.etag for each in request.parts) != etag:
        raise NoSuchUpload(resource=session.id)
    return Completed(
        bucket_id=session.bucket_id,
        name=session.name,
        etag=etag,
        checksums=answer["checksums"],
        checksum_type=answer["type"],
    )


def composite_etag(etags: Iterable[str]) -> str:
    """Return the entity tag of an object from those of its parts: the MD5 of their MD5s, and their number.

    Raises: InvalidPart when one of them is no MD5. Source: Amazon S3, "Multipart uploads and checksums".
    """
    try:
        digests = [bytes.fromhex(etag) for etag in etags]
    except ValueError:
        raise InvalidPart from None
    return f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"


def _checksums(
    parts: Sequence[PartFacts], request: CompleteRequest, kind: ChecksumKind | None
) -> dict[str, str]:
    """Return the checksum that the upload was begun with, and what the client says, if it is right."""
    kinds = {algorithm: ChecksumKind(algorithm, FULL_OBJECT) for algorithm in request.checksums}
    if kind is not None:
        kinds[kind.algorithm] = kind
    found = {algorithm: _checksum(parts, each) for algorithm, each in kinds.items()}
    for algorithm, expected in request.checksums.items():
        if found[algorithm].partition("-")[0] != expected.partition("-")[0]:
            raise ChecksumMismatch(f"The {algorithm} you specified did not match the calculated checksum")
    return found


def _checksum(parts: Sequence[PartFacts], kind: ChecksumKind) -> str:
    raw = [_part_checksum(part, kind.algorithm) for part in parts]
    if kind.type == COMPOSITE:
        digests = Digests(kind.algorithm)
        digests.update(b"".join(raw))
        return f"{digests.checksums[kind.algorithm]}-{len(parts)}"
    if kind.algorithm not in _COMBINE:
        raise InvalidInput(f"The {kind.algorithm} of the whole cannot be found from that of its parts")
    value = 0
    for part, each in zip(parts, raw, strict=True):
        value = _COMBINE[kind.algorithm](value, int.from_bytes(each, "big"), part.size_bytes)
    return base64.b64encode(value.to_bytes(len(raw[0]), "big")).decode()


def _part_checksum(part: PartFacts, algorithm: str) -> bytes:
    if algorithm not in part.checksums:
        raise InvalidInput(
            f"Part {part.number} was sent without a {algorithm}, so that of the whole cannot be checked",
            hint="Name the checksum algorithm when the upload is begun.",
        )
    return base64.b64decode(part.checksums[algorithm])
