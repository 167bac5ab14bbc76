"""What Supabase clients say about an upload at either door: whether it may replace, and its metadata."""

import orjson
from starlette.requests import Request

from aerostore.api.json_depth import is_writable
from aerostore.domain import MAX_USER_METADATA_BYTES, JsonObject
from aerostore.errors import InvalidInput, MetadataTooLarge


def asks_for_upsert(request: Request) -> bool:
    """Tell whether the request may replace an object: `x-upsert: true`, in any case."""
    return request.headers.get("x-upsert", "").strip().lower() == "true"


def parse_user_metadata(text: str | bytes | None) -> JsonObject | None:
    """Return the JSON object in `text`; unreadable JSON counts as absent, as for Supabase's clients.

    Raises: InvalidInput when it is JSON but no object; MetadataTooLarge over 1 MiB.
    """
    if not text:
        return None
    if len(text) > MAX_USER_METADATA_BYTES:
        raise MetadataTooLarge
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(parsed, dict):
        raise InvalidInput("The user metadata must be a JSON object")
    if not is_writable(parsed):
        raise InvalidInput("The user metadata is nested too deeply", hint="Use fewer levels.")
    return parsed
