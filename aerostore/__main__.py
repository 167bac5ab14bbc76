"""The command line: `aerostore serve | token | migrate | policies | explain | reclaim | scrub | doctor`.

Exit codes: 0 all is well; 1 the command ran and says no; 2 it could not run; 3 stored bytes are missing or
damaged.
"""

import json
import logging
import logging.config
import resource
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from rich.table import Table
from rich.text import Text

import aerostore
from aerostore.api.admission import connections_within
from aerostore.api.auth import ROLES, mint_token
from aerostore.api.gate import BASE_PATH
from aerostore.app import create_app
from aerostore.cli import CANNOT_RUN, NO, AsJson, console, tell
from aerostore.cli.explain import explain
from aerostore.cli.migrate import find_due, migrate, open_once
from aerostore.cli.policies import policies
from aerostore.cli.reclaim import reclaim
from aerostore.cli.scrub import scrub
from aerostore.doctor import examine
from aerostore.doctor.finding import Finding, Verdict
from aerostore.doctor.network import find_address
from aerostore.errors import StorageError
from aerostore.policy import PolicyLoadError
from aerostore.settings import InvalidSettings, Settings
from aerostore.telemetry import JsonFormatter
from aerostore.worker import end_workers_that_start

_TEN_YEARS_S = 10 * 366 * 24 * 3600
# A head may be as long as this; it is also what a connection buffers of what arrives.
_HEAD_BYTES = 64 * 1024
# For a whole head, and between two requests of one connection.
_HEAD_TIMEOUT_MS = 15_000
_ENOUGH_OPEN_FILES = 65_536
_COLOURS = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}
# What `mint_token` sets itself or has as a parameter.
_NO_CLAIMS = {"role", "sub", "exp", "iat", "secret", "subject", "expires_in_s", "now"}

cli = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
cli.add_typer(policies, name="policies")
cli.command()(migrate)
cli.command()(explain)
cli.command()(reclaim)
cli.command()(scrub)


@cli.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Object storage in one process. Configured by AEROSTORE_* variables or a file in AEROSTORE_CONFIG."""
    logging.basicConfig(format="aerostore: %(message)s")
    if version:
        print(aerostore.__version__)
        raise typer.Exit


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on.", min=1, max=65535, show_default="8000")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Where rows, bytes and secrets are kept.", show_default="aerostore-data"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that serve.", min=1, max=256, show_default="1")
    ] = None,
    show_keys: Annotated[
        bool | None,
        typer.Option(
            "--show-keys/--no-show-keys",
            help="Print an anon key, a service key and a first upload.",
            show_default="on a terminal",
        ),
    ] = None,
) -> None:
    """Run the server. A flag wins over its setting."""
    flags: dict[str, Any] = {"host": host, "port": port, "data_dir": data_dir, "workers": workers}
    logging.config.dictConfig(_logging("info"))
    settings = Settings.from_env()
    settings = replace(settings, **{name: value for name, value in flags.items() if value is not None})
    settings, address = _prepare(settings)
    settings.publish()
    _print_welcome(settings, show_keys=console.is_terminal if show_keys is None else show_keys)
    end_workers_that_start()
    Granian(
        "aerostore.worker:create_worker",
        factory=True,
        address=address,
        port=settings.port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_HEAD_TIMEOUT_MS, max_buffer_size=_HEAD_BYTES),
        backpressure=connections_within(_raise_open_files(), settings.max_requests),
        loop=Loops.uvloop,
        workers=settings.workers,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=settings.shutdown_timeout,
        log_level=LogLevels(settings.log_level),
        log_dictconfig=_logging(settings.log_level),
        log_access=False,
    ).serve()


def _raise_open_files() -> int:
    """Allow this process and its workers as many open files as the system lets them; return how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _ENOUGH_OPEN_FILES
    most = _ENOUGH_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH_OPEN_FILES)
    if soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return max(soft, most)


def _prepare(settings: Settings) -> tuple[Settings, str]:
    """Meet here, once, what would make every worker fail; return complete settings, numeric address."""
    address = _find_address(settings)
    find_due(settings)
    settings = settings.with_secrets()
    try:
        create_app(settings)
    except (ValueError, PolicyLoadError) as exc:
        raise InvalidSettings(str(exc)) from exc
    open_once(settings)
    return settings, address


def _find_address(settings: Settings) -> str:
    try:
        return find_address(settings.host, settings.port)
    except OSError as exc:
        raise InvalidSettings(
            f"cannot listen on {settings.host}:{settings.port}: {exc.strerror}."
            " Choose another --host or --port; 'aerostore doctor' tells whether a server answers there."
        ) from exc


def _logging(level: str) -> dict[str, Any]:
    """Describe JSON lines on standard error; granian applies it in each process before the application."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonFormatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {"aerostore": {"level": level.upper()}, "_granian": {}},
    }


def _print_welcome(settings: Settings, *, show_keys: bool) -> None:
    base = f"{settings.local_url}{BASE_PATH}"
    lines = [
        f"aerostore {aerostore.__version__}",
        f"storage       {base}",
        f"documentation {base}/documentation",
        f"health        {base}/health",
        f"metrics       {base}/metrics",
        f"data          {settings.data_dir.resolve()}",
        *([f"rows          {_without_password(settings.database_url)}"] if settings.database_url else []),
    ]
    if show_keys:
        lines += _keys_and_first_upload(settings, base)
    console.print("\n".join(lines), markup=False, soft_wrap=True)  # a wrapped line cannot be pasted


def _without_password(url: str) -> str:
    """Return where a database is: its URL as far as it may be shown."""
    found = urlsplit(url)
    user, _at, place = found.netloc.rpartition("@")
    return f"postgresql://{user.partition(':')[0]}{'@' if user else ''}{place}{found.path}"


def _keys_and_first_upload(settings: Settings, base: str) -> list[str]:
    anon, service = (
        mint_token(settings.jwt_secret, role=role, expires_in_s=_TEN_YEARS_S)
        for role in ("anon", "service_role")
    )
    curl, authorized = "curl -sS -w '\\n'", '-H "Authorization: Bearer $KEY"'
    bucket = """-H 'Content-Type: application/json' -d '{"name": "photos", "public": true}'"""
    upload = "-H 'Content-Type: text/plain' -H 'x-upsert: true' -d 'hello'"
    return [
        f"anon key      {anon}",
        f"service key   {service}",
        "",
        "The service key may do everything: keep it on servers. A first upload, to paste into a shell:",
        "",
        f"export KEY={service}",
        f"{curl} {authorized} {bucket} {base}/bucket",
        f"{curl} {authorized} {upload} {base}/object/photos/hello.txt",
        f"{curl} {base}/object/public/photos/hello.txt",
    ]


def _check_role(role: str) -> str:
    if role not in ROLES:
        raise typer.BadParameter(f"{role!r} is none of {', '.join(ROLES)}")
    return role


@cli.command()
def token(
    role: Annotated[
        str, typer.Option(callback=_check_role, help=f"One of: {', '.join(ROLES)}.")
    ] = "authenticated",
    sub: Annotated[str | None, typer.Option(help="The user id, read by policies as auth.uid().")] = None,
    expires_in: Annotated[int, typer.Option(help="Seconds.", min=1)] = 3600,
    claim: Annotated[
        list[str] | None, typer.Option(metavar="NAME=JSON", help="A further claim; may be repeated.")
    ] = None,
) -> None:
    """Print a JWT signed with this server's secret, for trying things out."""
    claims = dict(_parse_claim(text) for text in claim or ())
    secret = Settings.from_env().with_secrets().jwt_secret
    try:
        print(mint_token(secret, role=role, subject=sub, expires_in_s=expires_in, **claims))
    except ValueError as exc:
        raise InvalidSettings(str(exc)) from exc


def _parse_claim(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise typer.BadParameter(f"{text!r} is not NAME=JSON", param_hint="--claim")
    if name in _NO_CLAIMS:
        raise typer.BadParameter(
            f"{name!r} cannot be set this way; there are --role, --sub and --expires-in", param_hint="--claim"
        )
    try:
        return name, json.loads(value)
    except ValueError:
        raise typer.BadParameter(
            f"{value!r} is not JSON; a text needs its quotes: --claim '{name}=\"text\"'", param_hint="--claim"
        ) from None


@cli.command()
def doctor(
    as_json: AsJson = False,
) -> None:
    """Check the machine and the settings, and say what to do; exit with 1 when something fails."""
    settings = Settings.from_env()
    findings = examine(settings, server_url=f"{settings.local_url}{BASE_PATH}")
    if as_json:
        print(json.dumps([{"check": name, **asdict(finding)} for name, finding in findings.items()]))
    else:
        _print_findings(findings)
    failed = any(finding.verdict is Verdict.FAIL for finding in findings.values())
    raise typer.Exit(NO if failed else 0)


def _print_findings(findings: dict[str, Finding]) -> None:
    table = Table("", "check", "found, and what to do")
    for name, finding in findings.items():
        found = Text(finding.message)
        if finding.advice:
            found.append(f"\n{finding.advice}", style="bold")
        table.add_row(Text(finding.verdict, style=_COLOURS[finding.verdict]), name, found)
    console.print(table)


def _explain(exc: Exception) -> str:
    if isinstance(exc, StorageError):
        return f"{exc.message}. {exc.hint or ''}".rstrip()
    if isinstance(exc, OSError):
        return f"{exc.filename or 'the system'}: {exc.strerror or exc}. Check that this user may use it."
    return str(exc)


def main() -> None:
    """Run the command line; what its user can mend is told in a line, without a traceback."""
    try:
        cli()
    except (InvalidSettings, StorageError, OSError) as exc:
        tell(_explain(exc))
        sys.exit(CANNOT_RUN)


if __name__ == "__main__":
    main()
