"""PostgreSQL's answers as they were recorded: the law, tested without PostgreSQL."""

from pathlib import Path

import pytest

from tests.law.case import Recording
from tests.law.comparison import Tally
from tests.law.recorded import recordings, replay
from tests.law.sqlite_side import SqliteSide

MOST_RAISED = {"expressions": 0.01, "statements": 0.01, "hostile_statements": 0.2, "pointed": 0.02}
"""The share of cases in which one engine may raise; zero where a difference was found and mended."""


def replayed(path: Path, sqlite: SqliteSide) -> Tally:
    recording = Recording.load(path)
    tally = Tally(recording.world)
    for comparison in replay(recording, sqlite):
        tally.add(comparison)
    return tally


@pytest.mark.parametrize("path", recordings(), ids=lambda path: path.stem)
def test_the_engine_answers_as_postgres_did(sqlite: SqliteSide, path: Path) -> None:
    replayed(path, sqlite).require_agreement(raised=MOST_RAISED.get(path.stem, 0.0))
