"""When the admin UI is built anew: by the content of its sources, and by what AEROSTORE_UI asks for."""

import os
from pathlib import Path

import pytest

import hatch_build
from hatch_build import AdminUi, build_mode, source_hash


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "admin_ui"
    (folder / "src").mkdir(parents=True)
    (folder / "package.json").write_text("{}")
    (folder / "package-lock.json").write_text("{}")
    (folder / "src" / "main.ts").write_text("1")
    return folder


@pytest.fixture
def builds(sources: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The commands that were run; each stands for a build that succeeds."""
    ran: list[tuple[str, ...]] = []
    static = sources.parent / "aerostore" / "admin_static"

    def run(command: tuple[str, ...], folder: Path) -> None:
        assert folder == sources
        ran.append(command)
        if "ci" in command:
            (sources / "node_modules").mkdir(exist_ok=True)
            (sources / "node_modules" / ".package-lock.json").write_text("{}")
        static.mkdir(parents=True, exist_ok=True)
        (static / "index.html").write_text("<html>")

    monkeypatch.setattr(hatch_build, "_run", run)
    monkeypatch.setattr(hatch_build, "has_node", lambda: True)
    return ran


def test_the_hash_depends_on_names_and_contents(sources: Path) -> None:
    seen = {source_hash(sources)}
    (sources / "src" / "main.ts").write_text("2")
    seen.add(source_hash(sources))
    (sources / "src" / "main.ts").rename(sources / "src" / "other.ts")
    seen.add(source_hash(sources))
    (sources / "src" / "empty.ts").write_text("")
    seen.add(source_hash(sources))
    assert len(seen) == 4


def test_the_hash_tells_apart_what_moves_from_one_file_into_the_next(sources: Path) -> None:
    for name, content in (("a", "12"), ("b", "3")):
        (sources / name).write_text(content)
    before = source_hash(sources)
    for name, content in (("a", "1"), ("b", "23")):
        (sources / name).write_text(content)
    assert source_hash(sources) != before


def test_the_hash_is_the_same_wherever_and_whenever(sources: Path, tmp_path: Path) -> None:
    before = source_hash(sources)
    os.utime(sources / "package.json", (0, 0))
    moved = sources.rename(tmp_path / "elsewhere")
    assert source_hash(moved) == before


@pytest.mark.parametrize(
    "made", ["node_modules/x.js", "dist/x.js", "src/.vite/x", "x.tsbuildinfo", "src/x.test.ts", "README.md"]
)
def test_what_is_not_built_does_not_count(sources: Path, made: str) -> None:
    before = source_hash(sources)
    (sources / made).parent.mkdir(parents=True, exist_ok=True)
    (sources / made).write_text("x")
    assert source_hash(sources) == before


def test_the_ui_is_built_once_and_again_when_it_changes(sources: Path, builds: list[tuple[str, ...]]) -> None:
    ui = AdminUi(sources.parent)
    ui.build()
    ui.build()
    assert [command[:2] for command in builds] == [("npm", "ci"), ("npm", "run")]
    (sources / "src" / "main.ts").write_text("2")
    assert not ui.is_current()
    ui.build()
    assert [command[:2] for command in builds[2:]] == [("npm", "run")]


def test_packages_are_installed_again_when_others_are_locked(
    sources: Path, builds: list[tuple[str, ...]]
) -> None:
    AdminUi(sources.parent).build()
    (sources / "package-lock.json").write_text("{ }")
    later = (sources / "node_modules" / ".package-lock.json").stat().st_mtime + 1
    os.utime(sources / "package-lock.json", (later, later))
    AdminUi(sources.parent).build()
    assert [command[1] for command in builds] == ["ci", "run", "ci", "run"]


@pytest.mark.parametrize(
    ("version", "is_enough"),
    [("20.18", False), ("20.19", True), ("21.7", False), ("22.11", False), ("22.12", True), ("24.0", True)],
)
def test_versions_of_node_count_as_the_tools_of_the_ui_say(version: str, is_enough: bool) -> None:
    assert hatch_build._is_new_enough(tuple(map(int, version.split(".")))) is is_enough


def test_scripts_of_packages_do_not_run(sources: Path, builds: list[tuple[str, ...]]) -> None:
    AdminUi(sources.parent).build()
    assert "--ignore-scripts" in builds[0]


def test_a_build_that_fails_is_tried_again(
    sources: Path, builds: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ui = AdminUi(sources.parent)
    ui.build()
    (sources / "src" / "main.ts").write_text("2")

    def fail(command: tuple[str, ...], _folder: Path) -> None:
        raise RuntimeError(f"{command} failed")

    monkeypatch.setattr(hatch_build, "_run", fail)
    with pytest.raises(RuntimeError, match="failed"):
        ui.build()
    (sources / "src" / "main.ts").write_text("1")
    assert not ui.is_current()


def test_an_sdist_with_a_built_ui_needs_no_node(
    sources: Path, builds: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ui = AdminUi(sources.parent)
    ui.build()
    monkeypatch.setattr(hatch_build, "has_node", lambda: False)
    ui.build()
    (sources.parent / "aerostore" / "admin_static" / "index.html").unlink()
    with pytest.raises(RuntimeError, match="Node"):
        ui.build()


def test_without_sources_the_reason_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="whole checkout"):
        AdminUi(tmp_path).build()


@pytest.mark.parametrize(("given", "mode"), [(None, "auto"), ("", "auto"), ("skip", "skip")])
def test_auto_is_what_happens_unless_told(
    monkeypatch: pytest.MonkeyPatch, given: str | None, mode: str
) -> None:
    monkeypatch.delenv("AEROSTORE_UI", raising=False)
    if given is not None:
        monkeypatch.setenv("AEROSTORE_UI", given)
    assert build_mode() == mode


def test_an_unknown_mode_stops_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AEROSTORE_UI", "never")
    with pytest.raises(RuntimeError, match="auto, require, skip"):
        build_mode()
