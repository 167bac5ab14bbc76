"""Many small requests, sent by wrk."""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.contest import CannotRun
from benchmarks.contest.launch import find_tool
from benchmarks.contest.sample import Load
from benchmarks.contest.site import Request, target_of

_SENDER = Path(__file__).with_name("load.lua")
_PLAIN = frozenset(range(32, 127)) - set(b'"\\')


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to send: `requests` in turn, with the bytes of `body`.

    fresh: when not empty, the one request gets this text and a count behind its name and before its body,
    so that no two are alike. names: that many names take turns then, instead of new ones.
    """

    requests: Sequence[Request]
    body: Path | None = None
    fresh: str = ""
    names: int = 0


def send(plan: Plan, *, connections: int, seconds: int) -> Load:
    """Send for that long over that many connections. Raises: CannotRun."""
    url = urlsplit(plan.requests[0].url)
    with tempfile.NamedTemporaryFile("w", suffix=".lua", encoding="utf-8") as script:
        # In a file that only we may read: it has tokens in it.
        script.write(f"plan = {_plan_in_lua(plan)}\n{_SENDER.read_text('utf-8')}")
        script.flush()
        options = ("-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", script.name)
        command = [find_tool("wrk"), *options, f"{url.scheme}://{url.netloc}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotRun(f"wrk failed: {done.stdout}{done.stderr}")
    return parse_report(done.stdout)


def parse_report(output: str) -> Load:
    """Read the line that load.lua prints. Raises: CannotRun when there is none."""
    line = next((line for line in output.splitlines() if line.startswith("{")), None)
    if line is None:
        raise CannotRun(f"wrk said nothing that is understood: {output}")
    report = json.loads(line)
    return Load(
        requests=report["requests"],
        seconds=report["microseconds"] / 1e6,
        size_bytes=report["bytes"],
        p50_ms=report["p50"] / 1e3,
        p99_ms=report["p99"] / 1e3,
        errors={kind: count for kind, count in report["errors"].items() if count},
    )


def _plan_in_lua(plan: Plan) -> str:
    requests = ", ".join(map(_request_in_lua, plan.requests))
    body = f"body_path = {in_lua(str(plan.body))}, " if plan.body else ""
    fresh = f"fresh = {in_lua(plan.fresh)}, " if plan.fresh else ""
    names = f"names = {plan.names}, " if plan.names else ""
    return f"{{{body}{fresh}{names}requests = {{{requests}}}}}"


def _request_in_lua(request: Request) -> str:
    path = target_of(request.url)
    headers = ", ".join(f"[{in_lua(name)}] = {in_lua(value)}" for name, value in request.headers.items())
    body = f", body = {in_lua(request.body)}" if request.body else ""
    return f"{{method = {in_lua(request.method)}, path = {in_lua(path)}, headers = {{{headers}}}{body}}}"


def in_lua(text: str | bytes) -> str:
    """Return the text as a string of Lua."""
    data = text.encode() if isinstance(text, str) else text
    return '"' + "".join(chr(byte) if byte in _PLAIN else f"\\{byte:03d}" for byte in data) + '"'
