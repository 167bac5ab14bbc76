"""Reclaim removes bytes durably before their row: `aerostore reclaim` under strace."""

import posixpath
import shutil
from pathlib import Path

import pytest

from tests.crash.invariants import Place, check_invariants
from tests.crash.server import wait_until

from .exchange import Calls
from .rule import Step, check_chain
from .scene import Scene, calls_in
from .traced import run_traced


@pytest.fixture
def place(scene: Scene, tmp_path: Path) -> Place:
    """A copy of the rows and bytes that the requests left: those of one replaced object wait for reclaim."""
    shutil.copytree(scene.place.data_dir, tmp_path / "data")
    return Place(tmp_path / "data")


def released_keys(place: Place) -> list[str]:
    return [key for (key,) in place.rows("SELECT backend_key FROM storage_blobs WHERE status = 'DELETING'")]


def reclaim_until_gone(place: Place, file: Path, trace: Path, *options: str) -> None:
    """Run reclaim until its grace of a second is over and `file` is gone; the last run is in `trace`."""

    def is_gone() -> bool:
        run_traced(place.data_dir, trace, "reclaim", "--apply", options=options, reclaim_grace="1")
        return not file.exists()

    wait_until(is_gone, "reclaim removes the released bytes")


def test_bytes_are_gone_for_good_before_their_row_goes(place: Place, tmp_path: Path) -> None:
    (key,) = released_keys(place)
    file, trace = place.blobs_dir / key, tmp_path / "trace"
    reclaim_until_gone(place, file, trace)
    everything = Calls(calls=calls_in(trace))
    (removed,) = everything.unlinks(str(place.blobs_dir / "sha256"))
    later = everything.after(removed)
    log = f"{place.data_dir}/aerostore.db-wal"
    assert removed.target == str(file)
    check_chain(
        Step("the bytes lose their name", [removed]),
        Step("the directory is synced", later.syncs(posixpath.dirname(removed.target))),
        Step("rows are written", later.writes(log)),
        Step("rows are synced", later.syncs(log)[-1:]),
    )
    assert released_keys(place) == []
    check_invariants(place)


def test_a_row_outlives_a_removal_that_the_disk_did_not_confirm(place: Place, tmp_path: Path) -> None:
    (key,) = released_keys(place)
    file = place.blobs_dir / key
    failing = ("-P", str(file.parent), "-e", "inject=fsync:error=EIO")
    reclaim_until_gone(place, file, tmp_path / "trace", *failing)
    assert released_keys(place) == [key]
    run_traced(place.data_dir, tmp_path / "trace", "reclaim", "--apply", reclaim_grace="1")
    assert released_keys(place) == []
