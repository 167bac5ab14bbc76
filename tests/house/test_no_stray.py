import re
from pathlib import Path

import pytest

from tests.house.page import ROOT

STRAY = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError|breakpoint\(|pdb\b)")
MODULES = sorted((ROOT / "aerostore").rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_is_finished(path: Path) -> None:
    lines = enumerate(path.read_text("utf-8").splitlines(), start=1)
    assert [f"{number}: {line.strip()}" for number, line in lines if STRAY.search(line)] == []
