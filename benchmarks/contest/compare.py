"""Is the working tree slower than a revision of git? `python -m benchmarks.contest.compare REV`.

Both are started side by side and do the short works in turn. Exit status 1 says that one is clearly slower.
"""

import argparse
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contest import CannotRun, machine, product
from benchmarks.contest.contender import Contender
from benchmarks.contest.figure import Ratio, to_cpu_ratio, to_ratio
from benchmarks.contest.launch import find_tool
from benchmarks.contest.postgres import running_cluster
from benchmarks.contest.product import Build
from benchmarks.contest.report import Result, to_table
from benchmarks.contest.rounds import compete
from benchmarks.contest.session import (
    WORSE_OR_INVALID,
    end_well,
    open_site,
    parts_of,
    positive,
    scratch_folder,
    show_progress,
    write,
)
from benchmarks.contest.work import SMALL_BYTES, Bench
from benchmarks.contest.works import choose
from benchmarks.server.harness import ROOT

_ENGINES = ("sqlite", "postgres")


def main() -> int:
    """Compare as the command line asks; 1 when something is clearly slower, 2 when nothing could be run."""
    return end_well(lambda: _run(_parse()))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.contest.compare", description=__doc__)
    parser.add_argument("revision", help="what to compare with: a branch, a tag, HEAD~3")
    parser.add_argument("--rows", choices=_ENGINES, default="sqlite", help="where both keep rows")
    parser.add_argument("--only", default="", metavar="NAMES", help="works by name or pattern: get-*,sign")
    parser.add_argument("--workers", type=positive, default=1)
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument("--seconds", type=positive, default=1, help="length of a sample of small requests")
    parser.add_argument("--directory", type=Path, help="where data is kept: on the disk that matters")
    return parser.parse_args()


def _run(arguments: argparse.Namespace) -> int:
    works = choose(parts_of(arguments.only), full=False)
    with scratch_folder(arguments.directory) as folder, ExitStack() as stack:
        bench = Bench(folder=folder, seconds=arguments.seconds)
        builds = [
            stack.enter_context(checked_out(arguments.revision, folder)),
            Build(label="here", fills_rows=False),
        ]
        contenders = _start(builds, arguments, bench, stack)
        facts = machine.describe(folder, ROOT)
        results = []
        for work in works:
            outcomes = compete(work, contenders, bench, rounds=arguments.rounds, say=show_progress)
            results.append(Result(work, outcomes))
            print(f"\n{to_table(results[-1])}", flush=True)
        print(f"\n{write(results, contenders, machine=facts, options=vars(arguments))}\n")
    return _judge(results, arguments.revision)


def _start(
    builds: Sequence[Build], arguments: argparse.Namespace, bench: Bench, stack: ExitStack
) -> list[Contender]:
    body, folder = bench.file(SMALL_BYTES), bench.folder
    cluster = stack.enter_context(running_cluster(folder / "pg")) if arguments.rows == "postgres" else None
    started = []
    for place, build in enumerate(builds):
        server = product.running(
            build, folder / f"data-{place}", body, workers=arguments.workers, cluster=cluster
        )
        started.append(open_site(stack.enter_context(server)))
    return started


@contextmanager
def checked_out(revision: str, folder: Path) -> Iterator[Build]:
    """Check a revision out beside the others, with a Python that has its dependencies, and clear it away.

    Raises: CannotRun.
    """
    commit = machine.git(ROOT, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    if not commit:
        raise CannotRun(f"git knows no revision {revision}")
    tree = folder / "revision"
    _do(find_tool("git"), "-C", str(ROOT), "worktree", "add", "--quiet", "--detach", str(tree), commit)
    try:
        python = Path(sys.executable) if same_dependencies(tree, ROOT) else _new_environment(tree, folder)
        yield Build(label=revision, tree=tree, python=python, fills_rows=False)
    finally:
        _do(find_tool("git"), "-C", str(ROOT), "worktree", "remove", "--force", str(tree))


def same_dependencies(tree: Path, other: Path) -> bool:
    """Tell whether both trees ask for the same packages, so that one environment serves both."""
    asked = [tomllib.loads((each / "pyproject.toml").read_text())["project"] for each in (tree, other)]
    first, second = ((each["requires-python"], sorted(each["dependencies"])) for each in asked)
    return bool(first == second)


def _new_environment(tree: Path, folder: Path) -> Path:
    show_progress("Its dependencies are others: they are installed for it")
    environment = folder / "venv"
    _do(sys.executable, "-m", "venv", str(environment))
    python = environment / "bin" / "python"
    _do(str(python), "-m", "pip", "install", "--quiet", str(tree))
    return python


def _do(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotRun(f"{' '.join(command)}: {done.stdout}{done.stderr}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The second contender of a result beside the first: its figure, and the CPU time behind it."""

    speed: Ratio | None
    cpu: Ratio | None

    @property
    def is_clearly_slower(self) -> bool:
        """Tell whether one of the two is worse by more than noise."""
        return any(ratio.is_clearly_slower for ratio in (self.speed, self.cpu) if ratio)


def to_verdict(result: Result) -> Verdict:
    """Compare the two contenders of a result; with nothing when one of them did not do the work."""
    if len(result.outcomes) != 2 or not result.is_valid:
        return Verdict(None, None)
    before, after = (outcome.samples for outcome in result.outcomes.values())
    unit = result.work.unit
    return Verdict(to_ratio(after, before, unit), to_cpu_ratio(after, before, unit))


def _judge(results: Sequence[Result], revision: str) -> int:
    """Say how the working tree does beside the revision, and return the exit status."""
    verdicts = {result.work.name: to_verdict(result) for result in results}
    print(f"The working tree beside {revision}: above 1 is better, below 1 is worse")
    print(f"  {'':24} {'figure':20} {'CPU time':20}")
    for name, verdict in verdicts.items():
        mark = "SLOWER" if verdict.is_clearly_slower else ""
        print(f"  {name:24} {_shown(verdict.speed):20} {_shown(verdict.cpu):20} {mark}".rstrip())
    if any(verdict.is_clearly_slower for verdict in verdicts.values()):
        print("Something is clearly slower: by more than 15 %, and in every round.")
        return WORSE_OR_INVALID
    return 0 if all(result.is_valid for result in results) else WORSE_OR_INVALID


def _shown(ratio: Ratio | None) -> str:
    return "-" if ratio is None else f"{ratio.middle:5.2f} ({ratio.least:.2f} - {ratio.greatest:.2f})"


if __name__ == "__main__":
    sys.exit(main())
