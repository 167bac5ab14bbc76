"""A reader of server-sent events, as a browser is one, that shows what it was sent. HTML standard, 9.2."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import httpx

from tests.contract.admin.browser import Browser


@dataclass(frozen=True, slots=True)
class Message:
    """What a browser would dispatch, with the id that it would remember. There is none for `at`."""

    event: str
    data: Any
    last_id: str


@dataclass
class EventSource:
    """An open stream. sent: every line of it so far."""

    answer: httpx.Response
    last_id: str = ""
    sent: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lines = self.answer.iter_lines()

    def messages(self, count: int) -> list[Message]:
        """Read so many messages, or all until the stream ends."""
        return list(islice(self, count))

    def until_known(self) -> None:
        """Read as far as the place in the stream: what happens from now on will be in it."""
        while not self.last_id:
            self._take(next(self._lines), {})

    def __iter__(self) -> Iterator[Message]:
        block: dict[str, str] = {}
        for line in self._lines:
            if line:
                self._take(line, block)
                continue
            ended, block = block, {}
            if "data" in ended and ended["event"] != "at":
                yield Message(ended["event"], json.loads(ended["data"]), self.last_id)

    def _take(self, line: str, block: dict[str, str]) -> None:
        self.sent.append(line)
        name, _, value = line.partition(":")
        block[name] = value.removeprefix(" ")
        self.last_id = block.get("id", self.last_id)


@contextmanager
def events(browser: Browser, *, after: str | None = None, **query: Any) -> Iterator[EventSource]:
    """Open a stream. after: the id that a browser would remember."""
    headers = {"accept": "text/event-stream", **({} if after is None else {"last-event-id": after})}
    with browser.stream("GET", "api/events", params=query, headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        yield EventSource(answer)
