"""The law: which operations exist, what each needs, and which rows a caller may touch.

The service names the operation; the executor asks `PolicySet` for predicates and enforces them in SQL,
inside the transaction that does the work. Nothing here touches a database.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from aerostore.domain import RlsContext
from aerostore.errors import RoleNotAllowed
from aerostore.policy.catalog import Table

OBJECTS = "storage_objects"
BUCKETS = "storage_buckets"
ROW_VIOLATION = "new row violates row-level security policy"


@dataclass(frozen=True, slots=True)
class Operation:
    """Something a caller can ask for.

    name: as policies read it in `storage.operation()`. needs: the (table, command) pairs whose policies may
    be asked; the permission matrix of the tests is made from them. service_only: no policy can grant it.
    public: served without asking who calls, because the bucket is public or a signed token already
    decided.
    """

    name: str
    needs: frozenset[tuple[str, str]] = frozenset()
    service_only: bool = False
    public: bool = False


def _on(table: str, *commands: str) -> frozenset[tuple[str, str]]:
    return frozenset((table, command) for command in commands)


BUCKET_CREATE = Operation("storage.bucket.create", _on(BUCKETS, "insert"))
BUCKET_GET = Operation("storage.bucket.get", _on(BUCKETS, "select"))
BUCKET_LIST = Operation("storage.bucket.list", _on(BUCKETS, "select"))
BUCKET_UPDATE = Operation("storage.bucket.update", _on(BUCKETS, "select", "update"))
BUCKET_EMPTY = Operation("storage.bucket.empty", service_only=True)
BUCKET_DELETE = Operation("storage.bucket.delete", _on(BUCKETS, "select", "delete"))

OBJECT_UPLOAD = Operation("storage.object.upload", _on(OBJECTS, "insert"))
OBJECT_UPLOAD_UPDATE = Operation("storage.object.upload_update", _on(OBJECTS, "insert", "select", "update"))
OBJECT_UPLOAD_SIGNED = Operation("storage.object.upload_signed", public=True)
OBJECT_GET = Operation("storage.object.get_authenticated", _on(OBJECTS, "select"))
OBJECT_GET_PUBLIC = Operation("storage.object.get_public", public=True)
OBJECT_GET_SIGNED = Operation("storage.object.get_signed", public=True)
OBJECT_HEAD = Operation("object.head_authenticated_info", _on(OBJECTS, "select"))
OBJECT_INFO = Operation("object.get_authenticated_info", _on(OBJECTS, "select"))
OBJECT_INFO_PUBLIC = Operation("storage.object.info_public", public=True)
OBJECT_LIST = Operation("storage.object.list", _on(OBJECTS, "select"))
OBJECT_LIST_V2 = Operation("storage.object.list_v2", _on(OBJECTS, "select"))
OBJECT_COPY = Operation("storage.object.copy", _on(OBJECTS, "select", "insert", "update"))
OBJECT_MOVE = Operation("storage.object.move", _on(OBJECTS, "select", "update"))
OBJECT_DELETE = Operation("storage.object.delete", _on(OBJECTS, "select", "delete"))
OBJECT_DELETE_MANY = Operation("storage.object.delete_many", _on(OBJECTS, "select", "delete"))
OBJECT_SIGN = Operation("storage.object.sign", _on(OBJECTS, "select"))
OBJECT_SIGN_MANY = Operation("storage.object.sign_many", _on(OBJECTS, "select"))
OBJECT_SIGN_UPLOAD = Operation("storage.object.sign_upload_url", _on(OBJECTS, "insert", "select", "update"))

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
    return context.performing(operation.name)


@dataclass(frozen=True, slots=True)
class Predicate:
    """A condition over the columns of one row, as SQL with bound parameters.

    programs: what the SQL calls as `policy(key, ...)`, by key. prefixes: when given, every object that
    the condition admits has a name that begins with one of them.
    """

    sql: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    programs: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    prefixes: tuple[str, ...] | None = None


ALWAYS = Predicate("TRUE")
NEVER = Predicate("FALSE")


class PolicySet(Protocol):
    """Policies as an executor that judges rows itself asks for them. A NULL answer counts as no."""

    @property
    def declared_tables(self) -> Sequence[Table]:
        """The tables beside those of storage that policies read."""
        ...

    def where(self, table: str, command: str, context: RlsContext, known: Mapping[str, Any]) -> Predicate:
        """Return the condition under which `context` may see (select) or touch an existing row.

        known: values of columns that every row in question has. Raises: PolicyFailed.
        """
        ...

    def check(self, table: str, command: str, context: RlsContext, row: Mapping[str, Any]) -> Predicate:
        """Return the condition under which `context` may leave `row` in `table` by `command`.

        row: empty when only the table knows it; then the condition must ask the columns.
        Raises: PolicyFailed.
        """
        ...
