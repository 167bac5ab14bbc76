"""Tags of objects: a few names with values that S3's clients keep with them. They are no new version."""

from collections.abc import Mapping
from dataclasses import replace

from aerostore.domain import Object, RlsContext
from aerostore.errors import AccessDenied, NoSuchKey
from aerostore.executor import Executor, Work
from aerostore.executor import statements as sql
from aerostore.executor.row import to_object
from aerostore.permissions import (
    S3_DELETE_TAGGING,
    S3_GET_TAGGING,
    S3_PUT_TAGGING,
    admit,
)
from aerostore.service.bucket import bucket_by


class Tags:
    """Operations on the tags of one object."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def get(self, context: RlsContext, bucket_id: str, name: str) -> Mapping[str, str]:
        """Return the tags of an object that the caller may select. Raises: NoSuchBucket, NoSuchKey."""
        context = admit(context, S3_GET_TAGGING)
        return tags_of(await self._executor.read(context, lambda: _visible(bucket_id, name)))

    async def put(self, context: RlsContext, bucket_id: str, name: str, tags: Mapping[str, str]) -> None:
        """Give an object these tags and no others.

        Raises: NoSuchBucket, NoSuchKey; AccessDenied when the caller sees it and may not update it.
        """
        await self._set(admit(context, S3_PUT_TAGGING), bucket_id, name, tags)

    async def delete(self, context: RlsContext, bucket_id: str, name: str) -> None:
        """Take all tags from an object. Raises: as `put`."""
        await self._set(admit(context, S3_DELETE_TAGGING), bucket_id, name, {})

    async def _set(self, context: RlsContext, bucket_id: str, name: str, tags: Mapping[str, str]) -> None:
        def work() -> Work[None]:
            yield sql.lock_object(bucket_id, name)
            found = yield from _visible(bucket_id, name)
            if not (yield sql.set_metadata(found, _tagged(found, tags))).changed:
                raise AccessDenied(resource=f"{bucket_id}/{name}")

        await self._executor.write(context, work)


def tags_of(found: Object) -> Mapping[str, str]:
    """Return the tags of an object."""
    return {str(key): str(value) for key, value in (found.metadata.get("tags") or {}).items()}


def _tagged(found: Object, tags: Mapping[str, str]) -> Object:
    untagged = {name: value for name, value in found.metadata.items() if name != "tags"}
    return replace(found, metadata={**untagged, "tags": dict(tags)} if tags else untagged)


def _visible(bucket_id: str, name: str) -> Work[Object]:
    yield from bucket_by(sql.find_bucket(bucket_id))
    rows = (yield sql.find_visible_object(bucket_id, name)).rows
    if not rows:
        raise NoSuchKey(resource=f"{bucket_id}/{name}")
    return to_object(rows[0])
