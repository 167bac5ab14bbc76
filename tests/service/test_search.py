"""Counting and searching: what a caller may see, and a bound on the work of one request."""

import pytest

from aerostore.domain import RlsContext
from aerostore.errors import InvalidParameter, NoSuchBucket
from aerostore.service.search import Count, Search, SearchPage, SearchQuery
from tests.service.conftest import in_memory
from tests.service.stage import ANON, OWNER, SERVICE, STRANGER, Stage


def find(stage: Stage, text: str, by: RlsContext = OWNER, **options: object) -> SearchPage:
    query = SearchQuery(text=text, **options)  # type: ignore[arg-type] # options of the query, by name
    return stage.run(Search(stage.executor, names_at_once=4).find(by, "photos", query))


def names(page: SearchPage) -> list[str]:
    return [each.name for each in page.objects]


def test_a_count_has_objects_and_bytes_under_the_prefix(stage: Stage) -> None:
    for name, content in {"a/1": b"12", "a/b/2": b"345", "ab": b"6", "b": b""}.items():
        stage.put(name, content)
    count = stage.storage.search.count
    assert stage.run(count(OWNER, "photos", "a/")) == Count(2, 5, complete=True)
    assert stage.run(count(OWNER, "photos")) == Count(4, 6, complete=True)
    assert stage.run(count(OWNER, "photos", "none/")) == Count(0, 0, complete=True)


def test_a_count_stops_where_it_is_told_and_says_so(stage: Stage) -> None:
    for number in range(3):
        stage.put(f"a/{number}")
    search = Search(stage.executor, counted_at_most=2)
    assert stage.run(search.count(OWNER, "photos", "a/")) == Count(2, 14, complete=False)


def test_what_policies_hide_is_neither_counted_nor_found(stage: Stage) -> None:
    stage.put("mine", b"12")
    stage.put("mine too", b"345", by=STRANGER)
    assert stage.run(stage.storage.search.count(OWNER, "photos")).objects == 1
    assert stage.run(stage.storage.search.count(ANON, "photos")) == Count(0, 0, complete=True)
    assert names(find(stage, "mine")) == ["mine"]
    assert names(find(stage, "mine", ANON)) == []
    assert names(find(stage, "mine", SERVICE)) == ["mine", "mine too"]


def test_sizes_that_are_no_numbers_count_for_nothing(stage: Stage) -> None:
    stage.put("a", b"12")
    stage.put("b", b"345")
    stage.rows("""UPDATE storage_objects SET metadata = '{"size": "many"}' WHERE name = 'a'""")
    assert stage.run(stage.storage.search.count(OWNER, "photos")) == Count(2, 3, complete=True)


def test_a_bucket_that_is_not_there_is_said_so(stage: Stage) -> None:
    with pytest.raises(NoSuchBucket):
        stage.run(stage.storage.search.count(OWNER, "none"))
    with pytest.raises(NoSuchBucket):
        stage.run(stage.storage.search.find(OWNER, "none", SearchQuery(text="a")))


def test_buckets_are_measured_for_whoever_may_see_them(stage: Stage) -> None:
    stage.put("a", b"12")
    measure = stage.storage.search.measure
    assert stage.run(measure(SERVICE, ["photos", "none"])) == {"photos": Count(1, 2, complete=True)}
    assert stage.run(measure(OWNER, ["photos"])) == {}


def test_names_are_found_by_any_part_in_any_case(stage: Stage) -> None:
    for name in ("Report.PDF", "a/report 2.txt", "repor", "Ärger.txt", "cafe\u0301"):
        stage.put(name)
    search = stage.storage.search.find

    def found(text: str) -> list[str]:
        return names(stage.run(search(OWNER, "photos", SearchQuery(text=text))))

    assert found("report") == ["Report.PDF", "a/report 2.txt"]
    assert found("ärGER") == ["Ärger.txt"]
    assert found("\N{LATIN SMALL LETTER E WITH ACUTE}".upper()) == ["cafe\u0301"]
    assert found("%") == found("_") == []


def test_a_folder_is_searched_behind_its_own_name(stage: Stage) -> None:
    for name in ("photos/1", "photos/photo 2", "other/photo"):
        stage.put(name)
    assert names(find(stage, "photo", prefix="photos/")) == ["photos/photo 2"]


def test_pages_meet_every_name_once_also_where_nothing_matches(stage: Stage) -> None:
    for number in range(10):
        stage.put(f"{number}-{'hit' if number in (0, 1, 2, 9) else 'miss'}")
    pages, cursor = [], None
    while True:
        page = find(stage, "hit", limit=2, cursor=cursor)
        pages.append((names(page), page.scanned))
        cursor = page.cursor
        if cursor is None:
            break
    assert [name for found, _ in pages for name in found] == ["0-hit", "1-hit", "2-hit", "9-hit"]
    assert sum(scanned for _, scanned in pages) == 10
    assert all(scanned <= 4 for _, scanned in pages)


@in_memory
@pytest.mark.parametrize("cursor", ["%", "é", "A", "/w==", "_w=="])
def test_a_cursor_of_somebody_else_is_refused(stage: Stage, cursor: str) -> None:
    with pytest.raises(InvalidParameter):
        find(stage, "a", cursor=cursor)


@in_memory
def test_an_empty_text_is_refused(stage: Stage) -> None:
    with pytest.raises(InvalidParameter):
        find(stage, "")
