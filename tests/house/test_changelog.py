import re
from pathlib import Path

import pytest

from tests.house.page import ROOT, read_page

FRAGMENTS = sorted((ROOT / "docs/changelog/unreleased").iterdir())


@pytest.mark.parametrize("path", FRAGMENTS, ids=lambda path: path.name)
def test_fragment_is_one_line_that_starts_with_its_kind(path: Path) -> None:
    assert re.fullmatch(r"(Added|Changed|Fixed|Removed|Security) [^\n]+\.\n", path.read_text("utf-8"))


@pytest.mark.parametrize("path", FRAGMENTS, ids=lambda path: path.name)
def test_fragment_is_named_after_the_change(path: Path) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*\.md", path.name)


def test_changelog_has_a_place_for_what_is_next() -> None:
    assert "\n## Unreleased\n" in read_page("CHANGELOG.md")
