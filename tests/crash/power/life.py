"""A server on a disk that loses power, and what clients hold against it afterwards."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from tests.contract.client import get_object, put_object, sign_object
from tests.crash.invariants import Place
from tests.crash.ledger import History, digest_of
from tests.crash.server import Server, forked_at, wait_until

from .mount import Mount
from .survey import DATA, read_secrets
from .witness import Witness

BUCKET = "crash"
_KEEPSAKE = ("keepsake", b"handed out before every cut")
_BUSY_RECLAIM = {"reclaim_interval": 1, "reclaim_grace": 5}
_YEAR_S = 365 * 24 * 3600


@contextmanager
def serving(disk: Path, **settings: object) -> Iterator[Server]:
    """Serve what is on `disk`, with secrets of its own making, and reclaim at work all the time."""
    place = Place(disk / DATA)
    # The log is no part of the disk: it must outlive it.
    log = Place(disk.with_name(f"{disk.name}-server"))
    values = {"data_dir": place.data_dir, "jwt_secret": "", **_BUSY_RECLAIM, **settings}
    with forked_at(log, None, **values) as server:
        secret = read_secrets(place)["jwt_secret"]
        yield replace(server, place=place, target=replace(server.target, secret=secret))


@dataclass(slots=True)
class Keepsake:
    """A token, a link and the secrets behind them, handed out in the first life: good in every other."""

    token: str = ""
    link: str = ""
    secrets: dict[str, str] = field(default_factory=dict)

    def receive(self, server: Server) -> None:
        """Make a bucket and an object, and keep what leads to it."""
        self.token = server.target.token("service_role")
        self.secrets = read_secrets(server.place)
        with server.target.connect(self.token) as caller:
            assert caller.post("/bucket", json={"name": BUCKET}).status_code == 200
            assert put_object(caller, BUCKET, *_KEEPSAKE).status_code == 200
            self.link = sign_object(caller, BUCKET, _KEEPSAKE[0], _YEAR_S)

    def check(self, server: Server) -> None:
        """Raises: AssertionError when token or link no longer lead there."""
        name, content = _KEEPSAKE
        with server.target.connect(self.token) as caller:
            assert get_object(caller, BUCKET, name).content == content
        with server.target.connect(None) as caller:
            assert caller.get(self.link).content == content

    def check_secrets(self, place: Place) -> None:
        """Raises: AssertionError when a secret has changed or is gone."""
        assert read_secrets(place) == self.secrets


def check_shown(server: Server, expected: dict[str, History]) -> None:
    """Compare what `server` lists and serves with what each client must find; labels to histories."""
    with server.connect() as caller:
        for label, history in expected.items():
            assert read_all(caller, f"{label}/") == history.digests, label


def work_until_dark(server: Server, witnesses: Sequence[Witness], mount: Mount, requests: int) -> None:
    """Let all work at once; take the power away when `requests` were answered, then kill the server."""
    with ThreadPoolExecutor(len(witnesses)) as pool:
        working = [pool.submit(_work, server, witness) for witness in witnesses]
        try:
            wait_until(lambda: _answered(witnesses) >= requests, "enough requests were answered")
        finally:
            mount.freeze()
            server.kill()
        for each in working:
            each.result()


def _work(server: Server, witness: Witness) -> None:
    with server.connect() as caller:
        witness.work_until_refused(caller)


def _answered(witnesses: Sequence[Witness]) -> int:
    return sum(len(witness.answers()) for witness in witnesses)


def read_all(caller: httpx.Client, prefix: str) -> dict[str, str]:
    """Download everything below `prefix`; return the digests by name."""
    page = caller.post(f"/object/list-v2/{BUCKET}", json={"prefix": prefix}).json()
    assert not page["hasNext"]
    return {entry["name"]: _read_digest(caller, entry["name"]) for entry in page["objects"]}


def _read_digest(caller: httpx.Client, name: str) -> str:
    answer = get_object(caller, BUCKET, name)
    assert answer.status_code == 200, answer.text
    return digest_of(answer.content)
