"""Whatever many clients ask at once, through any worker of any server, happened in some order, one at a time.

`--crash-seed` repeats the choices of a run, though not its timing; `--crash-size` makes more histories.
"""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.invariants import Place, check_invariants

from .checker import Record, is_linearizable
from .crowd import Group, Round
from .fleet import (
    Fleet,
    Trouble,
    kill_worker,
    make_bucket,
    nothing,
    pause_database,
    pause_worker,
    restart_server,
)
from .story import tell_impossible

GROUPS = 2
TROUBLES: tuple[Trouble, ...] = (nothing, pause_worker, nothing, kill_worker, nothing, restart_server)
ON_POSTGRES: tuple[Trouble, ...] = (*TROUBLES, pause_database)


@pytest.mark.timeout(0)
def test_every_history_has_an_order_that_explains_all_answers(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    database_url: str,
    crash_size: int,
    crash_seed: int,
    report: Callable[[object], None],
) -> None:
    place = Place(tmp_path / "data", database_url)
    # SQLite is for one server; PostgreSQL is for any number.
    fleet = Fleet(place, size=2 if database_url else 1)
    troubles = ON_POSTGRES if database_url else TROUBLES
    histories: list[list[Record]] = []
    with fleet.running():
        make_bucket(fleet)
        for number, trouble in enumerate(troubles * crash_size):
            played = Round(fleet, f"round-{number}", crash_seed, GROUPS)
            played.play(trouble)
            for group in played.groups:
                check(group, f"seed {crash_seed}, round {number}, {trouble.__name__}")
                histories.append(group.history())
    check_invariants(place)
    report(f"{request.node.name}: {summary(histories)}")


def summary(histories: list[list[Record]]) -> str:
    """Tell how much the test has seen: without unknown outcomes, troubles came at the wrong time."""
    requests = list(itertools.chain(*histories))
    unknown = sum(not each.is_known for each in requests)
    return f"{len(histories)} histories of {len(requests)} requests, {unknown} with an unknown outcome"


def check(group: Group, when: str) -> None:
    """Raises: pytest.fail.Exception with what a person needs to see of an impossible history."""
    history = group.history()
    if not is_linearizable(history):
        pytest.fail(f"{when}, names below {group.label}/:\n{tell_impossible(history)}", pytrace=False)
