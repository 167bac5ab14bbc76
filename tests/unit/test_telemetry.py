"""Lines of the log, and what is counted of requests."""

import json
import logging
from collections.abc import Mapping
from typing import Any

import pytest

from aerostore.telemetry import JsonFormatter, Telemetry


def line_of(facts: Mapping[str, Any]) -> str:
    record = logging.LogRecord("aerostore.request", logging.INFO, "", 0, "request", None, None)
    record.created = 1_700_000_000.1239
    record.facts = facts
    return JsonFormatter().format(record)


def test_a_line_says_when_how_grave_who_and_what() -> None:
    assert json.loads(line_of({"status": 200, "duration_ms": 0.25})) == {
        "time": "2023-11-14T22:13:20.123Z",
        "level": "info",
        "logger": "aerostore.request",
        "message": "request",
        "status": 200,
        "duration_ms": 0.25,
    }


@pytest.mark.parametrize(
    "value",
    ["\x00\x1b[2J", "\x7f", "a\nb\r", "\u0085\u2028\u202e", "ä\N{PILE OF POO}", "\ud800", '"\\', 2**70, -1.5],
    ids=ascii,
)
def test_whatever_a_fact_is_its_line_is_printable_ascii_and_reads_as_it_was(value: object) -> None:
    line = line_of({"fact": value})
    assert all(" " <= character <= "~" for character in line)
    assert json.loads(line)["fact"] == value


def test_a_value_that_json_does_not_know_is_written_as_text() -> None:
    assert json.loads(line_of({"fact": {1}}))["fact"] == "{1}"


def test_an_exception_is_part_of_its_line() -> None:
    record = logging.LogRecord("aerostore", logging.ERROR, "", 0, "failed", None, None)
    try:
        raise ValueError("this")
    except ValueError as exc:
        record.exc_info = (type(exc), exc, exc.__traceback__)
    assert "ValueError: this" in json.loads(JsonFormatter().format(record))["exception"]


def test_requests_are_counted_by_method_operation_and_status() -> None:
    telemetry = Telemetry()
    for status in (404, 404, 200):
        telemetry.request_ended("GET", "status", status, 0.001)
    metrics = telemetry.render().decode()
    counts = 'http_request_duration_seconds_count{method="GET",operation="status",status_code='
    assert f'{counts}"200"}} 1.0' in metrics
    assert f'{counts}"404"}} 2.0' in metrics
