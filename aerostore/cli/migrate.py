"""`aerostore migrate`: bring the database up to date, or only tell what that takes."""

import asyncio
from typing import Annotated

import typer

from aerostore.app import build, plan_takeover
from aerostore.cli import NO
from aerostore.executor.migrations import due_migrations, due_migrations_postgres
from aerostore.policy import PolicyLoadError
from aerostore.policy.change import Change
from aerostore.settings import InvalidSettings, Settings


def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Only tell; exit with 1 when something is due.")
    ] = False,
    adopt: Annotated[
        bool,
        typer.Option("--adopt", help="Take over storage tables that something else made in PostgreSQL."),
    ] = False,
) -> None:
    """Bring the database up to date, as `serve` does on its own."""
    settings = Settings.from_env()
    if adopt and not settings.database_url:
        raise InvalidSettings("--adopt is for PostgreSQL: set AEROSTORE_DATABASE_URL")
    takeover = asyncio.run(plan_takeover(settings, adopt=adopt))
    due = find_due(settings)
    if check:
        _print_due(due, takeover)
        raise typer.Exit(NO if due else 0)
    changes = open_once(settings, adopt=adopt) if due or settings.database_url else ()
    for each in (*due, *changes):
        print(f"ran  {each}")
    if not due and not changes:
        print("up to date")


def find_due(settings: Settings) -> list[str]:
    """Return the names of the migrations that the database still needs. Raises: Unavailable."""
    if settings.database_url:
        return asyncio.run(due_migrations_postgres(settings.database_url))
    return due_migrations(settings.database_path)


def require_up_to_date(settings: Settings) -> None:
    """See to it that a command that makes nothing finds a database. Raises: InvalidSettings, Unavailable."""
    if settings.database_url and find_due(settings):
        raise InvalidSettings(
            "the database is not up to date. Check AEROSTORE_DATABASE_URL, or run 'aerostore migrate'."
        )
    if not settings.database_url and (not settings.database_path.exists() or find_due(settings)):
        raise InvalidSettings(
            f"{settings.database_path} is missing or not up to date."
            " Check AEROSTORE_DATA_DIR, or run 'aerostore migrate'."
        )


def open_once(settings: Settings, *, adopt: bool = False) -> tuple[Change, ...]:
    """Open rows and bytes as a server does, and close them; return which policies had to change.

    Raises: InvalidSettings when the policies cannot be had; Unavailable.
    """

    async def opened() -> tuple[Change, ...]:
        async with build(settings, adopt=adopt).serving() as changes:
            return changes

    try:
        return asyncio.run(opened())
    except PolicyLoadError as exc:
        raise InvalidSettings(f"the policies cannot be used:\n{exc}") from exc


def _print_due(due: list[str], takeover: list[str]) -> None:
    for name in due:
        print(f"due  {name}")
    if takeover:
        print("\n-- What adopting the storage tables begins with:")
    for statement in takeover:
        print(f"{statement.strip()};")
    if not due:
        print("up to date")
