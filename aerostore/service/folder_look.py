"""Looking into a folder before anything is done: what is in it, and whether all of it can go there."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from aerostore.domain import Bucket, RlsContext, printable
from aerostore.errors import (
    EntityTooLarge,
    InvalidMimeType,
    NoSuchBucket,
    NoSuchKey,
    NoSuchRelation,
    SlowDown,
)
from aerostore.executor import Executor, Work
from aerostore.executor import statements as sql
from aerostore.executor.statements import folder_job, search
from aerostore.service.bucket import bucket_by
from aerostore.service.folder_batch import taken_error
from aerostore.service.folder_request import DELETE, FolderRequest, OnConflict
from aerostore.service.limit import check_mime_type, size_limit

MOST_USER_METADATA_BYTES = 8 * 1024**2
"""How much user metadata a batch carries: there may be a megabyte of it for each object."""
_TYPES_LOOKED_AT = 1000
_CLASHES_LOOKED_AT = 500


@dataclass(frozen=True, slots=True)
class Portion:
    """Names in bytewise order, as many as one batch is about. is_all: none follow."""

    names: Sequence[str]
    is_all: bool


@dataclass(frozen=True, slots=True)
class FolderLook:
    """Looks at folders as the caller sees them. file_size_limit: the server's own, in bytes.

    user_metadata_bytes: how much user metadata one batch may carry, besides that of its first object.
    """

    executor: Executor
    file_size_limit: int
    user_metadata_bytes: int = MOST_USER_METADATA_BYTES

    async def portion(
        self, context: RlsContext, request: FolderRequest, limit: int, *, after: str = ""
    ) -> Portion:
        """Return the first names in the folder that follow `after`, at most `limit`."""
        return await self.executor.read(context, lambda: self._portion(request, limit, after))

    async def first_portion(self, context: RlsContext, request: FolderRequest, limit: int) -> Portion:
        """Return the first names in the folder, at most `limit`.

        Raises: NoSuchBucket, NoSuchRelation for a missing destination; NoSuchKey when there is nothing that
        the caller may select.
        """

        def work() -> Work[Portion]:
            yield from bucket_by(sql.find_bucket(request.bucket_id))
            yield from _destination(request)
            return (yield from self._portion(request, limit, ""))

        portion = await self.executor.read(context, work)
        if not portion.names:
            raise NoSuchKey(
                "Folder not found",
                hint="Check the prefix, and that a policy lets the caller select what is in it.",
            )
        return portion

    def _portion(self, request: FolderRequest, limit: int, after: str) -> Work[Portion]:
        lower = max(request.prefix, after + sql.NAME_AFTER) if after else request.prefix
        rows = (
            yield folder_job.weigh_objects(
                request.bucket_id, lower=lower, upper=request.upper, limit=limit + 1
            )
        ).rows
        totals = accumulate(row["user_metadata_bytes"] for row in rows[:limit])
        light = sum(total <= self.user_metadata_bytes for total in totals)
        names = [row["name"] for row in rows[: max(light, 1)]]
        return Portion(names, is_all=len(names) == len(rows))

    async def foresee(self, context: RlsContext, request: FolderRequest) -> int | None:
        """Refuse what can be seen to fail; return how many objects there are, None when it takes too long.

        Each batch asks again, and only its answer counts.
        Raises: InvalidKey, EntityTooLarge, InvalidMimeType, ResourceAlreadyExists, NoSuchRelation.
        """
        try:
            return await self.executor.read(context, lambda: self._foreseen(request))
        except SlowDown:
            return None

    def _foreseen(self, request: FolderRequest) -> Work[int]:
        measure = search.measure_objects(request.bucket_id, lower=request.prefix, upper=request.upper)
        measured = (yield measure).rows[0]
        request.check_longest(int(measured["longest"]))
        bucket = yield from _destination(request)
        if bucket is None:
            return int(measured["objects"])
        if request.changes_bucket:
            largest = int(measured["largest"])
            if largest > size_limit(bucket, "", self.file_size_limit):
                raise EntityTooLarge(f"An object of {largest} bytes is too large for the destination")
            yield from _check_types(request, bucket)
        yield from _check_depth(request)
        yield from _check_names(request)
        return int(measured["objects"])


def _destination(request: FolderRequest) -> Work[Bucket | None]:
    """Return the bucket that the objects go to, None when they go nowhere. Raises: NoSuchRelation."""
    if request.kind == DELETE:
        return None
    try:
        return (yield from bucket_by(sql.find_bucket(request.to_bucket_id)))
    except NoSuchBucket:
        raise NoSuchRelation(resource=request.to_bucket_id) from None


def _check_types(request: FolderRequest, bucket: Bucket) -> Work[None]:
    if not bucket.allowed_mime_types:
        return
    types = search.list_types(
        request.bucket_id, lower=request.prefix, upper=request.upper, limit=_TYPES_LOOKED_AT
    )
    for row in (yield types).rows:
        try:
            check_mime_type(bucket, row["name"], row["mime_type"] or "application/octet-stream")
        except InvalidMimeType as exc:
            raise InvalidMimeType(f"{exc.message}: {printable(row['name'])}", resource=bucket.id) from None


def _check_depth(request: FolderRequest) -> Work[None]:
    """Raise InvalidParameter when a name would be in the folder again, which only a move up can do."""
    if request.changes_bucket or not request.prefix.startswith(request.to_prefix):
        return
    again = request.prefix + request.prefix[len(request.to_prefix) :]
    statement = sql.listing.names_between(
        request.bucket_id, lower=again, upper=sql.successor(again), order="asc", limit=1
    )
    request.check_names([row["name"] for row in (yield statement).rows])


def _check_names(request: FolderRequest) -> Work[None]:
    """Raise ResourceAlreadyExists when a new name is taken and that ends it all."""
    if request.conflict is not OnConflict.FAIL:
        return
    to_upper = sql.successor(request.to_prefix)
    there = folder_job.has_objects(request.to_bucket_id, lower=request.to_prefix, upper=to_upper)
    if not (yield there).rows:
        return
    taken = folder_job.find_taken(
        request.bucket_id,
        lower=request.prefix,
        upper=request.upper,
        prefix=request.prefix,
        to_bucket_id=request.to_bucket_id,
        to_prefix=request.to_prefix,
        limit=_CLASHES_LOOKED_AT,
    )
    names = [row["name"] for row in (yield taken).rows]
    # What the caller cannot see there is not told: the batch that meets it is refused.
    visible = yield sql.find_visible_objects(request.to_bucket_id, [request.new_name(each) for each in names])
    known = {row["name"] for row in visible.rows}
    for name in names:
        if request.new_name(name) in known:
            raise taken_error(request, name)
