"""Typed conditions from SQL text, and callers to judge them for."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aerostore.policy.bind.binder import Binder
from aerostore.policy.bind.declare import declare
from aerostore.policy.catalog import OBJECTS, Catalog, Table
from aerostore.policy.expression import Expression
from aerostore.policy.loader import load
from aerostore.policy.parse.source import parse, parse_expression
from aerostore.policy.policyset import PolicySet
from aerostore.policy.problem import Source
from aerostore.policy.value import Environment, Json

OWNER = "317eadce-631a-4429-a0bb-f19a7a517b4a"
OTHER = "d8c7bce9-cfeb-497b-bd61-e66ce2cbdaa2"
NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)
MEMBERS = """
create table members (team uuid not null, person uuid not null, role text, level integer, joined timestamptz,
    primary key (team, person));
grant select on members to anon, authenticated;
"""


def condition(text: str, *, declared: str = "", target: str = OBJECTS) -> Expression:
    """Return the text of a policy's condition as the binder understands it."""
    return Binder(catalog(declared)).bind_condition(parse_expression(text), target)


def catalog(declared: str = "") -> Catalog:
    """Return a catalog that knows what `declared` says."""
    statements, problems = parse(Source(path="declared.sql", text=declared))
    assert not problems
    found = Catalog()
    for statement in statements:
        declare(statement, found)
    return found


def tables(declared: str = "") -> Mapping[str, Table]:
    """Return the tables that policies may read when files declare `declared`."""
    return catalog(declared).tables


def caller(role: str = "authenticated", subject: str = OWNER, **claims: Any) -> Environment:
    """Return a request's environment with these claims; no subject: nobody in particular."""
    if subject:
        claims["sub"] = subject
    return Environment(
        role=role,
        now=NOW,
        settings={
            "request.jwt.claim.role": role,
            "request.jwt.claim.sub": subject,
            "request.jwt.claims": json.dumps({"role": role, **claims}),
            "storage.operation": "storage.object.list",
        },
    )


def object_row(name: str, **columns: Any) -> dict[str, Any]:
    """Return a whole row of storage.objects."""
    row = {
        "id": None,
        "bucket_id": "files",
        "name": name,
        "owner_id": None,
        "version": "v",
        "blob_id": None,
        "metadata": Json({}),
        "user_metadata": None,
        "created_at": NOW,
        "updated_at": NOW,
        "last_accessed_at": NOW,
        "archived_at": None,
        "is_delete_marker": False,
        "owner": None,
        "path_tokens": tuple(name.split("/")) if name else (),
    }
    return {**row, **columns}


def policies(*texts: str, catalog: Catalog | None = None) -> PolicySet:
    """Load policy files with these texts; they are called 0.sql, 1.sql and so on."""
    sources = [Source(path=f"{number}.sql", text=text) for number, text in enumerate(texts)]
    return load(sources, catalog)
