"""Reclaim's look: it finds the same in one part as in many, and looks again at what differs only."""

import pytest

from aerostore.service.reclaim import ReclaimReport
from tests.service.conftest import expecting_losses
from tests.service.stage import GRACE_S, Stage
from tests.service.test_reclaim import add_orphan, put_many

pytestmark = expecting_losses

OBJECTS = 23
COMMITTED = "SELECT backend_key FROM storage_blobs WHERE status = 'COMMITTED'"


@pytest.fixture(params=[100, -1], ids=["in one part", "in 256 parts"])
def parts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aerostore.service.inventory._FEW", request.param)
    monkeypatch.setattr("aerostore.service.inventory._BATCH", 2)


def look(stage: Stage) -> ReclaimReport:
    stage.clock.advance(GRACE_S + 60)
    stage.backend.calls.clear()
    return stage.run(stage.reclaim.run(apply=False))


@pytest.mark.usefixtures("parts")
def test_a_look_finds_what_is_on_one_side_only(stage: Stage) -> None:
    for name in put_many(stage, OBJECTS)[:3]:
        stage.delete(name)
    orphans = [add_orphan(stage, f"orphan {number}".encode()) for number in range(5)]
    kept = sorted(row["backend_key"] for row in stage.rows(COMMITTED))
    lost = [kept[0], kept[7], kept[-1]]
    for key in lost:
        stage.run(stage.backend.delete(key))
    report = look(stage)
    assert sorted(report.orphan_keys) == sorted(orphans)
    assert sorted(report.missing) == lost
    assert (report.scanned, report.orphans, report.missing_count) == (OBJECTS + 5 - 3, 5, 3)


@pytest.mark.usefixtures("parts")
def test_a_row_with_another_length_than_its_bytes_is_missing_them(stage: Stage) -> None:
    put_many(stage, 3)
    stage.rows("UPDATE storage_blobs SET size_bytes = size_bytes + 1")
    assert look(stage).missing_count == 3


@pytest.mark.usefixtures("parts")
def test_a_look_asks_the_backend_for_no_length_that_it_has_listed(stage: Stage) -> None:
    put_many(stage, OBJECTS)
    assert look(stage).missing_count == 0
    assert "size" not in stage.backend.calls
