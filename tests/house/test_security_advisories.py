"""No version with a known flaw can be installed with aerostore, and none is installed here."""

import ast
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions, version

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from tests.house.page import ROOT, read_page

_PAGE = "tests/house/advisories.yaml"
_ID = re.compile(r"CVE-20\d\d-\d{4,6}|GHSA(?:-[0-9a-z]{4}){3}")
PACKAGES: dict[str, list[dict[str, str | float]]] = yaml.safe_load(read_page(_PAGE))
# Part of what a declared dependency is: its extra, its foundation.
BROUGHT_ALONG = {"psycopg_pool": "psycopg", "sqlalchemy": "sqlmodel"}
FLAWS = [(package, str(flaw["id"])) for package, flaws in PACKAGES.items() for flaw in flaws]


def flaw_of(package: str, name: str) -> dict[str, str | float]:
    return next(flaw for flaw in PACKAGES[package] if flaw["id"] == name)


@cache
def bounds() -> dict[str, Version]:
    """Return the lowest version of each package that pyproject.toml lets in."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    found = {}
    for requirement in map(Requirement, project["dependencies"]):
        least = [
            Version(each.version) for each in requirement.specifier if each.operator in {">=", "==", "~="}
        ]
        found[requirement.name.lower()] = max(least, default=Version("0"))
    return found


@pytest.mark.parametrize(("package", "name"), FLAWS)
def test_the_installed_version_is_without_the_flaw(package: str, name: str) -> None:
    assert Version(version(package)) >= Version(str(flaw_of(package, name)["fixed"]))


@pytest.mark.parametrize(("package", "name"), [each for each in FLAWS if "transitive" not in flaw_of(*each)])
def test_the_lowest_version_that_can_be_installed_is_without_the_flaw(package: str, name: str) -> None:
    fixed = flaw_of(package, name)["fixed"]
    assert package in bounds(), f'pyproject.toml: add "{package}>={fixed}"'
    assert bounds()[package] >= Version(str(fixed)), f"pyproject.toml lets in a {package} below {fixed}"


def test_every_flaw_has_a_public_name_and_a_meaning() -> None:
    for package, name in FLAWS:
        assert _ID.fullmatch(name), name
        assert flaw_of(package, name)["means"]
    assert len({name for _package, name in FLAWS}) == len(FLAWS)


def test_every_dependency_has_a_lower_bound() -> None:
    assert [name for name, least in bounds().items() if least == Version("0")] == []


def test_everything_imported_is_a_declared_dependency() -> None:
    """What is not declared has no lower bound, and comes in whatever version something else wants."""
    imported = {
        name.partition(".")[0]
        for path in (ROOT / "aerostore").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in imported_by(node)
    }
    foreign = imported - sys.stdlib_module_names - {"aerostore"}
    declared = set(bounds())
    undeclared = {name for name in foreign if not providers_of(name) & declared}
    assert undeclared == set()


def providers_of(module: str) -> set[str]:
    if module in BROUGHT_ALONG:
        return {BROUGHT_ALONG[module]}
    return {re.sub(r"[-_.]+", "-", name).lower() for name in distributions()[module]}


distributions = cache(packages_distributions)


def imported_by(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
