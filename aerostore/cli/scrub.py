"""`aerostore scrub`: compare every stored byte with its SHA-256, and tell what is damaged or missing."""

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from aerostore.app import Parts, build
from aerostore.cli import BYTES_MISSING, NO, AsJson, console, errors, tell, tell_keys
from aerostore.cli.migrate import require_up_to_date
from aerostore.domain import ScrubRound, to_iso
from aerostore.service.scrub import ScrubReport, Watch
from aerostore.settings import Settings

_RATE = re.compile(r"(\d+)(?:([KMGT])(i?)B?)?", re.ASCII)
_POWER = {"K": 1, "M": 2, "G": 3, "T": 4}


def parse_rate(text: str | None) -> int | None:
    """Read bytes a second: `50M` and `50MB` are 50 million, `50Mi` and `50MiB` are 50 x 1024 x 1024."""
    if text is None:
        return None
    match = _RATE.fullmatch(text)
    rate = int(match[1]) * (1024 if match[3] else 1000) ** _POWER.get(match[2] or "", 0) if match else 0
    if not 1 <= rate <= 2**53:
        raise typer.BadParameter(
            f"{text!r} is no rate; use bytes a second, such as 500K, 50M or 20MiB", param_hint="--rate"
        )
    return rate


def scrub(
    rate: Annotated[
        str | None,
        typer.Option(
            metavar="BYTES", help="Read this much a second: 500K, 50M, 20MiB.", show_default="the setting"
        ),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Give up a round that is under way and begin a new one.")
    ] = False,
    status: Annotated[bool, typer.Option("--status", help="Only tell what is known; read nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare every stored byte with its hash, or go on with that; may run beside a server."""
    bytes_per_s = parse_rate(rate)
    if status and (restart or rate):
        raise typer.BadParameter("--status reads nothing: leave out the other options", param_hint="--status")
    settings = Settings.from_env()
    require_up_to_date(settings)
    if bytes_per_s:
        settings = replace(settings, scrub_rate=bytes_per_s)
    logging.getLogger("aerostore.scrub").setLevel(logging.CRITICAL)  # the report says the same
    try:
        report = asyncio.run(_look(settings) if status else _scrub(settings, restart=restart))
    except KeyboardInterrupt:
        tell("interrupted. The next scrub, by hand or in the server, goes on where this one was.")
        raise typer.Exit(NO) from None
    _show(report, as_json=as_json)
    has_losses = report.damaged_count or report.missing_count
    raise typer.Exit(BYTES_MISSING if has_losses else NO if report.refused else 0)


async def _look(settings: Settings) -> ScrubReport:
    parts = build(settings)
    async with parts.running():
        return await parts.scrub.look()


async def _scrub(settings: Settings, *, restart: bool) -> ScrubReport:
    parts = build(settings)
    async with parts.running():
        with _progress(await _count_stored(parts)) as watch:
            return await parts.scrub.run(restart=restart, watch=watch)


async def _count_stored(parts: Parts) -> int:
    return await parts.scrub.count_stored() if errors.is_terminal else 0


@contextmanager
def _progress(total_bytes: int) -> Iterator[Watch | None]:
    """Show on a terminal how far a round is."""
    if not errors.is_terminal:
        yield None
        return
    columns = (TextColumn("scrub"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task("scrub", total=total_bytes)
        yield lambda reached: progress.update(task, completed=reached.checked_bytes)


def _show(report: ScrubReport, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(report), default=_to_text))
        return
    table = Table("begun (UTC)", "ended", "blobs", "bytes", "damaged", "missing", title="scrub")
    for each in report.rounds:
        table.add_row(*_cells(each))
    console.print(table)
    if report.refused:
        tell(report.refused)
    advice = "restore them from a backup, or upload their objects again:"
    tell_keys(f"these bytes are damaged; {advice}", report.damaged, report.damaged_count)
    tell_keys(f"these bytes are missing or cut; {advice}", report.missing, report.missing_count)


def _cells(each: ScrubRound) -> list[str]:
    ended = _shown(each.finished_at) if each.finished_at else "under way"
    counts = [f"{each.checked:,}", decimal(each.checked_bytes), f"{each.damaged:,}", f"{each.missing:,}"]
    return [_shown(each.started_at), ended, *counts]


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _to_text(value: object) -> str:
    if not isinstance(value, datetime):
        raise TypeError(type(value).__name__)
    return to_iso(value)
