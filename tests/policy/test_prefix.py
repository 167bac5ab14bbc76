"""Which names a condition leaves possible, and that it never leaves one out."""

import random

import pytest

from aerostore.policy.expression import Expression
from aerostore.policy.fold.evaluate import evaluate
from aerostore.policy.fold.folding import fold
from aerostore.policy.fold.name_path import regex_prefix, upper_bound
from aerostore.policy.fold.prefix import MOST_PREFIXES, implied_prefixes
from aerostore.policy.problem import EvaluationError
from tests.policy.typed import OWNER, caller, condition, object_row


def prefixes(text: str) -> tuple[str, ...] | None:
    return implied_prefixes(fold(condition(text), caller(), {}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name = 'a/b.png'", ("a/b.png",)),
        ("name in ('b', 'a')", ("a", "b")),
        ("(storage.foldername(name))[1] = auth.uid()::text", (f"{OWNER}/",)),
        ("split_part(name, '/', 1) = 'a'", ("a",)),
        ("path_tokens[1] = 'a' and path_tokens[2] = 'b'", ("a/b",)),
        ("(string_to_array(name, '/'))[1] = 'a'", ("a",)),
        ("(storage.foldername(name))[2] = 'b' and (storage.foldername(name))[1] = 'a'", ("a/b/",)),
        ("(storage.foldername(name))[1] in ('a', 'b') and path_tokens[2] = 'c'", ("a/c", "b/c")),
        ("(storage.foldername(name))[1] = any (array['x', null])", ("x/",)),
        ("name like 'a\\_b/%'", ("a_b/",)),
        ("name like any (array['a%', 'b%'])", ("a", "b")),
        ("starts_with(name, 'a/')", ("a/",)),
        ("name ~ '^a/b\\.c(d|e)'", ("a/b.c",)),
        ("name similar to 'in/%.(png|jpg)'", ("in/",)),
        ("name like 'a/%' and name like 'a/b/%'", ("a/b/",)),
        ("name like 'a/%' or name like 'a/b/%'", ("a/",)),
        ("name like 'a/%' and name like 'b/%'", ()),
        ("(storage.foldername(name))[1] = 'a/b'", ()),
        ("(storage.foldername(name))[1] = ''", ("/",)),
        ("name is not distinct from 'a'", ("a",)),
        ("(name = 'a') is true", ("a",)),
        ("case when version = 'v' then name = 'a' else name = 'b' end", ("a", "b")),
        ("coalesce(name = 'a', false)", ("a",)),
        ("version = 'v' and name like 'a%'", ("a",)),
        ("split_part(name, '/', 1) = 'a' and split_part(name, '/', 2) = ''", ("a",)),
    ],
)
def test_a_condition_on_the_name_implies_prefixes(text: str, expected: tuple[str, ...]) -> None:
    assert prefixes(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "version = 'v'",
        "name = 'a' or version = 'v'",
        "not (name = 'a')",
        "name <> 'a'",
        "name like '%a'",
        "name ilike 'a%'",
        "name ~ '^a|b'",
        "name ~ '^a*'",
        "name ~ 'a'",
        "(storage.foldername(name))[2] = 'b'",
        "split_part(name, '/', 1) = ''",
        "split_part(name, '/', 2) = ''",
        "split_part(name, '/', -1) = 'a'",
        "(name = 'a') is not true",
        "name is not distinct from null",
        "lower(name) = 'a'",
    ],
)
def test_other_conditions_imply_nothing(text: str) -> None:
    assert prefixes(text) is None


def test_too_many_prefixes_count_as_none() -> None:
    names = [f"'{number:04}'" for number in range(MOST_PREFIXES + 1)]

    assert prefixes(f"name in ({', '.join(names[1:])})") is not None
    assert prefixes(f"name in ({', '.join(names)})") is None


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("^abc", "abc"),
        ("^ab?", "a"),
        ("^a[b]", "a"),
        ("^a\\.b", "a.b"),
        ("^a\\d", "a"),
        ("^(?:a/.*)$", "a/"),
        ("^(?:a|b)$", ""),
        ("^a[(]b|c[)]", ""),
        ("^a[[:alpha:](]b|c[[:alpha:])]", ""),
        ("a", ""),
        ("^", ""),
    ],
)
def test_only_plain_anchored_characters_of_a_regex_are_a_prefix(pattern: str, expected: str) -> None:
    assert regex_prefix(pattern) == expected


@pytest.mark.parametrize(
    ("prefix", "bound"),
    [
        ("a/", "a0"),
        ("a\ud7ff", "a\ue000"),
        ("a\U0010ffff", "b"),
        ("\U0010ffff", None),
        ("", None),
    ],
)
def test_the_upper_bound_is_the_next_text_that_does_not_begin_with_the_prefix(
    prefix: str, bound: str | None
) -> None:
    assert upper_bound(prefix) == bound


# Properties

SEGMENTS = ("a", "b", "", "a%", "_", "é", "\ud7ff", "\U0010ffff", "A", "ab", "a.b", OWNER)
PATTERNS = ("a%", "a/_%", "%", "a\\%%", "_b", "a", "é%", "b/a%b", "")
REGEXES = ("^a", "^a/b", "^a|b", "^(?:a|b)/", "^[a]", "^a?", "^a\\.", "b", "^a+/", "^")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _random_name(rng: random.Random) -> str:
    return "/".join(rng.choice(SEGMENTS) for _ in range(rng.randint(1, 4)))


def _random_leaf(rng: random.Random) -> str:
    text = _quoted(rng.choice((*SEGMENTS, "a/b")))
    texts = ", ".join(rng.choice((_quoted(rng.choice(SEGMENTS)), "null")) for _ in range(rng.randint(1, 3)))
    segment = rng.choice(
        (
            "(storage.foldername(name))[{}]",
            "split_part(name, '/', {})",
            "path_tokens[{}]",
            "(string_to_array(name, '/'))[{}]",
        )
    ).format(rng.choice((1, 1, 1, 2, 3)))
    telling = (
        f"{segment} = {text}",
        f"{text} = {segment}",
        f"{segment} in ({texts})",
        f"{segment} = any (array[{texts}]::text[])",
        f"name = {_quoted(_random_name(rng))}",
        f"name like {_quoted(rng.choice(PATTERNS))}",
        f"name like any (array[{_quoted(rng.choice(PATTERNS))}, {_quoted(rng.choice(PATTERNS))}])",
        f"name ~ {_quoted(rng.choice(REGEXES))}",
        f"starts_with(name, {text})",
        f"name is not distinct from {text}",
    )
    silent = (
        f"{segment} <> {text}",
        f"{segment} is null",
        f"name <> all (array[{texts}]::text[])",
        f"name not like {_quoted(rng.choice(PATTERNS))}",
        "version = 'v'",
        "version = 'w'",
        "null::boolean",
    )
    return rng.choice(telling if rng.random() < 0.9 else silent)


def random_predicate(rng: random.Random, depth: int) -> str:
    if not depth or rng.random() < 0.1:
        return _random_leaf(rng)
    left, right = random_predicate(rng, depth - 1), random_predicate(rng, depth - 1)
    return rng.choice(
        (
            f"({left} and {right})",
            f"({left} and {right})",
            f"({left} and {right})",
            f"({left} and {right} and {_random_leaf(rng)})",
            f"({left} or {right})",
            f"({left} or {right})",
            f"(({left}) is true)",
            f"coalesce({left}, {right})",
            f"(case when {left} then {right} else {_random_leaf(rng)} end)",
            f"(not {left})",
            f"(({left}) is not false)",
        )
    )


def _is_true(expression: Expression, name: str) -> bool:
    try:
        return evaluate(expression, caller(), object_row(name)) is True
    except EvaluationError:
        return False


def test_a_name_for_which_a_predicate_is_true_begins_with_an_implied_prefix() -> None:
    rng = random.Random(20260131)
    ranged, admitted = 0, 0
    for number in range(1_500):
        expression = fold(condition(random_predicate(rng, number % 4)), caller(), {})
        found = implied_prefixes(expression)
        ranged += found is not None
        for name in (*(_random_name(rng) for _ in range(20)), *(found or ())):
            if found is not None and _is_true(expression, name):
                admitted += 1
                assert name.startswith(found), (expression, name)
    assert ranged > 750
    assert admitted > 500
