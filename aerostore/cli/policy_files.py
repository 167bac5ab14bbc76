"""Finds policy files and files of test cases, as named on the command line or by the settings."""

from collections.abc import Sequence
from pathlib import Path

from aerostore.cli.case_file import SUFFIX
from aerostore.executor.migrations import shipped_folder
from aerostore.permissions.compiled import read_policy_files
from aerostore.policy import Source
from aerostore.settings import InvalidSettings, Settings


def policies_folder(settings: Settings) -> Path:
    """Return the folder of the policies in force: the one that is set, else the one that is shipped."""
    return Path(settings.policies_dir) if settings.policies_dir else shipped_folder("policies")


def read_sources(paths: Sequence[Path]) -> list[Source]:
    """Read policy files; of a folder those directly in it, by name.

    Raises: InvalidSettings for a file that is no text, and for a folder without policies.
    """
    return [source for path in paths for source in _read(path)]


def find_case_files(paths: Sequence[Path]) -> list[Path]:
    """List files of cases; of a folder those directly in it, by name. Raises: as `read_sources`."""
    return [found for path in paths for found in (_case_files_in(path) if path.is_dir() else [path])]


def _read(path: Path) -> list[Source]:
    try:
        if not path.is_dir():
            return [Source(path=str(path), text=path.read_text("utf-8"))]
        found = read_policy_files(path)
    except UnicodeDecodeError as exc:
        raise InvalidSettings(f"{path} holds what is not UTF-8 text") from exc
    if not found:
        raise InvalidSettings(f"there is no *.sql in {path}")
    return found


def _case_files_in(folder: Path) -> list[Path]:
    found = sorted(folder.glob(f"*{SUFFIX}"))
    if not found:
        raise InvalidSettings(f"there is no *{SUFFIX} in {folder}")
    return found
