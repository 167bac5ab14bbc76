"""What can be asked of `explain`: one operation on one thing, as a client would ask for it."""

from collections.abc import Mapping
from dataclasses import dataclass

from aerostore.permissions import (
    BUCKET_CREATE,
    BUCKET_DELETE,
    BUCKET_EMPTY,
    BUCKET_GET,
    BUCKET_LIST,
    BUCKET_UPDATE,
    OBJECT_COPY,
    OBJECT_DELETE,
    OBJECT_GET,
    OBJECT_INFO,
    OBJECT_LIST,
    OBJECT_LIST_V2,
    OBJECT_MOVE,
    OBJECT_SIGN,
    OBJECT_SIGN_UPLOAD,
    OBJECT_UPLOAD,
    OBJECT_UPLOAD_UPDATE,
    Operation,
)

OPERATION_OF: Mapping[str, Operation] = {
    "upload": OBJECT_UPLOAD,
    "upsert": OBJECT_UPLOAD,
    "update": OBJECT_UPLOAD_UPDATE,
    "download": OBJECT_GET,
    "info": OBJECT_INFO,
    "list": OBJECT_LIST,
    "list_v2": OBJECT_LIST_V2,
    "copy": OBJECT_COPY,
    "move": OBJECT_MOVE,
    "delete": OBJECT_DELETE,
    "sign": OBJECT_SIGN,
    "sign_upload": OBJECT_SIGN_UPLOAD,
    "bucket.create": BUCKET_CREATE,
    "bucket.get": BUCKET_GET,
    "bucket.list": BUCKET_LIST,
    "bucket.update": BUCKET_UPDATE,
    "bucket.delete": BUCKET_DELETE,
    "bucket.empty": BUCKET_EMPTY,
}
"""The words for operations, and what policies see of each. `upsert` is an upload with `x-upsert: true`."""

OPS = tuple(OPERATION_OF)
NAMELESS_OPS = frozenset({"list", "list_v2", *(op for op in OPS if op.startswith("bucket."))})
LISTS = frozenset({"list", "list_v2", "bucket.list"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One operation. op: a key of OPERATION_OF. bucket_id: empty only for bucket.list.

    name: of a list, the folder. to_name, to_bucket_id: where a copy or move goes. upsert: for copy and
    sign_upload, which have no word of their own for it.
    """

    op: str
    bucket_id: str = ""
    name: str = ""
    to_bucket_id: str = ""
    to_name: str = ""
    size_bytes: int = 0
    mime_type: str = "application/octet-stream"
    upsert: bool = False

    @property
    def operation(self) -> Operation:
        """What policies see as the operation."""
        return OPERATION_OF[self.op]

    @property
    def is_upsert(self) -> bool:
        """Whether an object of that name may be replaced."""
        return self.upsert or self.op in {"upsert", "update"}
