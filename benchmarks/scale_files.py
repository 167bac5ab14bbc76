"""What many files in one directory cost: of 256 of them, as the local backend has.

    python -m benchmarks.scale_files --directory DIR

Fills one directory with as many files as each of the 256 has with 100,000, 1,000,000, 10,000,000 and
100,000,000 blobs, and measures there what an upload, a download, a delete and a look of reclaim do.
Names are as long as those of blobs; the files that only fill the directory are empty.
"""

import argparse
import os
import secrets
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path

DIRECTORIES = 256
BLOBS = (100_000, 1_000_000, 10_000_000, 100_000_000)
ROUNDS = 200
_CONTENT = bytes(4096)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.scale_files", description=__doc__)
    parser.add_argument("--directory", type=Path, required=True, help="on the disk that matters")
    parser.add_argument(
        "--blobs", type=int, default=BLOBS[-1], help="no more than these, all directories together"
    )
    options = parser.parse_args()
    header = ("blobs", "files", "write us", "open us", "stat us", "delete us", "look us", "bytes a name")
    print("".join(f"{each:>14}" for each in header))
    with tempfile.TemporaryDirectory(dir=options.directory) as folder:
        filled = 0
        for blobs in (each for each in BLOBS if each <= options.blobs):
            files = blobs // DIRECTORIES
            _fill(folder, files - filled)
            filled = files
            row = (blobs, files, *_measure(folder, files))
            print(
                "".join(f"{each:>14,.1f}" if isinstance(each, float) else f"{each:>14,}" for each in row),
                flush=True,
            )


def _measure(folder: str, files: int) -> list[float]:
    """Return microseconds of each operation, of a look at each file, and the directory's bytes for each."""
    names = [_name() for _ in range(ROUNDS)]
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        written = [_timed(partial(_write, descriptor, name)) for name in names]
        opened = [_timed(partial(_read, descriptor, name)) for name in names]
        looked_up = [_timed(partial(os.stat, name, dir_fd=descriptor)) for name in names]
        deleted = [_timed(partial(os.unlink, name, dir_fd=descriptor)) for name in names]
        look_us = _timed(partial(_look, folder)) / files
    finally:
        os.close(descriptor)
    medians = [statistics.median(each) for each in (written, opened, looked_up, deleted)]
    return [*medians, look_us, os.stat(folder).st_size / files]


def _timed(operation: Callable[[], object]) -> float:
    began = time.perf_counter()
    operation()
    return (time.perf_counter() - began) * 1e6


def _fill(folder: str, count: int) -> None:
    for _ in range(count):
        os.close(os.open(f"{folder}/{_name()}", os.O_CREAT | os.O_WRONLY))


def _name() -> str:
    return f"{secrets.token_hex(32)}.{uuid.uuid4()}"


def _write(directory: int, name: str) -> None:
    """Write a file durably, as the local backend does: it has no name until it is whole."""
    file = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o600, dir_fd=directory)
    try:
        os.write(file, _CONTENT)
        os.fsync(file)
        os.link(f"/proc/self/fd/{file}", name, dst_dir_fd=directory, follow_symlinks=True)
    finally:
        os.close(file)
    os.fsync(directory)


def _read(directory: int, name: str) -> None:
    file = os.open(name, os.O_RDONLY, dir_fd=directory)
    os.read(file, len(_CONTENT))
    os.close(file)


def _look(folder: str) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            entry.stat(follow_symlinks=False)


if __name__ == "__main__":
    main()
