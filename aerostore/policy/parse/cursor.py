"""A position in a list of tokens, and the questions that every part of the grammar asks there."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from aerostore.policy.parse.lexer import SYNTAX_ERROR, UNSUPPORTED, Kind, Token, near
from aerostore.policy.problem import Refusal

MAX_DEPTH = 64
"""How deep expressions and queries may be nested: a level takes up to eight of Python's 1,000 calls."""


class Tokens:
    """The tokens of one statement; the last is END. Readers raise Refusal where they find something else.

    text: what the tokens were read from. in_function: `$1` has a meaning.
    """

    def __init__(self, tokens: Sequence[Token], text: str, *, in_function: bool = False) -> None:
        self.text = text
        self.in_function = in_function
        self.position = 0
        self._tokens = tokens
        self._depth = 0
        self._closings: dict[int, int] | None = None

    @property
    def current(self) -> Token:
        """The token to be read next. Raises: Refusal when it is none."""
        token = self._tokens[self.position]
        if token.refusal:
            raise token.refusal
        return token

    @property
    def last(self) -> Token:
        """The token read last."""
        return self._tokens[self.position - 1]

    def ahead(self, count: int = 1) -> Token:
        """Return the token `count` places after the current one, END beyond the last."""
        return self._tokens[min(self.position + count, len(self._tokens) - 1)]

    def after_closing(self, count: int) -> Token:
        """Return the token behind the parenthesis that closes the one `count` places ahead, or END."""
        if self._closings is None:
            self._closings = _match_parentheses(self._tokens)
        last = len(self._tokens) - 1
        return self._tokens[min(self._closings.get(self.position + count, last) + 1, last)]

    def take(self) -> Token:
        """Return the current token and step over it; END stays."""
        token = self.current
        if token.kind is not Kind.END:
            self.position += 1
        return token

    def at_end(self) -> bool:
        """Whether all tokens have been read."""
        return self.current.kind is Kind.END

    def expect_end(self) -> None:
        """Raise a Refusal unless all tokens have been read."""
        if not self.at_end():
            raise self.unexpected()

    def at(self, *marks: str) -> bool:
        """Whether the current token is one of these symbols or operators."""
        return self.current.is_mark(*marks)

    def accept(self, *marks: str) -> bool:
        """Step over the current token when it is one of these symbols or operators; say whether it was."""
        return self._step_if(self.at(*marks))

    def expect(self, mark: str) -> Token:
        """Return this symbol or operator, having stepped over it."""
        if not self.at(mark):
            raise self.unexpected()
        return self.take()

    def expect_kind(self, kind: Kind) -> Token:
        """Return a token of this kind, having stepped over it."""
        if self.current.kind is not kind:
            raise self.unexpected()
        return self.take()

    def at_word(self, *words: str) -> bool:
        """Whether the current token is one of these words, unquoted."""
        return self.current.is_word(*words)

    def accept_word(self, *words: str) -> bool:
        """Step over the current token when it is one of these words; say whether it was."""
        return self._step_if(self.at_word(*words))

    def expect_word(self, *words: str) -> Token:
        """Return one of these words, having stepped over it."""
        if not self.at_word(*words):
            raise self.unexpected()
        return self.take()

    def at_words(self, *words: str) -> bool:
        """Whether these words follow one another, beginning with the current token."""
        return all(self.ahead(count).is_word(word) for count, word in enumerate(words))

    def accept_words(self, *words: str) -> bool:
        """Step over these words when they all follow one another; say whether they did."""
        found = self.at_words(*words)
        self.position += len(words) * found
        return found

    def expect_words(self, *words: str) -> None:
        """Step over these words, which all have to follow one another."""
        for word in words:
            self.expect_word(word)

    def unexpected(self) -> Refusal:
        """Return the refusal of the current token, in PostgreSQL's words."""
        token = self.current
        where = f"at or near {near(token.text)}" if token.text else "at end of input"
        return Refusal(token.at, SYNTAX_ERROR, f"syntax error {where}")

    def unsupported(self, what: str, hint: str, at: int | None = None) -> Refusal:
        """Return the refusal of valid SQL that only PostgreSQL can run; at: the current token by default."""
        return Refusal(self.current.at if at is None else at, UNSUPPORTED, f"{what} is not supported", hint)

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """Count one level of nesting while the block runs. Raises: Refusal when there are too many."""
        if self._depth >= MAX_DEPTH:
            hint = f"nest at most {MAX_DEPTH} levels"
            raise Refusal(self.current.at, "54001", "stack depth limit exceeded", hint)
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def _step_if(self, condition: bool) -> bool:
        self.position += condition
        return condition


def _match_parentheses(tokens: Sequence[Token]) -> dict[int, int]:
    """Return where each parenthesis that is closed is closed."""
    closings: dict[int, int] = {}
    open_ones: list[int] = []
    for position, token in enumerate(tokens):
        if token.is_mark("("):
            open_ones.append(position)
        elif token.is_mark(")") and open_ones:
            closings[open_ones.pop()] = position
    return closings
