"""What a policy can read of a request: the settings behind `auth.uid()`, `auth.jwt()`, `storage.operation()`.

Postgres has them set for each transaction; an engine that judges by itself reads the same mapping.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from aerostore.domain import RlsContext
from aerostore.errors import InvalidToken

_BASE_PATH = "/storage/v1"
# An escaped NUL, not a backslash that is followed by "u0000".
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def request_settings(context: RlsContext) -> dict[str, str]:
    """Return the settings of `context` by name. The claims name the context's own role and subject.

    Raises: InvalidToken when the claims are no text that Postgres can hold: a NUL character, half a
    surrogate pair, a number that is not finite.
    Source: Supabase Storage, the settings of each of its transactions.
    """
    return {
        "request.jwt.claim.role": context.role,
        "request.jwt.claim.sub": context.user_id or "",
        "request.jwt.claims": _claims_text(context.role, context.user_id, _Claims(context.claims)),
        "request.method": _storable(context.method),
        "request.path": _storable(context.path.removeprefix(_BASE_PATH)),
        "storage.operation": context.operation,
        # For databases that come from Supabase: a trigger there lets only the storage service delete.
        "storage.allow_delete_query": "true",
    }


@dataclass(frozen=True, slots=True, eq=False)
class _Claims:
    """Claims as a key: like the same object only, which comes again with each request that has its token."""

    of: Mapping[str, Any]

    def __eq__(self, other: object) -> bool:
        return type(other) is _Claims and other.of is self.of

    def __hash__(self) -> int:
        return id(self.of)


@lru_cache(maxsize=1024)
def _claims_text(role: str, user_id: str | None, own: _Claims) -> str:
    claims = {name: value for name, value in own.of.items() if name != "sub"}
    claims["role"] = role
    if user_id:
        claims["sub"] = user_id
    try:
        text = json.dumps(claims, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode()
    except ValueError as exc:
        raise _unreadable() from exc
    if _NUL.search(text):
        raise _unreadable()
    return text


def _unreadable() -> InvalidToken:
    return InvalidToken(
        "The token's claims hold a value that policies cannot read",
        hint="Leave NUL characters, lone surrogates and infinite numbers out of the claims.",
    )


def _storable(text: str) -> str:
    """Return `text` with what no setting can hold replaced: a path may be anything a client sent."""
    if text.isascii() and "\x00" not in text:
        return text
    shown = text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return shown.encode(errors="replace").decode()
