"""Bytes that went missing under a live row: an upload of the same content mends them."""

import pytest

from aerostore.errors import Corrupted
from tests.faults import Afterwards
from tests.service.conftest import MakeStage
from tests.service.stage import GRACE_S, STRANGER, Stage


def lose_bytes(stage: Stage) -> str:
    (key,) = stage.keys_of_bytes()
    stage.run(stage.backend.delete(key))
    return key


@pytest.mark.parametrize("name", ["a", "another"])
def test_uploading_the_same_content_again_mends_every_object_that_has_it(stage: Stage, name: str) -> None:
    stage.put("a")
    stage.put("theirs", by=STRANGER)
    lose_bytes(stage)
    with pytest.raises(Corrupted):
        stage.get("a")
    stage.put(name, upsert=True)
    assert stage.get(name) == b"content"
    assert stage.get("a") == b"content"
    assert stage.get("theirs", by=STRANGER) == b"content"
    assert len(stage.keys_of_bytes()) == 1


def test_bytes_that_are_whole_are_kept_and_the_new_ones_dropped(stage: Stage) -> None:
    stage.put("a")
    (before,) = stage.keys_of_bytes()
    stage.put("b")
    assert stage.keys_of_bytes() == {before}


def test_bytes_that_somebody_else_mended_meanwhile_stay(make_stage: MakeStage) -> None:
    stage = make_stage(plan={"size": [Afterwards(Corrupted())]})
    stage.put("a")
    (old,) = stage.keys_of_bytes()
    stage.put("b")  # the look at the old bytes fails although they are there
    assert stage.get("a") == stage.get("b") == b"content"
    assert len(stage.rows("SELECT 1 FROM storage_blobs")) == 1
    assert stage.rows(f"SELECT 1 FROM storage_blobs WHERE backend_key = '{old}'") == []


def test_a_wrong_ref_count_does_not_cost_bytes(stage: Stage) -> None:
    stage.put("a")
    stage.rows("UPDATE storage_blobs SET ref_count = 0")
    assert stage.rows("SELECT status FROM storage_blobs") == [{"status": "DELETING"}]
    for _ in range(3):
        stage.clock.advance(GRACE_S + 60)
        assert stage.run(stage.reclaim.run(apply=True)).released_removed == 0
    assert stage.get("a") == b"content"
