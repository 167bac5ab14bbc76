"""The httptools protocol of uvicorn with what it lacks: safe Upgrade headers, head limits, a head timeout.

A sketch that shows what the decision costs; the `uvicorn-guarded` candidate runs it.
"""

import asyncio
import re
from asyncio import TimerHandle, Transport

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_LIMIT = 64 << 10
HEAD_SECONDS = 20.0
HEAD_END = re.compile(rb"\n\r?\n")
UPGRADE = re.compile(rb"(?i)\nupgrade:[^\n]*(?=\n)")
REFUSAL = b"HTTP/1.1 %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
TOO_LARGE = REFUSAL % b"431 Request Header Fields Too Large"
NO_UPGRADE = REFUSAL % b"501 Not Implemented"


class RefusedError(Exception):
    """Raised inside a parser callback to stop parsing: the connection is already being closed."""


class GuardedProtocol(HttpToolsProtocol):
    """Refuses endless heads and trailers, and hides Upgrade from the parser, which drops such bodies."""

    _head = b""  # a head that is not complete yet and has not been parsed
    _between = True  # nothing of the next message has been parsed
    _overhead = 0  # bytes parsed since the last head, piece of body or end of message
    _in_head = True
    _head_timer: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._between:
            self._start_head_timer()
            self._unset_keepalive_if_required()
            data = self._head = self._head + data
            end = HEAD_END.search(data)
            if end is None or end.end() > HEAD_LIMIT:
                if len(data) > HEAD_LIMIT:
                    self._refuse(TOO_LARGE)
                return
            self._head = b""
            data = UPGRADE.sub(b"", data[: end.start() + 1]) + data[end.start() + 1 :]
        self._overhead += len(data)
        super().data_received(data)
        if self._overhead > HEAD_LIMIT:
            self._refuse(TOO_LARGE)

    def on_message_begin(self) -> None:
        self._between = False
        self._in_head = True
        self._start_head_timer()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # a trailer must not become a header of a request already being served
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._overhead = 0
        self._stop_head_timer()
        if (
            self.parser.should_upgrade()
        ):  # CONNECT, or a pipelined head that `data_received` did not see alone
            self._refuse(NO_UPGRADE)
            raise RefusedError
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._overhead = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._overhead = 0
        self._between = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer malformed bytes, unless a response is on its way: then only cut the connection."""
        if not self.transport.is_closing():
            if self._responding():
                self.transport.close()
            else:
                super().send_400_response(msg)

    def _responding(self) -> bool:
        cycle = self.cycle
        return cycle is not None and not cycle.response_complete

    def _refuse(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            if not self._responding():
                self.transport.write(answer)
            self.transport.close()

    def _start_head_timer(self) -> None:
        if self._head_timer is None:
            self._head_timer = asyncio.get_running_loop().call_later(HEAD_SECONDS, self.transport.close)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
