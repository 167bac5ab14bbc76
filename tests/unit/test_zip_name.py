"""Names in archives: none leaves its folder, none comes twice, hardly any changes."""

import itertools
import string
import time
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerostore.service.zip_name import MemberNames


@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("a/b.txt", "a/b.txt"),
        ("日本語 & #1.txt", "日本語 & #1.txt"),
        ("/etc/passwd", "etc/passwd"),
        ("//a", "_/a"),
        ("a//b", "a/_/b"),
        ("../a", "__/a"),
        ("a/../b", "a/__/b"),
        ("a/./b", "a/_/b"),
        ("C:\\Windows\\x", "C__Windows_x"),
        ("a\nb", "a_b"),
        ("con", "_con"),
        ("NUL.txt", "_NUL.txt"),
        ("a. ", "a._"),
        ("a/", "a/"),
        ("/", "_"),
        ("//", "_/"),
    ],
)
def test_a_name_becomes_what_every_system_takes(name: str, member: str) -> None:
    assert MemberNames().member(name) == member


def test_a_second_one_of_a_name_gets_a_number() -> None:
    names = MemberNames()
    given_names = ["a.txt", "A.TXT", "a:b", "a?b", "x", "x/1", "x/2", ".hidden", ".HIDDEN"]
    assert [names.member(each) for each in given_names] == [
        "a.txt",
        "A (2).TXT",
        "a_b",
        "a_b (2)",
        "x",
        "x (2)/1",
        "x (2)/2",
        ".hidden",
        ".HIDDEN (2)",
    ]


def test_names_that_differ_in_how_accents_are_written_differ_in_the_archive() -> None:
    names = MemberNames()
    assert names.member("\u00e9") != names.member("e\u0301")
    assert names.member("e\u0301 (2)") == "e\u0301 (2) (2)"


NASTY = st.text(alphabet="./\\: aA\u0301" + string.ascii_lowercase[:2], min_size=1, max_size=12)


@given(st.lists(NASTY, unique=True, max_size=12))
def test_no_list_of_names_leaves_the_folder_or_meets_itself(given_names: list[str]) -> None:
    names = MemberNames()
    members = [names.member(each) for each in given_names]
    files = [each for each in members if not each.endswith("/")]
    assert len({each.casefold() for each in files}) == len(files)
    folders = {str(parent).casefold() for each in members for parent in PurePosixPath(each).parents}
    for each in members:
        assert each and not each.startswith("/")
        assert ".." not in PurePosixPath(each).parts
        assert not PureWindowsPath(each).is_absolute() and not PureWindowsPath(each).drive
        assert each.endswith("/") or each.casefold() not in folders


def test_names_that_are_alike_take_no_longer_the_more_there_are() -> None:
    names = MemberNames()
    begun = time.process_time()
    spellings = ("".join(letters) for letters in itertools.product("aA", repeat=15))
    members = {names.member(f"folder/{each}.txt") for each in spellings}
    assert len(members) == 2**15
    assert time.process_time() - begun < 5  # trying every number again takes minutes
