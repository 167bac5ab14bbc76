"""docs/security.md has a row for each known attack, and each row the tests that were written for it."""

import ast
import re
from collections.abc import Iterable
from functools import cache

import pytest

from tests.attack.route_table import all_entries
from tests.house.page import ROOT, code_words, read_page, table_rows

PAGE = "docs/security.md"
ATTACKS = range(1, 46)
_TESTED = re.compile(r"Tested are the routes below ([^.]*(?:\.\w[^.]*)*)\.\n")


@cache
def answered() -> list[tuple[str, list[str]]]:
    """List the number and the tests of each row that has an answer."""
    return [(row[0], code_words(row[3])) for row in table_rows(read_page(PAGE)) if len(row) == 4]


@cache
def to_come() -> list[tuple[str, list[str]]]:
    """List the number and the paths of each row about an operation that is not there."""
    return [(row[0], code_words(row[2])) for row in table_rows(read_page(PAGE)) if len(row) == 3]


def named_tests() -> list[str]:
    return [test for _number, tests in answered() for test in tests]


@cache
def collected(file: str) -> set[str]:
    """List the tests that pytest runs from `file`: by its rules, and not skipped whatever happens."""
    if not re.fullmatch(r"tests/(?:\w+/)*test_\w+\.py", file) or not (ROOT / file).is_file():
        return set()
    found: set[str] = set()
    for node in ast.parse(read_page(file)).body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            found |= {f"{node.name}::{name}" for name in runnable(node.body)}
    return found | runnable(ast.parse(read_page(file)).body)


def runnable(nodes: Iterable[ast.stmt]) -> set[str]:
    return {
        node.name
        for node in nodes
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not is_given_up(node)
    }


def is_given_up(node: ast.FunctionDef) -> bool:
    marks = {ast.unparse(mark).partition("(")[0] for mark in node.decorator_list}
    return bool(marks & {"pytest.mark.skip", "pytest.mark.xfail"})


@pytest.mark.parametrize("number", ATTACKS)
def test_every_attack_has_a_row(number: int) -> None:
    assert str(number) in {named for named, _words in answered() + to_come()}


def test_every_row_is_about_an_attack_of_the_list() -> None:
    assert {number for number, _words in answered() + to_come()} <= {str(number) for number in ATTACKS}


def test_every_row_names_a_test() -> None:
    assert [number for number, tests in answered() if not tests] == []


def test_every_named_test_is_one_that_runs() -> None:
    parts = [test.partition("::") for test in named_tests()]
    assert [f"{file}::{name}" for file, _, name in parts if name not in collected(file)] == []


def test_no_test_stands_for_two_answers() -> None:
    tests = named_tests()
    assert sorted({test for test in tests if tests.count(test) > 1}) == []


def test_no_operation_came_without_its_row() -> None:
    awaited = [path for _number, paths in to_come() for path in paths]
    assert awaited
    served = [(entry, f"{entry.path}/") for entry in all_entries()]
    came = [f"{entry} (row {path})" for entry, below in served for path in awaited if f"{path}/" in below]
    assert came == []


def test_every_route_is_below_a_path_that_the_page_says_is_tested() -> None:
    stated = _TESTED.search(read_page(PAGE))
    assert stated
    tested = tuple(f"{path}/" for path in code_words(stated[1]))
    assert [str(entry) for entry in all_entries() if not f"{entry.path}/".startswith(tested)] == []


def test_every_attack_module_is_named() -> None:
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "tests/attack").glob("test_*.py")}
    assert sorted(modules - {test.partition("::")[0] for test in named_tests()}) == []
