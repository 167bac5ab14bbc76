"""How much the local backend costs over the bare system calls it cannot do without.

Each round times the backend and a loop of raw calls in turn, so that other load meets both alike.
`python benchmarks/backend.py --directory DIR` with a directory on the disk that matters.
"""

import argparse
import asyncio
import os
import random
import tempfile
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import uvloop

from aerostore.backend import BlobBackend
from aerostore.backend.local import LocalBackend

KIB, MIB = 1024, 1024 * 1024
SMALL, LARGE = 4 * KIB, 256 * MIB
CHUNK = 256 * KIB
THREADS = 8
OBJECTS = 512


@dataclass(frozen=True, slots=True)
class Case:
    """One comparison. `backend` and `raw` do the same work; count: objects or bytes in it."""

    label: str
    unit: str
    count: int
    backend: Callable[[], None]
    raw: Callable[[], None]

    def shown(self, seconds: float) -> str:
        """Give the time as the unit says: microseconds an object, or mebibytes a second."""
        amount = seconds / self.count * 1e6 if self.unit == "us" else self.count / MIB / seconds
        return f"{amount:.0f} {self.unit}"


class Bench:
    """A backend and a bare tree of the same shape, both below `root`."""

    def __init__(self, root: Path) -> None:
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._backend: BlobBackend = LocalBackend(root / "backend", threads=THREADS)
        self._raw = RawTree(root / "raw")
        self._small = random.Random(1).randbytes(SMALL)
        self._chunk = random.Random(2).randbytes(CHUNK)
        self._small_keys = self._runner.run(self._stored_small())
        self._large_key = self._runner.run(self._write_large())
        self._raw.write([self._chunk] * (LARGE // CHUNK), "large")
        for number in range(OBJECTS):
            self._raw.write([number.to_bytes(4) + self._small[4:]], f"small{number}")

    def cases(self) -> list[Case]:
        """List what is compared."""
        return [
            *(self._small_writes(at_once) for at_once in (1, 16, 64)),
            Case("write 256 MiB", "MiB/s", LARGE, self._large_write, self._raw_large_write),
            Case("open and read 4 KiB", "us", OBJECTS, self._small_reads, self._raw_small_reads),
            Case("read 256 MiB", "MiB/s", LARGE, self._large_read, self._raw_large_read),
        ]

    def close(self) -> None:
        """End the backend's threads and the event loop."""
        self._runner.run(self._backend.close())
        self._runner.close()

    def _small_writes(self, at_once: int) -> Case:
        def backend() -> None:
            self._runner.run(self._write_small(at_once))

        def raw() -> None:
            _in_threads(min(at_once, THREADS), lambda number: self._raw.write([self._body(number)]))

        return Case(f"write 4 KiB, {at_once} at once", "us", OBJECTS, backend, raw)

    def _body(self, number: int) -> bytes:
        return number.to_bytes(4) + self._small[4:]

    async def _write_small(self, at_once: int) -> None:
        numbers = iter(range(OBJECTS))

        async def client() -> None:
            for number in numbers:
                await self._backend.write(_once(self._body(number)), blob_id=str(uuid.uuid4()))

        await asyncio.gather(*(client() for _ in range(at_once)))

    async def _stored_small(self) -> list[str]:
        written = [
            await self._backend.write(_once(self._body(number)), blob_id=str(uuid.uuid4()))
            for number in range(OBJECTS)
        ]
        return [receipt.key for receipt in written]

    async def _write_large(self) -> str:
        return (await self._backend.write(self._large_chunks(), blob_id=str(uuid.uuid4()))).key

    async def _large_chunks(self) -> AsyncIterator[bytes]:
        for _ in range(LARGE // CHUNK):
            yield self._chunk

    def _large_write(self) -> None:
        async def write() -> None:
            await self._backend.delete(await self._write_large())

        self._runner.run(write())

    def _raw_large_write(self) -> None:
        self._raw.remove(self._raw.write([self._chunk * 4] * (LARGE // CHUNK // 4)))

    def _small_reads(self) -> None:
        async def read() -> None:
            for key in self._small_keys:
                await self._read(key)

        self._runner.run(read())

    def _raw_small_reads(self) -> None:
        for number in range(OBJECTS):
            self._raw.read(f"small{number}")

    def _large_read(self) -> None:
        self._runner.run(self._read(self._large_key))

    def _raw_large_read(self) -> None:
        self._raw.read("large")

    async def _read(self, key: str) -> None:
        reader = await self._backend.open(key)
        async for _chunk in reader.chunks():
            pass
        await reader.aclose()


class RawTree:
    """256 open directories, and the fewest calls that write a durable file into one or read it."""

    def __init__(self, root: Path) -> None:
        self._shards = [self._made(root / f"{number:02x}") for number in range(256)]

    def write(self, pieces: list[bytes], name: str = "") -> str:
        """Write a file of `pieces`, durable with its name when this returns; return the name."""
        name = name or uuid.uuid4().hex
        shard = self._shard(name)
        descriptor = os.open(".", os.O_TMPFILE | os.O_WRONLY, 0o600, dir_fd=shard)
        for piece in pieces:
            os.write(descriptor, piece)
        os.fsync(descriptor)
        os.link(f"/proc/self/fd/{descriptor}", name, dst_dir_fd=shard)
        os.fsync(shard)
        os.close(descriptor)
        return name

    def read(self, name: str) -> None:
        """Read a file to its end in pieces of 1 MiB."""
        descriptor = os.open(name, os.O_RDONLY, dir_fd=self._shard(name))
        while os.read(descriptor, MIB):
            pass
        os.close(descriptor)

    def remove(self, name: str) -> None:
        """Remove a file, durably."""
        os.unlink(name, dir_fd=self._shard(name))
        os.fsync(self._shard(name))

    def _shard(self, name: str) -> int:
        return self._shards[sum(name.encode()) % len(self._shards)]

    @staticmethod
    def _made(path: Path) -> int:
        path.mkdir(parents=True)
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _in_threads(count: int, task: Callable[[int], object]) -> None:
    numbers = range(OBJECTS)

    def work(first: int) -> None:
        for number in numbers[first::count]:
            task(number)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _seconds(task: Callable[[], None]) -> float:
    started = time.perf_counter()
    task()
    return time.perf_counter() - started


def _report(case: Case, rounds: int) -> str:
    pairs = [(_seconds(case.backend), _seconds(case.raw)) for _ in range(rounds)]
    backend, raw = (median(times) for times in zip(*pairs, strict=True))
    low, middle, high = quantiles([ours / bare for ours, bare in pairs], n=4)
    columns = f"{case.label:24} {case.shown(backend):>12} {case.shown(raw):>12}"
    return f"{columns}   {middle:5.2f} ({low:.2f} to {high:.2f})"


def main() -> None:
    """Print a table: medians, and the median and quartiles of the ratio of the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=None, help="where to write (default: temporary)")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with ExitStack() as stack:
        root = stack.enter_context(tempfile.TemporaryDirectory(dir=options.directory))
        bench = Bench(Path(root))
        stack.callback(bench.close)
        print(f"{'':24} {'backend':>12} {'raw calls':>12}   time over raw (quartiles)")
        for case in bench.cases():
            print(_report(case, options.rounds), flush=True)


if __name__ == "__main__":
    main()
