"""Explain: the real decision on one operation, every policy that was asked, and what would change it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from aerostore.domain import SYSTEM, Bucket, RlsContext
from aerostore.errors import (
    AccessDenied,
    BucketAlreadyExists,
    Conflict,
    InvalidInput,
    KeyAlreadyExists,
    LimitExceeded,
    NoSuchKey,
    NotFound,
    PolicyFailed,
    ResourceAlreadyExists,
    RoleNotAllowed,
    StorageError,
    Unavailable,
)
from aerostore.executor import Executor, Row, Statement, Work
from aerostore.executor import statements as sql
from aerostore.executor.asked import questions_of
from aerostore.executor.judge import Asked, Judge, Judgement
from aerostore.executor.row import to_bucket
from aerostore.service.explanation import Decision, DecisionKind, Explanation, Step, step_of
from aerostore.service.hint import Case, hint_for
from aerostore.service.listing import FolderQuery
from aerostore.service.question import LISTS, Question
from aerostore.service.rehearsal import Rehearsal

_LOOKED_AT = 500
_NOT_REACHED = {
    "copy": "Not asked yet: INSERT for the copy; to replace an object also SELECT and UPDATE.",
    "move": "Besides SELECT a move needs UPDATE, for the old and the new name.",
}
_COMMANDS = ("select", "insert", "update", "delete")
_KINDS: Sequence[tuple[type[StorageError], DecisionKind]] = (
    (PolicyFailed, "policy error"),
    (RoleNotAllowed, "role"),
    (AccessDenied, "policy"),
    (LimitExceeded, "limit"),
    (InvalidInput, "name"),
    (Conflict, "conflict"),
    (NotFound, "not found"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """What a list shows of the first rows it could show: one row worth explaining, and the counts."""

    asked: tuple[Asked, ...]
    visible: int
    existing: int


class Explain:
    """Answers why somebody may or may not do something. Nothing it does outlives the answer."""

    def __init__(self, executor: Executor, judge: Judge, rehearsal: Rehearsal) -> None:
        self._executor = executor
        self._judge = judge
        self._rehearsal = rehearsal

    async def explain(self, context: RlsContext, question: Question) -> Explanation:
        """Return what `context` would meet when asking for `question` now, and why.

        Raises: Unavailable when the rows cannot be read.
        """
        rehearsed = await self._rehearsal.run(context, question)
        if isinstance(rehearsed.error, Unavailable):
            raise rehearsed.error
        context = context.performing(question.operation.name_at(context.door))
        bucket = await self._find_bucket(question)
        if context.can_bypass_rls:
            return self._bypassing(context, question, rehearsed.error, bucket)
        if question.op in LISTS and rehearsed.error is None:
            return await self._explain_list(context, question)
        steps = await self._steps(context, rehearsed.asked, allowed=rehearsed.error is None)
        explanation = Explanation(
            question=question,
            context=context,
            error=rehearsed.error,
            decided_by=_decision(rehearsed.error, steps, bucket),
            steps=steps,
            remark=_NOT_REACHED.get(question.op) if isinstance(rehearsed.error, NoSuchKey) else None,
        )
        return replace(explanation, hint=await self._hint(explanation, rehearsed.asked, bucket))

    def _bypassing(
        self, context: RlsContext, question: Question, error: StorageError | None, bucket: Bucket | None
    ) -> Explanation:
        bypasses = Decision(kind="service role", sentence="The service role bypasses policies.")
        explanation = Explanation(question=question, context=context, error=error, decided_by=bypasses)
        if error is None:
            return explanation
        explanation = replace(explanation, decided_by=_without_policies(error))
        return replace(explanation, hint=hint_for(Case(explanation=explanation, bucket=bucket)))

    async def _steps(self, context: RlsContext, asked: Sequence[Asked], *, allowed: bool) -> tuple[Step, ...]:
        judged = await self._judge.judge(context, asked) if asked else ()
        return tuple(
            step_of(each, judgements, allowed=allowed) for each, judgements in zip(asked, judged, strict=True)
        )

    async def _hint(
        self, explanation: Explanation, asked: Sequence[Asked], bucket: Bucket | None
    ) -> str | None:
        failing = [number for number, step in enumerate(explanation.steps) if not step.passed]
        if explanation.error is None:
            return None
        siblings = await self._siblings(explanation.context, asked[failing[0]]) if failing else ()
        return hint_for(Case(explanation=explanation, bucket=bucket, siblings=siblings))

    async def _siblings(self, context: RlsContext, asked: Asked) -> tuple[Judgement, ...]:
        """Return what policies for other commands say to the same row: models for a missing one."""
        others = [
            replace(asked, command=command, check=command == "insert")  # each by its main expression
            for command in _COMMANDS
            if command != asked.command
        ]
        judged = await self._judge.judge(context, others)
        return tuple(each for judgements in judged for each in judgements)

    async def _find_bucket(self, question: Question) -> Bucket | None:
        if not question.bucket_id:
            return None
        # As the system: the explanation is for the operator, whatever the caller may see.
        rows = await self._rows(SYSTEM, sql.find_bucket(question.to_bucket_id or question.bucket_id))
        return to_bucket(rows[0]) if rows else None

    async def _rows(self, context: RlsContext, statement: Statement) -> Sequence[Row]:
        def work() -> Work[Sequence[Row]]:
            return (yield statement).rows

        return await self._executor.read(context, work)

    # Lists: never refused, only emptier

    async def _explain_list(self, context: RlsContext, question: Question) -> Explanation:
        sample = await self._sample(context, question)
        steps = await self._steps(context, sample.asked, allowed=sample.existing == sample.visible)
        if sample.existing == sample.visible:
            sentence = "A list is never refused, and hides nothing here."
        else:
            sentence = "A list is never refused; it leaves out what the caller may not select."
        explanation = Explanation(
            question=question,
            context=context,
            error=None,
            decided_by=Decision(kind="policy", sentence=sentence, step=1 if steps else None),
            steps=steps,
            remark=f"The caller sees {sample.visible} of the first {sample.existing} that exist.",
        )
        if sample.existing == sample.visible:
            return explanation
        siblings = await self._siblings(context, sample.asked[0])
        return replace(explanation, hint=hint_for(Case(explanation=explanation, siblings=siblings)))

    async def _sample(self, context: RlsContext, question: Question) -> _Sample:
        statement = _listing(question)
        visible = {row["id"] for row in await self._rows(context, statement)}
        # As the system: what is hidden is what the operator wants explained.
        existing = await self._rows(SYSTEM, statement)
        chosen = [row for row in existing if row["id"] not in visible] or existing
        assert statement.law is not None, "lists are under the law"
        asked = questions_of(statement, statement.law, chosen[:1])
        seen = sum(row["id"] in visible for row in existing)
        return _Sample(asked=tuple(asked), visible=seen, existing=len(existing))


def _listing(question: Question) -> Statement:
    if question.op == "bucket.list":
        return sql.list_buckets(search=None, column=None, order="asc", limit=_LOOKED_AT, offset=0)
    prefix = FolderQuery(prefix=question.name).root if question.op == "list" else question.name
    return sql.list_names(
        question.bucket_id, lower=prefix, upper=sql.successor(prefix), order="asc", limit=_LOOKED_AT
    )


def _decision(error: StorageError | None, steps: Sequence[Step], bucket: Bucket | None) -> Decision:
    for number, step in enumerate(steps, start=1):
        if not step.passed:
            return _refused_by(step, number)
    if error is not None:
        return _without_policies(error)
    if steps:
        granting = {each.name: None for step in steps for each in step.policies if _grants(each)}
        sentence = "Every right that is needed is granted."
        return Decision(kind="policy", sentence=sentence, policies=tuple(granting))
    if bucket is not None and bucket.public:
        return Decision(
            kind="public bucket", sentence="Anybody may read a public bucket; no policy is asked."
        )
    return Decision(kind="other", sentence="No policy had to be asked.")


def _refused_by(step: Step, number: int) -> Decision:
    applying = [each for each in step.policies if each.applies]
    raising = [each.name for each in applying if each.error]
    blocking = [each.name for each in applying if not each.permissive and not each.is_true]
    concerned = raising or blocking or [each.name for each in applying]
    kind: DecisionKind = "policy error" if raising else "policy" if concerned else "no policy"
    sentence = f"{step.command.upper()} on {step.table} is refused: {step.combined}."
    return Decision(kind=kind, sentence=sentence, step=number, policies=tuple(concerned))


def _grants(judgement: Judgement) -> bool:
    return judgement.applies and judgement.permissive and judgement.is_true


def _without_policies(error: StorageError) -> Decision:
    kind: DecisionKind = next((kind for family, kind in _KINDS if isinstance(error, family)), "other")
    taken = isinstance(error, KeyAlreadyExists | BucketAlreadyExists | ResourceAlreadyExists)
    message = "The name is taken" if taken else error.message
    return Decision(kind=kind, sentence=f"{message}.")
