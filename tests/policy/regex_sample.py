"""Random regular expressions, valid and nearly so, and texts that they may match."""

import random

_LITERALS = "aabbcABé0-/]}, :K"
_MARKS = "aabbcABé0-/]}.\\ [^${(|)*+?,:K"
_TEXT = "aaabbbcABé0-/].\\ \nkK\u212a\u017f\u0663\u3000\x85"
_ESCAPES = (
    *(r"\.", r"\d", r"\s", r"\D", r"\S", r"\\", r"\/", r"\(", r"\n", r"\A", r"\Z", r"\é", r"\-"),
    *(r"\q", r"\w", r"\b", r"\B", r"\_"),
)
_BRACKET_PARTS = (
    *("a", "b", "a-c", "0-9", "A-Z", "-", "]", r"\d", r"\D", r"\]", "[:digit:]", "[:space:]", "é", "^"),
    *("a-é", ".", r"\\", "c-a", "+--", "$", "[", "*", "(", "é-ü", "[:alpha:]", r"\S"),
)
_QUANTIFIERS = (
    *("", "", "", "", "", ""),
    *("*", "+", "?", "*?", "+?", "??", "{2}", "{1,}", "{0,2}", "{1,3}?", "{0}", "{3,3}"),
    *("{,2}", "{2,1}", "{a}", "{1", "**", "{256}"),
)
_SIMILAR_PARTS = (
    "a",
    "b",
    "%",
    "_",
    "(",
    ")",
    "|",
    "[ab]",
    r"\%",
    "\\",
    "^",
    "$",
    ".",
    "*",
    "+",
    "{2}",
    "c",
    "é",
)
_SIMPLE_PARTS = ("a", "b", "[ab]", "[^/]", r"\d", "c", "/", "(", ")", "(?:", ".", "$")


class PatternSampler:
    """A source of patterns and texts; the same generator gives the same ones."""

    def __init__(self, generator: random.Random) -> None:
        self._random = generator

    def text(self) -> str:
        """Return a short text."""
        return "".join(self._random.choices(_TEXT, k=self._random.randrange(9)))

    def pattern(self) -> str:
        """Return a regular expression, or a jumble of its marks."""
        if self._random.random() < 0.1:
            return "".join(self._random.choices(_MARKS, k=self._random.randrange(7)))
        begin, end = self._random.choice(("", "", "^")), self._random.choice(("", "", "$"))
        return f"{begin}{self._choice(3)}{end}"

    def similar(self) -> str:
        """Return a pattern for SIMILAR TO, or nearly one."""
        return "".join(self._random.choices(_SIMILAR_PARTS, k=self._random.randrange(6)))

    def simple(self) -> str:
        """Return a regular expression that may match in one way only."""
        parts = self._random.choices(_SIMPLE_PARTS, k=self._random.randrange(1, 6))
        quantified = (part + self._random.choice(("", "", "*", "+", "?", "{1,2}", "*?")) for part in parts)
        return f"^{''.join(quantified)}"

    def _choice(self, depth: int) -> str:
        return "|".join(self._sequence(depth) for _ in range(self._random.choice((1, 1, 1, 2, 3))))

    def _sequence(self, depth: int) -> str:
        count = self._random.randrange(5)
        return "".join(self._atom(depth) + self._random.choice(_QUANTIFIERS) for _ in range(count))

    def _atom(self, depth: int) -> str:
        kind = self._random.randrange(12)
        if kind < 5:
            return self._random.choice(_LITERALS)
        if kind == 5:
            return self._random.choice(".^$")
        if kind == 6:
            return self._random.choice(_ESCAPES)
        if kind < 9:
            return self._bracket()
        return f"{self._random.choice(('(', '(?:'))}{self._choice(depth - 1)})" if depth else "a"

    def _bracket(self) -> str:
        parts = self._random.choices(_BRACKET_PARTS, k=self._random.randrange(1, 4))
        return f"[{self._random.choice(('', '^'))}{''.join(parts)}]"
