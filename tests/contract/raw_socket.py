"""Bytes exactly as written, for requests that a well-behaved HTTP client refuses to send."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse

from .client import Target

TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class RawResponse:
    """What came back; header names are lower-case. Status 0: the server hung up without an answer."""

    status: int
    headers: dict[str, str]
    body: bytes


HUNG_UP = RawResponse(0, {}, b"")


def request_bytes(
    target: Target,
    method: str,
    path: str,
    *,
    headers: Iterable[tuple[str, str]] = (),
    token: str | None = None,
    body: bytes = b"",
) -> bytes:
    """Write one HTTP/1.1 request; `path` follows the base path and is sent untouched, as are `headers`."""
    host, port = target.address
    lines = [f"{method} {target.base_path}{path} HTTP/1.1", f"Host: {host}:{port}", "Connection: close"]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def exchange(target: Target, payload: bytes, *, hang_up: bool = False) -> RawResponse:
    """Send `payload` on a fresh connection and read one response.

    hang_up: close the sending side afterwards, as a client does that dies in the middle of a body.
    """
    with socket.create_connection(target.address, timeout=TIMEOUT_S) as connection:
        try:
            connection.sendall(payload)
            if hang_up:
                connection.shutdown(socket.SHUT_WR)
            return read_response(connection)
        except (ConnectionError, HTTPException):
            return HUNG_UP


def read_response(connection: socket.socket) -> RawResponse:
    with HTTPResponse(connection) as response:
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return RawResponse(response.status, headers, response.read())


def chunked(parts: Iterable[bytes]) -> bytes:
    """Frame `parts` as a complete chunked body (RFC 9112 section 7.1)."""
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
