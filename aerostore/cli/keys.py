"""`aerostore keys`: make, list and revoke the access keys that clients of the S3 protocol sign with."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, TypeVar

import typer
from rich.table import Column, Table
from rich.text import Text

from aerostore.api.gate import BASE_PATH
from aerostore.app import build
from aerostore.cli import AsJson, console
from aerostore.cli.claim import Claims, Role, Sub, parse_claims
from aerostore.cli.migrate import require_up_to_date
from aerostore.domain import AccessKey, JsonObject, to_iso
from aerostore.service.access_key import AccessKeys
from aerostore.settings import Settings

T = TypeVar("T")

_MAX_DESCRIPTION = 200

keys = typer.Typer(no_args_is_help=True, help="Make, list and revoke access keys of the S3 protocol.")


@keys.command()
def create(
    role: Role = "service_role",
    sub: Sub = None,
    claim: Claims = None,
    expires_in: Annotated[
        int | None, typer.Option(help="Seconds.", min=1, max=2**31, show_default="never")
    ] = None,
    description: Annotated[str, typer.Option(help="What the key is for.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a key and print its secret, which is not shown again."""
    if len(description) > _MAX_DESCRIPTION or not description.isprintable():
        raise typer.BadParameter(
            f"at most {_MAX_DESCRIPTION} printable characters", param_hint="--description"
        )
    claims = parse_claims(claim) | ({"sub": sub} if sub else {})
    settings = _settings()
    key, secret = _run(
        settings,
        lambda keys: keys.create(role=role, claims=claims, description=description, expires_in_s=expires_in),
    )
    if as_json:
        print(json.dumps({**_key_json(key), "secret": secret}))
        return
    lines = [
        f"access key id      {key.id}",
        f"secret access key  {secret}",
        f"role               {key.role}",
        f"endpoint           {settings.public_url.rstrip('/') or settings.local_url}{BASE_PATH}/s3",
        f"region             {settings.s3_region}",
        "",
        "Keep the secret now: it is not shown again.",
    ]
    console.print("\n".join(lines), markup=False, soft_wrap=True)


@keys.command(name="list")
def list_keys(as_json: AsJson = False) -> None:
    """List the keys that were made, without their secrets."""
    found = _run(_settings(), _list_with_states)
    if as_json:
        print(json.dumps([{**_key_json(key), "state": state} for key, state in found]))
        return
    table = Table(Column("id", no_wrap=True), "role", "user", "description", "ends", "state")
    for key, state in found:
        ends = f"{key.expires_at:%Y-%m-%d %H:%M}" if key.expires_at else "never"
        who = key.role, str(key.claims.get("sub", ""))
        table.add_row(*(Text(each) for each in (key.id, *who, key.description, ends, state)))
    console.print(table)


@keys.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="The access key id.")]) -> None:
    """End a key for good; running servers know within 5 seconds."""
    _run(_settings(), lambda keys: keys.revoke(key_id))
    print(f"revoked {key_id}")


def _settings() -> Settings:
    settings = Settings.from_env()
    require_up_to_date(settings)
    return settings


def _run(settings: Settings, work: Callable[[AccessKeys], Awaitable[T]]) -> T:
    async def run() -> T:
        parts = build(settings)
        async with parts.running():
            return await work(parts.access_keys)

    return asyncio.run(run())


async def _list_with_states(keys: AccessKeys) -> list[tuple[AccessKey, str]]:
    return [(key, keys.state_of(key)) for key in await keys.list_all()]


def _key_json(key: AccessKey) -> JsonObject:
    times = {
        name: None if moment is None else to_iso(moment)
        for name, moment in (
            ("created_at", key.created_at),
            ("expires_at", key.expires_at),
            ("revoked_at", key.revoked_at),
        )
    }
    return {**asdict(key), **times}
