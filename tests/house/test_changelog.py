import re

from tests.house.page import ROOT, read_page

FRAGMENTS = sorted((ROOT / "docs/changelog/unreleased").glob("*"))


def test_fragments_are_one_line_that_starts_with_the_kind_of_change() -> None:
    shape = re.compile(r"(Added|Changed|Fixed|Removed|Security) [^\n]+\.\n")
    assert [path.name for path in FRAGMENTS if not shape.fullmatch(path.read_text("utf-8"))] == []


def test_fragments_are_named_after_the_change() -> None:
    assert [
        each.name for each in FRAGMENTS if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*\.md", each.name)
    ] == []


def test_changelog_has_a_place_for_what_comes_next() -> None:
    assert "\n## Unreleased\n" in read_page("CHANGELOG.md")
