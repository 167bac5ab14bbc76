"""The operators that match text with patterns: LIKE, ILIKE, SIMILAR TO and regular expressions."""

from collections.abc import Callable
from functools import partial
from typing import Any

from aerostore.policy.expression import Function
from aerostore.policy.function.letter_case import lower, lower_ascii
from aerostore.policy.function.like import ESCAPE, is_like, unescape_with
from aerostore.policy.regex.extract import extract
from aerostore.policy.regex.match import compile_regex, regex_from_similar
from aerostore.policy.value import BOOL, TEXT, Type


def _is_ilike(text: str, pattern: str) -> bool:
    # PostgreSQL lower-cases both sides whenever characters may have several bytes (Generic_Text_IC_like).
    return is_like(lower(text), lower(pattern))


def _is_ilike_bytewise(text: str, pattern: str) -> bool:
    return is_like(lower_ascii(text), lower_ascii(pattern))


def _matches(text: str, pattern: str, *, ignore_case: bool = False, bytewise: bool = False) -> bool:
    return compile_regex(pattern, ignore_case=ignore_case, bytewise=bytewise).search(text)


def _negated(run: Callable[[str, str], bool]) -> Callable[[str, str], bool]:
    return lambda text, pattern: not run(text, pattern)


def _regex_from_similar(pattern: str, escape: str = ESCAPE) -> str:
    return regex_from_similar(pattern, escape)


def _function(name: str, run: Callable[..., Any], returns: Type = BOOL, *, count: int = 2) -> Function:
    return Function(name=name, parameters=(TEXT,) * count, returns=returns, run=run, may_raise=True)


def _with_negation(symbol: str, run: Callable[[str, str], bool]) -> tuple[Function, Function]:
    return _function(symbol, run), _function(f"!{symbol}", _negated(run))


_LIKE = _with_negation("~~", is_like)
_LOCALE_DEPENDENT = (
    *_with_negation("~~*", _is_ilike),
    *_with_negation("~", _matches),
    *_with_negation("~*", partial(_matches, ignore_case=True)),
)
_SUBSTRING = _function("substring", extract, TEXT)

BYTEWISE = dict(
    zip(
        (*_LOCALE_DEPENDENT, _SUBSTRING),
        (
            *_with_negation("~~*", _is_ilike_bytewise),
            *_with_negation("~", partial(_matches, bytewise=True)),
            *_with_negation("~*", partial(_matches, ignore_case=True, bytewise=True)),
            _function("substring", partial(extract, bytewise=True), TEXT),
        ),
        strict=True,
    )
)
"""What these functions are for text of COLLATE "C"."""

OPERATORS = (*_LIKE, *_LOCALE_DEPENDENT)

FUNCTIONS = (
    _SUBSTRING,
    _function("like_escape", unescape_with, TEXT),
    _function("similar_to_escape", _regex_from_similar, TEXT, count=1),
    _function("similar_to_escape", _regex_from_similar, TEXT),
)

_REGEX_OPERATORS = frozenset({"~", "~*", "!~", "!~*"})


def check_pattern(function: Function, pattern: str) -> None:
    """Check a constant last argument when `function` takes a regular expression there.

    Raises: EvaluationError 2201B when it is no regular expression; RegexRefused for what cannot be matched
    exactly. Loading a policy refuses both, so that only patterns made from data fail while it is evaluated.
    """
    if function.name in _REGEX_OPERATORS:
        compile_regex(pattern, ignore_case=function.name.endswith("*"))
    elif function is _SUBSTRING:
        extract("", pattern)
