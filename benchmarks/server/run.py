"""Interleaved speed comparison: `python -m benchmarks.server.run [--rounds N] [--seconds S]`.

Every round visits every server for every case in rotating order; medians of the rounds are printed,
and ratios to the first server. Needs `wrk` and `curl`.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.server.app import PAYLOAD
from benchmarks.server.harness import Server

SIZE_MIB = 256
PATHSEND = "down pathsend, else 1 MiB pieces (MiB/s)"
WRK_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
WRK_ERRORS = re.compile(r"(Socket errors|Non-2xx).*")


@dataclass(frozen=True)
class Sample:
    """Throughput (requests/s or MiB/s), CPU seconds per unit (1,000 requests or GiB) and peak memory."""

    rate: float
    cpu: float
    peak_mib: float


def wrk(server: Server, path: str, seconds: int) -> tuple[float, float]:
    """Requests per second, and how many thousands of requests were made."""
    url = f"http://127.0.0.1:{server.port}{path}"
    command = ["wrk", "-t1", "-c32", f"-d{seconds}s", url]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if errors := WRK_ERRORS.search(output):
        raise RuntimeError(f"{server.name} {path}: {errors[0]}")
    found = WRK_RATE.search(output)
    if found is None:
        raise RuntimeError(output)
    rate = float(found[1])
    return rate, rate * seconds / 1000


def curl(server: Server, path: str, *options: str) -> tuple[float, float]:
    """MiB per second of one transfer, and its size in GiB."""
    fields = '{"code": %{http_code}, "time": %{time_total}, "down": %{size_download}, "up": %{size_upload}}'
    url = f"http://127.0.0.1:{server.port}{path}"
    command = ["curl", "-sS", "-o", "/dev/null", "-w", fields, *options, url]
    result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    if result["code"] != 200 or max(result["down"], result["up"]) != SIZE_MIB << 20:
        raise RuntimeError(f"{server.name} {path}: {result}")
    return SIZE_MIB / result["time"], SIZE_MIB / 1024


def cases(seconds: int) -> dict[str, Callable[[Server], tuple[float, float]]]:
    upload = ("-T", str(PAYLOAD), "-H", "Expect:")
    return {
        "empty (1/s)": lambda server: wrk(server, "/empty", seconds),
        "4 KiB (1/s)": lambda server: wrk(server, "/body4k", seconds),
        "down 256 KiB pieces (MiB/s)": lambda server: curl(server, "/file?piece=262144"),
        "down 1 MiB pieces (MiB/s)": lambda server: curl(server, "/file?piece=1048576"),
        PATHSEND: lambda server: curl(server, "/pathsend" if has_pathsend(server) else "/file?piece=1048576"),
        "up drain (MiB/s)": lambda server: curl(server, "/drain", *upload),
        "up hash+write (MiB/s)": lambda server: curl(server, "/store", *upload),
    }


def measure(server: Server, case: Callable[[Server], tuple[float, float]]) -> Sample:
    server.reset_peak()
    before = server.cpu_seconds()
    rate, units = case(server)
    return Sample(rate, (server.cpu_seconds() - before) / units, server.peak_mib())


def has_pathsend(server: Server) -> bool:
    answer = server.request(b"GET /scope HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    return b"http.response.pathsend" in answer


def report(samples: dict[str, dict[str, list[Sample]]]) -> None:
    """One row per case and server; the ratio is the median of the ratios within each round."""
    print("\n| case | server | median | min - max | ratio | CPU s per 1,000 or GiB | peak MiB |")
    print("|---|---|---|---|---|---|---|")
    for case, by_server in samples.items():
        first = next(iter(by_server.values()))
        for name, values in by_server.items():
            rates = sorted(sample.rate for sample in values)
            pairs = zip(values, first, strict=True)
            ratio = statistics.median(mine.rate / reference.rate for mine, reference in pairs)
            cpu = statistics.median(sample.cpu for sample in values)
            peak = max(sample.peak_mib for sample in values)
            spread = f"{rates[0]:,.0f} - {rates[-1]:,.0f}"
            median = statistics.median(rates)
            print(f"| {case} | {name} | {median:,.0f} | {spread} | {ratio:.2f} | {cpu:.3f} | {peak:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", default="uvicorn,granian,hypercorn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    arguments = parser.parse_args()
    block = os.urandom(1 << 20)
    PAYLOAD.write_bytes(block * SIZE_MIB)
    samples: dict[str, dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    with ExitStack() as stack:
        servers = [stack.enter_context(Server(name)) for name in arguments.servers.split(",")]
        for server in servers:
            print(f"{server.name}: idle {server.resident_mib():.0f} MiB in {len(server.pids())} processes")
        for turn in range(arguments.rounds):
            for name, case in cases(arguments.seconds).items():
                rotation = servers[turn % len(servers) :] + servers[: turn % len(servers)]
                for server in rotation:
                    samples[name][server.name].append(measure(server, case))
    PAYLOAD.unlink()
    order = arguments.servers.split(",")
    report({case: {key: found[key] for key in order} for case, found in samples.items()})


if __name__ == "__main__":
    main()
