"""What one run of a load gives, and how it is read as a figure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

MEGABYTE = 1_000_000
GIGABYTE = 1000 * MEGABYTE
MIB = 1 << 20


class Unit(StrEnum):
    """What the figure of a work counts."""

    RATE = "requests/s"
    THROUGHPUT = "MB/s"
    TIME = "ms"
    MEMORY = "MiB"

    @property
    def more_is_better(self) -> bool:
        """Tell whether the greater figure is the better one."""
        return self in (Unit.RATE, Unit.THROUGHPUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a load generator saw. size_bytes: of all bodies. errors: how many, by kind."""

    requests: int
    seconds: float
    size_bytes: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    errors: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A load, and what it took: CPU seconds of server and loader, peak memory of each server process.

    server_cpu_s: None, and peaks_mib empty, for a server whose processes are not known.
    """

    load: Load
    loader_cpu_s: float
    server_cpu_s: float | None = None
    peaks_mib: tuple[float, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Tell whether every request was answered as it should be."""
        return self.load.requests > 0 and not self.load.errors

    def figure(self, unit: Unit) -> float:
        """Return what counts in a work of that unit."""
        load = self.load
        match unit:
            case Unit.RATE:
                return load.requests / load.seconds
            case Unit.THROUGHPUT:
                return load.size_bytes / load.seconds / MEGABYTE
            case Unit.TIME:
                return load.p50_ms
            case Unit.MEMORY:
                return load.size_bytes / MIB

    def server_cpu(self, unit: Unit) -> float | None:
        """Return CPU seconds of the server for one request, or for one GB where bytes count."""
        if self.server_cpu_s is None:
            return None
        amount = self.load.size_bytes / GIGABYTE if unit is Unit.THROUGHPUT else self.load.requests
        return self.server_cpu_s / amount
