from pathlib import Path

import pytest

from tests.house.page import ROOT

MAX_LINES = 500
MAX_FRONT_DOOR_LINES = 150
MODULES = sorted((ROOT / "aerostore").rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_is_short_enough_to_read(path: Path) -> None:
    limit = MAX_FRONT_DOOR_LINES if path.name == "__init__.py" else MAX_LINES
    assert len(path.read_text("utf-8").splitlines()) <= limit
