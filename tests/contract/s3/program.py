"""Programs that speak S3, run as people run them: with words, an environment, and a home of their own."""

import os
import random
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEADLINE_S = 60.0
_ENVIRONMENT = os.environ  # noqa: TID251 - a program is found by the PATH of whoever runs the tests

# Names that are often spelled wrong on their way into a URL or a signature, and one composed and decomposed.
AWKWARD_NAMES = [
    "a b/c  d.txt",
    "50% off/100%25.txt",
    "1+1=2.txt",
    "#1 what? this&that.txt",
    'it\'s "quoted" (really)!.txt',
    "semi;colon,comma:at@tilde~star*.txt",
    "[brackets]{braces}.txt",
    "\u00e9 composed.txt",
    "e\u0301 decomposed.txt",
    "日本/語.txt",
    "smile \U0001f600.txt",
]


@dataclass(frozen=True, slots=True)
class Program:
    """One program with what it needs to find the server. home: the folder that it may call its own."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    home: Path

    def run(self, *words: str | Path) -> str:
        """Run it to a good end; return what it printed."""
        ran = self._run(words)
        assert ran.returncode == 0, f"{words}: exit {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    def fail(self, *words: str | Path) -> str:
        """Run it to a bad end; return what it complained about."""
        ran = self._run(words)
        assert ran.returncode != 0, f"{words} succeeded\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout + ran.stderr

    def _run(self, words: tuple[str | Path, ...]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command, *map(str, words)],
            cwd=self.home,
            env={"PATH": _ENVIRONMENT["PATH"], "HOME": str(self.home), "NO_PROXY": "*", "LC_ALL": "C.UTF-8"}
            | dict(self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )


def installed(name: str) -> str:
    """Return the path of a program that the dev group installs."""
    return str(Path(sys.executable).parent / name)


def content(size_bytes: int, seed: int = 1) -> bytes:
    """Make bytes that do not repeat, the same for each seed."""
    return random.Random(seed).randbytes(size_bytes)


def write_tree(root: Path, files: Mapping[str, bytes]) -> Path:
    """Write `files`, by their paths below `root`; return `root`."""
    for name, body in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return root


def read_tree(root: Path) -> dict[str, bytes]:
    """Read every file below `root`, by its path from there."""
    return {str(each.relative_to(root)): each.read_bytes() for each in root.rglob("*") if each.is_file()}
