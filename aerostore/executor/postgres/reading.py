"""The database's policies on objects as the policy engine reads them: all that narrowing goes by."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from aerostore.executor import Row, Statement, Work
from aerostore.executor.migrations import shipped_folder
from aerostore.permissions.compiled import CompiledPolicies
from aerostore.policy import PolicyLoadError, Source, load
from aerostore.policy.tree import queries

# In migrations/postgres: it changes with everything that decides which rows a role sees, besides the rows.
FINGERPRINT = "(SELECT aerostore.policy_fingerprint())"
_JUDGED = """
SELECT rolname::text AS role FROM pg_roles
WHERE rolname = ANY (:roles) AND NOT rolsuper AND NOT rolbypassrls
    AND (SELECT relrowsecurity FROM pg_class WHERE oid = 'storage.objects'::regclass)
"""
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
_IDENTITY = """
SELECT proname::text AS name, prosrc AS body FROM pg_proc
WHERE proname IN ('uid', 'role', 'email', 'jwt') AND pronamespace = 'auth'::regnamespace
"""
_PATHS = """
SELECT string_agg(concat_ws('|', path, array_to_string(storage.foldername(path), '+', '-'),
    storage.filename(path), storage.extension(path)), ' ' ORDER BY path COLLATE "C") AS answers
FROM unnest(ARRAY['a', 'a/b', 'a//b.c', '/a', 'a/b/c.d.e']) AS path
"""
_ANSWERS = "/a||a|a a||a|a a//b.c|a+|b.c|c a/b|a|b|b a/b/c.d.e|a+b|c.d.e|e"


@dataclass(frozen=True, slots=True)
class Reading:
    """Which objects each role may select, as it was when the fingerprint was taken."""

    fingerprint: str = ""
    policies: Mapping[str, CompiledPolicies] = field(default_factory=dict)


def read_policies(roles: Iterable[str], known: Reading) -> Work[Reading]:
    """Return `known` while its fingerprint holds, else what the database has now for `roles`.

    A role that row security does not hold, and every role where functions are not ours, has no policies.
    """
    [row] = (yield Statement(sql=f"SELECT {FINGERPRINT} AS fingerprint")).rows
    if row["fingerprint"] == known.fingerprint:
        return known
    yield Statement(sql=_PRINTING)
    identity = (yield Statement(sql=_IDENTITY)).rows
    [paths] = (yield Statement(sql=_PATHS)).rows
    if not _are_ours(identity) or paths["answers"] != _ANSWERS:
        return Reading(row["fingerprint"])
    judged = [each["role"] for each in (yield Statement(sql=_JUDGED, parameters={"roles": list(roles)})).rows]
    rows = (yield Statement(sql=_POLICIES, parameters={"roles": judged})).rows
    policies = {role: CompiledPolicies(load(_texts(rows, role))) for role in judged}
    return Reading(row["fingerprint"], policies)


def _are_ours(functions: Sequence[Row]) -> bool:
    return {(each["name"], _bare(each["body"])) for each in functions} == _shipped_bodies()


@lru_cache
def _shipped_bodies() -> set[tuple[str, str]]:
    text = (shipped_folder("migrations") / "postgres" / "repeatable_auth.sql").read_text("utf-8")
    found = re.findall(r"CREATE FUNCTION auth\.(\w+)\(\).*?\$\$(.*?)\$\$", text, re.DOTALL)
    return {(name, _bare(body)) for name, body in found}


def _bare(body: str) -> str:
    """Return SQL without layout and parentheses: Supabase writes the same functions with more of those."""
    return re.sub(r"[\s();]", "", body).lower()


def _texts(rows: Sequence[Row], role: str) -> list[Source]:
    """Return the policies that hold for `role`, as policies for everyone.

    One that says more than the engine can know of here is put down as one that lets every row through:
    bounds must leave out nothing that it might admit.
    """
    rows = [row for row in rows if row["role"] == role]
    sources = [_source(number, row, row["condition"]) for number, row in enumerate(rows)]
    return [
        source if _is_known(source) else _source(number, row, "true")
        for number, (source, row) in enumerate(zip(sources, rows, strict=True))
    ]


def _source(number: int, row: Row, condition: str) -> Source:
    kind = "permissive" if row["permissive"] else "restrictive"
    text = f"create policy p{number} on storage.objects as {kind} for select using ({condition})"
    return Source(path=f"policy {number}", text=text)


def _is_known(source: Source) -> bool:
    """Tell whether a policy depends on nothing but the row and what this server sets for a request.

    Not so with subqueries, whose tables have rows and policies of their own, and with other settings.
    """
    if "current_setting" in source.text:
        return False
    try:
        [policy] = load([source]).policies
    except PolicyLoadError:
        return False
    return policy.using is not None and not any(queries(policy.using))
