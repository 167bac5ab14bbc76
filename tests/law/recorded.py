"""Cases with PostgreSQL's answers, kept in `recorded/` and replayed where there is no PostgreSQL."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.law.case import Case, World
from tests.law.comparison import Difference, compare_outcomes
from tests.law.expression_side import ExpressionSide
from tests.law.level import compare_judgement
from tests.law.sqlite_side import SqliteSide

FOLDER = Path(__file__).parent / "recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Cases that share a world."""

    world: World
    cases: Sequence[Case]

    def save(self, path: Path) -> None:
        """Write this recording to `path`."""
        value = {"world": self.world, "cases": [case.to_json() for case in self.cases]}
        path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", "utf-8")

    @staticmethod
    def load(path: Path) -> "Recording":
        """Read what `save` wrote."""
        value = json.loads(path.read_text("utf-8"))
        return Recording(world=value["world"], cases=[Case.from_json(each) for each in value["cases"]])


def recordings() -> list[Path]:
    """List the files of all recordings."""
    return sorted(FOLDER.glob("*.json"))


def replay(recording: Recording, sqlite: SqliteSide) -> Iterator[tuple[Difference | None, Mapping[str, Any]]]:
    """Ask the engine what PostgreSQL answered before; yield how each answer differs now."""
    engine = ExpressionSide(recording.world)
    sqlite.fill(recording.world)
    try:
        for case in recording.cases:
            yield from _replayed(case, engine, sqlite)
    finally:
        engine.close()


def _replayed(
    case: Case, engine: ExpressionSide, sqlite: SqliteSide
) -> Iterator[tuple[Difference | None, Mapping[str, Any]]]:
    assert case.answer is not None, "not a recording"
    if case.question.part:
        engine.apply(case.policies)
        yield from compare_judgement({row: verdict for row, verdict in case.answer}, engine, case)
        return
    sqlite.apply(case.policies)
    found = sqlite.ask(case.question, case.caller)
    yield compare_outcomes(case.answer, found), {"case": case, "found": found}
