"""What processes use, as the kernel tells in /proc: CPU time and memory of a whole tree of them."""

import os
import resource
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contest.sample import MIB

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Tree:
    """A process and its descendants, as they are at each call. root: process id."""

    root: int

    def pids(self) -> list[int]:
        """List the processes, the root first; empty when it has ended."""
        found = [self.root] if (_PROC / str(self.root)).exists() else []
        for pid in found:
            for children in (_PROC / str(pid) / "task").glob("*/children"):
                with suppress(OSError):
                    found += map(int, children.read_text().split())
        return found

    def cpu_seconds(self) -> float:
        """Return user and system time used so far, by processes that have ended as well."""
        return sum(map(_cpu_ticks, self.pids())) / _TICKS_PER_S

    def reset_peaks(self) -> None:
        """Let `peaks_mib` begin anew. Source: proc(5), /proc/pid/clear_refs."""
        for pid in self.pids():
            with suppress(OSError):
                (_PROC / str(pid) / "clear_refs").write_text("5")

    def peaks_mib(self) -> tuple[float, ...]:
        """Return the peak resident memory of each process."""
        return tuple(_memory(pid, "status", "VmHWM") / MIB for pid in self.pids())

    def own_bytes(self) -> int:
        """Return the memory in use; what processes share counts once (PSS)."""
        return sum(_memory(pid, "smaps_rollup", "Pss") for pid in self.pids())


def cpu_of_children() -> float:
    """Return user and system time of the children that have ended: between two calls, of load generators."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _cpu_ticks(pid: int) -> int:
    with suppress(OSError):
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15]))  # own, and of children waited for; each user and system
    return 0


def _memory(pid: int, file: str, field: str) -> int:
    with suppress(OSError):
        for line in (_PROC / str(pid) / file).read_text().splitlines():
            name, _, value = line.partition(":")
            if name == field:
                return int(value.split()[0]) * 1024
    return 0
