"""Requests made up from the product's own description: every answer is one that it describes."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.contract.client import object_path
from tests.crash.server import DEADLINE_S, Server

from .calm import use

BUCKET = "fuzz"
GOOD_EXAMPLES, BAD_EXAMPLES = 4, 2
AnyOperation = APIOperation[Any, Any, Any, Any]
# What clients may send besides what is described is other tests' matter; here it is what they get.
PROMISES = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
CALLERS = ["nobody", "anon", "authenticated", "service_role", "somebody with a broken token"]


@pytest.fixture(scope="module")
def description(server: Server, service: httpx.Client) -> BaseSchema:
    assert service.post("/bucket", json={"name": BUCKET, "public": True}).status_code == 200
    assert service.post(object_path(BUCKET, "a"), content=b"a").status_code == 200
    description = schemathesis.openapi.from_dict(service.get("/openapi.json").json())
    description.config.update(base_url=server.target.url)
    return description


def operations(description: BaseSchema) -> Iterator[AnyOperation]:
    for found in description.get_all_operations():
        assert isinstance(found, Ok), found
        yield found.ok()


def headers_of(server: Server, caller: str) -> dict[str, str]:
    match caller:
        case "nobody":
            return {}
        case "somebody with a broken token":
            return {"authorization": "Bearer eyJhbGciOiJub25lIn0.e30."}
        case role:
            return {"authorization": f"Bearer {server.target.token(role, sub='fuzz')}"}


@pytest.mark.timeout(0)
def test_every_answer_is_one_that_the_description_has(
    server: Server, service: httpx.Client, description: BaseSchema, crash_size: int, crash_seed: int
) -> None:
    send = Sender(server, crash_seed)
    for operation in operations(description):
        send.made_up(operation, GenerationMode.POSITIVE, GOOD_EXAMPLES * crash_size)
        if len(operation.body):  # what is not described can only be told from what is by its shape
            send.made_up(operation, GenerationMode.NEGATIVE, BAD_EXAMPLES * crash_size)
    use(service)
    assert service.get("/health").json()["healthy"] is True


class Sender:
    """Sends made-up requests as every kind of caller; half of those with a bucket name one that is there."""

    def __init__(self, server: Server, crash_seed: int) -> None:
        self._headers = [headers_of(server, caller) for caller in CALLERS]
        self._seed = crash_seed

    def made_up(self, operation: AnyOperation, mode: GenerationMode, examples: int) -> None:
        """Send `examples` requests. Raises: a failure that says how to repeat the one at fault."""

        @seed(self._seed)
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(
            case=operation.as_strategy(generation_mode=mode),
            headers=st.sampled_from(self._headers),
            is_there=st.booleans(),
        )
        def send(case: Case[Any], headers: dict[str, str], is_there: bool) -> None:
            if is_there and "bucket" in case.path_parameters:
                case.path_parameters["bucket"] = BUCKET
            case.validate_response(case.call(headers=headers, timeout=DEADLINE_S), checks=PROMISES)

        send()
