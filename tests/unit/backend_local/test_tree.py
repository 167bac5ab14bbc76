"""What lies in the tree: links, strangers' files, permissions, leftovers."""

import os
import stat
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aerostore.backend.local import LocalBackend
from aerostore.errors import Corrupted, Unavailable
from tests.blobs import CONTENT, MIB, blob_id, put, read, run, stored
from tests.unit.backend_local.system_calls import DESCRIPTORS, files_below


@pytest.mark.parametrize("planted", ["file", "directory", "fifo"])
def test_what_was_planted_at_a_key_is_not_served(
    backend: LocalBackend, root: Path, tmp_path: Path, planted: str
) -> None:
    receipt = run(put(backend, CONTENT))
    path, secret = root / receipt.key, tmp_path / "secret"
    secret.write_bytes(CONTENT)
    path.unlink()
    if planted == "file":
        path.symlink_to(secret)
    elif planted == "directory":
        secret_directory = tmp_path / "secrets"
        secret_directory.mkdir()
        (secret_directory / path.name).write_bytes(CONTENT)
        path.parent.rmdir()
        path.parent.symlink_to(secret_directory)
    else:
        os.mkfifo(path)

    async def scenario() -> None:
        with pytest.raises(Corrupted):
            await backend.open(receipt.key)
        with pytest.raises(Corrupted):
            await backend.size(receipt.key)
        assert not await backend.exists(receipt.key)
        assert await stored(backend) == {}
        await backend.delete(receipt.key)

    run(scenario())
    assert secret.read_bytes() == CONTENT
    assert len(files_below(tmp_path / "secrets")) == (1 if planted == "directory" else 0)


def test_a_write_does_not_follow_a_planted_directory(
    backend: LocalBackend, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (root / "meta" / "kind").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unavailable):
        run(backend.write_if_absent("meta/kind/a", CONTENT))
    assert files_below(tmp_path / "elsewhere") == []


@pytest.mark.parametrize("top", ["sha256", "meta", "tmp"])
def test_a_tree_whose_top_directory_is_a_link_is_unavailable(root: Path, tmp_path: Path, top: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    root.mkdir()
    (root / top).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unavailable):
        LocalBackend(root)


def test_close_lets_go_of_every_directory_and_may_be_repeated(root: Path) -> None:
    before = os.listdir(DESCRIPTORS)
    backend = LocalBackend(root)
    assert os.listdir(DESCRIPTORS) != before
    for _ in range(2):
        run(backend.close())
    assert os.listdir(DESCRIPTORS) == before


def test_a_backend_that_nobody_closed_lets_go_of_its_directories(root: Path) -> None:
    before = os.listdir(DESCRIPTORS)
    LocalBackend(root)
    assert os.listdir(DESCRIPTORS) == before


def test_keys_that_point_outside_reach_no_file(backend: LocalBackend, root: Path) -> None:
    receipt = run(put(backend, CONTENT))
    outside = root.parent / "outside"
    outside.write_bytes(CONTENT)
    shard = "/".join(receipt.key.split("/")[:2])

    async def scenario() -> None:
        for key in (f"{shard}/../../../outside", "meta/../../outside", str(outside), f"./{receipt.key}"):
            with pytest.raises(Corrupted):
                await backend.open(key)
            await backend.delete(key)
        assert await read(backend, receipt.key) == CONTENT

    run(scenario())
    assert outside.exists()


def test_directories_are_0700_and_files_0600_whatever_the_umask(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        backend = LocalBackend(tmp_path / "new" / "data")
        run(put(backend, CONTENT))
        run(backend.write_if_absent("meta/kind/a", CONTENT))
        run(backend.close())
    finally:
        os.umask(previous)
    made = [tmp_path / "new", *(tmp_path / "new").rglob("*")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in made if path.is_dir()} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in made if path.is_file()} == {0o600}
    assert len(files_below(tmp_path)) == 2


def test_an_unnamed_file_shows_nothing_while_it_is_written(root: Path) -> None:
    backend = LocalBackend(root)

    async def scenario() -> None:
        async def looking() -> AsyncIterator[bytes]:
            for _ in range(4):
                yield bytes(MIB)
                assert files_below(root) == []

        await backend.write(looking(), blob_id=blob_id())
        await backend.close()

    run(scenario())


def test_sweep_removes_what_a_crash_left_and_spares_the_young(backend: LocalBackend, root: Path) -> None:
    now = datetime(2026, 1, 31, tzinfo=UTC)
    for name, age in (("old", timedelta(hours=2)), ("young", timedelta(minutes=30))):
        (root / "tmp" / name).touch()
        os.utime(root / "tmp" / name, times=((now - age).timestamp(),) * 2)
    assert run(backend.sweep(now - timedelta(hours=1))) == 1
    assert [path.name for path in files_below(root)] == ["young"]


def test_a_write_that_sweep_takes_for_a_leftover_fails_as_a_whole(root: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr("os.O_TMPFILE")
        backend = LocalBackend(root)

    async def scenario() -> None:
        async def slow() -> AsyncIterator[bytes]:
            yield bytes(2 * MIB)
            yield bytes(2 * MIB)
            assert await backend.sweep(datetime.now(UTC) + timedelta(days=1)) == 1

        with pytest.raises(Unavailable):
            await backend.write(slow(), blob_id=blob_id())
        assert await stored(backend) == {}
        await backend.close()

    run(scenario())
    assert files_below(root) == []


def test_sweep_passes_over_a_file_that_a_write_removes_meanwhile(
    backend: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "tmp" / "gone").touch()
    unlink = os.unlink

    def late(*arguments: Any, **options: Any) -> None:
        unlink(*arguments, **options)
        unlink(*arguments, **options)

    monkeypatch.setattr("os.unlink", late)
    assert run(backend.sweep(datetime.now(UTC) + timedelta(days=1))) == 0


def test_a_directory_that_somebody_removed_is_made_anew(backend: LocalBackend, root: Path) -> None:
    receipt = run(put(backend, CONTENT))
    run(backend.delete(receipt.key))
    (root / receipt.key).parent.rmdir()
    assert run(read(backend, run(put(backend, CONTENT)).key)) == CONTENT


def test_list_passes_over_temporary_and_foreign_files(backend: LocalBackend, root: Path) -> None:
    receipt = run(put(backend, CONTENT))
    shard = (root / receipt.key).parent
    (root / "tmp" / "left").touch()
    (root / "notes.txt").touch()
    (shard / "notes.txt").touch()
    (shard / f"{receipt.sha256}.{uuid.UUID(int=0)}~").touch()
    (shard / os.fsdecode(b"\xff")).touch()
    (root / "sha256" / "zz").mkdir()
    (root / "sha256" / "zz" / Path(receipt.key).name).touch()
    assert set(run(stored(backend))) == {receipt.key}
