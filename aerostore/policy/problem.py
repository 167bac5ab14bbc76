"""What can be wrong with a policy: refused when it is loaded, or failing when it is evaluated."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A text of SQL statements. path: what messages call it."""

    path: str
    text: str

    def line_and_column(self, at: int) -> tuple[int, int]:
        """Return where offset `at` is, both counted from one."""
        before = self.text[:at]
        return before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A refusal or a warning with its place. code: an SQLSTATE (PostgreSQL, Appendix A)."""

    source: Source
    at: int
    code: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        line, column = self.source.line_and_column(self.at)
        hint = f" (hint: {self.hint})" if self.hint else ""
        return f"{self.source.path}:{line}:{column} {self.code} {self.message}{hint}"


class Refusal(Exception):
    """Raised at the place that makes a statement unacceptable; the loader adds the source.

    at: offset into the text; code: SQLSTATE, as PostgreSQL would give or 0A000 for what only it can do.
    """

    def __init__(self, at: int, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.at = at
        self.code = code
        self.message = message
        self.hint = hint

    def in_source(self, source: Source) -> Problem:
        """Return this refusal with its place."""
        return Problem(source=source, at=self.at, code=self.code, message=self.message, hint=self.hint)


class PolicyLoadError(Exception):
    """A policy set with at least one refused statement. It must not be enforced, not even in part."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class EvaluationError(Exception):
    """A policy could not be evaluated. code: the SQLSTATE that PostgreSQL raises for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
