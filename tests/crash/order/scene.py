"""What the server under strace is asked, once for all tests of this directory."""

import hashlib
import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.contract.client import object_path
from tests.crash.invariants import Place

from .exchange import Exchange, exchanges
from .trace import Call, parse_trace
from .traced import traced_server

BUCKET = "order"
CROWD = 8
SMALL, LARGE = b"small", b"large" * 600_000
UPSERT = {"x-upsert": "true"}


def content_beside(content: bytes) -> bytes:
    """Make other bytes whose key lies in the same directory: the first byte of their SHA-256 is the same."""
    wanted = hashlib.sha256(content).digest()[0]
    others = (b"other %d" % number for number in itertools.count())
    return next(each for each in others if hashlib.sha256(each).digest()[0] == wanted)


BESIDE = content_beside(SMALL)


@dataclass(frozen=True, slots=True)
class Scene:
    """What was traced: each exchange by its label, and where the server kept its files."""

    place: Place
    exchanges: dict[str, Exchange]

    @property
    def calls(self) -> list[Call]:
        """Every call that was made from the first request on, in the order in which they began."""
        return [call for exchange in self.exchanges.values() for call in exchange.calls]

    @property
    def blobs(self) -> str:
        """The directory of what has a key."""
        return str(self.place.blobs_dir / "sha256")

    @property
    def log(self) -> str:
        """The write-ahead log of the rows."""
        return f"{self.place.data_dir}/aerostore.db-wal"


def ask_everything(caller: httpx.Client) -> None:
    """Make each request that the tests look at, one at a time."""
    relocation = {"bucketId": BUCKET, "sourceKey": "small", "destinationKey": "copy"}
    answers = [
        caller.post("/bucket", json={"name": BUCKET}),
        caller.post(object_path(BUCKET, "small"), content=SMALL),
        caller.post(object_path(BUCKET, "large"), content=LARGE),
        caller.put(object_path(BUCKET, "large"), content=BESIDE),
        caller.post(object_path(BUCKET, "again"), content=SMALL),
        caller.post("/object/copy", json=relocation, headers=UPSERT),
        caller.post("/object/move", json={**relocation, "destinationKey": "moved"}),
        caller.delete(object_path(BUCKET, "moved")),
    ]
    for answer in answers:
        assert answer.status_code == 200, answer.text


LABELS = ("bucket", "small", "large", "upsert", "again", "copy", "move", "delete")


def crowd_path(number: int) -> str:
    return object_path(BUCKET, f"crowd-{number}")


def crowd_content(number: int) -> bytes:
    return b"of the crowd: %d" % number


def ask_at_once(caller: httpx.Client) -> None:
    """Upload many objects at once: they share commits."""

    def upload(number: int) -> int:
        return caller.post(crowd_path(number), content=crowd_content(number)).status_code

    with ThreadPoolExecutor(CROWD) as pool:
        assert list(pool.map(upload, range(CROWD))) == [200] * CROWD


def play(directory: Path) -> Scene:
    """Serve a new data directory under strace, ask everything, and read the trace."""
    trace = directory / "trace"
    with (
        traced_server(directory / "data", trace) as server,
        server.connect() as caller,
    ):
        ask_everything(caller)
        ask_at_once(caller)
    found = [each for each in exchanges(calls_in(trace)) if " /storage/v1/status " not in each.line]
    labels = [*LABELS, *(each.line.split()[1] for each in found[len(LABELS) :])]
    assert all(each.status == 200 for each in found)
    return Scene(server.place, dict(zip(labels, found, strict=True)))


def calls_in(trace: Path) -> list[Call]:
    return parse_trace(trace.read_text("utf-8", "replace").splitlines())
