"""The listing statements against a model in plain Python, over hostile names, on every executor."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aerostore.domain import check_object_name
from aerostore.errors import InvalidKey
from aerostore.executor import Executor, Statement
from aerostore.executor import statements as sql
from tests.conformance.executor_fixture import (
    EVERY_EXECUTOR,
    EXECUTORS,
    Rights,
    add_bucket,
    add_objects,
    rows,
    write,
)

ALPHABET = "aAbB/.-0~ äÄ日\U0001f600"
DELIMITER = "/"


def is_allowed(name: str) -> bool:
    try:
        check_object_name(name)
    except InvalidKey:
        return False
    return True


NAMES = st.lists(st.text(ALPHABET, min_size=1, max_size=7).filter(is_allowed), unique=True, max_size=14)
PREFIXES = st.text(ALPHABET, max_size=3)
ORDERS = st.sampled_from(["asc", "desc"])


def fold(text: str) -> str:
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


def entry_of(name: str, depth: int) -> str:
    """Return the folder below the first `depth` characters that `name` is in, or else `name`."""
    head, delimiter, _ = name[depth:].partition(DELIMITER)
    return name[:depth] + head + delimiter


def in_order(names: Sequence[str], order: str, key: Callable[[str], Any] = str.encode) -> list[str]:
    return sorted(names, key=key, reverse=order == "desc")


def firsts(names: Sequence[str], key: Callable[[str], str]) -> list[str]:
    return [next(group) for _, group in groupby(names, key)]


@dataclass(frozen=True)
class Shelf:
    """An executor that lives for the whole module, and the loop that it runs on."""

    runner: asyncio.Runner
    executor: Executor

    def fill(self, names: Sequence[str]) -> None:
        async def refill() -> None:
            await write(self.executor, Statement(sql="DELETE FROM storage_objects"))
            await add_objects(self.executor, *names)

        self.runner.run(refill())

    def names(self, statement: Statement) -> list[str]:
        return [row["name"] for row in self.runner.run(rows(self.executor, statement))]


@pytest.fixture(scope="module", params=EVERY_EXECUTOR)
def shelf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    executor = EXECUTORS[request.param](request, tmp_path_factory.mktemp("listing"))(Rights())
    with asyncio.Runner() as runner:
        runner.run(executor.start())
        runner.run(add_bucket(executor))
        runner.run(add_bucket(executor, "neighbour"))
        runner.run(add_objects(executor, "a", "A/b", "日", bucket_id="neighbour"))
        yield Shelf(runner, executor)
        runner.run(executor.close())


@settings(max_examples=150, deadline=None)
@given(names=NAMES, prefix=PREFIXES, order=ORDERS, limit=st.integers(1, 20))
def test_list_names_is_the_sorted_range(
    shelf: Shelf, names: list[str], prefix: str, order: str, limit: int
) -> None:
    shelf.fill(names)
    model = in_order([name for name in names if name.startswith(prefix)], order)
    statement = sql.list_names("photos", lower=prefix, upper=sql.successor(prefix), order=order, limit=limit)
    assert shelf.names(statement) == model[:limit]


@settings(max_examples=250, deadline=None)
@given(names=NAMES, prefix=PREFIXES, order=ORDERS, limit=st.integers(1, 20))
@example(names=["a/", "a/b", "a/b/c", "a0", "a"], prefix="a/", order="desc", limit=9)
def test_list_entries_is_the_first_name_of_each_entry(
    shelf: Shelf, names: list[str], prefix: str, order: str, limit: int
) -> None:
    shelf.fill(names)
    matching = in_order([name for name in names if name.startswith(prefix)], order)
    model = firsts(matching, lambda name: entry_of(name, len(prefix)))
    statement = sql.list_entries(
        "photos",
        prefix_length=len(prefix),
        delimiter=DELIMITER,
        lower=prefix,
        upper=sql.successor(prefix),
        order=order,
        limit=limit,
    )
    assert shelf.names(statement) == model[:limit]


@settings(max_examples=250, deadline=None)
@given(names=NAMES, prefix=PREFIXES, order=ORDERS, limit=st.integers(1, 20))
@example(names=["Foo/1", "foo/2", "FOO", "foo", "foo/3", "fooA"], prefix="F", order="desc", limit=9)
@example(names=["p.zip", "p/1", "p-old", "p 2", "px"], prefix="", order="asc", limit=9)
def test_list_folded_entries_is_the_first_name_of_each_entry_in_any_case(
    shelf: Shelf, names: list[str], prefix: str, order: str, limit: int
) -> None:
    shelf.fill(names)
    depth = prefix.rfind(DELIMITER) + 1
    matching = [name for name in names if fold(name).startswith(fold(prefix))]
    ordered = in_order(matching, order, lambda name: (folders_first(name).encode(), name.encode()))
    model = firsts(ordered, lambda name: folded_entry(name, depth))
    statement = sql.list_folded_entries(
        "photos",
        prefix_length=depth,
        lower=folders_first(prefix),
        upper=sql.successor(folders_first(prefix)),
        order=order,
        limit=limit,
    )
    assert shelf.names(statement) == model[:limit]


def folders_first(text: str) -> str:
    """Fold `text` so that a folder sorts right after what it is called: "a", "a/b", "a b", "a.b"."""
    return fold(text).replace(DELIMITER, "\t")


def folded_entry(name: str, depth: int) -> str:
    """Folders are one whatever their case, objects are not."""
    entry = entry_of(name, depth)
    return fold(entry) if entry.endswith(DELIMITER) and len(entry) > depth else name


@settings(max_examples=100, deadline=None)
@given(names=NAMES, prefix=PREFIXES, order=ORDERS, limit=st.integers(0, 9), offset=st.integers(0, 5))
def test_list_folded_files_is_a_page_of_the_objects_outside_folders(
    shelf: Shelf, names: list[str], prefix: str, order: str, limit: int, offset: int
) -> None:
    shelf.fill(names)
    depth = prefix.rfind(DELIMITER) + 1
    files = [name for name in names if fold(name).startswith(fold(prefix)) and DELIMITER not in name[depth:]]
    statement = sql.folder.list_folded_files(
        "photos",
        prefix_length=depth,
        lower=folders_first(prefix),
        upper=sql.successor(folders_first(prefix)),
        column="created_at",
        order=order,
        limit=limit,
        offset=offset,
    )
    assert shelf.names(statement) == in_order(files, order)[offset : offset + limit]


@given(text=st.text(max_size=4), prefix=st.text(max_size=3))
@example(text="\ud7ff\ue000", prefix="\ud7ff")
@example(text="\U0010ffff", prefix="\U0010ffff")
def test_successor_bounds_exactly_the_texts_with_a_prefix(text: str, prefix: str) -> None:
    bound = sql.successor(prefix)
    assert text.startswith(prefix) == (prefix <= text and (bound is None or text < bound))
    assert bound is None or (bound > prefix and bound.encode())


def test_an_unknown_sort_column_never_reaches_the_database() -> None:
    with pytest.raises(ValueError, match="1; DROP"):
        sql.list_buckets(search=None, column="1; DROP", order="asc", limit=None, offset=0)
