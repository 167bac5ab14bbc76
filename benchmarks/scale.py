"""How the cost of everything grows with the number of objects, on either engine.

    python -m benchmarks.scale --engine sqlite --directory DIR --objects 10000,100000,1000000 --json FILE

Fills one database step by step, as uploads would leave it, and measures it at each size. The rows are real
and the bytes are not: blobs of 4 KiB that no measured operation reads. What is uploaded, read and deleted in
the measurement is real. A directory that was filled before is filled further.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

from aerostore.settings import Settings
from benchmarks import scale_server
from benchmarks.scale_fill import BUCKET
from benchmarks.scale_job import run_jobs
from benchmarks.scale_place import Place, PostgresPlace, SqlitePlace
from benchmarks.scale_server import Figure

_LAST_NAME = (
    f"SELECT name FROM storage_objects WHERE bucket_id = '{BUCKET}' AND archived_at IS NULL"
    " ORDER BY name DESC LIMIT 1 OFFSET 1000"
)
Measured = dict[str, dict[str, float]]


def main() -> None:
    options = _options()
    options.directory.mkdir(parents=True, exist_ok=True)
    place: Place = SqlitePlace(options.directory)
    if options.engine == "postgres":
        place = PostgresPlace(options.directory, options.port + 1, indexes_last=options.indexes_last)
    measured: Measured = {}
    with place.running():
        for objects in options.objects:
            _fill(place, objects, shared=options.shared)
            figures = _measure(place, objects, options.port, with_reclaim=objects <= options.reclaim_up_to)
            for figure in figures:
                measured.setdefault(f"{figure.label} ({figure.unit})", {})[str(objects)] = figure.value
            if options.json:
                options.json.write_text(json.dumps(measured, indent=1))
            _print(measured)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.scale", description=__doc__)
    parser.add_argument("--engine", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--directory", type=Path, required=True, help="where the database goes, and stays")
    parser.add_argument("--objects", type=_numbers, default=_numbers("10000,100000,1000000"))
    parser.add_argument("--shared", type=int, default=1, help="how many objects have the same content")
    parser.add_argument(
        "--port", type=int, default=28100, help="of the server; PostgreSQL takes the next one"
    )
    parser.add_argument("--reclaim-up-to", type=int, default=10_000_000, help="no look of reclaim beyond")
    parser.add_argument("--indexes-last", action="store_true", help="fill PostgreSQL in less time")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return sorted(int(each) for each in text.split(","))


def _fill(place: Place, objects: int, *, shared: int) -> None:
    """Add what is missing to `objects`; a file beside the data tells how many there are."""
    note = place.data_dir.parent / "filled"
    filled = int(note.read_text()) if note.exists() else 0
    if not filled:
        _create(place)

    def note_down(number: int) -> None:
        note.write_text(str(number))

    began = time.perf_counter()
    if filled < objects:
        place.fill(filled, objects, shared=shared, report=note_down)
    print(f"{objects:,} objects, filled in {time.perf_counter() - began:.0f} s", file=sys.stderr)


def _create(place: Place) -> None:
    environment = {**os.environ, **scale_server.settings(place)}  # noqa: TID251 - given on to a program
    environment["AEROSTORE_POLICIES_DIR"] = ""
    command = [sys.executable, "-m", "aerostore", "migrate"]
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    for bucket in (BUCKET, "empty"):
        place.rows(f"INSERT INTO storage_buckets (id, name) VALUES ('{bucket}', '{bucket}')")


def _measure(place: Place, objects: int, port: int, *, with_reclaim: bool) -> list[Figure]:
    figures = _sizes(place, objects)
    ((last_name,),) = place.rows(_LAST_NAME)
    with scale_server.running(place, port) as (server, started_s):
        figures += [Figure("start of the server", started_s, "s")]
        figures += scale_server.ask_all(server, last_name)
        figures += [Figure("most memory of the worker", server.peak_mib(), "MiB")]
    settings = Settings.from_env(scale_server.settings(place))
    return figures + run_jobs(place, settings, with_reclaim=with_reclaim)


def _sizes(place: Place, objects: int) -> list[Figure]:
    sizes = {name: size for name, size in place.sizes().items() if size / objects >= 5}
    parts = [Figure(f"size: {name}", sizes[name] / objects, "bytes an object") for name in sorted(sizes)]
    return [Figure("size: all", sum(sizes.values()) / objects, "bytes an object"), *parts]


def _print(measured: Measured) -> None:
    """Print a line for each figure: its value at each size, and how much it grew from size to size."""
    for label, values in measured.items():
        shown = [f"{value:>12,.2f}" for value in values.values()]
        steps = list(values.values())
        growth = [f"x{after / before:.2f}" for before, after in pairwise(steps) if before > 0]
        print(f"{label:<52}{''.join(shown)}   {' '.join(growth)}")
    print(flush=True)


if __name__ == "__main__":
    main()
