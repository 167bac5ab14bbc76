"""The smallest change that would allow what was denied, in words for whoever writes the policies."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aerostore.domain import Bucket
from aerostore.errors import (
    EntityTooLarge,
    InvalidMimeType,
    KeyAlreadyExists,
    NoSuchBucket,
    NoSuchKey,
    NoSuchRelation,
    PolicyFailed,
    ResourceAlreadyExists,
    StorageError,
)
from aerostore.executor.judge import Judgement
from aerostore.policy.describe.quoting import quoted_identifier, quoted_text
from aerostore.service.explanation import Explanation, Step

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_BAD_TEXT = "22P02"
_READS_UUID = (
    "reads it as one. Send a token with a UUID, or use (auth.jwt() ->> 'sub') instead of auth.uid()."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A denial to find a way out of. siblings: judgements of the same row by policies of other commands."""

    explanation: Explanation
    bucket: Bucket | None = None
    siblings: Sequence[Judgement] = ()

    @property
    def role(self) -> str:
        """The caller's role."""
        return self.explanation.context.role

    @property
    def sub(self) -> str:
        """The caller's user id, empty when there is none."""
        return self.explanation.context.user_id or ""


def hint_for(case: Case) -> str | None:
    """Return what to change so that the operation is allowed; None when nothing is known to help."""
    failing = next((step for step in case.explanation.steps if not step.passed), None)
    if failing is not None:
        return f"{_trap(case, failing)}{_for_policies(case, failing)}"
    error = case.explanation.error
    if isinstance(error, PolicyFailed) and _has_odd_sub(case):
        return f"The token's sub {quoted_text(case.sub)} is no UUID, and a policy {_READS_UUID}"
    return _for_error(case, error) if error is not None else None


# What no policy decided


def _for_error(case: Case, error: StorageError) -> str | None:
    for family, words in _ERROR_HINTS:
        if isinstance(error, family):
            return words(case)
    return error.hint


def _no_bucket(case: Case) -> str:
    question = case.explanation.question
    return (
        f"There is no bucket {quoted_text(question.to_bucket_id or question.bucket_id)}"
        " that this operation can use. Create it, or check the spelling; case matters."
    )


def _no_object(case: Case) -> str:
    question = case.explanation.question
    return (
        f"There is no object {quoted_text(question.name)} in bucket {quoted_text(question.bucket_id)}."
        " Check the spelling; case matters, and names hold no leading slash unless it was uploaded with one."
    )


def _taken(case: Case) -> str:
    question = case.explanation.question
    name = question.to_name or question.name
    if question.op == "move":
        return (
            f"{quoted_text(name)} exists, and a move never replaces. Delete it first, or choose another name."
        )
    return (
        f"{quoted_text(name)} exists. Choose another name, or replace it with `x-upsert: true`,"
        " which also needs SELECT and UPDATE policies."
    )


def _too_large(case: Case) -> str:
    question, bucket = case.explanation.question, case.bucket
    if (
        bucket is not None
        and bucket.file_size_limit is not None
        and question.size_bytes > bucket.file_size_limit
    ):
        return (
            f"Bucket {quoted_text(bucket.id)} takes {bucket.file_size_limit:,} bytes at most and this is"
            f" {question.size_bytes:,}. Raise its file_size_limit, or send less."
        )
    return f"The server's own limit is below {question.size_bytes:,} bytes: raise AEROSTORE_FILE_SIZE_LIMIT."


def _bad_type(case: Case) -> str | None:
    question, bucket = case.explanation.question, case.bucket
    if bucket is None or not bucket.allowed_mime_types:
        return "Send a Content-Type of the form type/subtype."
    return (
        f"Bucket {quoted_text(bucket.id)} takes {', '.join(bucket.allowed_mime_types)}, not"
        f" {question.mime_type}. Send another Content-Type, or add it to allowed_mime_types."
    )


_ERROR_HINTS: Sequence[tuple[type[StorageError], Callable[[Case], str | None]]] = (
    (NoSuchBucket, _no_bucket),
    (NoSuchRelation, _no_bucket),
    (NoSuchKey, _no_object),
    (KeyAlreadyExists, _taken),
    (ResourceAlreadyExists, _taken),
    (EntityTooLarge, _too_large),
    (InvalidMimeType, _bad_type),
)


# What policies decided


def _trap(case: Case, failing: Step) -> str:
    """Return the warning about rights that nobody expects an operation to need."""
    question = case.explanation.question
    earlier = [step.command for step in case.explanation.steps if step.passed]
    if question.is_upsert and failing.command in {"select", "update"} and "insert" in earlier:
        return (
            "The INSERT itself is allowed, but an upsert also needs SELECT, and UPDATE when the name is"
            " taken. Upload without x-upsert, or mend this: "
        )
    if question.op in {"delete", "bucket.delete"} and failing.command == "select":
        return "Deleting needs SELECT besides DELETE: what the caller cannot see, it cannot delete. "
    return ""


def _for_policies(case: Case, step: Step) -> str:
    applying = [each for each in step.policies if each.applies]
    raising = next((each for each in applying if each.error), None)
    if raising is not None:
        return _mend_error(case, raising)
    blocking = [each for each in applying if not each.permissive and not each.is_true]
    sentences = [
        f"Restrictive policy {_place(each)} has to be true as well: {_needs(each)}." for each in blocking
    ]
    permissive = [each for each in applying if each.permissive]
    if not any(each.is_true for each in permissive):
        sentences.insert(0, _grant(case, step, permissive))
    return " ".join(sentences)


def _grant(case: Case, step: Step, permissive: Sequence[Judgement]) -> str:
    """Return what would make one permissive policy true; permissive: those for the caller's role."""
    if permissive:
        closest = min(permissive, key=_distance)
        return f"The closest policy is {_place(closest)}: {_needs(closest)}."
    others = [each for each in step.policies if each.permissive]
    return _change_role(case, step, others) if others else _add_policy(case, step)


def _mend_error(case: Case, raising: Judgement) -> str:
    if _BAD_TEXT in raising.error and _has_odd_sub(case):
        return (
            f"The token's sub {quoted_text(case.sub)} is no UUID, and policy {_place(raising)} {_READS_UUID}"
        )
    return (
        f"Policy {_place(raising)} cannot be evaluated: {raising.error}."
        " Guard the cast with CASE, or compare as text."
    )


def _has_odd_sub(case: Case) -> bool:
    return bool(case.sub) and not _UUID.fullmatch(case.sub)


def _distance(judgement: Judgement) -> int:
    return len(judgement.part.needs) if judgement.part and judgement.part.needs else 1_000


def _needs(judgement: Judgement) -> str:
    if judgement.part is None or not judgement.part.needs:
        return f"{judgement.expression} would have to be true"
    return ", and ".join(judgement.part.needs)


def _place(judgement: Judgement) -> str:
    return f'"{judgement.name}"' + (f" ({judgement.source})" if judgement.source else "")


def _change_role(case: Case, step: Step, others: Sequence[Judgement]) -> str:
    roles = sorted({role for each in others for role in each.roles})
    remedy = "give a policy for this role"
    if case.role == "anon" and "authenticated" in roles:
        remedy = "sign in, and send the user's JWT instead of the anon key"
    return (
        f"Every policy for {step.command.upper()} on {step.table} is for {' or '.join(roles)};"
        f" the token's role is {case.role}: {remedy}."
    )


def _add_policy(case: Case, step: Step) -> str:
    return f"No policy is for {step.command.upper()} on {step.table}. Add one, such as: {_draft(case, step)}"


def _draft(case: Case, step: Step) -> str:
    """Return a policy like one for another command that lets this caller at this row."""
    model = next((each for each in case.siblings if each.applies and each.permissive and each.is_true), None)
    condition = model.expression if model else _plain_condition(case, step)
    name = f"{model.name} ({step.command})" if model else f"{case.role} may {step.command}"
    clause = "WITH CHECK" if step.command == "insert" else "USING"
    return (
        f'CREATE POLICY "{name.replace(chr(34), "")}" ON {step.table} FOR {step.command.upper()}'
        f" TO {quoted_identifier(case.role)} {clause} ({condition});"
    )


def _plain_condition(case: Case, step: Step) -> str:
    column = "bucket_id" if "bucket_id" in step.row else "id"
    condition = f"{column} = {quoted_text(str(step.row.get(column, '')))}"
    return condition if case.role == "anon" else f"{condition} AND owner_id = (SELECT auth.uid()::text)"
