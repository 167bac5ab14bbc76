"""Text that is a pattern, a path or SQL to somebody: in searches, sort orders and cursors."""

import base64
from collections.abc import Iterator

import httpx
import pytest

from tests.contract.client import Target, error_of, put_object, unique

SERVER_FAILURE = 500
NAMES = ["a%b", "a_b", "a\\b", "axb", "a'b", 'a"b', "a*b", "a.b", "a[b]", "(a+)+$", "$.a", "{a}", "a\u0430b"]
PATTERNS = [
    *("%", "_", "%%", "a%", "a_", "_%", "\\%", "\\", "\\\\", "a\\", "*", "?", ".*", "a.b", "^a", "a$"),
    *("[a-z]", "(a+)+$", "(?i)A", "a|b", "'", "''", "' OR '1'='1", '"', "$.*", "$$", "{}", "NULL"),
    *("'; DROP TABLE storage_objects; --", "%(name)s", ":name", "?1", "E'\\x61'", "a' ESCAPE 'a"),
    *("\u202e", "\ufffe", "\U0010ffff"),
]
COLUMNS = [
    *("owner_id", "owner", "bucket_id", "metadata", "metadata->>'size'", "user_metadata", "blob_id"),
    *("name; DROP TABLE storage_objects", "name DESC, id", "(SELECT 1)", "1", "", "NAME", "name ", "rowid"),
    *("name'--", 'name"', "CASE WHEN 1=1 THEN name END", "pg_sleep(5)", "__proto__", "name\0"),
]


@pytest.fixture(scope="module")
def owned(target: Target) -> Iterator[tuple[httpx.Client, str]]:
    """Somebody, and a bucket in which they and somebody else have objects with names like patterns."""
    bucket = unique("search")
    with target.connect(target.token("service_role")) as service:
        assert service.post("/bucket", json={"name": bucket}).is_success
        assert put_object(service, bucket, "foreign").is_success
    with target.connect(target.token("authenticated", sub=unique("searcher"))) as caller:
        for name in NAMES:
            assert put_object(caller, bucket, name).is_success
        yield caller, bucket


def listed(caller: httpx.Client, bucket: str, **body: object) -> list[str]:
    answer = caller.post(f"/object/list/{bucket}", json={"prefix": ""} | body)
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json()]


def listed_v2(caller: httpx.Client, bucket: str, **body: object) -> list[str]:
    answer = caller.post(f"/object/list-v2/{bucket}", json=body)
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json()["objects"]]


@pytest.mark.parametrize("text", PATTERNS, ids=ascii)
def test_a_search_is_a_beginning_and_nothing_else(owned: tuple[httpx.Client, str], text: str) -> None:
    caller, bucket = owned
    beginning = {name for name in NAMES if name.lower().startswith(text.lower())}
    assert set(listed(caller, bucket, search=text)) == beginning
    assert set(listed_v2(caller, bucket, prefix=text)) == {n for n in NAMES if n.startswith(text)}
    # A prefix is a folder to v1, and none of these is one.
    assert listed(caller, bucket, prefix=text) == []


@pytest.mark.parametrize("column", COLUMNS, ids=ascii)
def test_a_sort_column_is_one_of_a_few_words(owned: tuple[httpx.Client, str], column: str) -> None:
    caller, bucket = owned
    for path in (f"/object/list/{bucket}", f"/object/list-v2/{bucket}"):
        answer = caller.post(path, json={"prefix": "", "sortBy": {"column": column}})
        assert error_of(answer).status_code == "400"
    assert error_of(caller.get("/bucket", params={"sortColumn": column})).status_code == "400"


@pytest.mark.parametrize("order", ["asc; --", "ASC", "desc nulls first", "", "random()", "asc\0", "1"])
def test_a_sort_order_is_one_of_two_words(owned: tuple[httpx.Client, str], order: str) -> None:
    caller, bucket = owned
    for path in (f"/object/list/{bucket}", f"/object/list-v2/{bucket}"):
        answer = caller.post(path, json={"prefix": "", "sortBy": {"column": "name", "order": order}})
        assert error_of(answer).status_code == "400"
    assert error_of(caller.get("/bucket", params={"sortOrder": order})).status_code == "400"


@pytest.mark.parametrize("number", [-1, 1.5, "1; --", [1], {"$gt": 0}, 2**63, 2**200, "1e3"], ids=repr)
def test_a_number_of_a_page_is_a_number(owned: tuple[httpx.Client, str], number: object) -> None:
    caller, bucket = owned
    for field in ("limit", "offset"):
        answer = caller.post(f"/object/list/{bucket}", json={"prefix": "", field: number})
        assert answer.status_code < SERVER_FAILURE
    assert caller.post(f"/object/list-v2/{bucket}", json={"limit": number}).status_code < SERVER_FAILURE
    for field in ("limit", "offset"):
        assert caller.get("/bucket", params={field: str(number)}).status_code < SERVER_FAILURE


def rewritten(lines: list[str]) -> Iterator[str]:
    """Yield the text of a cursor with each of its lines replaced, doubled or left out."""
    hostile = ["' OR 1=1 --", "foreign", "", "-1", "\0", "owner_id", "id; --", "9" * 100, "\ud7ff", "a\tb"]
    for place, line in enumerate(lines):
        key = line.partition(":")[0]
        for text in hostile:
            yield "\n".join([*lines[:place], f"{key}:{text}", *lines[place + 1 :]])
            yield "\n".join([*lines, f"{key}:{text}"])
        yield "\n".join([*lines[:place], *lines[place + 1 :]])
    yield from hostile


@pytest.mark.parametrize("column", ["name", "created_at"])
def test_a_forged_cursor_shows_nothing_foreign_and_breaks_nothing(
    owned: tuple[httpx.Client, str], column: str
) -> None:
    caller, bucket = owned
    body = {"limit": 2, "sortBy": {"column": column, "order": "asc"}}
    cursor = caller.post(f"/object/list-v2/{bucket}", json=body).json()["nextCursor"]
    lines = base64.b64decode(cursor).decode().split("\n")
    assert len(lines) > 2
    for text in rewritten(lines):
        forged = base64.b64encode(text.encode()).decode()
        answer = caller.post(f"/object/list-v2/{bucket}", json={"cursor": forged, "limit": 100})
        assert answer.status_code < SERVER_FAILURE, text
        if answer.is_success:
            assert {found["name"] for found in answer.json()["objects"]} <= set(NAMES), text


@pytest.mark.parametrize("text", [*PATTERNS, "foreign"], ids=ascii)
def test_a_search_for_buckets_shows_a_caller_none_that_policies_hide(
    owned: tuple[httpx.Client, str], text: str
) -> None:
    caller, _bucket = owned
    assert caller.get("/bucket", params={"search": text}).json() == []


def test_after_all_that_everything_is_there(owned: tuple[httpx.Client, str]) -> None:
    caller, bucket = owned
    assert sorted(listed_v2(caller, bucket)) == sorted(NAMES)
