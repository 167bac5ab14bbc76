import json
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.contest import CannotRun, crowd, curl, wrk
from benchmarks.contest.curl import Transfer
from benchmarks.contest.site import Request

WRK = """Running 2s test @ http://127.0.0.1:21000
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.13ms    0.61ms  11.90ms   91.20%
Requests/sec:   7461.50
{"requests": 15000, "microseconds": 2010000, "bytes": 64000000, "p50": 2020, "p99": 4500, "errors": ERRORS}
"""
NO_ERRORS = {"connect": 0, "read": 0, "write": 0, "timeout": 0, "status": 0}
UPLOAD = Transfer(
    request=Request(method="POST", url="http://127.0.0.1/o"), size_bytes=100, source=Path("big")
)
DOWNLOAD = Transfer(request=Request(method="GET", url="http://127.0.0.1/o"), size_bytes=100)


def curl_report(status: int = 200, seconds: float = 0.5, down: int = 100, up: int = 100) -> str:
    return json.dumps({"status": status, "seconds": seconds, "down": down, "up": up})


def test_the_report_of_wrk_is_found_below_its_own_output() -> None:
    load = wrk.parse_report(WRK.replace("ERRORS", json.dumps(NO_ERRORS)))
    assert (load.requests, load.seconds, load.size_bytes) == (15000, 2.01, 64_000_000)
    assert (load.p50_ms, load.p99_ms, load.errors) == (2.02, 4.5, {})


def test_errors_of_wrk_are_kept_by_kind() -> None:
    errors = NO_ERRORS | {"status": 3, "timeout": 1}
    assert wrk.parse_report(WRK.replace("ERRORS", json.dumps(errors))).errors == {"status": 3, "timeout": 1}


def test_wrk_without_a_report_is_not_taken_for_a_result() -> None:
    with pytest.raises(CannotRun, match="unable to connect"):
        wrk.parse_report("unable to connect to 127.0.0.1:1 Connection refused")


@pytest.mark.parametrize(
    ("text", "lua"),
    [
        ("plain", '"plain"'),
        ('say "so"', '"say \\034so\\034"'),
        ("back\\slash", '"back\\092slash"'),
        ("two\nlines", '"two\\010lines"'),
        ("é1", '"\\195\\1691"'),
    ],
)
def test_text_is_quoted_for_lua(text: str, lua: str) -> None:
    assert wrk.in_lua(text) == lua


def test_transfers_of_curl_count_together() -> None:
    reports = [(curl_report(seconds=0.5), 0), (curl_report(seconds=1.5), 0)]
    load = curl.summarise([UPLOAD, UPLOAD], reports, seconds=2)
    assert (load.requests, load.seconds, load.size_bytes) == (2, 2, 200)
    assert (load.p50_ms, load.p99_ms, load.errors) == (1000, 1500, {})


@pytest.mark.parametrize(
    ("transfer", "report", "exit_code", "problem"),
    [
        (UPLOAD, curl_report(status=413), 0, "status 413"),
        (UPLOAD, curl_report(up=99), 0, "cut short"),
        (DOWNLOAD, curl_report(down=99), 0, "cut short"),
        (DOWNLOAD, curl_report(status=0), 7, "curl exit code 7"),
    ],
)
def test_a_transfer_that_failed_is_an_error(
    transfer: Transfer, report: str, exit_code: int, problem: str
) -> None:
    load = curl.summarise([transfer, transfer], [(curl_report(), 0), (report, exit_code)], seconds=1)
    assert load.errors == {problem: 1}


def test_a_download_is_not_judged_by_what_was_uploaded() -> None:
    assert curl.summarise([DOWNLOAD], [(curl_report(up=0), 0)], seconds=1).errors == {}


def test_curl_without_a_report_is_not_taken_for_a_result() -> None:
    with pytest.raises(CannotRun, match="curl"):
        curl.summarise([UPLOAD], [("", 2)], seconds=1)


@pytest.mark.parametrize(
    ("answer", "has_body", "whole"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n", True, False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{", True, False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", True, True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True, True),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n", True, False),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", True, True),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 4096\r\n\r\n", False, True),
    ],
)
def test_an_answer_is_read_to_its_end(answer: bytes, has_body: bool, whole: bool) -> None:
    assert crowd.is_whole(answer, has_body=has_body) is whole


def test_a_head_names_the_length_and_ends_with_an_empty_line() -> None:
    head = crowd.to_head("POST", "http://127.0.0.1:21000/object/a?b=c", {"x-upsert": "true"}, 5)
    assert head == (
        b"POST /object/a?b=c HTTP/1.1\r\nhost: 127.0.0.1:21000\r\ncontent-length: 5\r\nx-upsert: true\r\n\r\n"
    )


@pytest.mark.parametrize(("times_ms", "p50", "p99"), [([], 0, 0), ([7.0], 7, 7), ([1.0, 2.0, 3.0], 2, 2.98)])
def test_latencies_of_a_crowd_are_percentiles_of_its_answers(
    times_ms: list[float], p50: float, p99: float
) -> None:
    load = crowd.summarise(times_ms, seconds=1, size_bytes=10, errors=Counter())
    assert (load.requests, load.size_bytes) == (len(times_ms), 10 * len(times_ms))
    assert load.p50_ms == p50
    assert load.p99_ms == pytest.approx(p99)
