"""What it means for two answers to differ, and how much of it may be."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from tempfile import mkdtemp

from tests.law.case import Case, Outcome, Recording, Verdict, World

REFUSED = "42501"
INTERNAL_ERROR = "XX000"
"""No answer of PostgreSQL's: its planner "cannot cope with variable-free clause" in some policies `x = x`."""
ERRORS = ("21", "22", "23", "0A")
"""Classes of SQLSTATEs to expect: cardinality, data, constraints, and patterns that are not supported."""


class Difference(StrEnum):
    """How the engine's answer differs from PostgreSQL's. Only the first two are never allowed.

    PostgreSQL does not define in which order it evaluates conditions, so it may meet an error that we do
    not, and the other way round: all the others. It judges rows before it looks at a statement's own
    conditions, where we seek the rows that the statement names.
    """

    PERMISSIVE = "says yes where PostgreSQL does not"
    ANOTHER = "another answer"
    CODE = "another SQLSTATE"
    QUIET = "says no where PostgreSQL raises"
    RAISED = "raises where PostgreSQL answers"
    OTHER_ROW = "says yes where PostgreSQL raises because of another row"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two answers to one question. case: with PostgreSQL's answer; found: the engine's. how: it was asked."""

    case: Case
    found: Verdict | Outcome
    difference: Difference | None
    how: str = ""

    @property
    def codes(self) -> set[str]:
        """The SQLSTATEs among the answers."""
        answers = (self.case.answer, self.found)
        return {answer for answer in answers if isinstance(answer, str)}


@dataclass(slots=True)
class Tally:
    """Comparisons made so far, and those that differ. wrong: the last that may not; of a search, the least.

    world: where they were made, when it was always the same.
    """

    world: World | None = None
    compared: int = 0
    differing: dict[Difference, list[Comparison]] = field(default_factory=dict)
    wrong: Recording | None = None

    def add(self, comparison: Comparison, world: World | None = None) -> None:
        """Count one comparison."""
        self.compared += 1
        if comparison.difference is None:
            return
        self.differing.setdefault(comparison.difference, []).append(comparison)
        if comparison.difference in WRONG:
            self.wrong = Recording(world=world or self.world or {}, cases=[comparison.case])

    def share(self, differences: Iterable[Difference]) -> float:
        """Return how many of the comparisons differ in one of these ways."""
        return sum(len(self.differing.get(each, ())) for each in differences) / max(self.compared, 1)

    def report(self) -> str:
        """Return the counts and the smallest example of each difference; write a wrong one to a file."""
        lines = [f"{self.compared} compared"]
        if self.wrong:
            path = Path(mkdtemp(prefix="aerostore-law-")) / "difference.json"
            self.wrong.save(path)
            lines.append(f"to keep the last wrong answer, move {path} to recorded/")
        for difference, found in self.differing.items():
            lines.append(f"{len(found)} x {difference}: {min(found, key=lambda each: len(str(each)))}")
        return "\n".join(lines)

    def require_agreement(self, *, raised: float = 0.0) -> None:
        """Fail unless all answers agree, but for errors that only one engine met. raised: their share.

        Source: the engine may say no, or fail, where PostgreSQL fails; never yes.
        """
        assert self.compared, "nothing was compared"
        assert not WRONG & self.differing.keys(), self.report()
        assert self.share(Difference) <= raised, self.report()
        codes = {code for found in self.differing.values() for each in found for code in each.codes}
        assert all(code == REFUSED or code.startswith(ERRORS) for code in codes), self.report()
