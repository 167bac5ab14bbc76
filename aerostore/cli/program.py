"""The program: `aerostore serve | token | keys | migrate | policies | explain | reclaim | scrub | doctor`.

Exit codes: 0 all is well; 1 the command ran and says no; 2 it could not run; 3 stored bytes are missing or
damaged.
"""

import json
import logging
import logging.config
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

import aerostore
from aerostore.api.auth import mint_token
from aerostore.api.gate import BASE_PATH
from aerostore.app import create_app
from aerostore.cli import CANNOT_RUN, NO, AsJson, console, tell
from aerostore.cli.claim import Claims, Role, Sub, parse_claims
from aerostore.cli.explain import explain
from aerostore.cli.keys import keys
from aerostore.cli.migrate import find_due, migrate, open_once
from aerostore.cli.policies import policies
from aerostore.cli.reclaim import reclaim
from aerostore.cli.scrub import scrub
from aerostore.cli.second_port import serve_two
from aerostore.cli.server import describe_logging, make_server
from aerostore.doctor import examine
from aerostore.doctor.finding import Finding, Verdict
from aerostore.doctor.network import find_address
from aerostore.errors import StorageError
from aerostore.policy import PolicyLoadError
from aerostore.settings import InvalidSettings, Settings, without_credentials
from aerostore.worker import end_workers_that_start

_TEN_YEARS_S = 10 * 366 * 24 * 3600
_COLOURS = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}

cli = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
cli.add_typer(policies, name="policies")
cli.add_typer(keys, name="keys")
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
    logging.config.dictConfig(describe_logging("info"))
    settings = Settings.from_env()
    settings = replace(settings, **{name: value for name, value in flags.items() if value is not None})
    settings, address = _prepare(settings)
    settings.publish()
    _print_welcome(settings, show_keys=console.is_terminal if show_keys is None else show_keys)
    end_workers_that_start()
    server = make_server("aerostore.worker:create_worker", settings, address=address, port=settings.port)
    if settings.s3_port:
        serve_two(server, settings, address=address)
    else:
        server.serve()


def _prepare(settings: Settings) -> tuple[Settings, str]:
    """Meet here, once, what would make every worker fail; return complete settings, numeric address."""
    address = _find_address(settings, settings.port)
    if settings.s3_port:
        _find_address(settings, settings.s3_port)
    find_due(settings)
    settings = settings.with_secrets()
    try:
        create_app(settings)
    except (ValueError, PolicyLoadError) as exc:
        raise InvalidSettings(str(exc)) from exc
    open_once(settings)
    return settings, address


def _find_address(settings: Settings, port: int) -> str:
    try:
        return find_address(settings.host, port)
    except OSError as exc:
        raise InvalidSettings(
            f"cannot listen on {settings.host}:{port}: {exc.strerror}."
            f" Choose another --host or {'--port' if port == settings.port else 'AEROSTORE_S3_PORT'};"
            " 'aerostore doctor' tells whether a server answers there."
        ) from exc


def _print_welcome(settings: Settings, *, show_keys: bool) -> None:
    base = f"{settings.local_url}{BASE_PATH}"
    lines = [
        f"aerostore {aerostore.__version__}",
        f"storage       {base}",
        f"admin UI      {settings.local_url}/admin",
        f"S3            {settings.local_s3_url if settings.s3_port else f'{base}/s3'}",
        f"documentation {base}/documentation",
        f"health        {base}/health",
        f"metrics       {base}/metrics",
        f"data          {settings.data_dir.resolve()}",
        *([f"rows          {without_credentials(settings.database_url)}"] if settings.database_url else []),
    ]
    if show_keys:
        lines += _keys_and_first_upload(settings, base)
    console.print("\n".join(lines), markup=False, soft_wrap=True)  # a wrapped line cannot be pasted


def _keys_and_first_upload(settings: Settings, base: str) -> list[str]:
    anon, service = (
        mint_token(settings.jwt_secret, role=role, expires_in_s=_TEN_YEARS_S)
        for role in ("anon", "service_role")
    )
    anon = settings.anon_key or anon
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


@cli.command()
def token(
    role: Role = "authenticated",
    sub: Sub = None,
    expires_in: Annotated[int, typer.Option(help="Seconds.", min=1)] = 3600,
    claim: Claims = None,
) -> None:
    """Print a JWT signed with this server's secret, for trying things out."""
    claims = parse_claims(claim)
    secret = Settings.from_env().with_secrets().jwt_secret
    try:
        print(mint_token(secret, role=role, subject=sub, expires_in_s=expires_in, **claims))
    except ValueError as exc:
        raise InvalidSettings(str(exc)) from exc


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


def run() -> None:
    """Run the command line; what its user can mend is told in a line, without a traceback."""
    try:
        cli()
    except (InvalidSettings, StorageError, OSError) as exc:
        tell(_explain(exc))
        sys.exit(CANNOT_RUN)
