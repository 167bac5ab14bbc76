"""What a reader has to know of the machine and the versions behind figures."""

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from benchmarks.contest import CannotRun
from benchmarks.contest.launch import find_tool

_LIBRARIES = ("granian", "starlette", "uvloop", "psycopg", "orjson")


def describe(folder: Path, tree: Path) -> dict[str, object]:
    """Describe the machine, the disk of `folder`, and the source in `tree`."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": _field(Path("/proc/cpuinfo"), "model name"),
        "memory": _field(Path("/proc/meminfo"), "MemTotal"),
        "kernel": platform.release(),
        "file_system": file_system_of(folder, Path("/proc/self/mounts").read_text()),
        "load_average": os.getloadavg(),
        "python": sys.version,
        "libraries": {name: version(name) for name in _LIBRARIES},
        "tools": {name: _first_line(name, "--version") for name in ("curl", "git")}
        | {"wrk": _first_line("wrk", "-v"), "nginx": _first_line("nginx", "-v")},
        "revision": git(tree, "rev-parse", "HEAD"),
        "changed_files": git(tree, "status", "--porcelain").splitlines(),
    }


def file_system_of(folder: Path, mounts: str) -> str:
    """Return type and options of the file system that holds `folder`. Source: proc_mounts(5)."""
    entries = [line.split() for line in mounts.splitlines()]
    holding = [each for each in entries if folder.resolve().is_relative_to(each[1])]
    _, where, kind, options, *_ = max(holding, key=lambda each: len(each[1]))
    return f"{kind} at {where} ({options})"


def git(tree: Path, *arguments: str) -> str:
    """Return what git says; empty when it fails, as outside a repository."""
    command = [find_tool("git"), "-C", str(tree), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _first_line(tool: str, argument: str) -> str:
    try:
        program = find_tool(tool)
    except CannotRun:
        return "missing"
    done = subprocess.run([program, argument], capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).partition("\n")[0]


def _field(file: Path, name: str) -> str:
    lines = (line.partition(":") for line in file.read_text().splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), "unknown")
