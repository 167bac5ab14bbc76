"""Reading: content, headers and info on every door, with conditions and ranges."""

from email.utils import format_datetime

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.contract.client import INVALID_RANGE, etag_of, object_path
from tests.service.model import reading, refusal
from tests.service.model.caller import Caller
from tests.service.model.machine import callers, new_places, places
from tests.service.model.reference import Place, Stored
from tests.service.model.write_rule import WriteRules

doors = st.sampled_from(["", "", "authenticated", "public"])
verbs = st.sampled_from(["GET", "HEAD"])


class ReadRules(WriteRules):
    @rule(caller=callers, place=places, door=doors)
    def download(self, caller: Caller, place: Place, door: str) -> None:
        """Ask in every way, whatever chance would have chosen."""
        self.read_conditionally(caller, place, door, "HEAD", reading.PLAIN)
        requests = [reading.PLAIN] if refusal.to_read(self.model, caller, place, door) else reading.EACH_ALONE
        for request in requests:
            self.read_conditionally(caller, place, door, "GET", request)

    @rule(caller=callers, place=places, door=doors, verb=verbs, request=reading.requests)
    def read_conditionally(
        self, caller: Caller, place: Place, door: str, verb: str, request: reading.Request
    ) -> None:
        denied = refusal.to_read(self.model, caller, place, door)
        if denied:
            self.read(caller, verb, self.path(place, door), denied)
            return
        stored = self.model.objects[place]
        answer = self.fetch(caller, verb, self.path(place, door), request, stored)
        if answer is not None:
            assert answer.headers["cache-control"] == stored.content.cache_control

    def fetch(
        self, caller: Caller, verb: str, path: str, request: reading.Request, stored: Stored, **query: str
    ) -> httpx.Response | None:
        """Read `stored` and compare what comes; return the answer unless a fault or a condition took it."""
        status = expected_status(request, stored, verb)
        refusal = INVALID_RANGE if status == 416 else None
        headers = request.headers(stored)
        answer = self.read(caller, verb, path, refusal, status, params=query, headers=headers)
        if answer is None or status == 412:
            return None
        check_download(answer, request, stored)
        return answer

    @rule(caller=callers, place=new_places, door=doors, verb=verbs)
    def info(self, caller: Caller, place: Place, door: str, verb: str) -> None:
        denied = refusal.to_read(self.model, caller, place, door)
        path = object_path(place.bucket, place.name, f"info/{door}" if door else "info")
        answer = self.read(caller, verb, path, denied)
        if answer is not None and verb == "GET":
            seen = answer.json()
            assert seen == self.known.info(place, self.model.objects[place], seen)


def expected_status(request: reading.Request, stored: Stored, verb: str) -> int:
    """HEAD answers to conditions, and ignores ranges."""
    status = reading.status_of(request, stored)
    return 200 if verb == "HEAD" and status in (206, 416) else status


def check_download(answer: httpx.Response, request: reading.Request, stored: Stored) -> None:
    body = stored.content.body
    headers = answer.headers
    assert headers["etag"] == etag_of(body)
    assert headers["last-modified"] == format_datetime(stored.updated_at.replace(microsecond=0), usegmt=True)
    html = "text/html" in stored.content.mime_type
    assert headers["content-type"] == ("text/plain" if html else stored.content.mime_type)
    if answer.status_code == 304:
        assert answer.content == b"" and "content-length" not in headers
        return
    if answer.status_code == 206 and request.span:
        body = request.span.of(body)
        start = len(stored.content.body) - len(body) if request.span.first is None else request.span.first
        assert headers["content-range"] == f"bytes {start}-{start + len(body) - 1}/{len(stored.content.body)}"
    assert headers["content-length"] == str(len(body))
    assert answer.content == (b"" if answer.request.method == "HEAD" else body)
