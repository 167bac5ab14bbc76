"""Spellings of a folded folder name: the seek that list v1 finds them with, against brute force."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerostore.executor.statements import fold
from aerostore.service.spelling import spelling_from

TEXTS = st.text("aAbBzZ@[`{/-0éÉ", max_size=5)


def spellings(folded: str) -> list[str]:
    """Return every text that folds to `folded`, in order."""
    choices = [
        {character, character.upper()} if "a" <= character <= "z" else {character} for character in folded
    ]
    return sorted("".join(each) for each in product(*choices))


def test_folding_lowers_ascii_letters_only() -> None:
    every = "".join(map(chr, range(0x250)))
    assert fold(every) == "".join(c.lower() if c.isascii() else c for c in every)


@pytest.mark.parametrize(
    ("least", "expected"),
    [
        ("", "FOO/"),
        ("FOO/", "FOO/"),
        ("FOO/1", "FOo/"),
        ("FOO0", "FOo/"),
        ("FOo0", "FoO/"),
        ("Foo", "Foo/"),
        ("G", "fOO/"),
        ("foo", "foo/"),
        ("foo/", "foo/"),
        ("foo/1", None),
        ("foo0", None),
        ("g", None),
    ],
)
def test_the_next_spelling_is_the_least_one_from_there(least: str, expected: str | None) -> None:
    assert spelling_from("foo/", least) == expected


@given(folded=TEXTS.map(fold), least=TEXTS)
def test_the_next_spelling_agrees_with_brute_force(folded: str, least: str) -> None:
    expected = next((each for each in spellings(folded) if each >= least), None)
    assert spelling_from(folded, least) == expected
