"""`aerostore reclaim`: find bytes without rows and rows without bytes, and remove what is ripe."""

import asyncio
import json
import logging
from dataclasses import asdict
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.table import Table

from aerostore.app import build
from aerostore.cli import BYTES_MISSING, NO, AsJson, console, tell, tell_keys
from aerostore.cli.migrate import require_up_to_date
from aerostore.service.reclaim import ReclaimReport
from aerostore.settings import Settings


def reclaim(
    apply: Annotated[bool, typer.Option("--apply", help="Remove what is ripe; else only look.")] = False,
    accept_restored: Annotated[
        bool,
        typer.Option("--accept-restored", help="Trust a database that looks older than the stored bytes."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Find bytes that nobody points at and rows whose bytes are gone; may run beside a server."""
    settings = Settings.from_env()
    require_up_to_date(settings)
    logging.getLogger("aerostore.reclaim").setLevel(logging.CRITICAL)  # the report says the same
    report = asyncio.run(_reclaim(settings, apply=apply, accept_restored=accept_restored))
    if as_json:
        print(json.dumps(asdict(report)))
    else:
        _print_report(report)
    raise typer.Exit(BYTES_MISSING if report.missing_count else NO if report.refused else 0)


async def _reclaim(settings: Settings, *, apply: bool, accept_restored: bool) -> ReclaimReport:
    parts = build(settings)
    async with parts.running():
        return await parts.reclaim.run(apply=apply, accept_restored=accept_restored)


def _print_report(report: ReclaimReport) -> None:
    rows = [
        ("stored blobs", f"{report.scanned:,}"),
        ("without a row", f"{report.orphans:,} ({decimal(report.orphan_bytes)})"),
        ("rows without bytes", f"{report.missing_count:,}"),
        ("released, waiting", f"{report.waiting:,}"),
        ("expired uploads", f"{report.expired_uploads:,}"),
        ("abandoned drafts", f"{report.drafts:,} ({decimal(report.draft_bytes)})"),
    ]
    if report.applied:
        rows += [
            ("removed without a row", f"{report.orphans_removed:,}"),
            ("removed released", f"{report.released_removed:,}"),
            ("removed drafts", f"{report.drafts_removed:,}"),
            ("removed bytes", decimal(report.bytes_removed)),
            ("removed temporary files", f"{report.temporary_removed:,}"),
            ("trimmed events", f"{report.events_trimmed:,}"),
        ]
    table = Table("", "", title="reclaim" if report.applied else "reclaim, only looking", show_header=False)
    for row in rows:
        table.add_row(*row)
    console.print(table)
    if report.refused:
        tell(f"nothing was removed: {report.refused}")
    tell_keys("these bytes have no row:", report.orphan_keys, report.orphans)
    tell_keys(
        "these bytes are missing or cut; restore them from a backup, or upload their objects again:",
        report.missing,
        report.missing_count,
    )
