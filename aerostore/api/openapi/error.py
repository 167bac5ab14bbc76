"""How operations fail, as the one table from errors to statuses has it."""

from collections.abc import Collection, Iterable, Sequence

from aerostore.api.error_response import error_body, wire_error
from aerostore.api.openapi.schema import reference
from aerostore.domain import JsonObject
from aerostore.errors import InvalidRange, StorageError

_REQUEST_ID = "0123456789abcdef"


def error_responses(kinds: Iterable[type[StorageError]]) -> dict[str, JsonObject]:
    """Return a response for each status that one of `kinds` can have, with and without `strict-status`."""
    by_status: dict[int, list[type[StorageError]]] = {}
    for kind in kinds:
        row = wire_error(kind)
        for status in {row.http, row.status}:
            by_status.setdefault(status, []).append(kind)
    return {str(status): _response(status, by_status[status]) for status in sorted(by_status)}


def error_examples(kinds: Collection[type[StorageError]]) -> dict[str, JsonObject]:
    """Return an example body for each of `kinds`, by class name."""
    return {kind.__name__: _example(kind) for kind in sorted(kinds, key=lambda each: each.__name__)}


def _response(status: int, kinds: Sequence[type[StorageError]]) -> JsonObject:
    names = ["X-Request-Id"]
    if any(kind.retryable for kind in kinds):
        names.append("Retry-After")
    if InvalidRange in kinds:
        names.append("Content-Range")
    examples = {kind.__name__: reference("examples", kind.__name__) for kind in kinds}
    content = {"schema": reference("schemas", "Error"), "examples": examples}
    return {
        "description": _sentence(status, kinds),
        "headers": {name: reference("headers", name) for name in names},
        "content": {"application/json": content},
    }


def _sentence(status: int, kinds: Sequence[type[StorageError]]) -> str:
    usual = _codes([kind for kind in kinds if wire_error(kind).http == status], status)
    strict = [code for code in _codes(kinds, status) if code not in usual]
    sentences = [f"Refused: {', '.join(usual)}."] if usual else []
    if strict:
        sentences.append(f"With `Prefer: strict-status`: {', '.join(strict)}.")
    return " ".join(sentences)


def _codes(kinds: Sequence[type[StorageError]], status: int) -> list[str]:
    """Return the codes of `kinds`, each once, with the true status where it is another."""
    told = []
    for kind in kinds:
        row = wire_error(kind)
        true_status = "" if row.status == status else f" ({row.status})"
        told.append(f"`{row.code or kind.code}`{true_status}")
    return list(dict.fromkeys(told))


def _example(kind: type[StorageError]) -> JsonObject:
    summary = (kind.__doc__ or kind.default_message).partition("\n")[0]
    return {"summary": summary, "value": error_body(kind(), _REQUEST_ID)}
