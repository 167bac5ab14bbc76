"""The checker of bodies and queries: AJV's words, AJV's coercions, and nothing but InvalidInput."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerostore.api.rest.schema import Field, parse_json_body, validate
from aerostore.errors import InvalidInput, MalformedJson, SchemaViolation

LIST_FIELDS = {
    "prefix": Field(kind="string", required=True),
    "limit": Field(kind="integer", minimum=1),
    "offset": Field(kind="integer"),
    "quality": Field(kind="integer", minimum=20, maximum=100),
    "public": Field(kind="boolean"),
    "paths": Field(kind="string_array", min_items=1, max_items=3),
    "allowed_mime_types": Field(kind="string_array", nullable=True),
    "file_size_limit": Field(kind="integer_or_string", minimum=0, nullable=True),
    "metadata": Field(kind="object"),
    "sortBy": Field(
        kind="object",
        fields={
            "column": Field(kind="string", required=True, choices=("name", "created_at")),
            "order": Field(kind="string", choices=("asc", "desc")),
        },
    ),
}
JSON = "application/json"
scalars = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["true", "60", "1e3", "-0", " 7 ", "9" * 400, "1e999", "٣", "nan", "1_0", ""])
)
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(list(LIST_FIELDS)), inner)
)


def coerce(value: object, field: Field) -> Any:
    return validate({"x": value}, {"x": field}, where="body")["x"]


def message_of(value: object, fields: Mapping[str, Field], where: str = "body") -> str:
    with pytest.raises(SchemaViolation) as caught:
        validate(value, fields, where=where)
    return caught.value.message


@pytest.mark.parametrize(
    ("kind", "given_value", "expected"),
    [
        ("integer", "60", 60),
        ("integer", " +6.0e1 ", 60),
        ("integer", "-5", -5),
        ("integer", 5.0, 5),
        ("integer", True, 1),
        ("integer", False, 0),
        ("integer", None, 0),
        ("integer", 2**53 - 1, 2**53 - 1),
        ("integer", "9007199254740991", 2**53 - 1),
        ("boolean", "true", True),
        ("boolean", "false", False),
        ("boolean", 1, True),
        ("boolean", 0, False),
        ("boolean", 1.0, True),
        ("boolean", None, False),
        ("boolean", True, True),
        ("string", 5, "5"),
        ("string", 5.0, "5"),
        ("string", 5.5, "5.5"),
        ("string", True, "true"),
        ("string", False, "false"),
        ("string", None, ""),
        ("string", "a\x00b", "a\x00b"),
        ("integer_or_string", "10", 10),
        ("integer_or_string", 10, 10),
        ("integer_or_string", "20mb", "20mb"),
        ("string_array", ["a", 5, None, True], ["a", "5", "", "true"]),
        ("string_array", [], []),
        ("object", {"any": [1, {}]}, {"any": [1, {}]}),
    ],
)
def test_value_is_coerced_as_ajv_does(kind: Any, given_value: object, expected: object) -> None:
    coerced = coerce(given_value, Field(kind=kind))
    assert (coerced, type(coerced)) == (expected, type(expected))


@pytest.mark.parametrize(
    "kind", ["string", "integer", "boolean", "integer_or_string", "string_array", "object"]
)
def test_null_stays_none_where_it_is_allowed(kind: Any) -> None:
    assert coerce(None, Field(kind=kind, nullable=True)) is None


@pytest.mark.parametrize(("kind", "empty"), [("string", ""), ("integer", 0), ("boolean", False)])
def test_empty_value_is_not_taken_for_null(kind: Any, empty: object) -> None:
    assert coerce(empty, Field(kind=kind, nullable=True)) == empty


@pytest.mark.parametrize(
    ("kind", "given_value", "message"),
    [
        ("integer", "", "body/x must be integer"),
        ("integer", "6 0", "body/x must be integer"),
        ("integer", "1_0", "body/x must be integer"),
        ("integer", "٣", "body/x must be integer"),
        ("integer", "inf", "body/x must be integer"),
        ("integer", "1e999", "body/x must be integer"),
        ("integer", "1.5", "body/x must be integer"),
        ("integer", 1.5, "body/x must be integer"),
        ("integer", [1], "body/x must be integer"),
        ("integer", {}, "body/x must be integer"),
        ("integer", 2**53, "body/x must be <= 9007199254740991"),
        ("integer", -(2**53), "body/x must be >= -9007199254740991"),
        ("integer", "9" * 5000, "body/x must be integer"),
        ("boolean", "True", "body/x must be boolean"),
        ("boolean", "1", "body/x must be boolean"),
        ("boolean", "", "body/x must be boolean"),
        ("boolean", 2, "body/x must be boolean"),
        ("boolean", [], "body/x must be boolean"),
        ("string", [], "body/x must be string"),
        ("string", {}, "body/x must be string"),
        ("integer_or_string", [], "body/x must be string"),
        ("string_array", "a", "body/x must be array"),
        ("string_array", None, "body/x must be array"),
        ("string_array", [[]], "body/x/0 must be string"),
        ("string_array", ["a", {}], "body/x/1 must be string"),
        ("object", [], "body/x must be object"),
        ("object", None, "body/x must be object"),
        ("object", "{}", "body/x must be object"),
    ],
)
def test_value_of_another_kind_is_refused(kind: Any, given_value: object, message: str) -> None:
    assert message_of({"x": given_value}, {"x": Field(kind=kind)}) == message


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "body must be object"),
        ([], "body must be object"),
        ("text", "body must be object"),
        ({}, "body must have required property 'prefix'"),
        ({"limit": 0}, "body must have required property 'prefix'"),
        ({"prefix": "", "limit": 0}, "body/limit must be >= 1"),
        ({"prefix": "", "limit": None}, "body/limit must be >= 1"),
        ({"prefix": "", "limit": "x"}, "body/limit must be integer"),
        ({"prefix": "", "quality": 101}, "body/quality must be <= 100"),
        ({"prefix": "", "public": "yes"}, "body/public must be boolean"),
        ({"prefix": "", "file_size_limit": -1}, "body/file_size_limit must be >= 0"),
        ({"prefix": "", "paths": []}, "body/paths must NOT have fewer than 1 items"),
        ({"prefix": "", "paths": ["a"] * 4}, "body/paths must NOT have more than 3 items"),
        ({"prefix": "", "paths": [{}]}, "body/paths/0 must be string"),
        ({"prefix": "", "sortBy": 1}, "body/sortBy must be object"),
        ({"prefix": "", "sortBy": {}}, "body/sortBy must have required property 'column'"),
        (
            {"prefix": "", "sortBy": {"column": "size"}},
            "body/sortBy/column must be equal to one of the allowed values",
        ),
        (
            {"prefix": "", "sortBy": {"column": "name", "order": None}},
            "body/sortBy/order must be equal to one of the allowed values",
        ),
    ],
)
def test_broken_rule_is_named_as_ajv_names_it(value: object, message: str) -> None:
    assert message_of(value, LIST_FIELDS) == message


def test_message_starts_with_the_place_of_the_value() -> None:
    assert message_of({"limit": "0"}, {"limit": LIST_FIELDS["limit"]}, "querystring") == (
        "querystring/limit must be >= 1"
    )


def test_repeated_query_parameter_is_no_string() -> None:
    repeated = {"download": ["a", "b"]}
    assert message_of(repeated, {"download": Field(kind="string")}, "querystring") == (
        "querystring/download must be string"
    )


def test_integer_on_its_limits_is_accepted() -> None:
    assert [coerce(value, LIST_FIELDS["quality"]) for value in (20, 100)] == [20, 100]


def test_array_on_its_limits_is_accepted() -> None:
    assert [len(coerce(["a"] * count, LIST_FIELDS["paths"])) for count in (1, 3)] == [1, 3]


def test_unknown_properties_are_dropped_at_every_level_and_absent_ones_stay_absent() -> None:
    value = {"prefix": "p", "extra": 1, "sortBy": {"column": "name", "extra": 1}}
    assert validate(value, LIST_FIELDS, where="body") == {"prefix": "p", "sortBy": {"column": "name"}}


@given(json_values)
def test_any_json_gives_the_declared_types_or_a_schema_violation(value: object) -> None:
    parsed = parse_json_body(orjson.dumps(value), JSON)
    try:
        valid = validate(parsed, LIST_FIELDS, where="body")
    except SchemaViolation:
        return
    assert isinstance(valid["prefix"], str)
    assert 1 <= valid.get("limit", 1) < 2**53
    assert type(valid.get("limit", 1)) is int
    assert type(valid.get("public", True)) is bool
    assert all(isinstance(path, str) for path in valid.get("paths", []))


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_json_or_malformed(raw: bytes) -> None:
    try:
        parse_json_body(raw, JSON)
    except InvalidInput as error:
        assert type(error) is MalformedJson


@pytest.mark.parametrize("content_type", [JSON, "Application/JSON ; charset=utf-8"])
def test_body_announced_as_json_is_parsed(content_type: str) -> None:
    assert parse_json_body('{"name":"ä"}'.encode(), content_type) == {"name": "ä"}


@pytest.mark.parametrize("content_type", [None, "", "text/plain", "application/jsonp"])
@pytest.mark.parametrize("raw", [b"", b"{}"])
def test_body_that_is_not_announced_as_json_is_none(raw: bytes, content_type: str | None) -> None:
    assert parse_json_body(raw, content_type) is None


def test_empty_json_body_is_refused() -> None:
    with pytest.raises(MalformedJson) as caught:
        parse_json_body(b"", JSON)
    assert caught.value.message == "Body cannot be empty when content-type is set to 'application/json'"


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b" ",
        b"{'a':1}",
        b'{"a":1}{',
        b"NaN",
        b'"\xff"',
        rb'"\ud800"',
        b"[" * 1_000_000,
        b"[" * 100_000 + b"]" * 100_000,
    ],
)
def test_broken_json_body_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedJson) as caught:
        parse_json_body(raw, JSON)
    assert caught.value.message == "Body is not valid JSON but content-type is set to 'application/json'"
