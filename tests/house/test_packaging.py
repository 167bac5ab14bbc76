"""The built admin UI is in the sdist and in the wheel, and a wheel made of the sdist needs no Node.js."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hatch_build import source_hash
from tests.house.page import ROOT

BUILT = ("index.html", "assets/main-a1.js", "assets/main-a1.js.br")
_ENVIRONMENT = os.environ  # noqa: TID251 - what a build is started with; tests have no settings module


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout with little in it, whose UI is built."""
    root = tmp_path / "project"
    root.mkdir()
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, root / name)
    for name in ("aerostore/__init__.py", "migrations/x.sql", "policies/x.sql", "admin_ui/package.json"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("")
    (root / "admin_ui" / "node_modules").mkdir()
    (root / "admin_ui" / "node_modules" / "huge.js").write_text("")
    static = root / "aerostore" / "admin_static"
    for name in BUILT:
        (static / name).parent.mkdir(parents=True, exist_ok=True)
        (static / name).write_text(name)
    (static / ".ui-source-hash").write_text(source_hash(root / "admin_ui"))
    return root


def build(project: Path, target: str) -> Path:
    """Build in an environment that has no Node.js, and in which the UI is required."""
    environment = {**_ENVIRONMENT, "AEROSTORE_UI": "require", "PATH": "/nowhere"}
    command = [sys.executable, "-m", "hatchling", "build", "--target", target]
    ran = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return next((project / "dist").glob("*.whl" if target == "wheel" else "*.tar.gz"))


def test_a_wheel_holds_the_ui_once(project: Path) -> None:
    with zipfile.ZipFile(build(project, "wheel")) as wheel:
        names = wheel.namelist()
    assert [names.count(f"aerostore/admin_static/{name}") for name in BUILT] == [1, 1, 1]
    assert [name for name in names if "node_modules" in name or "hatch_build" in name] == []


def test_a_wheel_of_the_sdist_holds_the_ui_as_well(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sdist"
    folder.mkdir()
    subprocess.run(["tar", "-xf", build(project, "sdist"), "-C", folder], check=True)
    (unpacked,) = folder.iterdir()
    assert not (unpacked / "admin_ui" / "node_modules").exists()
    with zipfile.ZipFile(build(unpacked, "wheel")) as wheel:
        for name in BUILT:
            assert wheel.read(f"aerostore/admin_static/{name}").decode() == name


def test_a_ui_that_is_required_and_missing_stops_the_build(project: Path) -> None:
    (project / "aerostore" / "admin_static" / "index.html").unlink()
    with pytest.raises(AssertionError, match=r"Node\.js"):
        build(project, "wheel")
