"""The machine that does the same to a server and to the model: asking, comparing, and what a fault leaves."""

from collections.abc import Callable
from itertools import cycle
from typing import Any

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant

from tests.contract.client import WireError, error_of, object_path
from tests.crash.invariants import check_invariants
from tests.service.model.caller import ALICE, ANON, BOB, NOBODY, SERVICE, Caller
from tests.service.model.known import Json, Known, bucket_shape, check_events
from tests.service.model.reference import Content, Place, Reference
from tests.service.model.refusal import BROKEN_MIME_TYPE, NO_TOKEN, PLACEHOLDER
from tests.service.model.server import GRACE_S, Server

BUCKETS = {"first": "first", "second": "Second one_1", "third": "third"}
"""Ids -> names."""
NAMES = (
    "a",
    "A",
    "a/b",
    "A/b",
    "a/b/c",
    "a/",
    "a//b",
    "/a",
    "aa",
    "a.b",
    "\u00e4",
    "a\u0308",
    "\U0001f600/\ufb03",
    "\uffff",
    "%2e%2e",
    "a%2Fb",
    "a?b#c",
    "a b+c",
    "_%",
    f"a/{PLACEHOLDER}",
)
BROKEN_NAMES = ("tab\there", "x" * 1025)
# Around the limits of buckets and of the server, and around what is read or sent in one piece.
SIZES = (0, 1, 10, 11, 1000, 1001, 65_536, 65_537, 299_999, 300_000, 300_001)
SIZE_LIMITS = (None, 0, 10, 1000, 65_536)
MIME_TYPES = ("text/plain", "text/plain;charset=UTF-8", "text/html", "image/png", "application/octet-stream")
# Between requests: some share a moment, some a second.
PAUSES_S = (0, 0.3, 0, 0.9)
_PATTERN = bytes(range(251)) * 1200

callers = st.sampled_from([SERVICE, SERVICE, SERVICE, ALICE, ALICE, ALICE, BOB, BOB, ANON, NOBODY])
buckets = st.sampled_from(list(BUCKETS))
# Limits come and go where there is enough left to happen elsewhere.
restless_buckets = st.sampled_from(["first"] + ["second"] * 3 + ["third"] * 8)
names = st.sampled_from(NAMES)
bodies = st.builds(
    lambda start, size: _PATTERN[start : start + size], st.integers(0, 1), st.sampled_from(SIZES)
)
contents = st.builds(
    Content,
    body=bodies,
    mime_type=st.sampled_from([*MIME_TYPES, BROKEN_MIME_TYPE]),
    cache_control=st.sampled_from(["no-cache", "max-age=60"]),
    user_metadata=st.sampled_from([{}, {"k": [1, "\u00e4"]}]),
)
# Places that were written once: rules meet there, where chance alone would hardly find anything.
places = Bundle("places")
new_places = places | st.builds(Place, buckets, st.sampled_from([*NAMES, *BROKEN_NAMES]))


class Machine(RuleBasedStateMachine):
    """A server, its model, and what is known of the ids that the server chose."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.server = server
        self.model = Reference()
        self.known = Known()
        self._turns = cycle(BUCKETS)
        self._pauses = cycle(PAUSES_S)

    # Asking

    def change(
        self,
        caller: Caller,
        verb: str,
        path: str,
        refusal: WireError | None,
        change: Callable[[Reference], object],
        **options: Any,
    ) -> httpx.Response | None:
        """Ask for a change, expect `refusal`, or that it is made; return the answer of success.

        Where a fault came between it is made or it is not, and the next look at the server tells.
        """
        after = self.model.copy()
        if refusal is None:
            change(after)
        answer = self._ask(caller, verb, path, **options)
        if answer is None:
            self.settle(after)
            return None
        return self._accept(answer, refusal, after)

    def _accept(
        self, answer: httpx.Response, refusal: WireError | None, after: Reference
    ) -> httpx.Response | None:
        if not succeeded(answer, refusal):
            return None
        self.model = after
        return answer

    def read(
        self,
        caller: Caller,
        verb: str,
        path: str,
        refusal: WireError | None = None,
        status: int = 200,
        **options: Any,
    ) -> httpx.Response | None:
        """Ask for what changes nothing; return the answer of success, None when it is lost or refused."""
        answer = self._ask(caller, verb, path, **options)
        return answer if answer is not None and succeeded(answer, refusal, status=status) else None

    def _ask(self, caller: Caller, verb: str, path: str, **options: Any) -> httpx.Response | None:
        """Return the answer; None when a fault took it."""
        faults = self.server.faults
        faults.paused = False
        answer = self.server.ask(caller, verb, path, **options)
        faults.paused = True
        self.server.clock.advance(next(self._pauses))
        code = faults.plan.code if faults.plan else ""
        if not self.was_disturbed():
            assert answer is not None
            return answer
        if answer is None or answer.status_code >= 500 or is_refused_as(answer, code):
            assert answer is None or verb == "HEAD" or is_refused_as(answer, code), answer.text
            return None
        return answer

    def was_disturbed(self) -> bool:
        """Tell whether the fault that was planned came between, and forget it then."""
        plan = self.server.faults.plan
        if plan is None or not plan.met:
            return False
        self.server.faults.plan = None
        return True

    def need_token(self, caller: Caller, refusal: WireError | None) -> WireError | None:
        return NO_TOKEN if caller is NOBODY else refusal

    def path(self, place: Place, door: str = "") -> str:
        return object_path(place.bucket, place.name, door)

    # Comparing

    def settle(self, after: Reference) -> None:
        """Find out which of the two the server is at: before the change or after it, and nothing between."""
        known = self.known
        for candidate in (self.model, after):
            self.known = known.copy()
            try:
                self.glance(candidate)
            except AssertionError as exc:
                difference = exc
            else:
                self.model = candidate
                return
        raise difference

    def glance(self, model: Reference) -> None:
        """Compare every row that a client can see, whom each belongs to, and every event."""
        listed = self.look("GET", "/bucket")
        shapes = [{**bucket_shape(model.buckets[each]), "type": "STANDARD"} for each in sorted(model.buckets)]
        assert listed == shapes
        for bucket in BUCKETS:
            self.compare_names(model, bucket)
            for user in (ALICE, BOB):
                page = self.look("POST", f"/object/list-v2/{bucket}", user, json={})
                names_seen = [entry["name"] for entry in page["objects"]]
                assert names_seen == sorted(model.visible(user, bucket)), user
        check_events(self.server, model, self.known)

    def compare_names(self, model: Reference, bucket: str) -> None:
        held = model.held(bucket)
        page = self.look("POST", f"/object/list-v2/{bucket}", json={})
        assert [entry["name"] for entry in page["objects"]] == sorted(held)
        for entry in page["objects"]:
            stored = held[entry["name"]]
            assert entry == {"name": entry["name"], **self.known.listed(stored, entry)}

    def look(self, verb: str, path: str, caller: Caller = SERVICE, **options: Any) -> Any:
        """Return the JSON that `caller` gets while nothing fails."""
        answer = self.server.ask(caller, verb, path, **options)
        assert answer is not None and answer.status_code == 200
        return answer.json()

    @invariant()
    def the_same_objects_are_there(self) -> None:
        """Look at one bucket after each step, in turn."""
        self.compare_names(self.model, next(self._turns))

    def teardown(self) -> None:
        try:
            self.server.faults.plan = None
            self.check_everything()
        finally:
            self.server.close()

    def check_everything(self) -> None:
        """Compare all rows and all bytes, and find nothing that is too much once reclaim has run."""
        self.glance(self.model)
        for place in self.model.objects:
            self.compare_content(place)
        check_invariants(self.server.data)
        self.reclaim_everything()

    def compare_content(self, place: Place) -> None:
        stored = self.model.objects[place]
        answer = self.server.ask(SERVICE, "GET", self.path(place))
        assert answer is not None and answer.status_code == 200 and answer.content == stored.content.body
        info: Json = self.look("GET", self.path(place, "info"))
        assert info == self.known.info(place, stored, info)

    def reclaim_everything(self) -> None:
        """After two scans with the grace period between them, exactly the bytes of the model are left."""
        for _ in range(2):
            self.server.clock.advance(2 * GRACE_S)
            report = self.server.reclaim()
            assert (report.refused, list(report.missing), report.waiting) == ("", [], 0)
        files = {
            str(path.relative_to(self.server.data.blobs_dir))
            for folder in ("sha256", "tmp")
            for path in (self.server.data.blobs_dir / folder).rglob("*")
            if path.is_file()
        }
        rows = self.server.data.rows("SELECT backend_key FROM storage_blobs")
        assert files == {key for (key,) in rows}
        assert len(files) == len({stored.content.body for stored in self.model.objects.values()})
        check_invariants(self.server.data)


def succeeded(answer: httpx.Response, refusal: WireError | None, *, status: int = 200) -> bool:
    """Compare the outcome with what the model expects; tell whether it was a success."""
    assert answer.status_code == (refusal.status if refusal else status), answer.text
    if refusal is None:
        return True
    if answer.request.method == "HEAD":
        assert answer.content == b""
    else:
        assert error_of(answer) == refusal
    return False


def is_refused_as(answer: httpx.Response, code: str) -> bool:
    """Tell whether `answer` is the error of that code, which the body tells."""
    if answer.status_code < 400 or answer.request.method == "HEAD":
        return False
    return bool(code) and bool(answer.json().get("code") == code)
