"""What the documentation points at exists: other pages, and the tests that prove a claim."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
_TEST = re.compile(r"`(tests/[\w/.-]+\.(?:py|js))((?:::\w+)*)`")
_LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


@cache
def _names(path: Path) -> set[str]:
    """List the tests of a module, `::Class::test` or `::test`."""
    found = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(f"::{node.name}")
        elif isinstance(node, ast.ClassDef):
            found |= {
                f"::{node.name}::{each.name}" for each in node.body if isinstance(each, ast.FunctionDef)
            }
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    for path, name in _TEST.findall(page.read_text("utf-8")):
        assert (ROOT / path).is_file(), path
        assert not name or name in _names(ROOT / path), f"{path}{name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    missing = [link for link in _LINK.findall(page.read_text("utf-8")) if not (page.parent / link).exists()]
    assert missing == []


def test_the_guarantees_name_their_tests() -> None:
    assert len(_TEST.findall((ROOT / "docs/guarantees.md").read_text("utf-8"))) > 20
