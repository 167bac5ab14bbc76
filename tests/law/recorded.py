"""Cases with PostgreSQL's answers, kept in `recorded/` and replayed where there is no PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

from tests.law.case import Case, Recording
from tests.law.comparison import Comparison, compare_outcomes
from tests.law.expression_side import ExpressionSide
from tests.law.level import compare_judgement
from tests.law.sqlite_side import SqliteSide

FOLDER = Path(__file__).parent / "recorded"


def recordings() -> list[Path]:
    """List the recordings that the engine has to agree with."""
    return sorted(FOLDER.glob("*.json"))


def replay(recording: Recording, sqlite: SqliteSide) -> Iterator[Comparison]:
    """Ask the engine what PostgreSQL answered before."""
    engine = ExpressionSide(recording.world)
    sqlite.fill(recording.world)
    try:
        for case in recording.cases:
            yield from _replayed(case, engine, sqlite)
    finally:
        engine.close()


def _replayed(case: Case, engine: ExpressionSide, sqlite: SqliteSide) -> Iterator[Comparison]:
    assert case.answer is not None, "not a recording"
    if case.question.part and not isinstance(case.answer, str):
        engine.apply(case.policies)
        yield from compare_judgement({row: verdict for row, verdict in case.answer}, engine, case)
        return
    sqlite.apply(case.policies)
    found = sqlite.ask(case.question, case.caller)
    yield Comparison(case=case, found=found, difference=compare_outcomes(case.answer, found))
