"""Regular expressions as PostgreSQL writes them, parsed: which characters, in which order, how often.

Source: "Regular Expression Details" (advanced regular expressions) in PostgreSQL's documentation.
"""

from collections.abc import Iterator, Mapping
from typing import NoReturn

from aerostore.policy.problem import EvaluationError
from aerostore.policy.regex.node import (
    ANYTHING,
    Characters,
    Choice,
    Edge,
    Group,
    Node,
    Repeat,
    Sequence,
    union,
)

LONGEST_PATTERN = 2_000
DEEPEST_GROUP = 50
MOST_REPETITIONS = 255
"""PostgreSQL's own bound (DUPMAX)."""

_CASE_DISTANCE = 32
_CHARACTER_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "B": "\\",
    "e": "\33",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}
_REFUSED_ESCAPES = frozenset("cmMuUwWxyY0123456789")


class RegexRefused(EvaluationError):
    """A regular expression that PostgreSQL takes, but that is not matched here exactly as it does."""

    def __init__(self, what: str) -> None:
        super().__init__("0A000", f"{what} in a regular expression is not available in the embedded database")


_DIGITS = Characters(((0x30, 0x39),))
_SPACES = Characters(
    (
        (9, 13),
        (32, 32),
        (0x1680, 0x1680),
        (0x2000, 0x2006),
        (0x2008, 0x200A),
        (0x2028, 0x2029),
        (0x205F, 0x205F),
        (0x3000, 0x3000),
    )
)
"""As the C library has them in C.UTF-8; databases of the ICU provider count more digits and spaces."""
_CLASSES = {"digit": _DIGITS, "space": _SPACES}
_C_CLASSES = {"digit": _DIGITS, "space": Characters(((9, 13), (32, 32)))}
_CLASS_ESCAPES = {"d": "digit", "s": "space"}
_EDGES = {"^": Edge(at_end=False), "$": Edge(at_end=True)}
_EDGE_ESCAPES = {"A": Edge(at_end=False), "Z": Edge(at_end=True)}
_SIMPLE_BOUNDS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}


def parse_regex(pattern: str, *, ignore_case: bool = False, bytewise: bool = False) -> Node:
    """Parse an advanced regular expression. bytewise: the text has COLLATE "C", so only ASCII has spaces.

    Raises: EvaluationError 2201B where PostgreSQL finds it invalid; RegexRefused for what depends on the
    locale, for lookaround, back references and embedded options, and for patterns too large.
    """
    if len(pattern) > LONGEST_PATTERN:
        raise RegexRefused("more than 2,000 characters")
    if ignore_case and not pattern.isascii():
        raise RegexRefused("a character beyond ASCII without regard to case")
    return _Parser(pattern, ignore_case, _C_CLASSES if bytewise else _CLASSES).parse()


class _Parser:
    def __init__(self, pattern: str, ignore_case: bool, classes: Mapping[str, Characters]) -> None:
        self._pattern = pattern
        self._classes = classes
        self._ignore_case = ignore_case
        self._at = 0
        self._depth = 0

    def parse(self) -> Node:
        if self._pattern.startswith("***"):
            raise RegexRefused("the prefix ***")
        node = self._choice()
        if self._peek():
            self._fail("parentheses () not balanced")
        return node

    def _choice(self) -> Node:
        branches = [self._branch()]
        while self._take("|"):
            branches.append(self._branch())
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def _branch(self) -> Node:
        parts = []
        while self._peek() not in ("", "|", ")"):
            parts.append(self._quantified())
        return Sequence(tuple(parts))

    def _quantified(self) -> Node:
        atom = self._atom()
        bounds = None if isinstance(atom, Edge) else self._bounds()
        if bounds is None:
            return atom
        return Repeat(atom, *bounds, greedy=not self._take("?"))

    def _bounds(self) -> tuple[int, int | None] | None:
        if self._peek() in _SIMPLE_BOUNDS and self._peek():
            return _SIMPLE_BOUNDS[self._next()]
        return self._braces() if self._is_at_bound() else None

    def _is_at_bound(self) -> bool:
        return self._peek() == "{" and _is_digit(self._peek(1))

    def _braces(self) -> tuple[int, int | None]:
        self._next()
        low = self._number()
        high: int | None = low
        if self._take(","):
            high = self._number() if _is_digit(self._peek()) else None
        if not self._take("}") or (high is not None and high < low):
            self._fail("invalid repetition count(s)")
        return low, high

    def _number(self) -> int:
        digits = ""
        while _is_digit(self._peek()):
            digits += self._next()
            if int(digits) > MOST_REPETITIONS:
                self._fail("invalid repetition count(s)")
        return int(digits)

    def _atom(self) -> Node:
        if self._peek() in _SIMPLE_BOUNDS or self._is_at_bound():
            self._fail("quantifier operand invalid")
        mark = self._next()
        if mark in _EDGES:
            return _EDGES[mark]
        if mark == "(":
            return self._group()
        if mark == "[":
            return self._bracket()
        if mark == "\\":
            return self._escape()
        return ANYTHING if mark == "." else self._one(mark)

    def _group(self) -> Node:
        captures = not self._take("?")
        if not captures and not self._take(":"):
            raise RegexRefused("(?")
        self._depth += 1
        if self._depth > DEEPEST_GROUP:
            raise RegexRefused("more than 50 groups within one another")
        node = self._choice()
        self._depth -= 1
        if not self._take(")"):
            self._fail("parentheses () not balanced")
        return Group(node, captures)

    def _escape(self) -> Node:
        letter = self._next_escaped()
        if characters := self._class_escape(letter):
            return characters
        if letter in _EDGE_ESCAPES:
            return _EDGE_ESCAPES[letter]
        return self._one(self._literal(letter))

    def _next_escaped(self) -> str:
        if not self._peek():
            self._fail("invalid escape \\ sequence")
        return self._next()

    def _class_escape(self, letter: str) -> Characters | None:
        name = _CLASS_ESCAPES.get(letter.lower())
        if name is None:
            return None
        return self._classes[name] if letter.islower() else self._classes[name].complement()

    def _literal(self, letter: str) -> str:
        """Return the character that a backslash and `letter` stand for."""
        if not (letter.isascii() and letter.isalnum()):
            return letter
        if letter in _REFUSED_ESCAPES:
            raise RegexRefused(f"\\{letter}")
        if letter not in _CHARACTER_ESCAPES:
            self._fail("invalid escape \\ sequence")
        return _CHARACTER_ESCAPES[letter]

    def _bracket(self) -> Characters:
        negated = self._take("^")
        sets = list(self._bracket_parts())
        characters = union(sets)
        return characters.complement() if negated else characters

    def _bracket_parts(self) -> Iterator[Characters]:
        first = True
        while first or self._peek() != "]":
            if not self._peek():
                self._fail("brackets [] not balanced")
            if self._peek() == "-" and not first and self._peek(1) != "]":
                self._fail("invalid character range")
            yield self._bracket_part()
            first = False
        self._next()

    def _bracket_part(self) -> Characters:
        low = self._bracket_character()
        if isinstance(low, Characters):
            return low
        if self._peek() != "-" or self._peek(1) == "]":
            return self._one(low)
        self._next()
        high = self._bracket_character()
        if isinstance(high, Characters) or high < low:
            self._fail("invalid character range")
        return self._range(ord(low), ord(high))

    def _bracket_character(self) -> str | Characters:
        if not self._peek():
            self._fail("brackets [] not balanced")
        mark = self._next()
        if mark == "\\":
            letter = self._next_escaped()
            return self._class_escape(letter) or self._literal(letter)
        if mark == "[" and self._peek() in (".", "=", ":"):
            return self._named_class()
        return mark

    def _named_class(self) -> Characters:
        for name, characters in self._classes.items():
            if self._pattern.startswith(f":{name}:]", self._at):
                self._at += len(name) + 3
                return characters
        raise RegexRefused("a bracket expression [: :], [= =] or [. .] other than [:digit:] and [:space:]")

    def _one(self, character: str) -> Characters:
        return self._range(ord(character), ord(character))

    def _range(self, low: int, high: int) -> Characters:
        characters = Characters(((low, high),))
        return union((characters, *_other_case(low, high))) if self._ignore_case else characters

    def _peek(self, ahead: int = 0) -> str:
        return self._pattern[self._at + ahead : self._at + ahead + 1]

    def _next(self) -> str:
        self._at += 1
        return self._pattern[self._at - 1]

    def _take(self, mark: str) -> bool:
        found = self._peek() == mark
        self._at += found
        return found

    def _fail(self, message: str) -> NoReturn:
        raise EvaluationError("2201B", f"invalid regular expression: {message}")


def _is_digit(mark: str) -> bool:
    return mark.isascii() and mark.isdigit()


def _other_case(low: int, high: int) -> Iterator[Characters]:
    """Return the letters between `low` and `high` in their other case; ASCII, the rest is refused before."""
    for first, last, distance in ((65, 90, _CASE_DISTANCE), (97, 122, -_CASE_DISTANCE)):
        start, end = max(low, first), min(high, last)
        if start <= end:
            yield Characters(((start + distance, end + distance),))
