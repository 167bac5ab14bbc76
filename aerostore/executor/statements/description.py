"""SQL that changes what is said of an object."""

from aerostore.domain import Object
from aerostore.executor import Law, Statement
from aerostore.executor.statements.column import assignments, to_row
from aerostore.permissions import OBJECTS

_CHANGED = ("metadata", "user_metadata", "updated_at")


def describe_object(old: Object, new: Object) -> Statement:
    """Changes what is said of one row, or nothing when the caller may not, or when it is no longer `old`."""
    return Statement(
        sql=(
            f"UPDATE storage_objects SET {assignments(_CHANGED)}"
            " WHERE id = :id AND version = :version AND {policy}"
        ),
        parameters={
            **{name: getattr(new, name) for name in _CHANGED},
            "id": old.id,
            "version": old.version,
        },
        law=Law(
            table=OBJECTS,
            command="update",
            row=to_row(new) | {"archived_at": None, "is_delete_marker": False},
            changed="id = :id",
        ),
    )
