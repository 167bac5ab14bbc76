"""The command line: `aerostore serve | token`."""

from typing import Annotated

import typer
from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from rich.console import Console

from aerostore.api.gate import BASE_PATH
from aerostore.api.auth import ROLES, mint_token
from aerostore.settings import InvalidSettings, Settings

_TEN_YEARS_S = 10 * 366 * 24 * 3600

cli = typer.Typer(add_completion=False, no_args_is_help=True, help="Object storage in one process.")
console = Console(highlight=False, soft_wrap=True)


@cli.command()
def serve(
    show_keys: Annotated[
        bool | None, typer.Option(help="Print an anon and a service key; by default only on a terminal.")
    ] = None,
) -> None:
    """Run the server. It is configured by AEROSTORE_* variables or AEROSTORE_CONFIG."""
    settings = _settings().with_secrets()
    settings.publish()
    _print_welcome(settings, show_keys=console.is_terminal if show_keys is None else show_keys)
    Granian(
        "aerostore.app:create_app",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        loop=Loops.uvloop,
        workers=settings.workers,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=settings.shutdown_timeout,
        log_access=False,
    ).serve()


@cli.command()
def token(
    role: Annotated[str, typer.Option(help=f"One of: {', '.join(ROLES)}.")] = "authenticated",
    sub: Annotated[str | None, typer.Option(help="The user id, read by policies as auth.uid().")] = None,
    expires_in: Annotated[int, typer.Option(help="Seconds.", min=1)] = 3600,
) -> None:
    """Print a JWT signed with this server's secret, for trying things out."""
    settings = _settings().with_secrets()
    print(mint_token(settings.jwt_secret, role=role, subject=sub, expires_in_s=expires_in))


def _settings() -> Settings:
    try:
        return Settings.from_env()
    except InvalidSettings as exc:
        console.print(f"[red]aerostore:[/] {exc}")
        raise typer.Exit(2) from exc


def _print_welcome(settings: Settings, *, show_keys: bool) -> None:
    base = f"http://{settings.host}:{settings.port}{BASE_PATH}"
    console.print(f"[bold]aerostore[/] on {base}  data in {settings.data_dir.resolve()}")
    if not show_keys:
        return
    keys = {
        role: mint_token(settings.jwt_secret, role=role, expires_in_s=_TEN_YEARS_S)
        for role in ("anon", "service_role")
    }
    console.print(f"anon key      {keys['anon']}")
    console.print(f"service key   {keys['service_role']}   keep it on servers: it may do everything")
    console.print("first upload:")
    console.print(
        f"  export KEY={keys['service_role']}\n"
        f"  curl -H \"Authorization: Bearer $KEY\" -H 'Content-Type: application/json'"
        f' -d \'{{"name": "photos", "public": true}}\' {base}/bucket\n'
        f"  curl -H \"Authorization: Bearer $KEY\" -H 'Content-Type: text/plain'"
        f" --data-binary 'hello' {base}/object/photos/hello.txt\n"
        f"  curl {base}/object/public/photos/hello.txt",
        markup=False,
    )


def main() -> None:
    """Run the command line."""
    cli()


if __name__ == "__main__":
    main()
