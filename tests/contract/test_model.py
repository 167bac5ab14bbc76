"""A dictionary as the model of the service: whatever clients do in whatever order, both must agree.

Runs are the same every time. `AEROSTORE_TEST_EXAMPLES=500` runs longer and at random, and takes minutes more
to reduce a failure to its shortest form.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import cycle, product
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)

from .client import (
    BUCKET_EXISTS,
    BUCKET_NOT_EMPTY,
    DELETE_DENIED,
    INVALID_RANGE,
    KEY_EXISTS,
    NO_SUCH_BUCKET,
    NO_SUCH_KEY,
    NO_SUCH_RELATION,
    ROLE_DENIED,
    ROW_DENIED,
    Target,
    WireError,
    error_of,
    etag_of,
    invalid_key,
    object_path,
    unique,
)

_EXAMPLES = os.environ.get("AEROSTORE_TEST_EXAMPLES")  # noqa: TID251 - tests have no settings module
SETTINGS = settings(
    max_examples=int(_EXAMPLES or 12),
    stateful_step_count=50,
    deadline=None,
    derandomize=_EXAMPLES is None,
    database=None,
    phases=[Phase.generate, Phase.shrink] if _EXAMPLES else [Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class Place(NamedTuple):
    """Where an object is or could be; `bucket` is the model's name for it."""

    bucket: str
    name: str


SERVICE, ALICE, BOB = "service", "alice", "bob"
FIRST, SECOND = "first", "second"
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
    "\u00e4",
    "a\u0308",
    "\U0001f600/\ufb03",
    "\uffff",
    "%2e%2e",
    "a%2Fb",
    "a?b#c",
    "a b+c",
    "..a",
    "\\",
    "_%",
)
BROKEN_NAME = "tab\there"
BROKEN = invalid_key("tab\N{REPLACEMENT CHARACTER}here")
PREFIXES = ("a/", "", "a", "A", "/", "zz")
SIZES = (0, 1, 1000, 70_000, 300_000)

callers = st.sampled_from([SERVICE, ALICE, BOB])
buckets = st.sampled_from([FIRST, SECOND])
names = st.sampled_from(NAMES)
limits = st.integers(1, 3)
contents = st.builds(
    lambda letter, size: letter * size, st.sampled_from([b"x", b"y"]), st.sampled_from(SIZES)
)
# Places that were written once: rules meet there, where chance alone would hardly find anything.
places = Bundle("places")
new_places = places | st.builds(Place, buckets, st.sampled_from([*NAMES, BROKEN_NAME]))


@dataclass(frozen=True, slots=True)
class Stored:
    content: bytes
    owner: str | None


class Model:
    """What must be true: named contents by bucket, each with the user who owns it, if any does."""

    def __init__(self) -> None:
        self.buckets: dict[str, dict[str, Stored]] = {}

    def visible(self, caller: str, bucket: str) -> dict[str, Stored]:
        held = self.buckets.get(bucket, {})
        return {name: stored for name, stored in held.items() if caller in (SERVICE, stored.owner)}

    def content(self, place: Place) -> bytes:
        return self.buckets[place.bucket][place.name].content

    def write(self, caller: str, place: Place, content: bytes) -> None:
        """Store; the service role owns nothing, so what it replaces keeps its owner."""
        former = self.buckets[place.bucket].get(place.name, Stored(b"", None))
        owner = former.owner if caller == SERVICE else caller
        self.buckets[place.bucket][place.name] = Stored(content, owner)

    def move(self, caller: str, source: Place, place: Place) -> None:
        moved = self.buckets[source.bucket].pop(source.name)
        if source != place and caller != SERVICE:
            moved = replace(moved, owner=caller)
        self.buckets[place.bucket][place.name] = moved

    # Refusals: None when the server must do what it is asked

    def refusal_to_read(self, caller: str, place: Place) -> WireError | None:
        return self.refusal_to_find(caller, place) if place.bucket in self.buckets else NO_SUCH_BUCKET

    def refusal_to_find(self, caller: str, place: Place) -> WireError | None:
        return None if place.name in self.visible(caller, place.bucket) else NO_SUCH_KEY

    def refusal_to_delete(self, caller: str, place: Place) -> WireError | None:
        if place.name not in self.buckets.get(place.bucket, {}):
            return NO_SUCH_KEY
        return None if place.name in self.visible(caller, place.bucket) else DELETE_DENIED

    def refusal_to_delete_bucket(self, caller: str, bucket: str) -> WireError | None:
        if caller != SERVICE or bucket not in self.buckets:
            return NO_SUCH_BUCKET
        return BUCKET_NOT_EMPTY if self.buckets[bucket] else None

    def refusal_to_upload(self, caller: str, place: Place, *, upsert: bool) -> WireError | None:
        if place.bucket not in self.buckets:
            return NO_SUCH_BUCKET
        return BROKEN if place.name == BROKEN_NAME else self._refusal_to_place(caller, place, upsert=upsert)

    def refusal_to_relocate(
        self, caller: str, source: Place, place: Place, *, upsert: bool
    ) -> WireError | None:
        if place.name == BROKEN_NAME:
            return BROKEN
        if refusal := self.refusal_to_find(caller, source):
            return refusal
        if place.bucket not in self.buckets:
            return NO_SUCH_RELATION
        return self._refusal_to_place(caller, place, upsert=upsert)

    def _refusal_to_place(self, caller: str, place: Place, *, upsert: bool) -> WireError | None:
        if place.name not in self.buckets[place.bucket]:
            return None
        if not upsert:
            return KEY_EXISTS
        return None if place.name in self.visible(caller, place.bucket) else ROW_DENIED


class StorageMachine(RuleBasedStateMachine):
    """Does the same to the server and to the model, and compares every answer."""

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.model = Model()
        self.stack = ExitStack()
        self.real = {bucket: unique(bucket) for bucket in (FIRST, SECOND)}
        tokens = {user: target.token("authenticated", sub=unique(user)) for user in (ALICE, BOB)}
        tokens[SERVICE] = target.token("service_role")
        self.clients = {
            caller: self.stack.enter_context(target.connect(token)) for caller, token in tokens.items()
        }
        self.nobody = self.stack.enter_context(target.connect(None))

    def teardown(self) -> None:
        """Compare every object that should be there, then leave nothing."""
        try:
            for bucket, objects in self.model.buckets.items():
                for name in objects:
                    self.read(SERVICE, Place(bucket, name))
        finally:
            for real in self.real.values():
                self.clients[SERVICE].post(f"/bucket/{real}/empty")
                self.clients[SERVICE].delete(f"/bucket/{real}")
            self.stack.close()

    def path(self, place: Place, door: str = "") -> str:
        return object_path(self.real[place.bucket], place.name, door)

    # Buckets

    @initialize(target=places)
    def begin_with_objects_of_everybody(self) -> MultipleResults[Place]:
        for bucket in self.real:
            self.create_bucket(SERVICE, bucket)
        taken = [Place(FIRST, name) for name in NAMES]
        for caller, place in zip(cycle([SERVICE, ALICE, BOB]), taken, strict=False):
            self.upload(caller, place, b"first", "raw", "POST")
        return multiple(*taken)

    @rule(
        caller=callers,
        bucket=buckets,
        change=st.sampled_from(["create_bucket", "delete_bucket", "empty_bucket"]),
    )
    def change_bucket(self, caller: str, bucket: str, change: str) -> None:
        getattr(self, change)(caller, bucket)

    def create_bucket(self, caller: str, bucket: str) -> None:
        answer = self.clients[caller].post("/bucket", json={"name": self.real[bucket]})
        expected = BUCKET_EXISTS if bucket in self.model.buckets else None
        if succeeded(answer, expected if caller == SERVICE else ROW_DENIED):
            self.model.buckets[bucket] = {}

    def delete_bucket(self, caller: str, bucket: str) -> None:
        answer = self.clients[caller].delete(f"/bucket/{self.real[bucket]}")
        if succeeded(answer, self.model.refusal_to_delete_bucket(caller, bucket)):
            del self.model.buckets[bucket]

    def empty_bucket(self, caller: str, bucket: str) -> None:
        answer = self.clients[caller].post(f"/bucket/{self.real[bucket]}/empty")
        expected = None if bucket in self.model.buckets else NO_SUCH_BUCKET
        if succeeded(answer, expected if caller == SERVICE else ROLE_DENIED):
            self.model.buckets[bucket] = {}

    # Writing

    @rule(
        target=places,
        caller=callers,
        place=new_places,
        content=contents,
        form=st.sampled_from(["raw", "chunked", "multipart"]),
        verb=st.sampled_from(["POST", "PUT", "upsert"]),
    )
    def upload(
        self, caller: str, place: Place, content: bytes, form: str, verb: str
    ) -> Place | MultipleResults[Place]:
        answer = self.clients[caller].request(
            "PUT" if verb == "PUT" else "POST",
            self.path(place),
            headers={"x-upsert": "true"} if verb == "upsert" else {},
            **body_as(form, content),
        )
        refusal = self.model.refusal_to_upload(caller, place, upsert=verb != "POST")
        if not succeeded(answer, refusal):
            return multiple()
        assert answer.json()["Key"] == f"{self.real[place.bucket]}/{place.name}"
        self.model.write(caller, place, content)
        return place

    @rule(target=places, caller=callers, source=places, place=new_places, upsert=st.booleans())
    def copy(self, caller: str, source: Place, place: Place, upsert: bool) -> Place | MultipleResults[Place]:
        body, headers = self.relocation(source, place), {"x-upsert": str(upsert).lower()}
        answer = self.clients[caller].post("/object/copy", json=body, headers=headers)
        if not succeeded(answer, self.model.refusal_to_relocate(caller, source, place, upsert=upsert)):
            return multiple()
        self.model.write(caller, place, self.model.content(source))
        return place

    @rule(target=places, caller=callers, source=places, place=new_places)
    def move(self, caller: str, source: Place, place: Place) -> Place | MultipleResults[Place]:
        answer = self.clients[caller].post("/object/move", json=self.relocation(source, place))
        refusal = self.model.refusal_to_relocate(caller, source, place, upsert=source == place)
        if refusal == KEY_EXISTS:
            refusal = replace(KEY_EXISTS, code="ResourceAlreadyExists")  # no upsert can help a move
        if not succeeded(answer, refusal):
            return multiple()
        self.model.move(caller, source, place)
        return place

    def relocation(self, source: Place, place: Place) -> dict[str, str]:
        return {
            "bucketId": self.real[source.bucket],
            "sourceKey": source.name,
            "destinationBucket": self.real[place.bucket],
            "destinationKey": place.name,
        }

    @rule(caller=callers, place=places)
    def delete(self, caller: str, place: Place) -> None:
        answer = self.clients[caller].delete(self.path(place))
        if succeeded(answer, self.model.refusal_to_delete(caller, place)):
            del self.model.buckets[place.bucket][place.name]

    @rule(caller=callers, place=places, others=st.lists(names, max_size=2))
    def delete_many(self, caller: str, place: Place, others: list[str]) -> None:
        wanted = [place.name, *others]
        path = f"/object/{self.real[place.bucket]}"
        answer = self.clients[caller].request("DELETE", path, json={"prefixes": wanted})
        assert answer.status_code == 200, answer.text
        expected = sorted(set(wanted) & self.model.visible(caller, place.bucket).keys())
        assert sorted(row["name"] for row in answer.json()) == expected
        for name in expected:
            del self.model.buckets[place.bucket][name]

    # Reading

    @rule(caller=callers, place=places)
    def read(self, caller: str, place: Place) -> None:
        answer, head = (self.clients[caller].request(verb, self.path(place)) for verb in ("GET", "HEAD"))
        assert (head.status_code, head.content) == (answer.status_code, b"")
        if succeeded(answer, self.model.refusal_to_read(caller, place)):
            content = self.model.content(place)
            assert answer.content == content
            assert answer.headers["etag"] == head.headers["etag"] == etag_of(content)
            assert head.headers["content-length"] == str(len(content))

    @rule(caller=callers, place=places)
    def info(self, caller: str, place: Place) -> None:
        answer = self.clients[caller].get(self.path(place, "info"))
        if succeeded(answer, self.model.refusal_to_read(caller, place)):
            body = answer.json()
            assert (body["name"], body["bucket_id"]) == (place.name, self.real[place.bucket])
            assert body["size"] == len(self.model.content(place))

    @rule(
        caller=callers,
        place=places,
        first=st.sampled_from([0, 1, 3, 999, 69_990]),
        length=st.integers(1, 2000),
    )
    def read_range(self, caller: str, place: Place, first: int, length: int) -> None:
        headers = {"range": f"bytes={first}-{first + length - 1}"}
        answer = self.clients[caller].get(self.path(place), headers=headers)
        refusal = self.model.refusal_to_read(caller, place)
        if refusal is None and first >= len(self.model.content(place)):
            refusal = INVALID_RANGE
        if succeeded(answer, refusal, status=206):
            assert answer.content == self.model.content(place)[first : first + length]

    @rule(caller=callers, place=places)
    def sign_and_read(self, caller: str, place: Place) -> None:
        path = self.path(place, "sign")
        answer = self.clients[caller].post(path, json={"expiresIn": 60})
        if succeeded(answer, self.model.refusal_to_find(caller, place)):
            (token,) = parse_qs(urlsplit(answer.json()["signedURL"]).query)["token"]
            read = self.nobody.get(path, params={"token": token})
            assert (read.status_code, read.content) == (200, self.model.content(place))

    # Listing

    @rule(caller=callers, bucket=buckets, limit=limits)
    def list_folder_to_the_end(self, caller: str, bucket: str, limit: int) -> None:
        entries: list[dict[str, Any]] = []
        while True:
            body = {"prefix": "", "limit": limit, "offset": len(entries)}
            page = self.clients[caller].post(f"/object/list/{self.real[bucket]}", json=body).json()
            assert len(page) <= limit
            if not page:
                break
            entries += page
        folders, objects = grouped(self.model.visible(caller, bucket), "", "/")
        expected = [(folder.removesuffix("/"), True) for folder in folders]
        expected += [(name, False) for name in objects]
        assert sorted((entry["name"], entry["id"] is None) for entry in entries) == sorted(expected)

    @rule(
        caller=callers,
        bucket=buckets,
        prefix=st.sampled_from(PREFIXES),
        limit=limits,
        order=st.sampled_from(["asc", "desc"]),
    )
    def list_prefix_to_the_end(self, caller: str, bucket: str, prefix: str, limit: int, order: str) -> None:
        for delimiter in ("/", None):
            sort = {"column": "name", "order": order}
            body = {"prefix": prefix, "with_delimiter": delimiter is not None, "limit": limit, "sortBy": sort}
            pages = list(self.pages(caller, bucket, body))
            assert all(len(page["folders"]) + len(page["objects"]) <= limit for page in pages)
            expected = grouped(self.model.visible(caller, bucket), prefix, delimiter)
            for kind, in_order in zip(("folders", "objects"), expected, strict=True):
                listed = [entry["name"] for page in pages for entry in page[kind]]
                assert listed == (in_order if order == "asc" else in_order[::-1])

    def pages(self, caller: str, bucket: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        cursor: dict[str, str] = {}
        while True:
            answer = self.clients[caller].post(f"/object/list-v2/{self.real[bucket]}", json=body | cursor)
            assert answer.status_code == 200, answer.text
            yield answer.json()
            if not answer.json()["hasNext"]:
                return
            cursor = {"cursor": answer.json()["nextCursor"]}


def succeeded(answer: httpx.Response, refusal: WireError | None, *, status: int = 200) -> bool:
    """Compare the outcome with what the model expects; tell whether it was a success."""
    if refusal is not None:
        assert error_of(answer) == refusal
        return False
    assert answer.status_code == status, answer.text
    return True


def body_as(form: str, content: bytes) -> dict[str, Any]:
    """Return the arguments with which httpx sends `content` in that form."""
    if form == "multipart":
        return {"files": {"file": ("ignored", content, "text/plain")}}
    return {"content": iter([content]) if form == "chunked" else content}


def grouped(found: dict[str, Stored], prefix: str, delimiter: str | None) -> tuple[list[str], list[str]]:
    """Return the folders and the objects directly under `prefix`, each in bytewise order."""
    folders, objects = set(), []
    for name in (name for name in found if name.startswith(prefix)):
        rest = name.removeprefix(prefix)
        if delimiter and delimiter in rest:
            folders.add(prefix + rest[: rest.index(delimiter) + 1])
        else:
            objects.append(name)
    return sorted(folders, key=str.encode), sorted(objects, key=str.encode)


@pytest.mark.timeout(0 if _EXAMPLES else 300)
def test_server_and_dictionary_agree_whatever_clients_do(target: Target) -> None:
    class Machine(StorageMachine):
        def __init__(self) -> None:
            super().__init__(target)

    run_state_machine_as_test(Machine, settings=SETTINGS)


def test_every_prefix_page_size_and_order_lists_every_name_once(target: Target) -> None:
    machine = StorageMachine(target)
    try:
        machine.begin_with_objects_of_everybody()
        for caller, prefix, limit, order in product([SERVICE, ALICE], PREFIXES, (1, 2, 3), ("asc", "desc")):
            machine.list_prefix_to_the_end(caller, FIRST, prefix, limit, order)
    finally:
        machine.teardown()
