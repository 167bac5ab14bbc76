"""The port `Judge`: what each policy says to one question, for `explain`. Decisions are the executor's.

Adapters ask the same policies, in the same database, as the caller; see `judge_sqlite` and `judge_postgres`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from aerostore.domain import RlsContext
from aerostore.policy.describe.outline import Part

MAX_SHOWN = 200
RowIs = Literal["existing", "proposed", "changed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a statement asks the policies: whether `command` may meet this row of `table`.

    check: it is WITH CHECK that counts, not USING. row_is: whether the row exists, would be added, or is
    what an existing one would become. why: what the statement needs it for. row: every column that the
    statement knows, with JSON as values.
    """

    table: str
    command: str
    check: bool
    row_is: RowIs
    row: Mapping[str, Any]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What one policy says.

    applies: it is for the caller's role; reason: why it is or is not. result: None for NULL, which counts
    as no. error: the SQLSTATE and message when it raised. source: the file and line that define it, when
    known. comment: why it is there, as its author wrote. part: its condition taken apart, when that is
    possible.
    """

    name: str
    permissive: bool
    roles: tuple[str, ...]
    applies: bool
    reason: str
    result: bool | None = None
    error: str = ""
    expression: str = ""
    source: str = ""
    comment: str = ""
    part: Part | None = None

    @property
    def is_true(self) -> bool:
        """Whether it grants, or when restrictive does not stand in the way."""
        return self.result is True


class Judge(Protocol):
    """Asks every policy by itself."""

    async def judge(self, context: RlsContext, questions: Sequence[Asked]) -> Sequence[tuple[Judgement, ...]]:
        """Return, for each question, a judgement by every policy of its table and command.

        Policies for other roles are in it as well, not applying. Raises: Unavailable.
        """
        ...


def applicability(role: str, roles: Sequence[str], *, applies: bool) -> str:
    """Return the sentence on whether a policy for `roles` is for a caller with `role`."""
    named = " or ".join(roles)
    if "public" in roles:
        return "for every role"
    return f"for role {named}" if applies else f"for role {named}; the caller is {role}"


def shortened(text: str) -> str:
    """Return `text` as far as an explanation shows a value."""
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
