"""LIKE as PostgreSQL matches it: `_` is one character, `%` any, a backslash takes the next one literally."""

from aerostore.policy.problem import EvaluationError

ESCAPE = "\\"


def is_like(text: str, pattern: str) -> bool:
    """Return whether `text` is LIKE `pattern`.

    Raises: EvaluationError 22025 when matching reaches an escape at the very end of the pattern.
    Source: MatchText in PostgreSQL; like there, only the last `%` is ever tried again.
    """
    at = start = 0
    retry_at = retry_start = -1
    while at < len(text):
        mark = pattern[start : start + 1]
        if mark == "%":
            at, start = _skip_wildcards(at, start, pattern)
            if at > len(text) or start == len(pattern):
                return at <= len(text)
            _literal(pattern, start)
            retry_at, retry_start = at, start
        elif mark == "_" or (mark and _literal(pattern, start) == text[at]):
            at, start = at + 1, start + (2 if mark == ESCAPE else 1)
        elif retry_at < 0:
            return False
        else:
            retry_at += 1
            at, start = retry_at, retry_start
    return at == len(text) and not pattern[start:].strip("%")


def unescape_with(pattern: str, escape: str) -> str:
    """Return `pattern` with backslashes where it has `escape`: LIKE ... ESCAPE.

    Raises: EvaluationError 22025 when `escape` is longer than one character.
    """
    if len(escape) > 1:
        raise EvaluationError("22025", "invalid escape string")
    if escape == ESCAPE:
        return pattern
    return "".join(_with_backslashes(pattern, escape))


def _with_backslashes(pattern: str, escape: str) -> list[str]:
    pieces = []
    after_escape = False
    for character in pattern:
        if character == escape and not after_escape:
            pieces.append(ESCAPE)
            after_escape = True
            continue
        pieces.append(ESCAPE * 2 if character == ESCAPE and not after_escape else character)
        after_escape = False
    return pieces


def _literal(pattern: str, at: int) -> str:
    if pattern[at] != ESCAPE:
        return pattern[at]
    if at + 1 == len(pattern):
        raise EvaluationError("22025", "LIKE pattern must not end with escape character")
    return pattern[at + 1]


def _skip_wildcards(at: int, start: int, pattern: str) -> tuple[int, int]:
    """Pass the wildcards that begin at `start`, taking one character of the text for each `_`."""
    while start < len(pattern) and pattern[start] in "%_":
        at += pattern[start] == "_"
        start += 1
    return at, start
