"""JSON that goes in must come out again, wherever an answer holds it."""

import json
from typing import Any

import orjson
import pytest

from aerostore.api.json_depth import is_writable
from aerostore.api.rest.schema import Field, validate
from aerostore.api.rest.wire import json_response
from aerostore.api.upload_option import parse_user_metadata
from aerostore.errors import InvalidInput, SchemaViolation


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"x": value}
    return value


def test_what_is_taken_can_be_written_within_an_answer() -> None:
    assert is_writable(nested(204))
    assert not is_writable(nested(205))
    orjson.dumps({"objects": [{"user_metadata": nested(204)}]})


def test_deep_metadata_is_refused_at_each_door() -> None:
    with pytest.raises(InvalidInput, match="nested"):
        parse_user_metadata(json.dumps(nested(205)))
    with pytest.raises(SchemaViolation, match="body/claims is nested"):
        validate({"claims": nested(205)}, {"claims": Field(kind="object")}, where="body")


@pytest.mark.parametrize("value", [nested(300), 2**64, -(2**64)], ids=["deep", "large", "small"])
def test_what_a_row_holds_from_elsewhere_is_answered_all_the_same(value: object) -> None:
    assert json.loads(bytes(json_response({"metadata": value}).body)) == {"metadata": value}
