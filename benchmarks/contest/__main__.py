"""Run the contest: `python -m benchmarks.contest`. docs/how-to/benchmark.md tells how to read it."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.contest import CannotRun, machine, nginx, peer, product
from benchmarks.contest.contender import Contender
from benchmarks.contest.postgres import running_cluster
from benchmarks.contest.product import Build
from benchmarks.contest.report import Result, to_table
from benchmarks.contest.rounds import compete
from benchmarks.contest.session import (
    WORSE_OR_INVALID,
    end_well,
    numbers_of,
    open_site,
    parts_of,
    positive,
    scratch_folder,
    show_progress,
    write,
)
from benchmarks.contest.work import SMALL_BYTES, Bench, Work
from benchmarks.contest.works import ALL, choose
from benchmarks.server.harness import ROOT

_KINDS = ("sqlite", "postgres", "nginx")


def main() -> int:
    """Run what the command line asks for; 1 when a result is invalid, 2 when nothing could be run."""
    arguments = _parse()
    if arguments.list:
        print("\n".join(f"{work.name:24} {work.title}{' (full)' if work.for_full else ''}" for work in ALL))
        return 0
    return end_well(lambda: _run(arguments))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.contest", description=__doc__)
    parser.add_argument("--full", action="store_true", help="every work, longer and more often")
    parser.add_argument("--only", default="", metavar="NAMES", help="works by name or pattern: get-*,sign")
    parser.add_argument("--list", action="store_true", help="list the works and end")
    parser.add_argument("--contenders", default="sqlite,postgres,nginx", help="what to start")
    parser.add_argument(
        "--workers", type=numbers_of, default=[1], help="numbers of workers, each a contender: 1,2"
    )
    parser.add_argument("--rounds", type=positive, help="samples of each work (3, full: 5)")
    parser.add_argument("--seconds", type=positive, help="length of a sample of small requests (1, full: 5)")
    parser.add_argument("--connections", type=positive, default=16, help="of small requests (16)")
    parser.add_argument("--directory", type=Path, help="where data is kept: on the disk that matters")
    _add_peer_options(parser)
    return parser.parse_args()


def _add_peer_options(parser: argparse.ArgumentParser) -> None:
    """Add what tells where another server is."""
    group = parser.add_argument_group("another server that speaks the interface, and runs already")
    group.add_argument("--peer", metavar="URL", help="what comes before /object: http://127.0.0.1:5000")
    group.add_argument("--peer-name", default="peer")
    group.add_argument("--peer-service-key", metavar="KEY")
    group.add_argument("--peer-user-token", metavar="TOKEN", help="of a signed-in user")
    group.add_argument("--peer-anon-key", metavar="KEY", help="sent as `apikey`, where a gateway wants it")
    group.add_argument(
        "--peer-pids", type=numbers_of, default=[], help="its processes on this machine, for CPU and memory"
    )


def _run(arguments: argparse.Namespace) -> int:
    works = choose(parts_of(arguments.only), full=arguments.full)
    rounds = arguments.rounds or (5 if arguments.full else 3)
    seconds = arguments.seconds or (5 if arguments.full else 1)
    with scratch_folder(arguments.directory) as folder, ExitStack() as stack:
        bench = Bench(folder=folder, seconds=seconds, connections=arguments.connections)
        contenders = list(_start(arguments, bench, stack))
        facts = machine.describe(folder, ROOT)
        results = [_compete(work, contenders, bench, rounds) for work in works]
        options = {name: value for name, value in vars(arguments).items() if not name.startswith("peer")}
        options |= {"rounds": rounds, "seconds": seconds}
        print(f"\n{write(results, contenders, machine=facts, options=options)}")
    return 0 if all(result.is_valid for result in results) else WORSE_OR_INVALID


def _start(arguments: argparse.Namespace, bench: Bench, stack: ExitStack) -> Iterator[Contender]:
    kinds, folder = parts_of(arguments.contenders), bench.folder
    if unknown := set(kinds) - set(_KINDS):
        raise CannotRun(f"Unknown contenders: {', '.join(unknown)}. There are: {', '.join(_KINDS)}")
    body = bench.file(SMALL_BYTES)
    cluster = stack.enter_context(running_cluster(folder / "pg")) if "postgres" in kinds else None
    for kind in kinds:
        for workers in arguments.workers:
            place = folder / f"{kind}-{workers}"
            if kind == "nginx":
                started = nginx.running(place, workers=workers)
            else:
                rows = cluster if kind == "postgres" else None
                started = product.running(Build(), place, body, workers=workers, cluster=rows)
            yield open_site(stack.enter_context(started))
    if arguments.peer:
        yield open_site(peer.to_contender(_peer(arguments), body))


def _peer(arguments: argparse.Namespace) -> peer.Peer:
    if not (arguments.peer_service_key and arguments.peer_user_token):
        raise CannotRun("--peer needs --peer-service-key and --peer-user-token")
    return peer.Peer(
        url=arguments.peer,
        name=arguments.peer_name,
        service_key=arguments.peer_service_key,
        user_token=arguments.peer_user_token,
        anon_key=arguments.peer_anon_key,
        pids=arguments.peer_pids,
    )


def _compete(work: Work, contenders: Sequence[Contender], bench: Bench, rounds: int) -> Result:
    outcomes = compete(work, contenders, bench, rounds=rounds, say=show_progress)
    result = Result(work, outcomes)
    print(f"\n{to_table(result)}", flush=True)
    return result


if __name__ == "__main__":
    sys.exit(main())
