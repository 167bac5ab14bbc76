"""What a route cannot say of its operation: one value per operation, and the parts they share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from aerostore import errors
from aerostore.api.openapi.schema import reference, to_object_schema
from aerostore.api.rest.schema import Field
from aerostore.domain import JsonObject
from aerostore.errors import StorageError

Errors = tuple[type[StorageError], ...]

_TOKEN_ERRORS: Errors = (
    errors.SchemaViolation,
    errors.InvalidToken,
    errors.ExpiredToken,
    errors.RoleNotAllowed,
)
_LINK_ERRORS: Errors = (errors.SchemaViolation, errors.InvalidLink, errors.SignatureDoesNotMatch)
_ROW_ERRORS: Errors = (
    StorageError,
    errors.InvalidInput,
    errors.Unavailable,
    errors.LockTimeout,
    errors.Overloaded,
)
BODY_ERRORS: Errors = (errors.InvalidInput, errors.IncompleteBody, errors.RequestTimeout)
_JSON_ERRORS: Errors = (
    *BODY_ERRORS,
    errors.SchemaViolation,
    errors.MalformedJson,
    errors.RequestBodyTooLarge,
)
_CREDENTIALS: list[JsonObject] = [{"bearer": []}, {"apikey": []}]
_LINK: list[JsonObject] = [{"signedUrl": []}]


@dataclass(frozen=True, slots=True)
class _AccessRule:
    security: list[JsonObject]
    errors: Errors
    sentence: str


class Access(Enum):
    """Who may ask: which credentials an operation takes and how they fail."""

    REQUIRED = _AccessRule(_CREDENTIALS, _TOKEN_ERRORS, "Needs a token; policies decide what it may do.")
    OPTIONAL = _AccessRule([{}, *_CREDENTIALS], (), "Without a valid token, only public buckets are seen.")
    OPTIONAL_OR_LINK = _AccessRule(
        [{}, *_CREDENTIALS, *_LINK],
        _LINK_ERRORS,
        "Without a valid token, takes the token of a signed URL or sees only public buckets.",
    )
    LINK = _AccessRule(_LINK, _LINK_ERRORS, "The token in the URL is the permission.")
    PUBLIC = _AccessRule([], (), "Anybody may ask.")
    LOCAL = _AccessRule(
        [{}, *_CREDENTIALS],
        _TOKEN_ERRORS,
        "From the machine itself without a proxy in between, or with a token of the service role.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestBody:
    """What a request carries. content: Media Type Objects by media type. errors: how reading it fails."""

    content: Mapping[str, JsonObject]
    errors: Errors
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationDoc:
    """An operation as people and programs read of it.

    id: stable once released, generated clients call their functions so. answers: Response Objects of
    success by status. headers: names of shared header parameters. errors: those beyond what
    access, body and rows imply. has_rows: whether rows are read or written.
    """

    id: str
    noun: str
    summary: str
    access: Access
    answers: Mapping[str, JsonObject]
    description: str = ""
    headers: tuple[str, ...] = ()
    query: Mapping[str, Field] = field(default_factory=dict)
    body: RequestBody | None = None
    errors: Errors = ()
    has_rows: bool = True

    @property
    def all_errors(self) -> Errors:
        """Every way this operation can fail, each once."""
        from_query: Errors = (errors.SchemaViolation,) if self.query else ()
        from_body = self.body.errors if self.body else ()
        from_rows = _ROW_ERRORS if self.has_rows else ()
        found = (*self.access.value.errors, *from_query, *from_body, *from_rows, *self.errors)
        return tuple(dict.fromkeys(found))


def json_body(
    fields: Mapping[str, Field], notes: Mapping[str, str] | None = None, *, required: bool = True
) -> RequestBody:
    """Return a JSON request body with these fields. notes: meanings that differ from the glossary's."""
    content = {"application/json": {"schema": to_object_schema(fields, notes or {})}}
    return RequestBody(content=content, errors=_JSON_ERRORS, required=required)


def json_answer(description: str, schema: JsonObject | str) -> dict[str, JsonObject]:
    """Return a 200 answer. schema: a JSON Schema, or the name of a shared one."""
    shape = reference("schemas", schema) if isinstance(schema, str) else schema
    return {"200": {"description": description, "content": {"application/json": {"schema": shape}}}}


def list_answer(description: str, schema: str) -> dict[str, JsonObject]:
    """Return a 200 answer that is an array of a shared schema."""
    return json_answer(description, {"type": "array", "items": reference("schemas", schema)})
