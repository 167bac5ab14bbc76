"""The law: which operations exist, what each needs, and which rows a caller may touch.

The service names the operation; the executor asks `PolicySet` for predicates and enforces them in SQL,
inside the transaction that does the work. Nothing here touches a database.
"""

from dataclasses import dataclass

from aerostore.domain import RlsContext
from aerostore.errors import RoleNotAllowed

OBJECTS = "storage_objects"
BUCKETS = "storage_buckets"
ROW_VIOLATION = "new row violates row-level security policy"


@dataclass(frozen=True, slots=True)
class Operation:
    """Something a caller can ask for.

    name: as policies read it in `storage.operation()`. needs: the (table, command) pairs whose policies may
    be asked; the permission matrix of the tests is made from them. service_only: no policy can grant it.
    public: served without asking who calls, because the bucket is public or a signed token already
    decided. s3: its name when it is asked for by the S3 protocol, if that has another.
    """

    name: str
    needs: frozenset[tuple[str, str]] = frozenset()
    service_only: bool = False
    public: bool = False
    s3: str = ""

    def name_at(self, door: str) -> str:
        """Return the name that policies read when the operation is asked for at `door`."""
        return self.s3 if door == "s3" and self.s3 else self.name


def _on(table: str, *commands: str) -> frozenset[tuple[str, str]]:
    return frozenset((table, command) for command in commands)


BUCKET_CREATE = Operation("storage.bucket.create", _on(BUCKETS, "insert"), s3="storage.s3.bucket.create")
BUCKET_GET = Operation("storage.bucket.get", _on(BUCKETS, "select"))
BUCKET_LIST = Operation("storage.bucket.list", _on(BUCKETS, "select"), s3="storage.s3.bucket.list")
BUCKET_UPDATE = Operation("storage.bucket.update", _on(BUCKETS, "select", "update"))
BUCKET_EMPTY = Operation("storage.bucket.empty", service_only=True)
BUCKET_DELETE = Operation(
    "storage.bucket.delete", _on(BUCKETS, "select", "delete"), s3="storage.s3.bucket.delete"
)

OBJECT_UPLOAD = Operation("storage.object.upload", _on(OBJECTS, "insert"), s3="storage.s3.upload")
OBJECT_UPLOAD_UPDATE = Operation("storage.object.upload_update", _on(OBJECTS, "insert", "select", "update"))
OBJECT_UPLOAD_SIGNED = Operation("storage.object.upload_signed", public=True)
OBJECT_GET = Operation("storage.object.get_authenticated", _on(OBJECTS, "select"), s3="storage.s3.object.get")
OBJECT_GET_PUBLIC = Operation("storage.object.get_public", public=True)
OBJECT_GET_SIGNED = Operation("storage.object.get_signed", public=True)
OBJECT_HEAD = Operation("object.head_authenticated_info", _on(OBJECTS, "select"), s3="storage.s3.object.info")
OBJECT_INFO = Operation("object.get_authenticated_info", _on(OBJECTS, "select"))
OBJECT_INFO_PUBLIC = Operation("storage.object.info_public", public=True)
OBJECT_LIST = Operation("storage.object.list", _on(OBJECTS, "select"))
OBJECT_LIST_V2 = Operation("storage.object.list_v2", _on(OBJECTS, "select"), s3="storage.s3.object.list")
OBJECT_COPY = Operation(
    "storage.object.copy", _on(OBJECTS, "select", "insert", "update"), s3="storage.s3.object.copy"
)
OBJECT_MOVE = Operation("storage.object.move", _on(OBJECTS, "select", "update"))
OBJECT_DELETE = Operation(
    "storage.object.delete", _on(OBJECTS, "select", "delete"), s3="storage.s3.object.delete"
)
OBJECT_DELETE_MANY = Operation(
    "storage.object.delete_many", _on(OBJECTS, "select", "delete"), s3="storage.s3.object.delete_many"
)
OBJECT_SIGN = Operation("storage.object.sign", _on(OBJECTS, "select"))
OBJECT_SIGN_MANY = Operation("storage.object.sign_many", _on(OBJECTS, "select"))
OBJECT_SIGN_UPLOAD = Operation("storage.object.sign_upload_url", _on(OBJECTS, "insert", "select", "update"))

_WRITE = _on(OBJECTS, "insert", "select", "update")
TUS_CREATE = Operation("storage.tus.upload.create", _WRITE)
TUS_GET = Operation("storage.tus.upload.get")
TUS_PART = Operation("storage.tus.upload.part", _WRITE)
TUS_DELETE = Operation("storage.tus.upload.delete", _WRITE)
TUS_CREATE_SIGNED = Operation("storage.tus.upload.create_signed", public=True)
TUS_GET_SIGNED = Operation("storage.tus.upload.get_signed", public=True)
TUS_PART_SIGNED = Operation("storage.tus.upload.part_signed", public=True)
TUS_DELETE_SIGNED = Operation("storage.tus.upload.delete_signed", public=True)

S3_BUCKET_HEAD = Operation("storage.s3.bucket.head", _on(BUCKETS, "select"))
S3_BUCKET_LOCATION = Operation("storage.s3.bucket.get_location", _on(BUCKETS, "select"))
S3_BUCKET_VERSIONING = Operation("storage.s3.bucket.get_versioning", _on(BUCKETS, "select"))
S3_CREATE_MULTIPART = Operation("storage.s3.upload.create_multipart", _WRITE)
S3_PART = Operation("storage.s3.upload.part", _WRITE)
S3_PART_COPY = Operation("storage.s3.upload.part_copy", _WRITE)
S3_COMPLETE_MULTIPART = Operation("storage.s3.upload.complete_multipart", _WRITE)
S3_ABORT_MULTIPART = Operation("storage.s3.upload.abort_multipart", _WRITE)
S3_LIST_MULTIPART = Operation("storage.s3.upload.list_multipart")
S3_LIST_PARTS = Operation("storage.s3.upload.list_parts", _WRITE)
S3_GET_TAGGING = Operation("storage.s3.object.get_tagging", _on(OBJECTS, "select"))
S3_PUT_TAGGING = Operation("storage.s3.object.put_tagging", _on(OBJECTS, "select", "update"))
S3_DELETE_TAGGING = Operation("storage.s3.object.delete_tagging", _on(OBJECTS, "select", "update"))

# Policies that judge the objects of a folder read the name of the operation on one: what they refuse for one
# object they refuse for a thousand.
FOLDER_MOVE = Operation("storage.folder.move", OBJECT_MOVE.needs)
FOLDER_COPY = Operation("storage.folder.copy", OBJECT_COPY.needs)
FOLDER_DELETE = Operation("storage.folder.delete", OBJECT_DELETE_MANY.needs)
JOB_GET = Operation("storage.job.get")
JOB_LIST = Operation("storage.job.list")
JOB_CANCEL = Operation("storage.job.cancel")
BUCKET_MEASURE = Operation("storage.bucket.measure", _on(BUCKETS, "select") | _on(OBJECTS, "select"))
OBJECT_COUNT = Operation("storage.object.count", _on(OBJECTS, "select"))
OBJECT_SEARCH = Operation("storage.object.search", _on(OBJECTS, "select"))
OBJECT_ZIP = Operation("storage.object.zip", _on(OBJECTS, "select"))
OBJECT_DESCRIBE = Operation("storage.object.update_metadata", _on(OBJECTS, "select", "update"))

ADMIN_SESSION_LIST = Operation("admin.session.list", service_only=True)
ADMIN_SESSION_REVOKE = Operation("admin.session.revoke", service_only=True)

ADMIN_EVENT_FOLLOW = Operation("admin.event.follow", _on(OBJECTS, "select"))
ADMIN_METRICS_GET = Operation("admin.metrics.get", service_only=True)
ADMIN_AUDIT_LIST = Operation("admin.audit.list", service_only=True)
ADMIN_POLICY_LIST = Operation("admin.policy.list", service_only=True)
ADMIN_POLICY_COVERAGE = Operation("admin.policy.coverage", service_only=True)
ADMIN_JOB_RECLAIM = Operation("admin.job.reclaim", service_only=True)
ADMIN_JOB_SCRUB = Operation("admin.job.scrub", service_only=True)

OPERATIONS: tuple[Operation, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Operation)
)


def admit(context: RlsContext, operation: Operation) -> RlsContext:
    """Return `context` performing `operation`: the gate that every operation of the service passes first.

    Raises: RoleNotAllowed when only the service role may do this. Rows are judged later, by the executor.
    """
    if operation.service_only and not context.can_bypass_rls:
        raise RoleNotAllowed(
            "Access denied: Invalid role",
            hint=f"{operation.name} is for the service role: use a service key.",
        )
    return context.performing(operation.name_at(context.door))
