"""Options that say who somebody is: role, user id and further claims, for tokens and access keys."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from aerostore.api.auth import ROLES
from aerostore.domain import has_control_character

# What has an option of its own, or is set by whoever makes the token.
_NO_CLAIMS = {"role", "sub", "exp", "iat", "secret", "subject", "expires_in_s", "now"}


def check_role(role: str) -> str:
    """Return `role` if there is such a role. Raises: BadParameter."""
    if role not in ROLES:
        raise typer.BadParameter(f"{role!r} is none of {', '.join(ROLES)}")
    return role


def check_sub(sub: str | None) -> str | None:
    """Return a user id that can be written into rows and logs. Raises: BadParameter."""
    if sub is not None and has_control_character(sub):
        raise typer.BadParameter("a user id has printable characters only")
    return sub


Role = Annotated[str, typer.Option(callback=check_role, help=f"One of: {', '.join(ROLES)}.")]
Sub = Annotated[
    str | None, typer.Option(callback=check_sub, help="The user id, read by policies as auth.uid().")
]
Claims = Annotated[
    list[str] | None, typer.Option(metavar="NAME=JSON", help="A further claim; may be repeated.")
]


def parse_claims(texts: Sequence[str] | None) -> dict[str, Any]:
    """Return the claims written as NAME=JSON. Raises: BadParameter."""
    return dict(_parse_claim(text) for text in texts or ())


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
