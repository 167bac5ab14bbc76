"""Factories of a storage over every kind of rows and bytes that needs no other service."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.service.stage import Stage

MakeStage = Callable[..., Stage]


@pytest.fixture(params=["memory", "local"])
def make_stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeStage]:
    """Make an open storage that holds the bucket `photos`; options are those of Stage."""
    stages: list[Stage] = []

    def make(**options: Any) -> Stage:
        folder = tmp_path / str(len(stages))
        folder.mkdir()
        made = Stage(folder, request.param, runner, **options)
        stages.append(made)
        made.open()
        made.make_bucket()
        return made

    with asyncio.Runner() as runner:
        yield make
        for made in stages:
            made.close()


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    """A storage as it comes."""
    return make_stage()
