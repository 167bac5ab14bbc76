"""Factories of what the conformance tests ask the same questions of."""

from functools import partial
from pathlib import Path

import pytest

from tests.conformance.executor_fixture import EXECUTORS, MakeExecutor


@pytest.fixture(params=EXECUTORS)
def make_executor(request: pytest.FixtureRequest, tmp_path: Path) -> MakeExecutor:
    """Make an executor over the rows of this test; made twice, both see the same rows."""
    return partial(EXECUTORS[request.param], tmp_path)
