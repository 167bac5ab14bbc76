"""The database's policies on objects as the policy engine reads them: all that narrowing goes by."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aerostore.executor import Row, Statement, Work
from aerostore.permissions.compiled import CompiledPolicies
from aerostore.policy import PolicyLoadError, Source, load

# xmin changes when a policy does. Everyone may read this catalogue.
FINGERPRINT = (
    "(SELECT md5(string_agg(oid::text || '.' || xmin::text, ',' ORDER BY oid))"
    " FROM pg_policy WHERE polrelid = 'storage.objects'::regclass)"
)
# With nothing else on the path, every name is printed with its schema.
_PRINTING = "SELECT set_config('search_path', 'pg_catalog', true)"
_POLICIES = """
SELECT role.rolname::text AS role, p.polpermissive AS permissive,
    pg_get_expr(p.polqual, p.polrelid) AS condition
FROM pg_policy AS p CROSS JOIN pg_roles AS role
WHERE p.polrelid = 'storage.objects'::regclass AND p.polcmd IN ('r', '*') AND p.polqual IS NOT NULL
    AND role.rolname = ANY (:roles)
    AND EXISTS (
        SELECT FROM unnest(p.polroles) AS member
        WHERE CASE WHEN member = 0 THEN true ELSE pg_has_role(role.oid, member, 'USAGE') END
    )
ORDER BY p.polname
"""
# A database may have functions of these names from before we came, which mean something else.
_SIGN_IN = (
    "SELECT set_config('request.jwt.claims', :claims, true), set_config('request.jwt.claim.sub', :sub, true)"
)
_ANSWERS = """
SELECT auth.uid()::text AS uid, auth.jwt() ->> 'sub' AS sub,
    array_to_string(storage.foldername('a/b/c.d'), '|') AS folders,
    storage.foldername('c') = '{}' AS no_folder,
    storage.filename('a/b/c.d') AS filename,
    storage.extension('a/b/c.d') AS extension
"""
_SUB = "0b9f7c52-6a0e-4c4f-8f7e-3a5d8f0f4a11"
_EXPECTED = {
    "uid": _SUB,
    "sub": _SUB,
    "folders": "a|b",
    "no_folder": True,
    "filename": "c.d",
    "extension": "d",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """Which objects each role may select, as it was when the fingerprint was taken."""

    fingerprint: str = ""
    policies: Mapping[str, CompiledPolicies] = field(default_factory=dict)


def read_policies(roles: Iterable[str], known: Reading) -> Work[Reading]:
    """Return `known` while its fingerprint holds, else what the database has now for `roles`."""
    [row] = (yield Statement(sql=f"SELECT {FINGERPRINT} AS fingerprint")).rows
    fingerprint = row["fingerprint"] or ""
    if fingerprint == known.fingerprint:
        return known
    names = list(roles)
    yield Statement(sql=_PRINTING)
    rows = (yield Statement(sql=_POLICIES, parameters={"roles": names})).rows
    yield Statement(sql=_SIGN_IN, parameters={"claims": json.dumps({"sub": _SUB}), "sub": _SUB})
    [answers] = (yield Statement(sql=_ANSWERS)).rows
    if any(answers[name] != value for name, value in _EXPECTED.items()):
        return Reading(fingerprint)
    return Reading(fingerprint, {name: CompiledPolicies(load(_texts(rows, name))) for name in names})


def _texts(rows: Sequence[Row], role: str) -> list[Source]:
    """Return the policies that hold for `role`, as policies for everyone.

    One that the engine cannot read is put down as one that lets every row through: bounds must leave out
    nothing that it might admit.
    """
    rows = [row for row in rows if row["role"] == role]
    sources = [_source(number, row, row["condition"]) for number, row in enumerate(rows)]
    return [
        source if _can_be_read(source) else _source(number, row, "true")
        for number, (source, row) in enumerate(zip(sources, rows, strict=True))
    ]


def _source(number: int, row: Row, condition: Any) -> Source:
    kind = "permissive" if row["permissive"] else "restrictive"
    text = f"create policy p{number} on storage.objects as {kind} for select using ({condition})"
    return Source(path=f"policy {number}", text=text)


def _can_be_read(source: Source) -> bool:
    try:
        load([source])
    except PolicyLoadError:
        return False
    return True
