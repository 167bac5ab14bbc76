"""Where reads from SQLite run: short ones on the event loop, whatever takes longer on a thread."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aerostore.domain import SYSTEM
from aerostore.errors import KeyAlreadyExists, NoSuchKey, SlowDown, StorageError, Unavailable
from aerostore.executor import Row, Statement, Work, together
from aerostore.executor import statements as sql
from aerostore.executor.sqlite import SqliteExecutor
from aerostore.executor.sqlite_reader import PAUSE_S, READ_TIMEOUT_S, SLOW_S, STEPS_PER_TICK, TICKS_AT_ONCE
from aerostore.permissions.compiled import CompiledPolicies
from aerostore.policy import Source, load
from tests.conformance.executor_fixture import CALLER, Rights, add_bucket, add_objects

COUNT = (
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {}) SELECT max(x) AS x FROM n"
)
LONG = Statement(sql=COUNT.format(STEPS_PER_TICK * TICKS_AT_ONCE))
SHORT = Statement(sql=COUNT.format(3))
ENDLESS = Statement(sql=COUNT.format(10**12))


class Clock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Runs:
    """A unit of work that notes on which thread it begins, each time; then it takes its steps."""

    def __init__(self, *steps: Statement, then: Callable[[], None] = lambda: None) -> None:
        self.places: list[int] = []
        self._steps = steps
        self._then = then

    def __call__(self) -> Work[list[Row]]:
        self.places.append(threading.get_ident())
        found: list[Row] = []
        for step in self._steps:
            found += (yield step).rows
            self._then()
        return found

    @property
    def were_here(self) -> list[bool]:
        """Tell of each run whether it was on the thread that asks now."""
        return [place == threading.get_ident() for place in self.places]


class Place:
    """A database with a bucket, and an executor whose clock stands still."""

    def __init__(self, path: Path, runner: asyncio.Runner, policies: Any) -> None:
        self.clock = Clock()
        self.executor = SqliteExecutor(path, policies, clock=self.clock)
        self.run = runner.run
        self.run(self.executor.start())

    def read(self, unit: Runs) -> list[Any]:
        return [tuple(row) for row in self.run(self.executor.read(CALLER, unit))]

    def close(self) -> None:
        self.run(self.executor.close())


MakePlace = Callable[..., Place]


@pytest.fixture
def make_place(tmp_path: Path) -> Iterator[MakePlace]:
    with asyncio.Runner() as runner:
        made: list[Place] = []

        def make(policies: Any = None) -> Place:
            place = Place(tmp_path / "rows.db", runner, policies or Rights())
            made.append(place)
            return place

        yield make
        for place in made:
            place.close()


@pytest.fixture
def place(make_place: MakePlace) -> Place:
    return make_place()


def test_a_few_rows_are_read_without_leaving_the_event_loop(place: Place) -> None:
    unit = Runs(SHORT, SHORT)
    assert place.read(unit) == [(3,), (3,)]
    assert unit.were_here == [True]


def test_a_unit_that_takes_longer_runs_again_from_its_start_on_a_thread(place: Place) -> None:
    unit = Runs(SHORT, LONG)
    assert place.read(unit) == [(3,), (STEPS_PER_TICK * TICKS_AT_ONCE,)]
    assert unit.were_here == [True, False]


def test_many_short_statements_take_longer_as_well(place: Place) -> None:
    unit = Runs(*[SHORT] * 500)
    assert place.read(unit) == [(3,)] * 500
    assert unit.were_here == [True, False]


def test_a_unit_that_has_used_up_its_steps_still_ends(place: Place) -> None:
    """The end takes steps as well: cut short, it would leave the transaction open for every later unit."""
    text = COUNT.format(":n")
    for number in range(200, 300):
        for _ in range(6):
            assert place.read(Runs(Statement(sql=text, parameters={"n": number}))) == [(number,)]


def test_a_unit_that_says_that_it_reads_many_rows_reads_none_on_the_event_loop(place: Place) -> None:
    seen: list[str] = []
    place.executor._reader.sessions[0].connection.set_trace_callback(seen.append)
    unit = Runs(Statement(sql=SHORT.sql, reads_many=True))
    assert place.read(unit) == [(3,)]
    assert unit.were_here == [True, False]
    assert not [text for text in seen if "SELECT" in text]


def test_short_units_stay_short_however_often_they_run(place: Place) -> None:
    """SQLite adds up the steps of a prepared statement over all of its runs."""
    unit = Runs(together(SHORT, SHORT), SHORT, LONG, SHORT)
    place.read(unit)
    steady = Runs(SHORT, together(SHORT, SHORT, SHORT), SHORT)
    for _ in range(3 * STEPS_PER_TICK):
        place.read(steady)
    assert all(steady.were_here)


@pytest.mark.parametrize("ends", ["well", "badly", "late"])
def test_no_snapshot_outlives_its_unit(place: Place, ends: str) -> None:
    def fail() -> None:
        raise NoSuchKey

    unit = Runs(LONG if ends == "late" else SHORT, then=fail if ends == "badly" else lambda: None)
    try:
        place.read(unit)
    except NoSuchKey:
        assert ends == "badly"
    assert [session.connection.in_transaction for session in place.executor._reader.sessions] == (
        [False, False] if ends == "late" else [False]
    )
    place.run(add_bucket(place.executor))
    assert len(place.read(Runs(sql.find_bucket("photos")))) == 1


def test_what_was_committed_before_is_seen_at_once(place: Place) -> None:
    place.run(add_bucket(place.executor))
    for number in range(50):
        place.run(add_objects(place.executor, f"{number}"))
        unit = Runs(sql.find_object("photos", f"{number}"))
        assert len(place.read(unit)) == 1
        assert unit.were_here == [True]


def read_slowly(place: Place, seconds: float) -> list[bool]:
    def wait() -> None:
        place.clock.now += seconds

    unit = Runs(SHORT, then=wait)
    place.read(unit)
    return unit.were_here


def test_a_disk_that_is_slow_twice_is_met_on_threads_for_a_while(place: Place) -> None:
    assert [read_slowly(place, 2 * SLOW_S) for _ in range(3)] == [[True], [True], [False]]
    assert read_slowly(place, 0) == [False]
    place.clock.now += PAUSE_S
    assert read_slowly(place, 0) == [True]


def test_a_disk_that_is_slow_now_and_then_is_met_at_once(place: Place) -> None:
    for seconds in (2 * SLOW_S, 0, 2 * SLOW_S, SLOW_S / 2, 2 * SLOW_S, 0):
        assert read_slowly(place, seconds) == [True]


def test_a_read_that_is_too_long_for_a_thread_as_well_is_given_up(place: Place) -> None:
    def let_time_pass() -> None:
        place.clock.now += READ_TIMEOUT_S + 1

    with pytest.raises(SlowDown):
        place.read(Runs(LONG, SHORT, then=let_time_pass))
    assert place.read(Runs(SHORT)) == [(3,)]


class Broken(sqlite3.Connection):
    """Meets `failures`, in turn, in place of queries."""

    failures: list[str] = []  # noqa: RUF012 -- a test fills it for all connections

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if "SELECT" in sql and Broken.failures:
            error = sqlite3.OperationalError("not now")
            error.sqlite_errorname = Broken.failures.pop()
            raise error
        return super().execute(sql, parameters)


@pytest.fixture
def broken_place(make_place: MakePlace, monkeypatch: pytest.MonkeyPatch) -> Place:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *path, **how: connect(*path, factory=Broken, **how))
    Broken.failures.clear()
    return make_place()


def test_a_file_that_is_busy_is_waited_for_on_a_thread(broken_place: Place) -> None:
    Broken.failures.append("SQLITE_BUSY_RECOVERY")
    unit = Runs(SHORT)
    assert broken_place.read(unit) == [(3,)]
    assert unit.were_here == [True, False]


def test_a_broken_disk_is_unavailable_and_read_once(broken_place: Place) -> None:
    Broken.failures.append("SQLITE_IOERR_READ")
    unit = Runs(SHORT)
    with pytest.raises(Unavailable, match="SQLITE_IOERR_READ"):
        broken_place.read(unit)
    assert unit.were_here == [True]
    assert broken_place.read(unit) == [(3,)]


def test_what_a_unit_raises_is_raised_once(place: Place) -> None:
    def refuse() -> None:
        raise KeyAlreadyExists

    unit = Runs(SHORT, then=refuse)
    with pytest.raises(KeyAlreadyExists):
        place.read(unit)
    assert unit.were_here == [True]


def test_nothing_can_be_written_on_the_event_loop(place: Place) -> None:
    with pytest.raises(StorageError):
        place.read(Runs(Statement(sql="DELETE FROM storage_leases")))


def test_nothing_is_read_once_it_is_closed(place: Place) -> None:
    place.close()
    with pytest.raises(Unavailable):
        place.read(Runs(SHORT))


POLICIES = "".join(
    f'create policy "{number}" on storage.objects for select to authenticated'
    f" using (bucket_id = 'photos' and (storage.foldername(name))[1] = 'folder{number}'"
    f" or name like '%.{number}' and owner_id = auth.jwt() ->> 'team{number}');"
    for number in range(40)
)


def test_an_object_under_forty_policies_in_a_large_bucket_is_read_on_the_event_loop(
    make_place: MakePlace,
) -> None:
    place = make_place(CompiledPolicies(load([Source(path="test.sql", text=POLICIES)])))
    place.run(add_bucket(place.executor))
    fill = (
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 10000)"
        " INSERT INTO storage_objects (id, bucket_id, name, version)"
        " SELECT x, 'photos', 'folder39/' || x, '' FROM n"
    )
    place.run(place.executor.write(SYSTEM, Runs(Statement(sql=fill))))
    unit = Runs(sql.find_bucket("photos"), sql.find_protected_object("photos", "folder39/5000"))
    assert len(place.read(unit)) == 2
    assert unit.were_here == [True]
