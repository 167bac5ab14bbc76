"""What clients send stands in the log as data: one JSON object a line, and nothing that a terminal obeys."""

import json
from pathlib import Path

import httpx
import pytest

from tests.attack.forged_token import HS256, service_claims, signed
from tests.attack.route_table import Entry, entries
from tests.contract.client import Target, put_object, unique
from tests.contract.raw_socket import exchange, request_bytes
from tests.crash.server import Server, wait_until

FORGED = '{"level":"error","logger":"aerostore","message":"forged line"}'
# Escapes that clear a screen, move the cursor or set a title; ends of lines in every alphabet.
TEXTS = [
    f"%0a{FORGED}",
    f"%0d%0a{FORGED}%0d%0a",
    "%1b%5b2J%1b%5b31m",
    "%1b%5d0;title%07",
    "%c2%9b31m",
    "%e2%80%a8forged",
    "%e2%80%ae",
    "%c2%85forged",
    "%00",
    "%7f",
    "%22%2c%22forged%22%3a%22",
    "%25s%25n",
    "${jndi:ldap://127.0.0.1/a}",
    "%7b%7b7*7%7d%7d",
    "x" * 5000,
]


def log_of(server: Server) -> str:
    (path,) = server.data_dir.parent.glob(f"{server.data_dir.name}-*.log")
    return Path(path).read_bytes().decode("utf-8")


def lines_about(server: Server, mark: str) -> list[dict[str, object]]:
    """Wait for lines that hold `mark`; read every line since the welcome as the object that it must be."""
    wait_until(lambda: mark in log_of(server), f"{mark} is in the log")
    _welcome, _, rest = log_of(server).partition("\n{")
    parsed = [json.loads(line) for line in f"{{{rest}".rpartition("\n")[0].split("\n")]
    assert all(isinstance(line, dict) for line in parsed)
    return [line for line in parsed if mark in json.dumps(line)]


def end_of_log(server: Server, service: httpx.Client) -> None:
    """Make a request whose line comes after all others, and wait for it."""
    mark = unique("end")
    service.get(f"/object/authenticated/{mark}/x")
    lines_about(server, mark)


def assert_harmless(text: str) -> None:
    assert not [character for character in text if character != "\n" and not " " <= character <= "~"]
    assert not [line for line in text.split("\n") if line.startswith(FORGED[:20])]


def test_names_stay_inside_their_line(
    server: Server, target: Target, service: httpx.Client, bucket: str
) -> None:
    for text in TEXTS:
        for entry in entries():
            if entry.takes_a_name:
                send(target, entry, entry.at(bucket, text))
        send(target, Entry("", "GET", ""), f"/{text}")
    end_of_log(server, service)
    assert_harmless(log_of(server))


def send(target: Target, entry: Entry, path: str, *headers: tuple[str, str]) -> None:
    token = target.token("service_role")
    body = [("Content-Length", "0"), *headers]
    exchange(target, request_bytes(target, entry.method, path, headers=body, token=token))


@pytest.mark.parametrize(
    "header",
    ["User-Agent", "X-Request-Id", "X-Client-Info", "Referer", "X-Forwarded-For", "Origin", "Authorization"],
)
def test_headers_stay_out_of_the_log_or_inside_their_line(
    server: Server, target: Target, service: httpx.Client, header: str
) -> None:
    for value in ("\x1b[2Jcleared", "\xe2\x80\xa8x", "a\rforged", "\x9b31m", FORGED, "x" * 6000, "\x08\x08"):
        send(target, Entry("", "GET", ""), "/bucket", (header, value))
        send(target, Entry("", "PURGE", ""), "/bucket", (header, value))
    end_of_log(server, service)
    assert_harmless(log_of(server))


def test_claims_and_bodies_stay_inside_their_line(
    server: Server, nobody: httpx.Client, service: httpx.Client
) -> None:
    for text in ("a\nb", "\x1b[2J", f"\n{FORGED}", "\u2028", "\u009b", "x" * 5000):
        for claims in ({"role": text}, {"role": "authenticated", "sub": text}):
            token = signed(HS256, service_claims(**claims))
            nobody.get("/bucket", headers={"authorization": f"Bearer {token}"})
        body = {"bucketId": text, "sourceKey": text, "destinationKey": text, "name": text}
        for path in ("/object/copy", "/object/move", "/bucket"):
            service.post(path, json=body)
    end_of_log(server, service)
    assert_harmless(log_of(server))


def test_a_request_is_one_line_with_what_it_was(
    server: Server, target: Target, service: httpx.Client, bucket: str
) -> None:
    mark = unique("request")
    assert put_object(service, bucket, mark, headers={"x-request-id": mark}).is_success
    (line,) = [each for each in lines_about(server, mark) if each["message"] == "request"]
    assert (line["request_id"], line["method"], line["status"]) == (mark, "POST", 200)
    assert line["path"] == f"{target.base_path}/object/{bucket}/{mark}"


def test_a_service_key_in_a_browser_is_told_to_the_operator_once(
    server: Server, service: httpx.Client
) -> None:
    """Browsers send Origin; a server that holds a service key does not."""
    origin = f"https://{unique('page')}.example"
    for _ in range(3):
        service.get("/bucket", headers={"origin": origin})
    (line,) = lines_about(server, origin)
    assert (line["level"], line["origin"]) == ("warning", origin)
    assert "service key" in str(line["message"])


def test_other_keys_in_a_browser_are_what_they_are_for(
    server: Server, anon: httpx.Client, service: httpx.Client
) -> None:
    origin = f"https://{unique('page')}.example"
    anon.get("/bucket", headers={"origin": origin})
    end_of_log(server, service)
    assert origin not in log_of(server)
