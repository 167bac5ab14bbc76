"""A few large requests at once, each sent by a curl of its own."""

import json
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.contest import CannotRun
from benchmarks.contest.launch import find_tool
from benchmarks.contest.sample import Load
from benchmarks.contest.site import Request

_REPORT = '{"status": %{http_code}, "seconds": %{time_total}, "down": %{size_download}, "up": %{size_upload}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One request. size_bytes: of the body that goes over, at least. source: the file to send, if any.

    as_form: send it as multipart/form-data.
    """

    request: Request
    size_bytes: int
    source: Path | None = None
    as_form: bool = False


def send(transfers: Sequence[Transfer]) -> Load:
    """Send all at once, and wait for all."""
    program = find_tool("curl")
    began = time.monotonic()
    running = [_start(program, transfer) for transfer in transfers]
    reports = [(each.communicate()[0], each.returncode) for each in running]
    return summarise(transfers, reports, seconds=time.monotonic() - began)


def summarise(transfers: Sequence[Transfer], reports: Sequence[tuple[str, int]], *, seconds: float) -> Load:
    """Put together what each curl printed, and its exit code. Raises: CannotRun for what is no report."""
    errors: dict[str, int] = {}
    times_ms = []
    for transfer, (output, exit_code) in zip(transfers, reports, strict=True):
        report = _parse(output)
        times_ms.append(report["seconds"] * 1e3)
        if problem := _problem(transfer, report, exit_code):
            errors[problem] = errors.get(problem, 0) + 1
    return Load(
        requests=len(transfers),
        seconds=seconds,
        size_bytes=sum(transfer.size_bytes for transfer in transfers),
        p50_ms=median(times_ms),
        p99_ms=max(times_ms),
        errors=errors,
    )


def _start(program: str, transfer: Transfer) -> subprocess.Popen[str]:
    command = [program, "--disable", "--silent", "--output", "/dev/null", "--write-out", _REPORT]
    process = subprocess.Popen(
        [*command, "--noproxy", "*", "--config", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    if process.stdin is None:
        raise CannotRun("curl takes no configuration")
    process.stdin.write("\n".join(_configuration(transfer)))
    process.stdin.close()
    process.stdin = None  # communicate() would flush it
    return process


def _configuration(transfer: Transfer) -> list[str]:
    request = transfer.request
    # Headers are given here rather than as arguments, which every user of the machine can list.
    lines = [f'url = "{request.url}"', f'request = "{request.method}"', 'header = "Expect:"']
    headers = request.headers
    if transfer.source is not None and transfer.as_form:
        headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
        lines.append(f'form = "file=@{transfer.source};type=application/octet-stream"')
    elif transfer.source is not None:
        lines.append(f'upload-file = "{transfer.source}"')
    elif request.body:
        lines.append(f"data-binary = {_quoted(request.body.decode())}")
    return lines + [f'header = "{name}: {value}"' for name, value in headers.items()]


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _parse(output: str) -> dict[str, float]:
    try:
        report: dict[str, float] = json.loads(output)
    except ValueError as exc:
        raise CannotRun(f"curl said nothing that is understood: {output!r}") from exc
    return report


def _problem(transfer: Transfer, report: dict[str, float], exit_code: int) -> str | None:
    if exit_code:
        return f"curl exit code {exit_code}"
    if not 200 <= report["status"] < 300:
        return f"status {report['status']:.0f}"
    moved = report["up"] if transfer.source else report["down"]
    return "cut short" if moved < transfer.size_bytes else None
