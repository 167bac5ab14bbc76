"""Row-level security policies in PostgreSQL's own syntax, decided without PostgreSQL.

Reads CREATE POLICY files, type-checks them by PostgreSQL's rules, and turns them, for one request, into a
decision or into a condition for SQLite. It refuses when loading what it cannot decide exactly as
PostgreSQL does. Stands alone: it imports nothing else of aerostore.

`parse` turns text into syntax, `bind` syntax into typed expressions, `fold` those into what is left for a
request, `sqlite` that into SQL; `function` and `regex` hold what PostgreSQL's own functions do; `describe`
explains.

>>> from datetime import UTC, datetime
>>> text = '''
... create policy "own folder" on storage.objects for select to authenticated
...     using (bucket_id = 'avatars' and (storage.foldername(name))[1] = auth.uid()::text);
... '''
>>> policies = load([Source(path="own_folder.sql", text=text)])
>>> caller = Environment(
...     role="authenticated",
...     now=datetime.now(UTC),
...     settings={"request.jwt.claim.sub": "317eadce-631a-4429-a0bb-f19a7a517b4a"},
... )
>>> visible = policies.where("storage.objects", "select", caller, {"bucket_id": "avatars"})
>>> visible.sql
'(storage_objects."name" >= :p0 AND storage_objects."name" < :p1)'
>>> visible.prefixes
('317eadce-631a-4429-a0bb-f19a7a517b4a/',)
>>> policies.where("storage.objects", "select", caller, {"bucket_id": "invoices"}).constant
False

What SQL cannot say is evaluated in Python while SQLite reads the rows: run such a condition within
`PolicyCalls(connection).running(condition.programs)`.
"""

from aerostore.policy.answer import Condition
from aerostore.policy.combine import Policy
from aerostore.policy.loader import load
from aerostore.policy.policyset import PolicySet, Verdict
from aerostore.policy.problem import EvaluationError, PolicyLoadError, Problem, Source
from aerostore.policy.sqlite.calls import PolicyCalls
from aerostore.policy.sqlite.layout import create_table
from aerostore.policy.value import Environment

__all__ = (
    "Condition",
    "Environment",
    "EvaluationError",
    "Policy",
    "PolicyCalls",
    "PolicyLoadError",
    "PolicySet",
    "Problem",
    "Source",
    "Verdict",
    "create_table",
    "load",
)
