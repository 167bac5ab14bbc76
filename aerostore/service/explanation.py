"""What an explanation consists of, and how the verdict on a step follows from those of the policies."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from aerostore.domain import JsonObject, RlsContext
from aerostore.errors import StorageError
from aerostore.executor.judge import Asked, Judgement, RowIs
from aerostore.permissions import BUCKETS, OBJECTS
from aerostore.service.question import Question

DecisionKind = Literal[
    "policy",
    "no policy",
    "policy error",
    "role",
    "token",
    "service role",
    "public bucket",
    "limit",
    "name",
    "conflict",
    "not found",
    "other",
]
PUBLIC_NAMES = {OBJECTS: "storage.objects", BUCKETS: "storage.buckets"}
_ALWAYS_SHOWN = {OBJECTS: ("bucket_id", "name", "owner_id"), BUCKETS: ("id", "owner_id", "public")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One right that the operation needs: `command` on one row of `table`, as policies name it.

    row_is: whether the row exists, would be added, or is what one would become. row: the columns that matter.
    passed: what the policies say together; combined: that in a sentence.
    """

    command: str
    table: str
    row_is: RowIs
    why: str
    passed: bool
    combined: str
    row: Mapping[str, Any]
    policies: tuple[Judgement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Who decided. step: the number of the step, from one; policies: their names."""

    kind: DecisionKind
    sentence: str
    step: int | None = None
    policies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Whether and why a caller may do something. error: what the client would get, None when allowed.

    hint: the smallest change that would allow it. remark: what else there is to know.
    """

    question: Question
    context: RlsContext
    error: StorageError | None
    decided_by: Decision
    steps: tuple[Step, ...] = ()
    hint: str | None = None
    remark: str | None = None

    @property
    def allowed(self) -> bool:
        """Whether the operation would succeed now."""
        return self.error is None


def story_of(explanation: Explanation) -> JsonObject:
    """Return an explanation as JSON, without how doors would put it."""
    context = explanation.context
    return {
        "allowed": explanation.allowed,
        "caller": {"role": context.role, "sub": context.user_id, "bypasses_policies": context.can_bypass_rls},
        "question": _question_json(explanation.question, context.door),
        "decided_by": asdict(explanation.decided_by),
        "hint": explanation.hint,
        "remark": explanation.remark,
        "steps": [_step_json(step) for step in explanation.steps],
    }


def _question_json(question: Question, door: str) -> JsonObject:
    given = {name: value for name, value in asdict(question).items() if value not in ("", False)}
    return {**given, "operation": question.operation.name_at(door)}


def _step_json(step: Step) -> JsonObject:
    values = asdict(step)
    for policy in values["policies"]:
        policy["result"] = f"error {policy['error']}" if policy["error"] else policy["result"]
        del policy["error"]
    return values


def step_of(asked: Asked, judgements: Sequence[Judgement], *, allowed: bool) -> Step:
    """Return the step of one question. allowed: the whole operation is; it settles what errors leave open."""
    passed, combined = _combined(asked, judgements, allowed=allowed)
    return Step(
        command=asked.command,
        table=PUBLIC_NAMES[asked.table],
        row_is=asked.row_is,
        why=asked.why,
        passed=passed,
        combined=combined,
        row=_relevant_columns(asked, judgements),
        policies=tuple(judgements),
    )


def _combined(asked: Asked, judgements: Sequence[Judgement], *, allowed: bool) -> tuple[bool, str]:
    """Combine as PostgreSQL does: any permissive policy, and every restrictive one."""
    applying = [each for each in judgements if each.applies]
    permissive = [each for each in applying if each.permissive]
    granting = [each for each in permissive if each.is_true]
    blocking = [each for each in applying if not each.permissive and not each.is_true]
    raising = [each for each in applying if each.error]
    if raising and not allowed:
        return False, f"{_called(raising[0])} cannot be evaluated: {raising[0].error}"
    if blocking and not raising:
        return False, f"restrictive {_called(blocking[0])} is not true"
    if granting or (raising and allowed):
        return True, f"{_called((granting or raising)[0])} allows it"
    if not judgements:
        return False, f"there is no policy for {asked.command.upper()} on {PUBLIC_NAMES[asked.table]}"
    if not permissive:
        return False, "no permissive policy applies"
    return False, _none_is_true(permissive)


def _none_is_true(permissive: Sequence[Judgement]) -> str:
    if len(permissive) == 1:
        return f"{_called(permissive[0])}, the only permissive one that applies, is not true"
    return f"none of the {len(permissive)} permissive policies is true"


def _called(judgement: Judgement) -> str:
    return f'policy "{judgement.name}"'


def _relevant_columns(asked: Asked, judgements: Sequence[Judgement]) -> dict[str, Any]:
    words = set(re.findall(r"[a-z_]+", " ".join(each.expression for each in judgements if each.applies)))
    if "owner" in words:
        words.add("owner_id")
    shown = {*_ALWAYS_SHOWN[asked.table], *words}
    return {name: value for name, value in asked.row.items() if name in shown}
