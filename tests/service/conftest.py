"""Factories of a storage over every kind of rows and bytes that needs no other service than PostgreSQL."""

import asyncio
import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.executor_fixture import Rights
from tests.service.rows import open_rows
from tests.service.stage import Stage

MakeStage = Callable[..., Stage]


@dataclass(frozen=True, slots=True)
class Kind:
    """Where a stage keeps its rows and its bytes."""

    rows: str
    bytes: str

    def __str__(self) -> str:
        return f"{self.rows}-{self.bytes}"


IN_SQLITE = [Kind("sqlite", "memory"), Kind("sqlite", "local")]
# Bytes do not see where rows are: one kind of them is enough for the other kind of rows.
IN_POSTGRES = [pytest.param(Kind("postgres", "memory"), marks=pytest.mark.postgres)]
EVERY_KIND = [*IN_SQLITE, *IN_POSTGRES]
only_in_sqlite = pytest.mark.parametrize("make_stage", IN_SQLITE, ids=str, indirect=True)
"""For what no PostgreSQL can be brought to."""
in_memory = pytest.mark.parametrize("make_stage", [Kind("sqlite", "memory")], ids=str, indirect=True)
"""For what neither rows nor bytes see."""
expecting_losses = pytest.mark.usefixtures("_quiet_jobs")
"""For tests that lose bytes on purpose: jobs log each loss as an error."""


@pytest.fixture(params=EVERY_KIND, ids=str)
def make_stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeStage]:
    """Make an open storage that holds the bucket `photos`.

    rights: its policies, as text or as an object, else those that are shipped. Further options are those of
    Stage.
    """
    with asyncio.Runner() as runner, ExitStack() as opened:

        def make(rights: Rights | str | None = None, **options: Any) -> Stage:
            folder = Path(tempfile.mkdtemp(dir=tmp_path))
            rows = opened.enter_context(open_rows(request.param.rows, request, folder, rights))
            made = Stage(rows, folder, request.param.bytes, runner, **options)
            opened.callback(made.close)
            made.open()
            made.make_bucket()
            return made

        yield make


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    """A storage as it comes."""
    return make_stage()


@pytest.fixture
def _quiet_jobs() -> Iterator[None]:
    loggers = [logging.getLogger(f"aerostore.{name}") for name in ("scrub", "reclaim")]
    for logger in loggers:
        logger.disabled = True
    yield
    for logger in loggers:
        logger.disabled = False
