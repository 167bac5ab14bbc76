"""What is said of an object besides its bytes: content type, cache control, the metadata of its user."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from aerostore.domain import Bucket, Clock, EventType, Object, RlsContext, to_iso
from aerostore.errors import AccessDenied, InvalidInput, NoSuchKey
from aerostore.executor import Executor, Work, together
from aerostore.executor import statements as sql
from aerostore.executor.row import to_object
from aerostore.executor.statements.description import describe_object
from aerostore.permissions import OBJECT_DESCRIBE, admit
from aerostore.service.bucket import bucket_in
from aerostore.service.limit import check_cache_control, check_content_type, check_mime_type
from aerostore.service.outbox import Outbox

CHANGEABLE = ("content_type", "cache_control", "user_metadata")


@dataclass(frozen=True, slots=True)
class Descriptions:
    """Changes what is said of objects. The bytes, the version and the entity tag stay as they are."""

    executor: Executor
    outbox: Outbox
    clock: Clock

    async def change(
        self, context: RlsContext, bucket_id: str, name: str, changes: Mapping[str, Any]
    ) -> Object:
        """Change those of `CHANGEABLE` that are given, and return the object; updated_at moves.

        Raises: NoSuchBucket, NoSuchKey; AccessDenied when the caller sees it and may not update it;
        InvalidMimeType, InvalidInput.
        """
        context = admit(context, OBJECT_DESCRIBE)
        if not changes:
            raise InvalidInput("There is nothing to change", hint=f"Send one of {', '.join(CHANGEABLE)}.")

        def work() -> Work[Object]:
            found = yield together(
                sql.find_bucket(bucket_id),
                sql.lock_object(bucket_id, name),
                sql.find_visible_object(bucket_id, name),
            )
            bucket = bucket_in(found, bucket_id)
            rows = found.then[1].rows
            if not rows:
                raise NoSuchKey(resource=f"{bucket_id}/{name}")
            old = to_object(rows[0])
            new = self._changed(bucket, old, changes)
            if not (yield describe_object(old, new)).changed:
                raise AccessDenied(resource=f"{bucket_id}/{name}")
            yield together(self.outbox.record(context, EventType.DESCRIBED, new), ends_unit=True)
            return new

        return await self.executor.write(context, work)

    def _changed(self, bucket: Bucket, old: Object, changes: Mapping[str, Any]) -> Object:
        now = self.clock()
        metadata = {**old.metadata, "lastModified": to_iso(now)}
        if "content_type" in changes:
            metadata["mimetype"] = check_content_type(changes["content_type"])
            check_mime_type(bucket, old.name, metadata["mimetype"])
        if "cache_control" in changes:
            metadata["cacheControl"] = check_cache_control(changes["cache_control"])
        user_metadata = changes.get("user_metadata", old.user_metadata)
        return replace(old, metadata=metadata, user_metadata=user_metadata, updated_at=now)
