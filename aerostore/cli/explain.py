"""`aerostore explain`: why somebody may or may not do something, without a running server."""

import asyncio
import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from aerostore.api.admin.explain import EXPLAIN_BODY, explain_json
from aerostore.api.auth import ROLES
from aerostore.api.rest.schema import validate
from aerostore.app import Parts, build, make_authenticator
from aerostore.cli import CANNOT_RUN, NO, AsJson
from aerostore.cli.story import denial_lines, print_lines, story_lines
from aerostore.domain import JsonObject
from aerostore.policy import PolicyLoadError
from aerostore.service.question import OPS
from aerostore.settings import InvalidSettings, Settings

_WHERE = "the options"


def explain(
    op: Annotated[str | None, typer.Option(help=f"What is asked for: {', '.join(OPS)}.")] = None,
    bucket: Annotated[str | None, typer.Option(help="The bucket's id.")] = None,
    name: Annotated[str | None, typer.Option(help="The object's name; for lists the folder.")] = None,
    to: Annotated[str | None, typer.Option(help="For copy and move: the new name.")] = None,
    to_bucket: Annotated[
        str | None, typer.Option(help="For copy and move: the new bucket.", show_default="the same")
    ] = None,
    upsert: Annotated[
        bool, typer.Option("--upsert", help="For copy and sign_upload: replace what has the name.")
    ] = False,
    size: Annotated[int | None, typer.Option(help="For uploads: bytes.", min=0, show_default="0")] = None,
    mime: Annotated[str | None, typer.Option(help="For uploads: the Content-Type.")] = None,
    role: Annotated[str | None, typer.Option("--as", help=f"The caller's role: {', '.join(ROLES)}.")] = None,
    sub: Annotated[str | None, typer.Option(help="The caller's user id, auth.uid() to policies.")] = None,
    claims: Annotated[str | None, typer.Option(metavar="JSON", help="Further claims, an object.")] = None,
    jwt: Annotated[str | None, typer.Option(help="The caller's token, instead of the three above.")] = None,
    request: Annotated[
        str | None, typer.Option(metavar="ID", help="Tell about a request that was denied, instead.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Explain why somebody may or may not do something; exit with 1 when it is denied."""
    settings = _usable(Settings.from_env())
    if request is not None:
        _tell_denials(asyncio.run(_find_denials(settings, request)), request, as_json=as_json)
        raise typer.Exit(NO)
    given = {"op": op, "bucket": bucket, "name": name, "to": to, "to_bucket": to_bucket, "size": size}
    given |= {"mime": mime, "role": role, "sub": sub, "jwt": jwt, "upsert": upsert or None}
    asked = {key: value for key, value in given.items() if value is not None} | _claims(claims)
    story = asyncio.run(_explain(settings, validate(asked, EXPLAIN_BODY, where=_WHERE)))
    if as_json:
        print(json.dumps(story, indent=2))
    else:
        print_lines(story_lines(story))
    raise typer.Exit(0 if story["allowed"] else NO)


def _usable(settings: Settings) -> Settings:
    if not settings.database_url and not settings.database_path.exists():
        raise InvalidSettings(f"{settings.database_path} does not exist. Check AEROSTORE_DATA_DIR.")
    return settings.with_secrets()


def _claims(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        return {"claims": json.loads(text)}
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not JSON", param_hint="--claims") from None


async def _explain(settings: Settings, asked: JsonObject) -> JsonObject:
    parts, authenticator = _build(settings), make_authenticator(settings)
    try:
        async with parts.running():
            return await explain_json(parts.explain, authenticator, asked, where=_WHERE)
    finally:
        await authenticator.close()


def _build(settings: Settings) -> Parts:
    try:
        return build(settings)
    except PolicyLoadError as exc:
        raise InvalidSettings(str(exc)) from exc


async def _find_denials(settings: Settings, request_id: str) -> Sequence[JsonObject]:
    parts = _build(settings)
    async with parts.running():
        return await parts.denials.find(request_id)


def _tell_denials(denials: Sequence[JsonObject], request_id: str, *, as_json: bool) -> None:
    if not denials:
        typer.echo(
            f"aerostore: no denial of request {request_id!r} is known. The newest 10,000 of the last 7 days"
            " are kept, and it takes a second or two until one is.",
            err=True,
        )
        raise typer.Exit(CANNOT_RUN)
    if as_json:
        print(json.dumps(list(denials), indent=2))
        return
    for denial in denials:
        print_lines(denial_lines(denial))
