"""The API description: it follows the routes, is valid, and says of answers what the renderers make."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_schema_validator import OAS31Validator, oas31_format_checker
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from aerostore.api.error_response import to_response, wire_error
from aerostore.api.openapi.catalogue import OPERATIONS
from aerostore.api.openapi.document import describe
from aerostore.api.openapi.operation import OperationDoc
from aerostore.api.openapi.schema import GLOSSARY, to_schema
from aerostore.api.rest.bucket import CREATE_BODY, LIST_QUERY
from aerostore.api.rest.schema import Field, validate
from aerostore.api.rest.wire import (
    bucket_json,
    folder_entry_json,
    info_json,
    json_response,
    object_row_json,
    prefix_entry_json,
)
from aerostore.app import create_app
from aerostore.domain import Bucket, JsonObject, ListedObject, Object, to_iso
from aerostore.errors import StorageError
from aerostore.service.listing import Folder
from aerostore.settings import Settings

BASE = "/storage/v1"
NOW = datetime(2026, 1, 31, 9, 0, 0, 250_000, tzinfo=UTC)
METHODS = {"get", "head", "post", "put", "delete"}
FIELD_KINDS = ("string", "integer", "boolean", "integer_or_string", "string_array", "object")
# Clients are generated from these: to rename one is to break them.
OPERATION_IDS = {
    *("createBucket", "listBuckets", "getBucket", "updateBucket", "deleteBucket", "emptyBucket"),
    *("uploadObject", "replaceObject", "copyObject", "moveObject", "deleteObject", "deleteObjects"),
    *("downloadObject", "downloadAuthenticatedObject", "downloadPublicObject"),
    *("getObjectInfo", "getAuthenticatedObjectInfo", "getPublicObjectInfo", "listFolder", "listPrefix"),
    *("signUrl", "signUrls", "downloadSignedObject", "signUploadUrl", "uploadSignedObject"),
    *("moveFolder", "copyFolder", "deleteFolder", "getJob", "cancelJob"),
    "explain",
    *("getStatus", "getVersion", "getHealth", "getMetrics"),
    *("getOpenApi", "getDocumentationJson", "getDocumentation"),
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Starlette:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("data"), jwt_secret="s" * 32, signing_keys=("k" * 32,)
    )
    return create_app(settings)


@pytest.fixture(scope="module")
def document(app: Starlette) -> JsonObject:
    return fetch(app, f"{BASE}/openapi.json")


def fetch(app: Starlette, path: str) -> JsonObject:
    async def get() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.get(path)

    fetched: JsonObject = asyncio.run(get()).json()
    return fetched


def operations_of(document: JsonObject) -> Iterator[tuple[str, str, JsonObject]]:
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            yield method, path, item[method]


def nodes_of(node: Any) -> Iterator[JsonObject]:
    if isinstance(node, Mapping):
        yield dict(node)
    children = node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ()
    for child in children:
        yield from nodes_of(child)


def assert_is(document: JsonObject, shape: str, value: JsonObject) -> None:
    """Assert that `value` has exactly the properties of a shared schema, with values of its types."""
    schema = {"$ref": f"#/components/schemas/{shape}", "components": document["components"]}
    OAS31Validator(schema, format_checker=oas31_format_checker).validate(value)
    assert value.keys() <= document["components"]["schemas"][shape]["properties"].keys()


async def answer(_request: Request) -> Response:
    return Response()


def route(path: str, name: str = "test", **options: Any) -> Route:
    return Route(path, answer, methods=["GET"], name=name, **options)


def describe_only(routes: Sequence[BaseRoute], *keys: str) -> JsonObject:
    operations: dict[str, OperationDoc] = {key: OPERATIONS["GET /status"] for key in keys}
    return describe(routes, version="1", base_url=BASE, operations=operations)


# Routes and operations


def test_document_is_valid_openapi_3_1(document: JsonObject) -> None:
    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()


def test_every_served_method_and_path_is_described_and_no_other(app: Starlette, document: JsonObject) -> None:
    served = {
        (method.lower(), route.path_format.removeprefix(BASE))
        for route in app.routes
        if isinstance(route, Route) and route.include_in_schema
        for method in route.methods or ()
    }
    twins = {(method, path) for method, path in served if (method, f"{path}/") in served}
    assert {(method, path) for method, path, _ in operations_of(document)} == served - {
        (method, f"{path}/") for method, path in twins
    }


def test_route_without_an_operation_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match=r"routes without an operation: \['GET /new'\]"):
        describe_only([route("/status"), route("/new")], "GET /status")


def test_operation_without_a_route_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match=r"operations without a route: \['GET /gone'\]"):
        describe_only([route("/status")], "GET /status", "GET /gone")


def test_mounts_and_hidden_routes_are_not_described() -> None:
    routes = [route("/status"), Mount("/s3", app=Starlette()), route("/admin", include_in_schema=False)]
    assert list(describe_only(routes, "GET /status")["paths"]) == ["/status"]


def test_slash_at_the_end_is_the_same_operation_only_under_the_same_name() -> None:
    same = [route("/bucket"), route("/bucket/")]
    assert list(describe_only(same, "GET /bucket")["paths"]) == ["/bucket"]
    with pytest.raises(ValueError, match="GET /bucket/"):
        describe_only([route("/bucket"), route("/bucket/", "other")], "GET /bucket")


def test_operation_ids_are_the_released_ones(document: JsonObject) -> None:
    ids = [operation["operationId"] for _, _, operation in operations_of(document)]
    assert len(ids) == len(set(ids))
    assert {each for each in ids if not each.startswith("head")} == OPERATION_IDS


def test_operations_carry_the_name_that_logs_and_policies_use(document: JsonObject) -> None:
    upload = document["paths"]["/object/{bucket}/{name}"]["post"]
    assert upload["x-operation"] == "storage.object.upload"


def test_server_url_follows_the_place_where_the_application_is_mounted(app: Starlette) -> None:
    outer = Starlette(routes=[Mount("/files", app=app)])
    assert fetch(app, f"{BASE}/openapi.json")["servers"] == [{"url": BASE}]
    assert fetch(outer, f"/files{BASE}/openapi.json")["servers"] == [{"url": f"/files{BASE}"}]


def test_head_is_the_get_without_content_and_ranges(document: JsonObject) -> None:
    heads = [(path, each) for method, path, each in operations_of(document) if method == "head"]
    assert len(heads) >= 10
    for path, head in heads:
        get = document["paths"][path]["get"]
        assert head["responses"].keys() == get["responses"].keys() - {"206"}
        assert not any("content" in response for response in head["responses"].values())


# Requests


@given(st.sampled_from(FIELD_KINDS), st.booleans(), st.data())
def test_what_a_field_schema_allows_passes_the_check_unchanged(kind: Any, nullable: bool, data: Any) -> None:
    inner = {"a": Field(kind="string", required=True), "b": Field(kind="boolean")}
    field = {
        "string": Field(kind=kind, nullable=nullable, choices=("x", "y")),
        "integer": Field(kind=kind, nullable=nullable, minimum=1, maximum=9),
        "string_array": Field(kind=kind, nullable=nullable, min_items=1, max_items=2, choices=("x", "y")),
        "object": Field(kind=kind, nullable=nullable, fields=inner),
    }.get(kind, Field(kind=kind, nullable=nullable))
    scalars = st.none() | st.booleans() | st.integers(-1, 12) | st.sampled_from(["x", "y", "z", ""])
    value = data.draw(
        scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.sampled_from("ab"), scalars)
    )
    if OAS31Validator(to_schema(field)).is_valid(value):
        assert validate({"f": value}, {"f": field}, where="body") == {"f": value}


@pytest.mark.parametrize(
    ("field", "schema"),
    [
        (Field(kind="integer", minimum=0, maximum=5), {"type": "integer", "minimum": 0, "maximum": 5}),
        (Field(kind="string", choices=("a", "b")), {"type": "string", "enum": ["a", "b"]}),
        (
            Field(kind="string", choices=("a",), nullable=True),
            {"type": ["string", "null"], "enum": ["a", None]},
        ),
        (Field(kind="integer_or_string", nullable=True), {"type": ["integer", "string", "null"]}),
        (
            Field(kind="string_array", min_items=1, max_items=9),
            {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 9},
        ),
        (Field(kind="object"), {"type": "object"}),
        (
            Field(kind="object", fields={"x": Field(kind="boolean", required=True)}),
            {"type": "object", "properties": {"x": {"type": "boolean"}}, "required": ["x"]},
        ),
    ],
)
def test_field_becomes_json_schema(field: Field, schema: JsonObject) -> None:
    assert to_schema(field) == schema


def test_requests_are_described_by_the_tables_that_check_them(document: JsonObject) -> None:
    path = document["paths"]["/bucket"]
    body = path["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert (body["properties"].keys(), body["required"]) == (CREATE_BODY.keys(), ["name"])
    assert [parameter["name"] for parameter in path["get"]["parameters"]] == list(LIST_QUERY)


def test_every_property_and_parameter_has_a_meaning(document: JsonObject) -> None:
    for node in nodes_of(document):
        for name, schema in node.get("properties", {}).items():
            assert "$ref" in schema or schema.get("description"), name
        if "in" in node:
            assert node["description"], node


def test_no_meaning_and_no_shared_part_is_left_over(document: JsonObject) -> None:
    text = json.dumps(document)
    assert [word for word, meaning in GLOSSARY.items() if json.dumps(meaning) not in text] == []
    parts = [(kind, name) for kind, shared in document["components"].items() for name in shared]
    unused = [part for part in parts if f'"#/components/{part[0]}/{part[1]}"' not in text]
    assert [part for part in unused if part[0] != "securitySchemes"] == []


# Answers


def stored_object() -> Object:
    metadata = {
        "eTag": '"0f"',
        "size": 3,
        "mimetype": "text/plain",
        "cacheControl": "no-cache",
        "lastModified": "2026-01-31T09:00:00.250Z",
        "contentLength": 3,
        "httpStatusCode": 200,
    }
    return Object(
        id="1",
        bucket_id="b",
        name="d/a.txt",
        owner_id=None,
        version="1",
        metadata=metadata,
        user_metadata=None,
        created_at=NOW,
        updated_at=NOW,
        last_accessed_at=NOW,
    )


@pytest.mark.parametrize("with_type", [True, False])
def test_buckets_are_rendered_as_described(document: JsonObject, with_type: bool) -> None:
    bucket = Bucket(
        id="b",
        name="b",
        owner_id=None,
        public=False,
        type="STANDARD",
        file_size_limit=None,
        allowed_mime_types=None,
        versioning_status="DISABLED",
        created_at=NOW,
        updated_at=NOW,
    )
    assert_is(document, "ListedBucket" if with_type else "Bucket", bucket_json(bucket, with_type=with_type))


def test_objects_are_rendered_as_described(document: JsonObject) -> None:
    assert_is(document, "Object", object_row_json(stored_object()))
    assert_is(document, "ObjectInfo", info_json(stored_object()))


@pytest.mark.parametrize("moment", [None, NOW])
def test_list_entries_are_rendered_as_described(document: JsonObject, moment: datetime | None) -> None:
    now = to_iso(NOW)
    found = ListedObject("d/a.txt", "1", now, now, now, json.dumps(stored_object().metadata))
    for entry in (found, Folder("d/", moment)):
        assert_is(document, "FolderEntry", as_sent(folder_entry_json(entry, "")))
        assert_is(document, "PrefixEntry", as_sent(prefix_entry_json(entry, "", "/")))
        assert_is(document, "PrefixEntry", as_sent(prefix_entry_json(entry, "", None)))


def as_sent(content: JsonObject) -> JsonObject:
    sent: JsonObject = json.loads(bytes(json_response(content).body))
    return sent


@pytest.mark.parametrize("kind", sorted({k for o in OPERATIONS.values() for k in o.all_errors}, key=str))
def test_error_examples_are_what_the_server_says(document: JsonObject, kind: type[StorageError]) -> None:
    example = document["components"]["examples"][kind.__name__]["value"]
    request = Request({"type": "http", "headers": [], "aerostore.request_id": example["request_id"]})
    rendered = json.loads(bytes(to_response(request, kind(), strict=False).body))
    assert list(rendered.items()) == list(example.items())
    assert_is(document, "Error", rendered)


def test_every_error_of_an_operation_has_its_statuses_described(document: JsonObject) -> None:
    for key, operation in OPERATIONS.items():
        method, path = key.lower().split(" ")[0], key.split(" ")[1]
        responses = document["paths"][path][method]["responses"]
        for kind in operation.all_errors:
            row = wire_error(kind)
            for status in (row.http, row.status):
                examples = responses[str(status)]["content"]["application/json"]["examples"]
                assert kind.__name__ in examples, (key, status)


def test_refusals_that_are_only_strict_say_so(document: JsonObject) -> None:
    responses = document["paths"]["/bucket/{bucket}"]["get"]["responses"]
    assert "`NoSuchBucket` (404)" in responses["400"]["description"]
    assert responses["404"]["description"] == "With `Prefer: strict-status`: `NoSuchBucket`."
    assert responses["403"]["description"] == "Refused: `AccessDenied`."
