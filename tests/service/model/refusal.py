"""Who may do what, in the order in which a request is looked at: the error to expect, None for success."""

from collections.abc import Iterable
from dataclasses import replace

from tests.contract.client import (
    BUCKET_EXISTS,
    BUCKET_NOT_EMPTY,
    DELETE_DENIED,
    KEY_EXISTS,
    NO_SUCH_BUCKET,
    NO_SUCH_KEY,
    NO_SUCH_RELATION,
    ROLE_DENIED,
    ROW_DENIED,
    TOO_LARGE,
    WireError,
    invalid_key,
    invalid_request,
)
from tests.service.model.caller import NOBODY, Caller
from tests.service.model.reference import Bucket, Content, Place, Reference
from tests.service.model.server import FILE_SIZE_LIMIT

NO_TOKEN = invalid_request("headers must have required property 'authorization'")
NAME_EXISTS = replace(KEY_EXISTS, code="ResourceAlreadyExists")  # no upsert can help a move
BROKEN_MIME_TYPE = "not a type"
PLACEHOLDER = ".emptyFolderPlaceholder"


def first(refusals: Iterable[WireError | None]) -> WireError | None:
    return next((refusal for refusal in refusals if refusal is not None), None)


def to_name(name: str) -> WireError | None:
    """Refuse more than 1,024 bytes and control characters, which the message does not repeat."""
    if len(name.encode()) <= 1024 and "\t" not in name:
        return None
    return invalid_key(name.replace("\t", "\N{REPLACEMENT CHARACTER}"))


# Buckets: the shipped policies leave them to the service role


def to_create_bucket(model: Reference, caller: Caller, bucket_id: str) -> WireError | None:
    if not caller.bypasses_policies:
        return ROW_DENIED
    return BUCKET_EXISTS if bucket_id in model.buckets else None


def to_see_bucket(model: Reference, caller: Caller, bucket_id: str) -> WireError | None:
    return None if caller.bypasses_policies and bucket_id in model.buckets else NO_SUCH_BUCKET


def to_empty_bucket(model: Reference, caller: Caller, bucket_id: str) -> WireError | None:
    if not caller.bypasses_policies:
        return ROLE_DENIED
    return None if bucket_id in model.buckets else NO_SUCH_BUCKET


def to_delete_bucket(model: Reference, caller: Caller, bucket_id: str) -> WireError | None:
    if refusal := to_see_bucket(model, caller, bucket_id):
        return refusal
    return BUCKET_NOT_EMPTY if model.held(bucket_id) else None


# Objects


def to_upload(
    model: Reference, caller: Caller, place: Place, content: Content, *, upsert: bool, size_is_known: bool
) -> WireError | None:
    """A size that is only known at the end of the body is refused after everything else."""
    bucket = model.buckets.get(place.bucket)
    if bucket is None:
        return NO_SUCH_BUCKET
    too_large = to_size(bucket, place.name, content)
    return first(
        [
            to_mime_type(bucket, place.name, content),
            too_large if size_is_known else None,
            to_name(place.name),
            to_put(model, caller, place, upsert=upsert),
            too_large,
        ]
    )


def to_put(model: Reference, caller: Caller, place: Place, *, upsert: bool) -> WireError | None:
    """Policies and the unique name, in the order of PostgreSQL: the new row's check comes first."""
    if caller.role != "authenticated" and not caller.bypasses_policies:
        return ROW_DENIED
    if place not in model.objects:
        return None
    if not upsert:
        return KEY_EXISTS
    return None if caller.owns(model.objects[place].owner) else ROW_DENIED


def to_mime_type(bucket: Bucket, name: str, content: Content) -> WireError | None:
    if content.mime_type == BROKEN_MIME_TYPE:
        return _wrong_type("Invalid Content-Type header")
    allowed = bucket.mime_types
    if not allowed or name.endswith(PLACEHOLDER):
        return None
    kind = content.mime_type.split(";")[0]
    if kind in allowed or "*/*" in allowed or f"{kind.split('/')[0]}/*" in allowed:
        return None
    return _wrong_type(f"mime type {content.mime_type} is not supported")


def _wrong_type(message: str) -> WireError:
    return WireError(400, "415", "invalid_mime_type", message, "InvalidMimeType")


def to_size(bucket: Bucket, name: str, content: Content) -> WireError | None:
    limit = FILE_SIZE_LIMIT if bucket.size_limit is None else min(bucket.size_limit, FILE_SIZE_LIMIT)
    if name.endswith(PLACEHOLDER):
        limit = 0
    return TOO_LARGE if len(content.body) > limit else None


def to_find(model: Reference, caller: Caller, place: Place) -> WireError | None:
    return None if place.name in model.visible(caller, place.bucket) else NO_SUCH_KEY


def to_relocate(
    model: Reference, caller: Caller, source: Place, place: Place, content: Content
) -> WireError | None:
    """What copy and move have in common. content: as it would arrive."""
    if refusal := to_name(place.name) or to_find(model, caller, source):
        return refusal
    bucket = model.buckets.get(place.bucket)
    if bucket is None:
        return NO_SUCH_RELATION
    if place.bucket == source.bucket and content.mime_type == model.objects[source].content.mime_type:
        return None
    return to_mime_type(bucket, place.name, content) or to_size(bucket, place.name, content)


def to_move(model: Reference, caller: Caller, source: Place, place: Place) -> WireError | None:
    if to_find(model, caller, source) is None and source == place:
        return to_name(place.name)
    stored = model.objects.get(source)
    content = stored.content if stored else Content(body=b"")
    if refusal := to_relocate(model, caller, source, place, content):
        return refusal
    return NAME_EXISTS if place in model.objects else None


def to_delete(model: Reference, caller: Caller, place: Place) -> WireError | None:
    if place not in model.objects:
        return NO_SUCH_KEY
    return None if caller.owns(model.objects[place].owner) else DELETE_DENIED


# Reading, by door


def to_read(model: Reference, caller: Caller, place: Place, door: str) -> WireError | None:
    """door: "", authenticated, public; info has the same three."""
    if door == "public" or (door == "" and caller is NOBODY):
        return to_read_publicly(model, place)
    if caller is NOBODY:
        return NO_TOKEN
    if place.bucket not in model.buckets:
        return NO_SUCH_BUCKET
    if refusal := to_name(place.name):
        return refusal
    if model.is_public(place.bucket):
        return None if place in model.objects else NO_SUCH_KEY
    return to_find(model, caller, place)


def to_read_publicly(model: Reference, place: Place) -> WireError | None:
    if not model.is_public(place.bucket):
        return NO_SUCH_BUCKET
    return to_name(place.name) or (None if place in model.objects else NO_SUCH_KEY)
