"""What both programs share: how they end, where data is for the time of a run, and where results go."""

import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.contest import CannotRun
from benchmarks.contest.contender import Contender
from benchmarks.contest.plot import to_svg
from benchmarks.contest.report import Result, write_json
from benchmarks.server.harness import ROOT

WORSE_OR_INVALID, CANNOT_RUN, INTERRUPTED = 1, 2, 130
_RESULTS = ROOT / "benchmarks" / "results"


def end_well(run: Callable[[], int]) -> int:
    """Run, and return the exit status. SIGTERM ends it as Ctrl-C does: with everything that it started."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return run()
    except CannotRun as exc:
        show_progress(f"benchmark: {exc}")
        return CANNOT_RUN
    except KeyboardInterrupt:
        return INTERRUPTED


@contextmanager
def scratch_folder(parent: Path | None) -> Iterator[Path]:
    """Make a folder for data, which a database of another account can pass, and remove it."""
    with tempfile.TemporaryDirectory(prefix="aerostore-bench-", dir=parent) as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


def open_site(contender: Contender) -> Contender:
    """Return the contender with its buckets made. Raises: CannotRun."""
    contender.site.open()
    return contender


def show_progress(line: str) -> None:
    """Show what goes on, apart from the results."""
    print(line, file=sys.stderr, flush=True)


def write(
    results: Sequence[Result],
    contenders: Sequence[Contender],
    *,
    machine: Mapping[str, object],
    options: Mapping[str, object],
) -> str:
    """Write figures and picture into `results/`, and say where."""
    now, revision = datetime.now(UTC), str(machine["revision"])[:10]
    path = _RESULTS / f"{now:%Y%m%dT%H%M%SZ}-{revision}.json"
    write_json(path, results, contenders, machine=machine, options=options)
    changed = ", with changes" if machine["changed_files"] else ""
    subtitle = f"{machine['cpu']}, {machine['cores']} cores; revision {revision}{changed}; {now:%Y-%m-%d}"
    picture = path.with_suffix(".svg")
    picture.write_text(to_svg(results, title="aerostore under load", subtitle=subtitle), "utf-8")
    return f"Everything raw: {path}\nAs a picture:   {picture}"


def parts_of(text: str) -> list[str]:
    """Return the parts of an option that is a list with commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def numbers_of(text: str) -> list[int]:
    """Return the numbers of an option that is a list of them, all above zero. Raises: ValueError."""
    return [positive(part) for part in parts_of(text)]


def positive(text: str) -> int:
    """Return a number above zero. Raises: ValueError."""
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number
