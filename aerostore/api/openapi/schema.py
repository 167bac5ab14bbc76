"""JSON Schema (2020-12): from the tables that check requests, and for the shapes of answers."""

from collections.abc import Mapping, Sequence

from aerostore.api.rest.schema import Field, Kind
from aerostore.domain import JsonObject

_TYPES: Mapping[Kind, Sequence[str]] = {
    "string": ("string",),
    "integer": ("integer",),
    "boolean": ("boolean",),
    "integer_or_string": ("integer", "string"),
    "string_array": ("array",),
    "object": ("object",),
}

GLOSSARY: Mapping[str, str] = {
    "Id": "The object's id.",
    "Key": "`<bucket>/<name>` of the object.",
    "allowed_mime_types": "Types the bucket takes, such as `image/png` or `image/*`; null or empty: all.",
    "bucketId": "Bucket of the source.",
    "bucket_id": "The bucket that holds the object.",
    "cacheControl": "The Cache-Control value it is served with.",
    "cache_control": "The Cache-Control value it is served with.",
    "code": "What went wrong, for programs. Never changes once released.",
    "column": "The column to sort by.",
    "content_type": "The Content-Type it was stored with.",
    "copyMetadata": "Whether type, cache control and user metadata are those of the source. Default: true.",
    "created_at": "When it was created.",
    "cursor": "`nextCursor` of the page before; empty for the first page.",
    "destinationBucket": "Bucket of the destination; that of the source unless given.",
    "destinationKey": "Name of the destination.",
    "download": "Send as an attachment, under this name if it is not empty.",
    "etag": "The quoted entity tag.",
    "error": "A short label, for older clients.",
    "expires": "Must be the second at which the token ends, if given.",
    "expiresIn": "Seconds until the link ends.",
    "expires_in": "Seconds until the link ends. With it the body may be absent.",
    "file_size_limit": "Largest object in bytes, or text with a unit such as `20MB`; null: the server's.",
    "hasNext": "Whether there is another page.",
    "healthy": "Whether rows can be read.",
    "hint": "What to do about it.",
    "id": "The id; it survives overwrites.",
    "key": "The part of the name at this depth; only with a delimiter.",
    "last_accessed_at": "When it was created or last written.",
    "last_modified": "When it was last written.",
    "limit": "At most so many entries.",
    "message": "What happened, for people.",
    "metadata": "What the server keeps about the content; null for a folder.",
    "mimetype": "The Content-Type it was stored with.",
    "name": "The object's name.",
    "nextCursor": "What to send as `cursor` for the next page; absent on the last.",
    "nextCursorKey": "The last name on this page; absent on the last.",
    "offset": "Entries to skip.",
    "order": "The direction. Default: asc.",
    "owner": "The `sub` of the owner's token if that is a UUID, else empty.",
    "owner_id": "The `sub` of the owner's token; empty for nobody.",
    "path": "The name as it was given.",
    "paths": "Names of objects.",
    "prefixes": "Exact names of the objects to delete.",
    "public": "Whether anybody may read the objects. Nobody may list or write because of it.",
    "request_id": "What to look for in the log.",
    "search": "Only names that contain this, in any case.",
    "signedURL": "Relative to the storage base, with the decoded name and `?token=`; encode before use.",
    "size": "Length in bytes.",
    "sortBy": "The order of the entries.",
    "sortColumn": "The column to sort by.",
    "sortOrder": "The direction. Default: asc.",
    "sourceKey": "Name of the source.",
    "statusCode": "The true status, as text.",
    "token": "The token of the link.",
    "transform": "Taken for the sake of clients; images are served as they are.",
    "type": "The kind of bucket.",
    "updated_at": "When it was last changed.",
    "url": "Relative to the storage base, with `?token=`.",
    "user_metadata": "What the client said about it.",
    "version": "New with each write.",
    "with_delimiter": "Whether names that share a folder below the prefix become one entry.",
}
"""What properties mean, by name."""


def reference(kind: str, name: str) -> JsonObject:
    """Return a reference to a shared part of the document."""
    return {"$ref": f"#/components/{kind}/{name}"}


def to_schema(field: Field) -> JsonObject:
    """Return the JSON Schema of the values that `field` takes as they are; coercions take more."""
    types = [*_TYPES[field.kind], *(["null"] if field.nullable else [])]
    schema: JsonObject = {"type": types[0] if len(types) == 1 else types}
    if field.minimum is not None:
        schema["minimum"] = field.minimum
    if field.maximum is not None:
        schema["maximum"] = field.maximum
    if field.kind == "string_array":
        return schema | _items_schema(field)
    if field.choices is not None:
        schema["enum"] = [*field.choices, *([None] if field.nullable else [])]
    if field.fields is not None:
        schema |= _properties_schema(field.fields, {})
    return schema


def to_object_schema(fields: Mapping[str, Field], notes: Mapping[str, str]) -> JsonObject:
    """Return the JSON Schema of an object with these properties. notes: meanings, before the glossary's."""
    return {"type": "object", **_properties_schema(fields, notes)}


def describe_property(name: str, schema: JsonObject, notes: Mapping[str, str]) -> JsonObject:
    """Return `schema` with the meaning of `name`, if `notes` or the glossary have one."""
    meaning = notes.get(name) or GLOSSARY.get(name)
    return {**schema, "description": meaning} if meaning and "description" not in schema else schema


def _items_schema(field: Field) -> JsonObject:
    schema: JsonObject = {"items": {"type": "string"}}
    if field.choices is not None:
        schema["items"]["enum"] = list(field.choices)
    if field.min_items:
        schema["minItems"] = field.min_items
    if field.max_items is not None:
        schema["maxItems"] = field.max_items
    return schema


def _properties_schema(fields: Mapping[str, Field], notes: Mapping[str, str]) -> JsonObject:
    properties = {name: describe_property(name, to_schema(field), notes) for name, field in fields.items()}
    required = [name for name, field in fields.items() if field.required]
    return {"properties": properties, **({"required": required} if required else {})}


def _shape(
    description: str,
    properties: Mapping[str, JsonObject],
    *,
    optional: Sequence[str] = (),
    notes: Mapping[str, str] | None = None,
) -> JsonObject:
    return {
        "type": "object",
        "description": description,
        "properties": {
            name: describe_property(name, schema, notes or {}) for name, schema in properties.items()
        },
        "required": [name for name in properties if name not in optional],
    }


_TEXT: JsonObject = {"type": "string"}
_TEXT_OR_NULL: JsonObject = {"type": ["string", "null"]}
_COUNT: JsonObject = {"type": "integer", "minimum": 0}
_FLAG: JsonObject = {"type": "boolean"}
_TIME: JsonObject = {"type": "string", "format": "date-time"}
_TIME_OR_NULL: JsonObject = {"type": ["string", "null"], "format": "date-time"}
_ANY_OBJECT_OR_NULL: JsonObject = {"type": ["object", "null"]}
_METADATA = reference("schemas", "ObjectMetadata")
_METADATA_OR_NULL: JsonObject = {"anyOf": [_METADATA, {"type": "null"}]}

_BUCKET: dict[str, JsonObject] = {
    "id": _TEXT,
    "name": _TEXT,
    "owner": _TEXT,
    "public": _FLAG,
    "file_size_limit": {"type": ["integer", "null"]},
    "allowed_mime_types": {"type": ["array", "null"], "items": _TEXT},
    "created_at": _TIME,
    "updated_at": _TIME,
}
_ROW: dict[str, JsonObject] = {
    "name": _TEXT,
    "bucket_id": _TEXT,
    "owner": _TEXT,
    "owner_id": _TEXT,
    "version": _TEXT,
    "id": _TEXT,
    "updated_at": _TIME,
    "created_at": _TIME,
    "last_accessed_at": _TIME,
    "metadata": _METADATA,
    "user_metadata": _ANY_OBJECT_OR_NULL,
}
_ENTRY: dict[str, JsonObject] = {
    "name": _TEXT,
    "id": _TEXT_OR_NULL,
    "updated_at": _TIME_OR_NULL,
    "created_at": _TIME_OR_NULL,
    "last_accessed_at": _TIME_OR_NULL,
    "metadata": _METADATA_OR_NULL,
}
_STORED: dict[str, JsonObject] = {"Key": _TEXT, "Id": _TEXT}
_BUCKET_NOTES = {
    "id": "The bucket's id, as paths have it.",
    "name": "The bucket's name.",
    "file_size_limit": "Largest object in bytes; null: the server's.",
}
_PREFIX_ENTRIES: JsonObject = {"type": "array", "items": reference("schemas", "PrefixEntry")}

SCHEMAS: dict[str, JsonObject] = {
    "Error": _shape(
        "Why a request was refused. The first four fields are those that Supabase's clients read.",
        {
            "statusCode": {"type": "string", "pattern": "^[1-5][0-9]{2}$"},
            "error": _TEXT,
            "message": _TEXT,
            "code": _TEXT,
            "hint": _TEXT_OR_NULL,
            "request_id": _TEXT,
        },
    ),
    "Message": _shape("A sentence that says what was done.", {"message": _TEXT}),
    "BucketName": _shape("The bucket that was created.", {"name": _TEXT}, notes=_BUCKET_NOTES),
    "Bucket": _shape("A named set of objects with shared limits.", _BUCKET, notes=_BUCKET_NOTES),
    "ListedBucket": _shape(
        "A bucket in a list. Clients older than storage3 0.12.1 get it without `type`.",
        {**_BUCKET, "type": _TEXT},
        optional=("type",),
        notes=_BUCKET_NOTES,
    ),
    "Object": _shape("A named object, whole.", _ROW),
    "CopiedObject": _shape("The new object.", {**_STORED, **_ROW}),
    "ObjectInfo": _shape(
        "What is known of an object.",
        {
            "id": _TEXT,
            "name": _TEXT,
            "version": _TEXT,
            "bucket_id": _TEXT,
            "size": _COUNT,
            "content_type": _TEXT,
            "cache_control": _TEXT,
            "etag": _TEXT,
            "metadata": _ANY_OBJECT_OR_NULL,
            "last_modified": _TIME,
            "created_at": _TIME,
        },
        notes={"metadata": "What the client said about it."},
    ),
    "ObjectMetadata": _shape(
        "What the server keeps about the content.",
        {
            "eTag": _TEXT,
            "size": _COUNT,
            "mimetype": _TEXT,
            "cacheControl": _TEXT,
            "lastModified": _TIME,
            "contentLength": _COUNT,
            "httpStatusCode": _COUNT,
            "xRobotsTag": _TEXT,
        },
        optional=("xRobotsTag",),
        notes={
            "eTag": "The quoted entity tag: the SHA-256 of the bytes.",
            "lastModified": "When it was written.",
            "contentLength": "As `size`.",
            "httpStatusCode": "Always 200; for the sake of clients.",
            "xRobotsTag": "The X-Robots-Tag value it is served with, if not `none`.",
        },
    ),
    "FolderEntry": _shape(
        "An object, or a folder, which has a name and nothing else.",
        _ENTRY,
        notes={"name": "Relative to the folder that is listed.", "id": "The object's id."},
    ),
    "PrefixEntry": _shape(
        "An object, or a folder: then `name` ends in `/` and `id` is null.",
        {"key": _TEXT, **_ENTRY},
        optional=("key",),
        notes={"name": "The full name.", "id": "The object's id."},
    ),
    "PrefixPage": _shape(
        "One page of a list, objects and folders apart.",
        {
            "hasNext": _FLAG,
            "nextCursor": _TEXT,
            "nextCursorKey": _TEXT,
            "folders": {**_PREFIX_ENTRIES, "description": "The folders of this page."},
            "objects": {**_PREFIX_ENTRIES, "description": "The objects of this page."},
        },
        optional=("nextCursor", "nextCursorKey"),
    ),
    "StoredObject": _shape("The object that was written.", _STORED),
    "StoredKey": _shape("The object that was written.", {"Key": _TEXT}),
    "SignedUrl": _shape("A link to download one object.", {"signedURL": _TEXT}),
    "SignedPath": _shape(
        "A link to download one of the objects, or why there is none.",
        {"error": _TEXT_OR_NULL, "path": _TEXT, "signedURL": _TEXT_OR_NULL},
        notes={"error": "Null when there is a link."},
    ),
    "SignedUpload": _shape("A link to upload one object.", {"url": _TEXT, "token": _TEXT}),
    "Health": _shape("Whether the server is well.", {"healthy": _FLAG}),
}
"""The shapes of answers, by name; the functions in rest/wire.py make them."""
