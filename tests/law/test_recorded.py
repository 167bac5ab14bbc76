"""PostgreSQL's answers as they were recorded: the law, tested without PostgreSQL."""

from pathlib import Path

import pytest

from tests.law.comparison import Tally
from tests.law.recorded import Recording, recordings, replay
from tests.law.sqlite_side import SqliteSide

MOST_RAISED = {"expressions": 0.01, "statements": 0.01, "hostile_statements": 0.2, "pointed": 0.02}
"""The share of cases in which one engine may raise; zero where a difference was found and mended."""


@pytest.mark.parametrize("path", recordings(), ids=lambda path: path.stem)
def test_the_engine_answers_as_postgres_did(sqlite: SqliteSide, path: Path) -> None:
    tally = Tally()
    for difference, details in replay(Recording.load(path), sqlite):
        tally.count(difference, **details)
    tally.require_agreement(raised=MOST_RAISED.get(path.stem, 0.0))
