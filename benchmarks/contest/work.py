"""What is measured: a work, made ready for a contender as a trial."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contest.contender import Contender, no_room_to_make
from benchmarks.contest.sample import MIB, Load, Unit

SMALL_BYTES = 4096
LARGE_BYTES = 256 * MIB
HUGE_BYTES = 4096 * MIB
SMALL, LARGE, HUGE = "small.bin", "large.bin", "huge.bin"
_BLOCK_BYTES = 8 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """How much load there is, and the files that it is made from. folder: on the disk that is measured."""

    folder: Path
    seconds: int
    connections: int = 16

    def file(self, size_bytes: int, number: int = 0) -> Path:
        """Return a file of that size; files of other numbers have other bytes. It is made once."""
        path = self.folder / f"{size_bytes}-{number}.bin"
        if not path.exists():
            _write_bytes(path, size_bytes)
        return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A work that is ready to be done over and over. Only `act` is measured.

    before, after: what has to be made, and cleared away, for each time.
    """

    act: Callable[[], Load]
    before: Callable[[], None] = no_room_to_make
    after: Callable[[], None] = no_room_to_make


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One kind of load. prepare: raises CannotRun where a contender cannot do it.

    for_files: plain web servers can do it too. for_full: too long for the short form. most_rounds: where
    more would take too long, or tell nothing. warms_up: do it once before, without a sample. disk_bytes: what
    it takes on the disk at most, with its sources.
    """

    name: str
    title: str
    unit: Unit
    prepare: Callable[[Contender, Bench], Trial]
    for_files: bool = False
    for_full: bool = False
    most_rounds: int | None = None
    warms_up: bool = True
    disk_bytes: int = 0


def fresh_tag() -> str:
    """Return a text that was never used before, for names and bytes."""
    return f"{secrets.token_hex(6)}-"


def stamp(path: Path) -> None:
    """Change the first bytes of a file, so that no server has seen its content before."""
    with path.open("r+b") as file:
        file.write(secrets.token_bytes(16))


def _write_bytes(path: Path, size_bytes: int) -> None:
    block = secrets.token_bytes(min(_BLOCK_BYTES, size_bytes))
    with path.open("wb") as file:
        for start in range(0, size_bytes, len(block)):
            file.write(block[: size_bytes - start])
