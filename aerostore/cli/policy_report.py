"""What the commands about policies print, line by line."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from textwrap import indent
from typing import Any

from aerostore.cli.case_file import WrittenCase
from aerostore.policy import Problem, Verdict
from aerostore.policy.case import Answer, Case, Outcome
from aerostore.policy.change import Changes, describe
from aerostore.policy.script import Declaration, Declares, Script

_MARGIN = "    "


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What `check` found. script: what the files define, as far as they could be read."""

    files: int
    script: Script
    problems: Sequence[Problem] = ()
    warnings: Sequence[Problem] = ()

    def lines(self) -> Iterator[str]:
        """Yield what is wrong, place by place, and then how much there is."""
        yield from map(str, self.problems)
        for warning in self.warnings:
            yield str(replace(warning, message=f"warning: {warning.message}"))
        there = ", ".join(counted(number, noun) for noun, number in self._totals().items())
        wrong = f"{counted(len(self.problems), 'problem')}, {counted(len(self.warnings), 'warning')}"
        yield f"{there} in {counted(self.files, 'file')}: {wrong}"

    def as_json(self) -> Mapping[str, Any]:
        """Return the same for programs."""
        return {
            **{_plural(noun): number for noun, number in self._totals().items()},
            "files": self.files,
            "problems": [_as_json(problem) for problem in self.problems],
            "warnings": [_as_json(warning) for warning in self.warnings],
        }

    def _totals(self) -> Mapping[str, int]:
        declared = Counter(declaration.kind for declaration in self.script.declarations)
        return {
            "policy": len(self.script.definitions),
            "table": declared[Declares.TABLE],
            "function": declared[Declares.FUNCTION],
        }


def counted(number: int, noun: str) -> str:
    """Return how many there are, in words for people."""
    return f"{number:,} {noun if number == 1 else _plural(noun)}"


def failure_lines(written: WrittenCase, case: Case, outcome: Outcome) -> Iterator[str]:
    """Yield what a case expected, what came out, and what each policy said."""
    expected, came = ("allow", "denied") if case.is_permitted else ("deny", "allowed")
    why = f" ({case.why})" if case.why else ""
    yield f"{written.path}:{written.line}: {expected} {written.get(expected)}: it is {came}{why}"
    for answer in outcome.answers:
        if answer.is_yes == outcome.is_permitted:
            yield from _answer_lines(answer)


def change_lines(changes: Changes) -> Iterator[str]:
    """Yield what applying does, what stands in its way, and what it leaves alone."""
    for change in changes.changes:
        yield str(change)
        if diff := change.diff():
            yield indent(diff, _MARGIN)
    yield from map(str, changes.conflicts)
    for policy in changes.foreign:
        yield f"leave alone {describe(policy.table, policy.name)}: others made it, and no file defines it"
    for declaration in changes.missing:
        yield from _missing_lines(declaration)


def _answer_lines(answer: Answer) -> Iterator[str]:
    side = "with check" if answer.question.check else "using"
    asked = f"{_MARGIN}{answer.question.command} {side}"
    if answer.error is not None:
        yield f"{asked}: error {answer.error.code} {answer.error.message}"
    for verdict in answer.verdicts:
        yield f'{asked}: "{verdict.policy.name}" {_said(verdict)}'
    if not answer.verdicts and not answer.is_yes:
        yield f"{asked}: no policy is for this"


def _said(verdict: Verdict) -> str:
    kind = "permits" if verdict.policy.permissive else "does not forbid"
    if not verdict.applies:
        return f"is only for {', '.join(sorted(verdict.policy.roles))}"
    if verdict.error is not None:
        return f"fails: {verdict.error.code} {verdict.error.message}"
    if verdict.value:
        return kind
    return f"is {'null' if verdict.value is None else 'false'}"


def _missing_lines(declaration: Declaration) -> Iterator[str]:
    is_thing = declaration.kind in {Declares.TABLE, Declares.FUNCTION}
    name = f"{'' if is_thing else 'on '}{'.'.join(declaration.name)}"
    passage = declaration.passage
    line, _ = passage.source.line_and_column(passage.at)
    yield f"missing {declaration.kind} {name} ({passage.source.path}:{line}); the schema is yours, so run:"
    yield indent(f"{passage.text};", _MARGIN)


def _as_json(problem: Problem) -> Mapping[str, Any]:
    line, column = problem.source.line_and_column(problem.at)
    return {
        "path": problem.source.path,
        "line": line,
        "column": column,
        "code": problem.code,
        "message": problem.message,
        "hint": problem.hint,
    }


def _plural(noun: str) -> str:
    return f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
