"""A disk that fails: what it refuses is refused in so many words, and what was acknowledged is there.

Every fault is met by a server at work, the n-th operation of a kind fails, once or for ever. Afterwards the
server must show one of the possible outcomes and go on working; at the end the power goes at many moments.
"""

import errno
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.contract.client import get_object, put_object
from tests.crash import asking
from tests.crash.ledger import NAMES_PER_CLIENT, Client, Step
from tests.crash.power.crash_point import borders
from tests.crash.power.fault import FOR_EVER, Fault
from tests.crash.power.life import BUCKET, Keepsake
from tests.crash.power.mount import Mount
from tests.crash.power.ward import Morgue, ward
from tests.crash.server import wait_until

BLOBS, LOG, ROWS = "data/blobs/*", "data/aerostore.db-wal", "data/aerostore.db"
FAULTS = {
    "fsync of bytes": Fault(operations=("fsync",), pattern=BLOBS),
    "fsync of folders": Fault(operations=("fsyncdir",), pattern=BLOBS),
    "fsync of the write-ahead log": Fault(operations=("fsync",), pattern=LOG),
    "create": Fault(operations=("create",), pattern=BLOBS),
    "link": Fault(operations=("link",), pattern=BLOBS),
    "unlink": Fault(operations=("unlink",), pattern=BLOBS),
    "write of bytes": Fault(operations=("write",), pattern=BLOBS),
    "write of the log": Fault(operations=("write",), pattern=LOG),
    "short write": Fault(operations=("write",), error=0, is_short=True),
    "change": Fault(operations=("write", "fsync", "fsyncdir", "create", "mkdir", "link", "unlink")),
}
# These come rarely: the first of them fails.
RARE_FAULTS = {
    "new folder": Fault(operations=("mkdir",), pattern=BLOBS),
    "checkpoint": Fault(operations=("fsync",), pattern=ROWS),
    "write of a checkpoint": Fault(operations=("write",), pattern=ROWS),
}
NO_ROOM = Fault(operations=("write", "create", "mkdir", "link"), error=errno.ENOSPC)
SMALL, LARGE = b"small" * 1000, b"large" * 300_000
SCENARIO: Sequence[Callable[[Client], Step]] = (
    lambda client: client.upload("patient/0", SMALL, upsert=True),
    lambda client: client.upload("patient/1", LARGE + SMALL, upsert=True),
    lambda client: client.upload("patient/0", LARGE, upsert=True, way=asking.chunked),
    lambda client: client.copy("patient/1", "patient/2"),
    lambda client: client.read("patient/2"),
    lambda client: client.delete("patient/2"),
    lambda client: client.delete_many(["patient/0", "patient/1"]),
)
TURNS = 2
LATEST = 9
PATIENCE = 12
RARE_PATIENCE = 200
CRASH_POINTS = 8
STOPS = 8


@pytest.fixture
def morgue(scratch: Path, tmp_path: Path, crash_seed: int) -> Morgue:
    return Morgue(scratch=scratch, broken=tmp_path / "broken", seed=crash_seed)


@pytest.fixture
def client(crash_seed: int) -> Client:
    return Client(BUCKET, "patient", crash_seed)


@pytest.mark.timeout(0)
def test_whatever_fails_on_the_disk_what_was_acknowledged_is_there(
    mount: Mount, client: Client, morgue: Morgue, crash_size: int, crash_seed: int
) -> None:
    chance = random.Random(crash_seed)
    with ward(mount, client, Keepsake()) as ill:
        for turn in range(TURNS * crash_size):
            times = (1, FOR_EVER)[turn % 2]
            for name, fault in FAULTS.items():
                ill.suffer(name, replace(fault, first=chance.randint(1, LATEST), times=times), PATIENCE)
        assert ill.patient.refusals > TURNS * crash_size, "hardly any fault was met"
        morgue.examine_some(ill, CRASH_POINTS * crash_size)


@pytest.mark.timeout(0)
def test_whatever_fails_rarely_on_the_disk_what_was_acknowledged_is_there(
    mount: Mount, client: Client, morgue: Morgue, crash_size: int, crash_seed: int
) -> None:
    chance = random.Random(crash_seed)
    with ward(mount, client, Keepsake()) as ill:
        met = dict.fromkeys(RARE_FAULTS, 0)
        for _ in range(crash_size):
            for name, fault in RARE_FAULTS.items():
                times = chance.choice([1, FOR_EVER])
                met[name] += ill.suffer(name, replace(fault, times=times), RARE_PATIENCE)
        assert all(met.values()), met
        morgue.examine_some(ill, CRASH_POINTS * crash_size)


@pytest.mark.timeout(0)
def test_no_room_for_the_nth_change_of_a_whole_scenario(
    mount: Mount, client: Client, morgue: Morgue, crash_size: int, crash_seed: int
) -> None:
    chance = random.Random(crash_seed)
    with ward(mount, client, Keepsake()) as ill:
        mount.arm(replace(NO_ROOM, first=FOR_EVER))
        ill.patient.follow(SCENARIO)
        changes = ill.recover("after the scenario")
        for number in sorted(chance.sample(range(1, changes + 1), min(changes, STOPS * crash_size))):
            mount.arm(replace(NO_ROOM, first=number, times=chance.choice([1, FOR_EVER])))
            ill.patient.follow(SCENARIO)
            ill.recover(f"without room for change {number}")
        assert ill.patient.refusals > 0
        morgue.examine_some(ill, CRASH_POINTS * crash_size)


@pytest.mark.parametrize("operation", ["fsync", "fsyncdir", "link"])
def test_an_upload_that_fails_once_is_refused_and_whole_when_it_is_sent_again(
    mount: Mount, client: Client, morgue: Morgue, operation: str
) -> None:
    """A second fsync that succeeds proves nothing, so nothing is tried again for the client."""
    with ward(mount, client, Keepsake()) as ill:
        mount.arm(Fault(operations=(operation,), pattern=BLOBS))
        assert not ill.patient.try_request(client.upload("patient/0", SMALL))
        mount.disarm()
        ill.patient.settle()
        assert ill.patient.try_request(client.upload("patient/0", SMALL))
        history = ill.stop()
    morgue.examine(ill, history, ill.answers())


def test_a_commit_whose_fsync_failed_does_no_harm_after_a_kill(
    mount: Mount, client: Client, morgue: Morgue
) -> None:
    """What recovery finds in the page cache need not be on the disk: nothing may be built upon it.

    The log is nearly empty when the fsync fails, so that the failed commit changes pages that are not in it.
    """
    keepsake, names = Keepsake(), [f"patient/{number}" for number in range(NAMES_PER_CLIENT)]
    with ward(mount, client, keepsake) as ill:
        for name in names:
            assert ill.patient.try_request(client.upload(name, name.encode()))
    with ward(mount, client, keepsake) as ill:
        assert ill.patient.try_request(client.delete(names[0]))
        mount.arm(Fault(operations=("fsync",), pattern=LOG, times=FOR_EVER))
        assert not ill.patient.try_request(client.delete_many(names))
        ill.server.kill()
    assert mount.disarm() > 0
    killed_at = mount.position()
    with ward(mount, client, keepsake) as ill:
        ill.patient.settle()
        for _ in range(3):
            assert ill.patient.try_request()
        history = ill.stop()
    morgue.examine(ill, history, [*borders(history, killed_at, ill.first), *ill.answers()])


def test_a_commit_whose_fsync_failed_and_that_was_not_shown_never_comes_back(
    mount: Mount, client: Client, morgue: Morgue
) -> None:
    """The writer that follows makes the log durable anew, and must not make that commit so with it."""
    with ward(mount, client, Keepsake()) as ill:
        assert ill.patient.try_request(client.upload("patient/0", SMALL))
        mount.arm(Fault(operations=("fsync",), pattern=LOG))
        assert not ill.patient.try_request(client.delete("patient/0"))
        assert mount.disarm() > 0
        ill.patient.settle()
        settled_at = mount.position()
        assert ill.patient.try_request(client.upload("patient/1", SMALL))
        history = ill.stop()
    morgue.examine(ill, history, range(settled_at, len(history)))


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_bytes_that_cannot_be_read_are_an_error_or_an_end_too_soon(
    mount: Mount, client: Client, content: bytes
) -> None:
    with ward(mount, client, Keepsake()) as ill, ill.connect() as caller:
        assert put_object(caller, BUCKET, "object", content).status_code == 200
        mount.arm(Fault(operations=("read",), pattern=BLOBS, times=FOR_EVER))
        with suppress(httpx.RemoteProtocolError):
            answer = get_object(caller, BUCKET, "object")
            assert answer.status_code == 503, answer.text
        assert mount.disarm() > 0
        assert get_object(caller, BUCKET, "object").content == content


def test_other_requests_are_answered_while_an_upload_waits_for_its_fsync(
    mount: Mount, client: Client
) -> None:
    with ward(mount, client, Keepsake()) as ill, ThreadPoolExecutor(1) as pool:
        assert ill.patient.try_request()
        with ill.connect() as caller, ill.connect() as other:
            mount.arm(Fault(operations=("fsync",), pattern=BLOBS, error=0, holds=True))
            upload = pool.submit(put_object, caller, BUCKET, "slow", b"slow")
            try:
                wait_until(lambda: mount.seen() > 0, "the upload waits for its fsync")
                ill.keepsake.check(ill.server)
                assert put_object(other, BUCKET, "quick", b"quick").status_code == 200
                assert not upload.done()
            finally:
                mount.disarm()
            assert upload.result().status_code == 200


def test_reads_are_answered_while_the_commit_waits_for_its_fsync(mount: Mount, client: Client) -> None:
    with ward(mount, client, Keepsake()) as ill, ThreadPoolExecutor(1) as pool:
        assert ill.patient.try_request()
        with ill.connect() as caller:
            mount.arm(Fault(operations=("fsync",), pattern=LOG, error=0, holds=True))
            upload = pool.submit(put_object, caller, BUCKET, "slow", b"slow")
            try:
                wait_until(lambda: mount.seen() > 0, "the commit waits for its fsync")
                ill.keepsake.check(ill.server)
                assert not upload.done()
            finally:
                mount.disarm()
            assert upload.result().status_code == 200


def test_a_disk_that_is_dead_answers_no_write_with_success(mount: Mount, client: Client) -> None:
    with ward(mount, client, Keepsake()) as ill:
        mount.freeze()
        with ill.connect() as caller:
            for number in range(3):
                assert put_object(caller, BUCKET, f"lost/{number}", b"lost").status_code == 503
                assert get_object(caller, BUCKET, f"lost/{number}").status_code != 200
