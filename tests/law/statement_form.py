"""Twenty ways in which a statement can meet the policies of storage.objects, and what each one asks.

Source: PostgreSQL's CREATE POLICY page, "Policies Applied by Command Type".
"""

from dataclasses import dataclass
from itertools import product

EXISTING = "existing"
NEW = "new"
_INSERT = "INSERT INTO storage.objects (bucket_id, name, version) VALUES ('docs', '{name}', 'v')"
_ON_NAME = " ON CONFLICT (bucket_id, name) WHERE archived_at IS NULL"
_ON_ANY = " ON CONFLICT DO NOTHING"
_REPLACE = f"{_ON_NAME} DO UPDATE SET version = 'w'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A policy's part that a statement asks: `check` for a new row, otherwise `using`."""

    command: str
    check: bool = False


SELECT = Asked(command="select")
INSERT = Asked(command="insert", check=True)
UPDATE = Asked(command="update")
UPDATED = Asked(command="update", check=True)
DELETE = Asked(command="delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A statement. hides: whose no makes it find no row. refuses: whose no makes it fail with 42501.

    changes: how many rows it shows or changes when nothing says no.
    """

    sql: str
    hides: tuple[Asked, ...] = ()
    refuses: tuple[Asked, ...] = ()
    changes: int = 1


def _insert(name: str, clause: str = "") -> str:
    return _INSERT.format(name=name) + clause


FORMS: dict[str, Form] = {
    "insert": Form(sql=_insert(NEW), refuses=(INSERT,)),
    "insert returning a constant": Form(sql=_insert(NEW, " RETURNING 1"), refuses=(INSERT,)),
    "insert returning a column": Form(sql=_insert(NEW, " RETURNING name"), refuses=(INSERT, SELECT)),
    "insert or nothing": Form(sql=_insert(NEW, _ON_ANY), refuses=(INSERT,)),
    "insert or nothing, taken": Form(sql=_insert(EXISTING, _ON_ANY), refuses=(INSERT,), changes=0),
    "insert or nothing by name": Form(sql=_insert(NEW, f"{_ON_NAME} DO NOTHING"), refuses=(INSERT, SELECT)),
    "insert or nothing by name, taken": Form(
        sql=_insert(EXISTING, f"{_ON_NAME} DO NOTHING"), refuses=(INSERT, SELECT), changes=0
    ),
    "upsert": Form(sql=_insert(NEW, _REPLACE), refuses=(INSERT, SELECT)),
    "upsert, taken": Form(sql=_insert(EXISTING, _REPLACE), refuses=(INSERT, SELECT, UPDATE, UPDATED)),
    "upsert returning a column": Form(
        sql=_insert(NEW, f"{_REPLACE} RETURNING name"), refuses=(INSERT, SELECT)
    ),
    "update": Form(sql="UPDATE storage.objects SET version = 'w'", hides=(UPDATE,), refuses=(UPDATED,)),
    "update where": Form(
        sql="UPDATE storage.objects SET version = 'w' WHERE name = 'existing'",
        hides=(UPDATE, SELECT),
        refuses=(UPDATED, SELECT),
    ),
    "update from a column": Form(
        sql="UPDATE storage.objects SET version = name", hides=(UPDATE, SELECT), refuses=(UPDATED, SELECT)
    ),
    "update returning a column": Form(
        sql="UPDATE storage.objects SET version = 'w' RETURNING name",
        hides=(UPDATE, SELECT),
        refuses=(UPDATED, SELECT),
    ),
    "delete": Form(sql="DELETE FROM storage.objects", hides=(DELETE,)),
    "delete where": Form(sql="DELETE FROM storage.objects WHERE name = 'existing'", hides=(DELETE, SELECT)),
    "delete returning a column": Form(
        sql="DELETE FROM storage.objects RETURNING name", hides=(DELETE, SELECT)
    ),
    "select": Form(sql="SELECT name FROM storage.objects", hides=(SELECT,)),
    "select for update": Form(sql="SELECT name FROM storage.objects FOR UPDATE", hides=(SELECT, UPDATE)),
    "select for share": Form(sql="SELECT name FROM storage.objects FOR SHARE", hides=(SELECT, UPDATE)),
}


def constant_policies() -> list[str]:
    """Return the 32 policy files in which each part that can be asked is constantly true or false."""
    return [_constant_file(*answers) for answers in product(("true", "false"), repeat=5)]


def _constant_file(select: str, insert: str, update: str, updated: str, delete: str) -> str:
    return (
        f"create policy s on storage.objects for select using ({select});\n"
        f"create policy i on storage.objects for insert with check ({insert});\n"
        f"create policy u on storage.objects for update using ({update}) with check ({updated});\n"
        f"create policy d on storage.objects for delete using ({delete});"
    )
