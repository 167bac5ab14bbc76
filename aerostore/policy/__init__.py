"""Row-level security policies in PostgreSQL's own syntax, decided without PostgreSQL.

Reads CREATE POLICY files, type-checks them by PostgreSQL's rules, and turns them, for one request, into a
decision or into a condition for SQLite. It refuses when loading what it cannot decide exactly as
PostgreSQL does. Stands alone: it imports nothing else of aerostore.

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

from aerostore.policy.calls import PolicyCalls
from aerostore.policy.combine import Policy
from aerostore.policy.layout import create_table
from aerostore.policy.load import load
from aerostore.policy.name_path import upper_bound
from aerostore.policy.parse import parse, parse_expression
from aerostore.policy.policyset import Condition, PolicySet, Verdict
from aerostore.policy.problem import EvaluationError, PolicyLoadError, Problem, Source
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
    "parse",
    "parse_expression",
    "upper_bound",
)
