"""What it means for two answers to differ, and how much of it may be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tests.law.case import Outcome, Verdict

REFUSED = "42501"
INTERNAL_ERROR = "XX000"
"""No answer of PostgreSQL's: its planner "cannot cope with variable-free clause" in some policies `x = x`."""


class Difference(StrEnum):
    """How the engine's answer differs from PostgreSQL's. Only the first two are never allowed.

    PostgreSQL does not define in which order it evaluates conditions, so it may meet an error that we do
    not, and the other way round: the last three.
    """

    PERMISSIVE = "says yes where PostgreSQL does not"
    ANOTHER = "another answer"
    CODE = "another SQLSTATE"
    QUIET = "says no where PostgreSQL raises"
    RAISED = "raises where PostgreSQL answers"


WRONG = frozenset({Difference.PERMISSIVE, Difference.ANOTHER})


def compare_verdicts(postgres: Verdict, engine: Verdict) -> Difference | None:
    """Return how two verdicts on one row differ."""
    if postgres == INTERNAL_ERROR or (postgres == engine and type(postgres) is type(engine)):
        return None
    if isinstance(engine, str):
        return Difference.CODE if isinstance(postgres, str) else Difference.RAISED
    if engine is True:
        return Difference.PERMISSIVE
    return Difference.QUIET if isinstance(postgres, str) else Difference.ANOTHER


def as_filter(verdict: Verdict) -> Verdict:
    """Return `verdict` as far as a condition that selects rows tells: NULL counts as no."""
    return verdict if isinstance(verdict, str) else verdict is True


def compare_outcomes(postgres: Outcome, engine: Outcome) -> Difference | None:
    """Return how the outcomes of one statement differ. A refusal (42501) is an answer, no error."""
    if postgres in (engine, INTERNAL_ERROR):
        return None
    if isinstance(engine, str):
        if isinstance(postgres, str):
            return Difference.CODE
        return Difference.ANOTHER if engine == REFUSED else Difference.RAISED
    if isinstance(postgres, str):
        return Difference.PERMISSIVE if engine else Difference.QUIET
    return Difference.PERMISSIVE if any(row not in postgres for row in engine) else Difference.ANOTHER


@dataclass(slots=True)
class Tally:
    """Comparisons made so far, and where the answers differ."""

    compared: int = 0
    differing: dict[Difference, list[Mapping[str, Any]]] = field(default_factory=dict)

    def count(self, difference: Difference | None, **details: Any) -> None:
        """Add one comparison; details: what it takes to see the difference again."""
        self.compared += 1
        if difference is not None:
            self.differing.setdefault(difference, []).append(details)

    def share(self, difference: Difference) -> float:
        """Return how many of the comparisons differ this way."""
        return len(self.differing.get(difference, ())) / max(self.compared, 1)

    def report(self) -> str:
        """Return the counts, with the smallest example of each difference."""
        lines = [f"{self.compared} compared"]
        for difference, found in self.differing.items():
            smallest = min(found, key=lambda details: len(str(details)))
            lines.append(f"{len(found)} x {difference}: {smallest}")
        return "\n".join(lines)

    def require_agreement(self, *, raised: float = 0.0) -> None:
        """Fail unless all answers agree, but for errors that only one engine met. raised: their share.

        Source: the engine may say no, or fail, where PostgreSQL fails; never yes.
        """
        assert self.compared, "nothing was compared"
        assert not WRONG & self.differing.keys(), self.report()
        one_sided = sum(map(self.share, (Difference.CODE, Difference.QUIET, Difference.RAISED)))
        assert one_sided <= raised, self.report()
