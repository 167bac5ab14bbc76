"""Which tables, functions and roles policies may name: those of storage, and what policy files declare."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from aerostore.policy.syntax import CreateFunction
from aerostore.policy.value import BOOL, INT8, JSONB, TEXT, TIMESTAMPTZ, UUID, Type, array_of

OBJECTS = "storage.objects"
BUCKETS = "storage.buckets"
BUILT_IN_ROLES = frozenset({"anon", "authenticated", "service_role", "postgres"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table by its qualified name. columns: types in order.

    readable_by: roles with SELECT, `public` for all. row_security: its policies apply to subqueries.
    keys: columns of PRIMARY KEY and UNIQUE constraints. bytewise: columns of COLLATE "C". declared: a
    policy file created it.
    """

    name: str
    columns: Mapping[str, Type]
    readable_by: frozenset[str] = frozenset()
    row_security: bool = False
    not_null: frozenset[str] = frozenset()
    keys: tuple[tuple[str, ...], ...] = ()
    bytewise: frozenset[str] = frozenset()
    declared: bool = False

    def granted(self, roles: frozenset[str]) -> "Table":
        """Return this table with SELECT granted to `roles` as well."""
        return replace(self, readable_by=self.readable_by | roles)

    def with_row_security(self, enabled: bool) -> "Table":
        """Return this table with its policies applied, or not."""
        return replace(self, row_security=enabled)


_TIMES: Mapping[str, Type] = {"created_at": TIMESTAMPTZ, "updated_at": TIMESTAMPTZ}
_EVERYONE = frozenset({"anon", "authenticated", "service_role"})

STORAGE_TABLES: Mapping[str, Table] = {
    BUCKETS: Table(
        name=BUCKETS,
        columns={
            "id": TEXT,
            "name": TEXT,
            "owner_id": TEXT,
            "public": BOOL,
            "type": TEXT,
            "file_size_limit": INT8,
            "allowed_mime_types": array_of(TEXT),
            "versioning_status": TEXT,
            **_TIMES,
            "owner": UUID,
        },
        readable_by=_EVERYONE,
        row_security=True,
        keys=(("id",), ("name",)),
        bytewise=frozenset({"id", "name"}),
    ),
    OBJECTS: Table(
        name=OBJECTS,
        columns={
            "id": UUID,
            "bucket_id": TEXT,
            "name": TEXT,
            "owner_id": TEXT,
            "version": TEXT,
            "blob_id": TEXT,
            "metadata": JSONB,
            "user_metadata": JSONB,
            **_TIMES,
            "last_accessed_at": TIMESTAMPTZ,
            "archived_at": TIMESTAMPTZ,
            "is_delete_marker": BOOL,
            "owner": UUID,
            "path_tokens": array_of(TEXT),
        },
        readable_by=_EVERYONE,
        row_security=True,
        keys=(("id",),),
        bytewise=frozenset({"bucket_id", "name", "blob_id"}),
    ),
}


@dataclass(slots=True)
class Catalog:
    """What names mean while policy files are loaded; grows with what they declare.

    search_path: schemas that unqualified names are looked up in, as PostgreSQL is told when the same files
    are applied there.
    """

    tables: dict[str, Table] = field(default_factory=lambda: dict(STORAGE_TABLES))
    functions: dict[str, list[CreateFunction]] = field(default_factory=dict)
    roles: set[str] = field(default_factory=lambda: set(BUILT_IN_ROLES))
    search_path: tuple[str, ...] = ("public", "extensions")

    def find_table(self, name: tuple[str, ...], search_path: Sequence[str] | None = None) -> Table | None:
        """Return the table of that name, qualified or found along the search path.

        search_path: that of a function's body, when it sets its own.
        """
        if len(name) == 2:
            return self.tables.get(".".join(name))
        path = self.search_path if search_path is None else search_path
        found = (self.tables.get(f"{schema}.{name[0]}") for schema in path)
        return next((table for table in found if table), None)

    def find_functions(self, name: tuple[str, ...], search_path: Sequence[str]) -> list[CreateFunction]:
        """Return the declared functions of that name, those of the first schema in the path first."""
        if len(name) > 1:
            return self.functions.get(".".join(name), [])
        return [found for schema in search_path for found in self.functions.get(f"{schema}.{name[0]}", ())]
