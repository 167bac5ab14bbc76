"""What a copy is made of: the source's row, and what the client wants said of the copy instead."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aerostore.domain import Conditions, JsonObject, Object
from aerostore.service.publish import Upload, WriteCondition

DESCRIBING = ("contentEncoding", "contentDisposition", "contentLanguage", "expires")
"""Members of the metadata column that a client may replace with the content type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyRequest:
    """Which object to copy where.

    mime_type, cache_control, user_metadata, extra: what replaces the source's when they are not kept; those
    of None are kept all the same, but for user_metadata. extra: as in `Upload`, of `DESCRIBING` only.
    tags: what replaces the source's, None to keep them. conditions: what must hold for the source;
    condition: for what has the new name.
    """

    bucket_id: str
    name: str
    to_bucket_id: str
    to_name: str
    upsert: bool = False
    keep_metadata: bool = True
    mime_type: str | None = None
    cache_control: str | None = None
    user_metadata: JsonObject | None = None
    extra: Mapping[str, object] | None = None
    tags: Mapping[str, str] | None = None
    conditions: Conditions = field(default_factory=Conditions)
    condition: WriteCondition = field(default_factory=WriteCondition)
    upload_type: str = "standard"


def upload_of_copy(source: Object, request: CopyRequest) -> Upload:
    """Return the copy as if it were uploaded."""
    keep = request.keep_metadata
    cache_control = str(source.metadata.get("cacheControl", ""))
    return Upload(
        bucket_id=request.to_bucket_id,
        name=request.to_name,
        mime_type=source.mime_type if keep or request.mime_type is None else request.mime_type,
        cache_control=cache_control if keep or request.cache_control is None else request.cache_control,
        user_metadata=source.user_metadata if keep else request.user_metadata,
        upsert=request.upsert,
        upload_type=request.upload_type,
        condition=request.condition,
    )


def carried_metadata(source: Object, request: CopyRequest) -> JsonObject:
    """Return what the copy has of the source's metadata: what follows from the bytes, and what is kept."""
    metadata = dict(source.metadata)
    if not request.keep_metadata and request.extra is not None:
        metadata = {name: value for name, value in metadata.items() if name not in DESCRIBING}
        metadata.update(request.extra)
    if request.tags is not None:
        metadata["tags"] = dict(request.tags)
    return metadata
