"""Both listing calls over plain HTTP: folders, order, case, paging and cursors."""

from typing import Any

import httpx
import pytest

from .client import error_of, put_object, unique

FOLDER_FIELDS = ["name", "id", "updated_at", "created_at", "last_accessed_at", "metadata"]


def fill(caller: httpx.Client, bucket: str, *names: str) -> None:
    for name in names:
        assert put_object(caller, bucket, name, b"x").status_code == 200


def list_v1(caller: httpx.Client, bucket: str, prefix: str = "", **options: object) -> list[dict[str, Any]]:
    response = caller.post(f"/object/list/{bucket}", json={"prefix": prefix} | options)
    assert response.status_code == 200, response.text
    entries: list[dict[str, Any]] = response.json()
    return entries


def list_v2(caller: httpx.Client, bucket: str, **options: object) -> dict[str, Any]:
    response = caller.post(f"/object/list-v2/{bucket}", json=options)
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.json()
    return page


def names_of(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["name"] for entry in entries]


def walk_v2(caller: httpx.Client, bucket: str, **options: object) -> list[str]:
    """Collect the names of all pages, folders and objects of a page merged in the order asked for."""
    found: list[str] = []
    cursor: dict[str, object] = {}
    while True:
        page = list_v2(caller, bucket, **(options | cursor))
        found += names_of(page["folders"]) + names_of(page["objects"])
        if not page["hasNext"]:
            return found
        cursor = {"cursor": page["nextCursor"]}


class TestListV1:
    def test_folders_carry_only_a_name(self, service: httpx.Client, bucket: str) -> None:
        fill(service, bucket, "folder/a", "file")
        entries = {entry["name"]: entry for entry in list_v1(service, bucket)}
        assert set(entries["folder"]) == set(FOLDER_FIELDS)
        assert [entries["folder"][field] for field in FOLDER_FIELDS] == [
            "folder",
            None,
            None,
            None,
            None,
            None,
        ]

    def test_files_carry_metadata(self, service: httpx.Client, bucket: str) -> None:
        fill(service, bucket, "file")
        (entry,) = list_v1(service, bucket)
        assert set(entry) == set(FOLDER_FIELDS)
        assert (entry["metadata"]["size"], entry["metadata"]["mimetype"]) == (1, "text/plain")
        assert entry["created_at"].endswith("Z")

    @pytest.mark.parametrize("prefix", ["a/b", "a/b/"])
    def test_names_are_relative_to_the_prefix(self, service: httpx.Client, bucket: str, prefix: str) -> None:
        fill(service, bucket, "a/b/c", "a/b/d/e", "a/bx", "ab/c")
        assert names_of(list_v1(service, bucket, prefix)) == ["c", "d"]

    def test_matching_ignores_case(self, service: httpx.Client, bucket: str) -> None:
        fill(service, bucket, "Docs/one", "docs/two", "other")
        assert names_of(list_v1(service, bucket, "DOCS")) == ["one", "two"]

    def test_both_spellings_of_a_folder_are_listed(self, service: httpx.Client, bucket: str) -> None:
        fill(service, bucket, "Foo/a", "foo/b")
        assert sorted(names_of(list_v1(service, bucket))) == ["Foo", "foo"]

    def test_search_is_a_beginning_and_takes_wildcards_literally(
        self, service: httpx.Client, bucket: str
    ) -> None:
        fill(service, bucket, "a_b", "axb", "xa_b", "A_B2", "%")
        assert names_of(list_v1(service, bucket, search="a_")) == ["a_b", "A_B2"]
        assert names_of(list_v1(service, bucket, search="%")) == ["%"]

    def test_search_with_a_slash_descends(self, service: httpx.Client, bucket: str) -> None:
        fill(service, bucket, "c/d/e", "c/d/f", "c/x")
        assert names_of(list_v1(service, bucket, "c", search="d/e")) == ["d/e"]

    def test_name_order_interleaves_folders_and_ignores_case(
        self, service: httpx.Client, bucket: str
    ) -> None:
        fill(service, bucket, "b", "A/1", "c/1", "D")
        assert names_of(list_v1(service, bucket)) == ["A", "b", "c", "D"]

    @pytest.mark.parametrize("order", ["asc", "desc"])
    def test_name_order_drops_no_folder(self, service: httpx.Client, bucket: str, order: str) -> None:
        fill(service, bucket, "Cat/1", "c/1", "c/2", "cz", "d")
        expected = ["c", "Cat", "cz", "d"]
        found = names_of(list_v1(service, bucket, sortBy={"column": "name", "order": order}))
        assert found == (expected if order == "asc" else expected[::-1])

    def test_order_by_time_puts_folders_first(self, service: httpx.Client, bucket: str) -> None:
        fill(service, bucket, "b", "a", "z/1")
        found = names_of(list_v1(service, bucket, sortBy={"column": "created_at", "order": "asc"}))
        assert found == ["z", "b", "a"]

    @pytest.mark.parametrize("order", ["asc", "desc"])
    def test_pages_by_offset_cover_everything_once(
        self, service: httpx.Client, bucket: str, order: str
    ) -> None:
        fill(service, bucket, "Cat/1", "c/1", "c/2", "cz", "d", "b/1", "b/2")
        sort_by = {"column": "name", "order": order}
        whole = names_of(list_v1(service, bucket, sortBy=sort_by))
        pages = [list_v1(service, bucket, limit=2, offset=at, sortBy=sort_by) for at in (0, 2, 4)]
        assert [entry["name"] for page in pages for entry in page] == whole
        assert sorted(whole) == ["Cat", "b", "c", "cz", "d"]

    def test_default_limit_is_a_hundred(self, service: httpx.Client, bucket: str) -> None:
        fill(service, bucket, *(f"{number:03}" for number in range(101)))
        assert len(list_v1(service, bucket)) == 100
        assert len(list_v1(service, bucket, limit=5000)) == 101

    def test_empty_folder_placeholder_is_listed(self, service: httpx.Client, bucket: str) -> None:
        put_object(service, bucket, "new/.emptyFolderPlaceholder", b"")
        assert names_of(list_v1(service, bucket, "new")) == [".emptyFolderPlaceholder"]

    @pytest.mark.parametrize("prefix", ["/", "absent"])
    def test_unknown_prefix_is_empty(self, service: httpx.Client, bucket: str, prefix: str) -> None:
        fill(service, bucket, "a", "b/c")
        assert list_v1(service, bucket, prefix) == []

    def test_missing_bucket_is_empty(self, service: httpx.Client) -> None:
        assert list_v1(service, unique("absent")) == []

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"prefix": "", "limit": 0}, "body/limit"),
            ({"prefix": "", "offset": -1}, "body/offset"),
            ({"prefix": "", "sortBy": {"column": "owner"}}, "body/sortBy/column"),
            ({"prefix": "", "sortBy": {"column": "name", "order": "up"}}, "body/sortBy/order"),
            ({}, "body must have required property 'prefix'"),
        ],
    )
    def test_schema_errors_name_the_field(
        self, service: httpx.Client, bucket: str, body: dict[str, object], field: str
    ) -> None:
        error = error_of(service.post(f"/object/list/{bucket}", json=body))
        assert (error.status, error.status_code, error.error) == (400, "400", "Error")
        assert error.message.startswith(field)

    def test_text_numbers_are_coerced(self, service: httpx.Client, bucket: str) -> None:
        fill(service, bucket, "a", "b")
        assert names_of(list_v1(service, bucket, limit="1", offset="1")) == ["b"]


class TestListV2:
    def test_whole_bucket_has_full_names_and_no_cursor(self, service: httpx.Client, bucket: str) -> None:
        fill(service, bucket, "b", "a/1", "B")
        page = list_v2(service, bucket)
        assert names_of(page["objects"]) == ["B", "a/1", "b"]
        assert set(page) == {"hasNext", "folders", "objects"}
        assert (page["hasNext"], page["folders"]) == (False, [])

    def test_prefix_is_literal_and_case_sensitive(self, service: httpx.Client, bucket: str) -> None:
        fill(service, bucket, "a_1", "ab1", "A_1")
        assert names_of(list_v2(service, bucket, prefix="a_")["objects"]) == ["a_1"]

    def test_delimiter_adds_keys_and_null_folders(self, service: httpx.Client, bucket: str) -> None:
        fill(service, bucket, "path/x/1", "path/x/2", "path/y")
        page = list_v2(service, bucket, prefix="path/", with_delimiter=True)
        assert page["folders"] == [
            {
                "key": "x",
                "name": "path/x/",
                "id": None,
                "updated_at": None,
                "created_at": None,
                "last_accessed_at": None,
                "metadata": None,
            }
        ]
        assert [(entry["key"], entry["name"]) for entry in page["objects"]] == [("y", "path/y")]

    def test_delimiter_lists_both_spellings(self, service: httpx.Client, bucket: str) -> None:
        fill(service, bucket, "Foo/a", "foo/b")
        assert names_of(list_v2(service, bucket, with_delimiter=True)["folders"]) == ["Foo/", "foo/"]

    def test_limit_counts_folders_and_objects_together(self, service: httpx.Client, bucket: str) -> None:
        fill(service, bucket, "a/1", "b", "c/1", "d")
        page = list_v2(service, bucket, with_delimiter=True, limit=3)
        assert (names_of(page["folders"]), names_of(page["objects"])) == (["a/", "c/"], ["b"])
        assert page["hasNext"] is True
        assert page["nextCursor"]

    @pytest.mark.parametrize("order", ["asc", "desc"])
    @pytest.mark.parametrize("limit", [1, 2, 3])
    def test_pages_by_name_cover_everything_once(
        self, service: httpx.Client, bucket: str, order: str, limit: int
    ) -> None:
        fill(service, bucket, "Cat/1", "c/1", "c/2", "c", "cz", "b/1", "a")
        options = {"with_delimiter": True, "limit": limit, "sortBy": {"column": "name", "order": order}}
        found = walk_v2(service, bucket, **options)
        assert sorted(found) == ["Cat/", "a", "b/", "c", "c/", "cz"]

    @pytest.mark.parametrize("column", ["created_at", "updated_at"])
    @pytest.mark.parametrize("order", ["asc", "desc"])
    def test_pages_by_time_cover_everything_in_order(
        self, service: httpx.Client, bucket: str, column: str, order: str
    ) -> None:
        names = ["e", "b", "d", "a", "c"]
        fill(service, bucket, *names)
        page = list_v2(service, bucket, sortBy={"column": column, "order": order})
        stamps = [entry[column] for entry in page["objects"]]
        assert stamps == sorted(stamps, reverse=order == "desc")
        found = walk_v2(service, bucket, limit=2, sortBy={"column": column, "order": order})
        assert found == names_of(page["objects"])
        assert sorted(found) == sorted(names)

    def test_time_order_dates_folders_by_their_oldest_object(
        self, service: httpx.Client, bucket: str
    ) -> None:
        fill(service, bucket, "folder/1", "folder/2", "file")
        page = list_v2(service, bucket, with_delimiter=True, sortBy={"column": "created_at", "order": "asc"})
        (folder,) = page["folders"]
        oldest = list_v2(service, bucket, prefix="folder/1")["objects"][0]["created_at"]
        assert (folder["created_at"], folder["updated_at"]) == (oldest, oldest)

    def test_cursor_overrides_the_sort_of_later_requests(self, service: httpx.Client, bucket: str) -> None:
        fill(service, bucket, "a", "b", "c")
        first = list_v2(service, bucket, limit=1, sortBy={"column": "name", "order": "desc"})
        second = list_v2(service, bucket, limit=1, cursor=first["nextCursor"])
        assert names_of(first["objects"]) + names_of(second["objects"]) == ["c", "b"]

    def test_empty_cursor_means_the_first_page(self, service: httpx.Client, bucket: str) -> None:
        fill(service, bucket, "a")
        assert names_of(list_v2(service, bucket, cursor="")["objects"]) == ["a"]

    @pytest.mark.parametrize("cursor", ["%%%", "AAAA", "bm9uc2Vuc2U=", "' OR 1=1 --", "é"])
    def test_garbage_cursor_is_an_invalid_parameter(
        self, service: httpx.Client, bucket: str, cursor: str
    ) -> None:
        error = error_of(service.post(f"/object/list-v2/{bucket}", json={"cursor": cursor}))
        assert (error.status, error.status_code, error.code) == (400, "400", "InvalidParameter")

    def test_cursor_skips_nothing_when_names_appear_and_vanish(
        self, service: httpx.Client, bucket: str
    ) -> None:
        fill(service, bucket, "a", "b", "d")
        first = list_v2(service, bucket, limit=2)
        service.request("DELETE", f"/object/{bucket}", json={"prefixes": ["b"]})
        fill(service, bucket, "c", "aa")
        second = list_v2(service, bucket, limit=2, cursor=first["nextCursor"])
        assert names_of(second["objects"]) == ["c", "d"]

    def test_missing_bucket_is_empty(self, service: httpx.Client) -> None:
        page = list_v2(service, unique("absent"))
        assert (page["hasNext"], page["folders"], page["objects"]) == (False, [], [])


def test_v1_lists_a_folder_before_the_files_whose_names_begin_like_it(
    service: httpx.Client, bucket: str
) -> None:
    fill(service, bucket, "photos/1.jpg", "photos.zip", "photos-old.txt", "photos 2.txt", "photosx")
    expected = ["photos", "photos 2.txt", "photos-old.txt", "photos.zip", "photosx"]
    assert names_of(list_v1(service, bucket)) == expected
    descending = list_v1(service, bucket, sortBy={"column": "name", "order": "desc"})
    assert names_of(descending) == expected[::-1]


class TestCompression:
    LONG = tuple(f"{number:03}{'x' * 300}" for number in range(60))

    @pytest.mark.parametrize("path", ["list", "list-v2"])
    def test_a_long_list_is_compressed_for_who_takes_gzip_and_nobody_else(
        self, service: httpx.Client, bucket: str, path: str
    ) -> None:
        fill(service, bucket, *self.LONG)
        url, body = f"/object/{path}/{bucket}", {"prefix": ""}
        plain = service.post(url, json=body, headers={"accept-encoding": "identity"})
        packed = service.post(url, json=body, headers={"accept-encoding": "gzip"})
        assert "content-encoding" not in plain.headers
        assert packed.headers["content-encoding"] == "gzip"
        assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2
        assert packed.content == plain.content
        assert all("accept-encoding" in answer.headers["vary"].lower() for answer in (plain, packed))

    def test_a_short_list_is_not(self, service: httpx.Client, bucket: str) -> None:
        answer = service.post(
            f"/object/list/{bucket}", json={"prefix": ""}, headers={"accept-encoding": "gzip"}
        )
        assert answer.json() == []
        assert "content-encoding" not in answer.headers

    def test_signed_urls_are_not_however_many_since_their_length_would_tell_of_their_secrets(
        self, service: httpx.Client, bucket: str
    ) -> None:
        fill(service, bucket, *self.LONG)
        asked = {"expiresIn": 60, "paths": self.LONG}
        answer = service.post(f"/object/sign/{bucket}", json=asked, headers={"accept-encoding": "gzip"})
        assert len(answer.content) > 16 * 1024
        assert "content-encoding" not in answer.headers
