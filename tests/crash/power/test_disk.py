"""The disk by itself: what a power cut must leave, what it may take, and what no disk would do."""

import errno
import random
from collections.abc import Callable

import pytest

from tests.crash.power.crash_point import choose_crash_points
from tests.crash.power.disk import Disk
from tests.crash.power.image import Image
from tests.crash.power.operation import ROOT, Sync
from tests.crash.power.survival import DATA_ONLY, EXTREMES, NAMES_ONLY, NOTHING, Survival, draw
from tests.crash.power.tree import Tree

CUTS = 200


@pytest.fixture
def tree() -> Tree:
    return Tree()


def put(tree: Tree, path: str, content: bytes, *, synced: bool = True) -> None:
    node = tree.create(path, 0o600)
    tree.write(node, content, 0)
    if synced:
        tree.sync(node)


def sync(tree: Tree, path: str) -> None:
    tree.sync(tree.find(path))


def cut(tree: Tree, survival: Survival, seed: int = 0) -> Image:
    return Disk(tree.history).cut(survival, random.Random(seed))


def contents(image: Image) -> dict[str, bytes]:
    return {path: bytes(file.content) for path, file in image.files.items()}


def many_cuts(tree: Tree) -> list[dict[str, bytes]]:
    chance = random.Random(1)
    survivals = [*EXTREMES, *(draw(chance) for _ in range(CUTS))]
    return [contents(cut(tree, survival, seed)) for seed, survival in enumerate(survivals)]


def test_synced_bytes_with_a_synced_name_survive_every_cut(tree: Tree) -> None:
    put(tree, "/a", b"content")
    sync(tree, "/")
    assert all(left == {"a": b"content"} for left in many_cuts(tree))


def test_syncing_a_file_does_not_make_its_name_durable(tree: Tree) -> None:
    put(tree, "/a", b"content")
    assert contents(cut(tree, NOTHING)) == {}
    assert contents(cut(tree, NAMES_ONLY)) == {"a": b"content"}


def test_syncing_a_name_does_not_make_the_bytes_durable(tree: Tree) -> None:
    put(tree, "/a", b"content", synced=False)
    sync(tree, "/")
    left = {content["a"] for content in many_cuts(tree)}
    assert left == {b"", bytes(7), b"content"}


def test_a_folder_whose_name_is_not_durable_takes_everything_in_it_along(tree: Tree) -> None:
    tree.make_folder("/folder", 0o700)
    put(tree, "/folder/a", b"content")
    sync(tree, "/folder")
    assert contents(cut(tree, NOTHING)) == {}
    sync(tree, "/")
    assert contents(cut(tree, NOTHING)) == {"folder/a": b"content"}


def test_a_link_is_there_or_not_and_neither_name_needs_the_other(tree: Tree) -> None:
    put(tree, "/old", b"content")
    sync(tree, "/")
    tree.link("/old", "/new")
    tree.unlink("/old")
    left = {tuple(sorted(content)) for content in many_cuts(tree)}
    assert left == {("old",), ("new", "old"), ("new",), ()}


def test_a_rename_is_the_old_or_the_new_name_never_both_or_neither(tree: Tree) -> None:
    put(tree, "/a", b"old")
    sync(tree, "/")
    put(tree, "/b", b"new")
    tree.rename("/b", "/a")
    left = [content["a"] for content in many_cuts(tree)]
    assert set(left) == {b"old", b"new"}


def test_a_rename_between_folders_is_durable_when_either_is_synced(tree: Tree) -> None:
    for folder in ("/here", "/there"):
        tree.make_folder(folder, 0o700)
    put(tree, "/here/a", b"content")
    sync(tree, "/")
    tree.rename("/here/a", "/there/b")
    sync(tree, "/there")
    assert all(left == {"there/b": b"content"} for left in many_cuts(tree))


def test_unsynced_bytes_are_torn_at_sectors_only_and_a_hole_reads_as_zeros(tree: Tree) -> None:
    put(tree, "/a", b"x" * 2048, synced=False)
    sync(tree, "/")
    sectors = {
        content["a"][start : start + 512] for content in many_cuts(tree) for start in range(0, 2048, 512)
    }
    assert sectors == {b"", bytes(512), b"x" * 512}


def test_a_sector_never_holds_later_bytes_without_the_earlier_ones(tree: Tree) -> None:
    put(tree, "/a", b"1" * 10, synced=False)
    tree.write(tree.find("/a"), b"2", 10)
    sync(tree, "/")
    left = {content["a"].rstrip(b"\0") for content in many_cuts(tree)}
    assert left == {b"", b"1" * 10, b"1" * 10 + b"2"}


def test_sectors_survive_in_any_order(tree: Tree) -> None:
    put(tree, "/a", b"1" * 512, synced=False)
    tree.write(tree.find("/a"), b"2" * 512, 512)
    sync(tree, "/")
    assert bytes(512) + b"2" * 512 in {content["a"] for content in many_cuts(tree)}


def test_a_shorter_length_is_durable_with_the_next_sync_only(tree: Tree) -> None:
    put(tree, "/a", b"content")
    sync(tree, "/")
    tree.truncate(tree.find("/a"), 3)
    assert contents(cut(tree, NOTHING)) == {"a": b"content"}
    assert contents(cut(tree, DATA_ONLY)) == {"a": b"con"}
    sync(tree, "/a")
    assert all(left == {"a": b"con"} for left in many_cuts(tree))


def test_what_a_failed_sync_dropped_no_later_sync_writes(tree: Tree) -> None:
    put(tree, "/a", b"content", synced=False)
    tree.sync(tree.find("/a"), failed=True)
    sync(tree, "/a")
    sync(tree, "/")
    assert contents(cut(tree, DATA_ONLY)) == {"a": b""}
    tree.write(tree.find("/a"), b"again", 0)
    sync(tree, "/a")
    assert contents(cut(tree, NOTHING)) == {"a": b"again"}


def test_names_that_a_failed_sync_left_behind_are_durable_with_the_next_one(tree: Tree) -> None:
    put(tree, "/a", b"content")
    tree.sync(tree.find("/"), failed=True)
    assert contents(cut(tree, NOTHING)) == {}
    sync(tree, "/")
    assert contents(cut(tree, NOTHING)) == {"a": b"content"}


def test_the_same_seed_makes_the_same_cut(tree: Tree) -> None:
    for number in range(20):
        put(tree, f"/{number}", b"x" * 3000, synced=number % 2 == 0)
    survival = draw(random.Random(3))
    assert contents(cut(tree, survival, 5)) == contents(cut(tree, survival, 5))
    assert contents(cut(tree, survival, 5)) != contents(cut(tree, survival, 6))


def test_a_cut_tells_what_was_lost(tree: Tree) -> None:
    put(tree, "/a", b"content", synced=False)
    sync(tree, "/")
    put(tree, "/b", b"content")
    assert cut(tree, NOTHING).lost == ["create /b", "bytes of 7 at 0 of a"]


def test_a_history_in_order_never_shows_a_later_name_without_an_earlier_one(tree: Tree) -> None:
    for number in range(9):
        put(tree, f"/{number}", b"")
    journal = Survival(data=1, names=0.5, in_order=True)
    left = {"".join(sorted(contents(cut(tree, journal, seed)))) for seed in range(CUTS)}
    assert all("012345678".startswith(names) for names in left)
    assert len(left) > 5


def test_the_next_life_begins_with_what_was_left(tree: Tree) -> None:
    tree.make_folder("/folder", 0o700)
    put(tree, "/folder/a", b"content")
    sync(tree, "/folder")
    sync(tree, "/")
    again = Tree(cut(tree, NOTHING).as_history())
    assert bytes(again.find("/folder/a").content) == b"content"
    assert all(left == {"folder/a": b"content"} for left in many_cuts(again))


def test_crash_points_are_at_answers_and_around_syncs(tree: Tree) -> None:
    put(tree, "/a", b"1")
    first = len(tree.history)
    tree.write(tree.find("/a"), b"2", 0)
    tree.sync(tree.find("/a"))
    assert tree.history[first + 1] == Sync(tree.find("/a").inode)
    chosen = choose_crash_points(tree.history, [first], first, 20, random.Random(0))
    assert chosen == [first, first + 1, first + 2]


def test_crash_points_are_as_many_as_wanted_and_some_are_right_after_links(tree: Tree) -> None:
    put(tree, "/a", b"")
    for number in range(40):
        tree.link("/a", f"/{number}")
    links = set(range(3, 43))
    answers = list(range(0, 40, 2))
    chosen = choose_crash_points(tree.history, answers, 0, 20, random.Random(0))
    assert len(chosen) == 20
    assert len(links & set(chosen)) >= 5
    assert len(set(answers) & set(chosen)) >= 10


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda tree: tree.find("/none"), errno.ENOENT),
        (lambda tree: tree.find("/a/b"), errno.ENOTDIR),
        (lambda tree: tree.create("/a", 0o600), errno.EEXIST),
        (lambda tree: tree.link("/a", "/folder"), errno.EEXIST),
        (lambda tree: tree.unlink("/folder"), errno.EISDIR),
        (lambda tree: tree.remove_folder("/a"), errno.ENOTDIR),
        (lambda tree: tree.remove_folder("/folder"), errno.ENOTEMPTY),
    ],
)  # fmt: skip
def test_a_tree_refuses_as_a_file_system_does(
    tree: Tree, change: Callable[[Tree], object], error: int
) -> None:
    put(tree, "/a", b"")
    tree.make_folder("/folder", 0o700)
    put(tree, "/folder/b", b"")
    before = list(tree.history)
    with pytest.raises(OSError) as refusal:
        change(tree)
    assert refusal.value.errno == error
    assert tree.history == before
    assert tree.nodes[ROOT].names.keys() == {"a", "folder"}
