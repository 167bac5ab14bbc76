"""The first start, when nothing is durable yet: cut off, killed and met by faults at every step."""

import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from aerostore.errors import StorageError
from aerostore.settings import InvalidSettings
from tests.crash.invariants import Place, check_invariants
from tests.crash.power.disk import Disk
from tests.crash.power.fault import FOR_EVER, Fault
from tests.crash.power.first_start import CONTENT, start, start_and_read, start_and_store
from tests.crash.power.mount import Mount
from tests.crash.power.operation import NameChange, Operation, Sync
from tests.crash.power.survey import read_secrets
from tests.crash.power.survival import EXTREMES, NOTHING, draw

CUTS = 24
STOPS = 12
CHANGES = ("create", "mkdir", "link", "unlink", "write", "truncate", "fsync", "fsyncdir")
SYNCS = ("fsync", "fsyncdir")
REFUSALS = (StorageError, InvalidSettings, OSError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promised:
    """What a second start has made and answered for, when the disk was at `position`."""

    position: int
    data_dir: str
    secrets: dict[str, str]
    after: str


@pytest.mark.timeout(0)
def test_a_first_start_that_loses_power_is_no_obstacle_to_the_next(
    mount: Mount, scratch: Path, crash_size: int, crash_seed: int
) -> None:
    chance = random.Random(crash_seed)
    start(mount.directory / "data")
    history = mount.history()
    disk, done = Disk(), 0
    for position in sorted(sample(range(len(history)), CUTS * crash_size, chance)):
        advance(disk, history[done:position])
        done = position
        survival = chance.choice([*EXTREMES, draw(chance)])
        left = disk.cut(survival, chance).write_to(scratch / f"left-{position}") / "data"
        start_and_store(left)
        assert start_and_read(left) == CONTENT, f"cut after {position} with {survival}"
        check_invariants(Place(left))


@pytest.mark.timeout(0)
def test_what_is_stored_after_a_start_that_was_killed_survives_a_power_cut(
    mount: Mount, scratch: Path, crash_size: int, crash_seed: int
) -> None:
    """A process that is killed leaves its work in the page cache: nothing may take it for durable."""
    start(mount.directory / "counted")
    steps = [
        number
        for number, operation in enumerate(mount.history(), start=1)
        if isinstance(operation, NameChange | Sync)
    ]
    promises = []
    for step in sorted(sample(steps, STOPS * crash_size, random.Random(crash_seed))):
        fault = Fault(operations=CHANGES, first=step, times=FOR_EVER, drops=False)
        promises.append(promise_after(mount, fault, f"killed-at-{step}"))
    check_promises(mount.history(), promises, scratch)


@pytest.mark.timeout(0)
def test_what_is_stored_after_a_start_whose_fsync_failed_survives_a_power_cut(
    mount: Mount, scratch: Path, crash_size: int, crash_seed: int
) -> None:
    mount.arm(Fault(operations=SYNCS, first=FOR_EVER))
    start(mount.directory / "counted")
    steps = range(1, mount.disarm() + 1)
    promises = []
    for step in sorted(sample(steps, STOPS * crash_size, random.Random(crash_seed))):
        fault = Fault(operations=SYNCS, first=step)
        promises.append(promise_after(mount, fault, f"failed-fsync-{step}"))
    check_promises(mount.history(), promises, scratch)


def promise_after(mount: Mount, fault: Fault, name: str) -> Promised:
    """Start into `fault`, start again without it, and store something."""
    data_dir = mount.directory / name
    mount.arm(fault)
    with suppress(*REFUSALS):  # some of what fails is missed only later, some not at all
        start(data_dir)
    mount.disarm()
    start_and_store(data_dir)
    position, secrets = mount.position(), read_secrets(Place(data_dir))
    return Promised(position=position, data_dir=name, secrets=secrets, after=name)


def check_promises(history: Sequence[Operation], promises: Sequence[Promised], scratch: Path) -> None:
    """Cut the power after each promise, and look for what was promised."""
    disk, done = Disk(), 0
    broken = []
    for promise in promises:
        advance(disk, history[done : promise.position])
        done = promise.position
        image = disk.cut(NOTHING, random.Random(0)).below(promise.data_dir)
        left = image.write_to(scratch / f"left-{promise.data_dir}") / promise.data_dir
        broken += [f"{promise.data_dir}: {found}" for found in find_broken(promise, left)]
    assert not broken, "\n".join(broken)


def find_broken(promise: Promised, left: Path) -> list[str]:
    if not left.exists():
        return ["the data directory is gone"]
    if read_secrets(Place(left)) != promise.secrets:
        return ["the secrets are gone"]
    try:
        assert start_and_read(left) == CONTENT, "other bytes"
        check_invariants(Place(left))
    except (StorageError, AssertionError) as exc:
        return [f"{type(exc).__name__} {exc}"]
    return []


def advance(disk: Disk, operations: Sequence[Operation]) -> None:
    for operation in operations:
        disk.apply(operation)


def sample(positions: Sequence[int], count: int, chance: random.Random) -> list[int]:
    return chance.sample(positions, min(count, len(positions)))
