"""Regular expressions: what matching costs and what is refused; PostgreSQL judges the rest elsewhere."""

import random
from collections.abc import Iterator

import pytest

from aerostore.policy.problem import EvaluationError
from aerostore.policy.regex.extract import extract
from aerostore.policy.regex.match import (
    MOST_STATES,
    REMEMBERED,
    Regex,
    RegexRefused,
    compile_regex,
    regex_from_similar,
)
from aerostore.policy.regex.syntax import parse_regex

LONG = 100_000
USER = "d8c7bce9-cfeb-497b-bd61-e66ce2cbdaa2"
UNCLEAR = ("a", "^(a)(b)", "^a*a", "^(a|b)", "^a*?", "^((a))", "^()a", "^(?:(a))b*b", "^a$b")


class CountingText(str):
    """A text that knows how many of its characters were read."""

    read = 0

    def __iter__(self) -> Iterator[str]:
        for character in super().__iter__():
            self.read += 1
            yield character


def fresh(pattern: str) -> Regex:
    return Regex(parse_regex(pattern))


@pytest.mark.parametrize(
    "pattern", ("^(a+)+$", "^(a|a)*$", "^(a*)*b$", "(a?){20}a{20}c", "(.*)(.*)(.*)(.*)=$")
)
def test_matching_visits_few_states_however_long_the_text(pattern: str) -> None:
    short, long = fresh(pattern), fresh(pattern)
    short.search("a" * 300 + "!")
    assert long.search("a" * LONG + "!") is False
    assert long.visited == short.visited < 5_000


def test_matching_is_linear_where_memory_cannot_help() -> None:
    pattern = "a" + "[ab]" * 12 + "$"  # 4,096 sets of states, each reached by some text
    regex = fresh(pattern)
    text = "".join("ab"[number * number // 7 % 2] for number in range(LONG))
    regex.search(text + "c")
    assert regex.visited < 40 * LONG


def test_memory_for_sets_of_states_is_bounded() -> None:
    regex = fresh("a" + "[ab]" * 40 + "c$")  # nearly every position has a set of its own
    regex.search("".join(random.Random(1).choices("ab", k=20_000)))
    remembered = sum(len(members) + 1 for members in regex._known)
    assert 0 < remembered <= REMEMBERED + MOST_STATES


def test_a_text_that_cannot_match_any_more_is_left_early() -> None:
    text = CountingText("private/" + "x" * LONG)
    assert fresh("^public/").search(text) is False
    assert text.read < 5


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("", "", True),
        ("a|", "b", True),
        ("^$", "a", False),
        ("$^", "", True),
        ("$^", "a", False),
        ("(^|/)b", "a/b", True),
        ("(^|/)b", "ab", False),
        ("a$", "a\n", False),
        ("^b", "a\nb", False),
        ("a.c", "a\nc", True),
        ("a[^b]c", "a\nc", True),
        ("a{2,3}?$", "aa", True),
        ("a{", "a{", True),
        ("a{,2}", "a{,2}", True),
        ("[]a]", "]", True),
        ("[a-]", "-", True),
        (r"[\d-]", "-", True),
        (r"\B", "\\", True),
        (r"^[0-9a-f]{64}\.(jpg|png)$", "0" * 64 + ".png", True),
        (r"^[0-9a-f]{64}\.(jpg|png)$", "0" * 63 + ".png", False),
        (r"\s", "\u3000", True),
        (r"\s", "\x85", False),
        (r"\d", "\u0663", False),
    ],
)
def test_regex_matches(pattern: str, text: str, matches: bool) -> None:
    assert compile_regex(pattern).search(text) is matches


def test_letters_match_in_either_case_but_only_ascii_ones() -> None:
    regex = compile_regex("^[a-c]K$", ignore_case=True)
    assert regex.search("Bk")
    assert not regex.search("b\u212a")  # KELVIN SIGN: PostgreSQL adds k and K, nothing that folds to them
    assert compile_regex("^[^a]$", ignore_case=True).search("\u00e9")
    assert not compile_regex("^[^a]$", ignore_case=True).search("A")


def test_bytewise_text_has_only_ascii_spaces() -> None:
    assert not compile_regex(r"\s", bytewise=True).search("\u3000")
    assert compile_regex(r"\S", bytewise=True).search("\u3000")


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "(",
            ")",
            "a)",
            "[a",
            "[",
            "*a",
            "a**",
            "a+*",
            "^*",
            "(*a)",
            "a|*",
            "{1}",
            "a{1",
            "a{2,1}",
            "a{256}",
        ),
        *("[b-a]", "[a-c-e]", r"[\d-a]", r"[a-\d]", "\\", r"\q", r"[\q]", "a{1,x}"),
    ],
)
def test_invalid_regex_has_the_code_of_postgres(pattern: str) -> None:
    with pytest.raises(EvaluationError) as raised:
        compile_regex(pattern)
    assert raised.value.code == "2201B"


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            r"(a)\1",
            r"\w",
            r"\W",
            r"\y",
            r"\m",
            r"\x41",
            r"\u0041",
            "[[:alpha:]]",
            "[[.a.]]",
            "[[=a=]]",
            "[[:<:]]",
        ),
        *("(?i)a", "(?=a)", "(?!a)", "(?<=a)", "(?#a)", "***=a", "***:a", "(" * 51 + ")" * 51, "a" * 2_001),
        *("((a{255}){255}){255}", "(((){255}){255}){255}"),
    ],
)
def test_what_cannot_be_matched_exactly_is_refused(pattern: str) -> None:
    with pytest.raises(RegexRefused) as raised:
        compile_regex(pattern)
    assert raised.value.code == "0A000"


def test_characters_beyond_ascii_are_refused_where_case_does_not_count() -> None:
    with pytest.raises(RegexRefused):
        compile_regex("\u00e9", ignore_case=True)
    assert compile_regex("\u00e9").search("\u00e9")


@pytest.mark.parametrize(
    ("similar", "regex"),
    [
        ("inbox/%.(png|jpg)", r"^(?:inbox/.*\.(?:png|jpg))$"),
        ("a_b", "^(?:a.b)$"),
        (r"a\%", r"^(?:a\%)$"),
        ("[%_.]", "^(?:[%_.])$"),
        ("^$", r"^(?:\^\$)$"),
    ],
)
def test_similar_pattern_becomes_a_regex(similar: str, regex: str) -> None:
    assert regex_from_similar(similar, "\\") == regex


def test_similar_pattern_escapes_with_what_it_was_told() -> None:
    assert regex_from_similar("a#%\\", "#") == "^(?:a\\%\\\\)$"
    with pytest.raises(EvaluationError) as raised:
        regex_from_similar("a", "##")
    assert raised.value.code == "22025"


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^screen-([0-9a-f-]{36})/", f"screen-{USER}/1.png", USER),
        ("^([^/]+)/", "team/a", "team"),
        ("^([^/]+)/", "team", None),
        ("^[^/]+/", "team/a", "team/"),
        ("^(?:a+)(b*)$", "aab", "b"),
        ("^a(b{0,2})", "abbb", "bb"),
        ("^a(b)$", "abc", None),
    ],
)
def test_extract_returns_the_group_or_the_match(pattern: str, text: str, found: str | None) -> None:
    assert extract(text, pattern) == found


@pytest.mark.parametrize("pattern", UNCLEAR)
def test_extract_refuses_what_could_match_in_more_ways(pattern: str) -> None:
    with pytest.raises(RegexRefused):
        extract("ab", pattern)
