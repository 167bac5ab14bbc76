"""The policies in force, for operators to read, and what they come to for each bucket, role and operation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from aerostore.domain import SYSTEM, Bucket, RlsContext
from aerostore.errors import InvalidParameter, NoSuchBucket
from aerostore.executor import Executor, Work
from aerostore.executor import statements as sql
from aerostore.executor.law_book import LawBook
from aerostore.executor.law_book import WrittenPolicy as WrittenPolicy
from aerostore.executor.row import to_bucket
from aerostore.permissions import ADMIN_POLICY_COVERAGE, ADMIN_POLICY_LIST, BUCKETS, OBJECTS, admit
from aerostore.permissions.outlook import ALLOWED, CONDITIONAL, Verdict, combine, worst

ROLES = ("anon", "authenticated")
MAX_BUCKETS = 20


@dataclass(frozen=True, slots=True)
class _Need:
    """One right: `command` on a row of `table`. check: the row is one that would be left behind."""

    table: str
    command: str
    check: bool = False


_SELECT = _Need(OBJECTS, "select")
_INSERT = _Need(OBJECTS, "insert", check=True)
_CHANGE = (_SELECT, _Need(OBJECTS, "update"), _Need(OBJECTS, "update", check=True))
_REPLACE = (_INSERT, *_CHANGE)
_SEE_BUCKET = _Need(BUCKETS, "select")
_NEEDS: Mapping[str, Sequence[_Need]] = {
    "list": (_SELECT,),
    "download": (_SELECT,),
    "sign": (_SELECT,),
    "upload": (_INSERT,),
    "upsert": _REPLACE,
    "move": _CHANGE,
    "copy": (_SELECT, _INSERT),
    "delete": (_SELECT, _Need(OBJECTS, "delete")),
    "bucket.get": (_SEE_BUCKET,),
    "bucket.update": (_SEE_BUCKET, _Need(BUCKETS, "update"), _Need(BUCKETS, "update", check=True)),
    "bucket.delete": (_SEE_BUCKET, _Need(BUCKETS, "delete")),
}
"""What operations need, in the words of `explain`: of an upsert and a move, where the name is taken."""

OPERATIONS = tuple(_NEEDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What a role may do in a bucket; `conditional` depends on the name or the caller."""

    bucket_id: str
    role: str
    operation: str
    verdict: Verdict


class LawListing:
    """Shows the policies of a law book."""

    def __init__(self, executor: Executor, book: LawBook) -> None:
        self._executor = executor
        self._book = book

    async def policies(self, context: RlsContext) -> Sequence[WrittenPolicy]:
        """Return every policy, by table and name. Raises: RoleNotAllowed, Unavailable."""
        admit(context, ADMIN_POLICY_LIST)
        return await self._book.policies()

    async def coverage(self, context: RlsContext, bucket_ids: Sequence[str]) -> Sequence[Cell]:
        """Return a cell for each bucket, role and operation.

        Raises: RoleNotAllowed; InvalidParameter for too many buckets; NoSuchBucket; Unavailable.
        """
        admit(context, ADMIN_POLICY_COVERAGE)
        if not 1 <= len(bucket_ids) <= MAX_BUCKETS:
            raise InvalidParameter("Unknown number of buckets", hint=f"Name 1 to {MAX_BUCKETS} of them.")
        policies = await self._book.policies()
        buckets = [await self._bucket(bucket_id) for bucket_id in dict.fromkeys(bucket_ids)]
        return [
            Cell(
                bucket_id=bucket.id,
                role=role,
                operation=operation,
                verdict=_verdict(policies, bucket, role, operation),
            )
            for bucket, role, operation in product(buckets, ROLES, OPERATIONS)
        ]

    async def _bucket(self, bucket_id: str) -> Bucket:
        def work() -> Work[Bucket]:
            rows = (yield sql.find_bucket(bucket_id)).rows
            if not rows:
                raise NoSuchBucket(resource=bucket_id)
            return to_bucket(rows[0])

        # As the system: the operator sees every bucket.
        return await self._executor.read(SYSTEM, work)


def _verdict(policies: Sequence[WrittenPolicy], bucket: Bucket, role: str, operation: str) -> Verdict:
    if operation == "download" and bucket.public:
        return ALLOWED
    return worst([_of_need(policies, need, bucket, role) for need in _NEEDS[operation]])


def _of_need(policies: Sequence[WrittenPolicy], need: _Need, bucket: Bucket, role: str) -> Verdict:
    table, known = _row(need, bucket)
    concerned = [
        each
        for each in policies
        if each.table == table and each.covers(need.command) and role in each.applies_to
    ]
    verdicts = [(each.permissive, _of_policy(each, role, known, check=need.check)) for each in concerned]
    return combine(
        [verdict for permissive, verdict in verdicts if permissive],
        [verdict for permissive, verdict in verdicts if not permissive],
    )


def _row(need: _Need, bucket: Bucket) -> tuple[str, Mapping[str, Any]]:
    """Return the table as policies call it, and what is known of its row."""
    if need.table == BUCKETS:
        changing = {} if need.check else {"name": bucket.name, "public": bucket.public}
        return "storage.buckets", {"id": bucket.id, **changing}
    return "storage.objects", {"bucket_id": bucket.id}


def _of_policy(policy: WrittenPolicy, role: str, known: Mapping[str, Any], *, check: bool) -> Verdict | None:
    if policy.outlook is not None:
        return policy.outlook.verdict(policy.table, policy.name, role, known, check=check)
    says_something = policy.with_check or policy.using if check else policy.using
    return CONDITIONAL if says_something else None
