"""How clients say what they want stored: forms of a body, and requests to copy and move."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from tests.contract.client import encode_metadata
from tests.service.model.reference import Content, Place

_INLINE_BYTES = 64 * 1024
forms = st.sampled_from(["raw", "chunked", "multipart"])


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyOptions:
    """What a copy shall be like. None: as the source has it; keep: everything as the source has it."""

    upsert: bool
    keep: bool
    mime_type: str | None
    cache_control: str | None
    user_metadata: dict[str, Any] | None

    def of(self, source: Content) -> Content:
        if self.keep:
            return source
        return replace(
            source,
            mime_type=self.mime_type or source.mime_type,
            cache_control=self.cache_control or source.cache_control,
            user_metadata=self.user_metadata,
        )

    @property
    def body(self) -> dict[str, Any]:
        given = {"mimetype": self.mime_type, "cacheControl": self.cache_control}
        metadata = {name: value for name, value in given.items() if value}
        return {"copyMetadata": self.keep, "metadata": metadata or None}

    @property
    def headers(self) -> dict[str, str]:
        headers = {"x-upsert": str(self.upsert).lower()}
        return headers | ({"x-metadata": encode_metadata(self.user_metadata)} if self.user_metadata else {})


copy_options = st.builds(
    CopyOptions,
    upsert=st.booleans(),
    keep=st.booleans(),
    mime_type=st.sampled_from([None, "image/png"]),
    cache_control=st.sampled_from([None, "max-age=7"]),
    user_metadata=st.sampled_from([None, {"copied": True}]),
)


def relocation(source: Place, place: Place) -> dict[str, str]:
    body = {"bucketId": source.bucket, "sourceKey": source.name, "destinationKey": place.name}
    return body if source.bucket == place.bucket else {**body, "destinationBucket": place.bucket}


def is_size_known(form: str, content: Content) -> bool:
    """Tell whether the server knows the size before it asks policies: a short form is in memory by then."""
    if form == "multipart":
        return len(content.body) < _INLINE_BYTES - 1024
    return form == "raw"


def body_as(form: str, content: Content) -> dict[str, Any]:
    """Return the arguments with which httpx sends `content` in that form."""
    if form == "multipart":
        fields = {"metadata": json.dumps(content.user_metadata)}
        if content.cache_control.startswith("max-age="):
            fields["cacheControl"] = content.cache_control.removeprefix("max-age=")
        file = ("ignored", content.body, content.mime_type)
        return {"data": fields, "files": {"": file}, "headers": {}}
    headers = {"content-type": content.mime_type, "cache-control": content.cache_control}
    if content.user_metadata:
        headers["x-metadata"] = encode_metadata(content.user_metadata)
    return {"content": content.body if form == "raw" else _in_pieces(content.body), "headers": headers}


async def _in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 50_000):
        yield body[start : start + 50_000]
