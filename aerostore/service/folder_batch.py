"""Objects of a folder, a batch at a time: all of it is done as the caller in one transaction, or nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from aerostore.domain import Bucket, Clock, EventType, JsonObject, Object, RlsContext, printable, to_iso
from aerostore.errors import (
    AccessDenied,
    KeyAlreadyExists,
    LimitExceeded,
    NoSuchBucket,
    NoSuchRelation,
    ResourceAlreadyExists,
)
from aerostore.executor import Executor, Work, together
from aerostore.executor import statements as sql
from aerostore.executor.row import to_object
from aerostore.executor.statements import folder_job
from aerostore.permissions import ROW_VIOLATION
from aerostore.service.bucket import bucket_in
from aerostore.service.copy import CopyRequest, upload_of_copy
from aerostore.service.folder_request import COPY, DELETE, FolderRequest, OnConflict
from aerostore.service.identifier import new_id
from aerostore.service.job import report_entry
from aerostore.service.limit import check_mime_type, check_size, size_limit
from aerostore.service.outbox import Outbox
from aerostore.service.publish import new_object
from aerostore.service.sight import seen_of_locked

BATCH = 500
"""How many objects one transaction is about: a request does so many itself, a job does more of them."""
_RUNS = 3
T = TypeVar("T")
_Pair = tuple[Object, Object]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch. skipped: names that stayed because the new ones are taken."""

    done: int
    done_bytes: int
    skipped: Sequence[str] = ()


class RowsRefused(Exception):
    """Policies refuse a batch, of which nothing is done. bucket_id, names: the objects, as far as known."""

    def __init__(self, bucket_id: str, names: Sequence[str], failure: AccessDenied | None = None) -> None:
        super().__init__(*names)
        self.bucket_id = bucket_id
        self.names = names
        self._failure = failure or AccessDenied()

    def to_error(self) -> AccessDenied:
        """Return what the caller is told: as for a single object, and which one."""
        failure = self._failure
        others = f" and {len(self.names) - 1} others" if len(self.names) > 1 else ""
        return type(failure)(
            f"{failure.message}: {printable(self.names[0])}{others}",
            resource=f"{self.bucket_id}/{self.names[0]}",
            hint=failure.hint or "Nothing of this batch was done. Ask explain why, with this name.",
        )


class FolderBatches:
    """Moves, copies and deletes batches. file_size_limit: the server's own, in bytes."""

    def __init__(self, executor: Executor, outbox: Outbox, *, clock: Clock, file_size_limit: int) -> None:
        self._executor = executor
        self._outbox = outbox
        self._clock = clock
        self._file_size_limit = file_size_limit

    async def commit(
        self,
        context: RlsContext,
        request: FolderRequest,
        names: Sequence[str],
        note: Callable[[Outcome], Work[T]],
    ) -> T:
        """Do to those of `names` that are there what is asked, and what `note` does, in one transaction.

        Raises: RowsRefused; ResourceAlreadyExists, NoSuchRelation, InvalidKey, the limits of the
        destination, which name the object; what `note` raises.
        """

        def work() -> Work[T]:
            return (yield from note((yield from self._batch(context, request, names))))

        try:
            return await self._write(context, work)
        except AccessDenied as exc:
            name = await self._first_refused(context, request, names)
            raise RowsRefused(request.bucket_id, [name], exc) from exc

    async def _write(self, context: RlsContext, work: Callable[[], Work[T]]) -> T:
        """Run `work`, again when a name was taken after it had looked."""
        for _ in range(_RUNS - 1):
            try:
                return await self._executor.write(context, work)
            except KeyAlreadyExists:
                continue
        try:
            return await self._executor.write(context, work)
        except KeyAlreadyExists as exc:
            raise ResourceAlreadyExists("Others write to the destination", hint="Try again later.") from exc

    async def _first_refused(self, context: RlsContext, request: FolderRequest, names: Sequence[str]) -> str:
        """Return the first name that policies refuse, halving those in question; nothing is done."""
        passes, fails = 0, len(names)
        while fails - passes > 1:
            middle = (passes + fails) // 2
            if await self._would_pass(context, request, names[:middle]):
                passes = middle
            else:
                fails = middle
        return names[fails - 1]

    async def _would_pass(self, context: RlsContext, request: FolderRequest, names: Sequence[str]) -> bool:
        try:
            await self._executor.probe(context, lambda: self._batch(context, request, names))
        except (AccessDenied, RowsRefused):
            return False
        return True

    def _batch(self, context: RlsContext, request: FolderRequest, names: Sequence[str]) -> Work[Outcome]:
        if request.kind == DELETE:
            return (yield from self._delete(context, request.bucket_id, names))
        step = yield together(
            sql.lock_objects(request.bucket_id, names),
            sql.find_visible_objects(request.bucket_id, names),
            sql.find_bucket(request.to_bucket_id),
            sql.lock_objects(request.to_bucket_id, [request.new_name(name) for name in names]),
        )
        visible, found, taken = step.then
        try:
            bucket = bucket_in(found, request.to_bucket_id)
        except NoSuchBucket:
            raise NoSuchRelation(resource=request.to_bucket_id) from None
        sources = seen_of_locked(step, visible)
        self._check_limits(request, bucket, sources)
        # Of what is there still: a name that nothing will have is nobody's to clear.
        wanted = {request.new_name(source.name) for source in sources}
        clashing = yield from self._clashing(request, wanted & {row["name"] for row in taken.rows})
        change = self._copy if request.kind == COPY else self._move
        return (yield from change(context, request, sources, clashing))

    def _clashing(self, request: FolderRequest, taken: set[str]) -> Work[Sequence[Object]]:
        """Return what has the names that are wanted.

        Raises: AccessDenied when the caller cannot see all of it: as for a name that policies refuse, or who
        may neither read nor write there would learn what is there.
        """
        if not taken:
            return []
        rows = (yield sql.find_visible_objects(request.to_bucket_id, sorted(taken))).rows
        if len(rows) < len(taken):
            raise AccessDenied(ROW_VIOLATION)
        return sorted([to_object(row) for row in rows], key=lambda each: each.name)

    def _check_limits(self, request: FolderRequest, bucket: Bucket, sources: Sequence[Object]) -> None:
        if not request.changes_bucket:
            return
        for source in sources:
            name = request.new_name(source.name)
            try:
                check_mime_type(bucket, name, source.mime_type)
                check_size(source.size_bytes, size_limit(bucket, name, self._file_size_limit))
            except LimitExceeded as exc:
                raise type(exc)(
                    f"{exc.message}: {printable(source.name)}",
                    resource=f"{source.bucket_id}/{source.name}",
                    hint=exc.hint,
                ) from None

    # Deleting

    def _delete(self, context: RlsContext, bucket_id: str, names: Sequence[str]) -> Work[Outcome]:
        # Locked first: what is moved away meanwhile must not be deleted.
        step = yield together(sql.lock_objects(bucket_id, names), sql.find_visible_objects(bucket_id, names))
        found = seen_of_locked(step, step.then[0])
        if found:
            yield from self._remove(context, found)
        return _outcome(found)

    def _remove(self, context: RlsContext, objects: Sequence[Object]) -> Work[None]:
        gone = {row["id"] for row in (yield sql.delete_objects([each.id for each in objects])).rows}
        _require_all(objects, gone)
        yield self._outbox.record_each(context, EventType.REMOVED, objects)

    # Moving

    def _move(
        self,
        context: RlsContext,
        request: FolderRequest,
        sources: Sequence[Object],
        clashing: Sequence[Object],
    ) -> Work[Outcome]:
        now = self._clock()
        pairs = [
            (
                source,
                replace(
                    source,
                    bucket_id=request.to_bucket_id,
                    name=request.new_name(source.name),
                    owner_id=context.user_id or source.owner_id,
                    version=new_id(),
                    updated_at=now,
                ),
            )
            for source in sources
        ]
        pairs, skipped = _settled(request, pairs, clashing)
        if clashing and request.conflict is OnConflict.REPLACE:
            yield from self._remove(context, clashing)
        if pairs:
            yield from self._rename(context, pairs)
        return _outcome([old for old, _ in pairs], skipped)

    def _rename(self, context: RlsContext, pairs: Sequence[_Pair]) -> Work[None]:
        moved = yield folder_job.move_objects(pairs, owner_id=context.user_id)
        _require_all([old for old, _ in pairs], {row["id"] for row in moved.rows})
        before = {old.id: old for old, _ in pairs}

        def details_of(moved: Object) -> Mapping[str, Any]:
            old = before[moved.id]
            return {
                "oldObject": {
                    "name": old.name,
                    "bucketId": old.bucket_id,
                    "version": old.version,
                    "reqId": context.request_id,
                }
            }

        left = self._outbox.record_each(context, EventType.MOVED_OUT, [old for old, _ in pairs])
        came = self._outbox.record_each(context, EventType.MOVED_IN, [new for _, new in pairs], details_of)
        yield together(left, came)

    # Copying

    def _copy(
        self,
        context: RlsContext,
        request: FolderRequest,
        sources: Sequence[Object],
        clashing: Sequence[Object],
    ) -> Work[Outcome]:
        pairs = [(source, self._copy_of(context, request, source)) for source in sources]
        pairs, skipped = _settled(request, pairs, clashing)
        if pairs:
            copies = [new for _, new in pairs]
            if request.conflict is OnConflict.REPLACE:
                yield folder_job.upsert_objects(copies)
                names = [each.name for each in copies]
                # As the system: what the caller wrote is the caller's to know.
                rows = (yield folder_job.find_objects(request.to_bucket_id, names)).rows
                copies = sorted([to_object(row) for row in rows], key=lambda each: each.name)
            else:
                yield folder_job.insert_objects(copies)
            yield self._outbox.record_each(
                context, EventType.COPIED, copies, lambda _copy: {"uploadType": "standard"}
            )
        return _outcome([old for old, _ in pairs], skipped)

    def _copy_of(self, context: RlsContext, request: FolderRequest, source: Object) -> Object:
        now = self._clock()
        upload = upload_of_copy(
            source,
            CopyRequest(
                bucket_id=source.bucket_id,
                name=source.name,
                to_bucket_id=request.to_bucket_id,
                to_name=request.new_name(source.name),
            ),
        )
        metadata = {**source.metadata, "mimetype": source.mime_type, "lastModified": to_iso(now)}
        return new_object(context, upload, metadata, now, source.blob_id)


def _settled(
    request: FolderRequest, pairs: Sequence[_Pair], clashing: Sequence[Object]
) -> tuple[list[_Pair], list[str]]:
    """Return the pairs to go on with, and the names of the objects that stay since their new one is taken.

    Raises: ResourceAlreadyExists when a taken name ends it all.
    """
    if not clashing or request.conflict is OnConflict.REPLACE:
        return list(pairs), []
    taken = {each.name for each in clashing}
    staying = [old.name for old, new in pairs if new.name in taken]
    if request.conflict is OnConflict.FAIL:
        raise taken_error(request, staying[0])
    return [pair for pair in pairs if pair[1].name not in taken], staying


def taken_error(request: FolderRequest, name: str) -> ResourceAlreadyExists:
    """Return the error for an object whose new name is taken."""
    return ResourceAlreadyExists(
        f"The name is taken: {printable(request.new_name(name))}",
        resource=f"{request.bucket_id}/{name}",
        hint="Choose conflict 'skip' or 'replace', or another destination.",
    )


def _require_all(objects: Sequence[Object], done: set[str]) -> None:
    refused = [each.name for each in objects if each.id not in done]
    if refused:
        raise RowsRefused(objects[0].bucket_id, refused)


def _outcome(objects: Sequence[Object], skipped: Sequence[str] = ()) -> Outcome:
    return Outcome(len(objects), sum([each.size_bytes for each in objects]), skipped)


def skipped_entries(bucket_id: str, names: Sequence[str]) -> list[JsonObject]:
    """Return the entries of a report for objects that stayed since their new names are taken."""
    return [report_entry("conflict", "Its new name is taken.", bucket_id, name) for name in names]
