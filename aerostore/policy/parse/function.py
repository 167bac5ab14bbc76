"""CREATE FUNCTION. One whose body is a single SELECT can be called; of others only the name is known."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aerostore.policy.parse.cursor import Tokens
from aerostore.policy.parse.lexer import SYNTAX_ERROR, UNSUPPORTED, Kind, Token, lex
from aerostore.policy.parse.name import simple_name, type_function_name, unreserved_name
from aerostore.policy.parse.parameter import function_name, parameters
from aerostore.policy.parse.query import select
from aerostore.policy.parse.type_name import type_name
from aerostore.policy.problem import Refusal
from aerostore.policy.syntax import CreateFunction, Select, TypeName

_QUOTED_CHARACTER = re.compile(r"''|.", re.DOTALL)


@dataclass(slots=True)
class _Attributes:
    """What may follow the parameters, in any order. given: which did."""

    language: str = ""
    body: Token | None = None
    volatility: str = "volatile"
    strict: bool = False
    security_definer: bool = False
    search_path: tuple[str, ...] | None = None
    given: set[str] = field(default_factory=set)


def create_function(tokens: Tokens, at: int) -> CreateFunction:
    """Read what follows CREATE [OR REPLACE] FUNCTION."""
    name = function_name(tokens)
    declared = parameters(tokens)
    if tokens.at_word(*_READERS) and not tokens.at_word("returns"):
        raise tokens.unsupported("a function without RETURNS", "write the type that it returns")
    tokens.expect_word("returns")
    returns_set, returns, refused = _returns(tokens)
    attributes = _attributes(tokens)
    reasons = [refused, *(parameter.refused for parameter in declared)]
    body, reason = _body(attributes, tokens.current.at, next(filter(None, reasons), ""))
    return CreateFunction(
        at=at,
        name=name,
        parameters=tuple((parameter.name, parameter.type_name) for parameter in declared),
        returns=returns,
        returns_set=returns_set,
        language=attributes.language,
        strict=attributes.strict,
        security_definer=attributes.security_definer,
        volatility=attributes.volatility,
        search_path=attributes.search_path,
        body=body,
        refused=reason,
    )


def _returns(tokens: Tokens) -> tuple[bool, TypeName, str]:
    """Read a result type: whether it is a set, of what, and why that cannot be had here."""
    at = tokens.current.at
    if not tokens.at_word("table"):
        returns_set = tokens.accept_word("setof")
        return returns_set, type_name(tokens), ""
    tokens.take()
    tokens.expect("(")
    _column(tokens)
    while tokens.accept(","):
        _column(tokens)
    tokens.expect(")")
    return True, TypeName(at, ("record",)), "RETURNS TABLE"


def _column(tokens: Tokens) -> None:
    type_function_name(tokens)
    type_name(tokens)


def _attributes(tokens: Tokens) -> _Attributes:
    attributes = _Attributes()
    while not tokens.at_end():
        word = tokens.expect_word(*_READERS)
        given = _READERS[word.value](tokens, attributes, word)
        if given in attributes.given:
            raise Refusal(word.at, SYNTAX_ERROR, "conflicting or redundant options")
        attributes.given |= {given} - {""}
    return attributes


def _as(tokens: Tokens, attributes: _Attributes, word: Token) -> str:
    attributes.body = tokens.expect_kind(Kind.STRING)
    if tokens.at(","):
        raise tokens.unsupported("a function in a library", "write it in SQL")
    return "as"


def _language(tokens: Tokens, attributes: _Attributes, word: Token) -> str:
    attributes.language = _word_or_string(tokens)
    return "language"


def _on_null(tokens: Tokens, attributes: _Attributes, word: Token) -> str:
    if word.value == "returns":
        tokens.expect_word("null")
    if word.value != "strict":
        tokens.expect_words("on", "null", "input")
    attributes.strict = word.value != "called"
    return "strict"


def _volatility(tokens: Tokens, attributes: _Attributes, word: Token) -> str:
    attributes.volatility = word.value
    return "volatility"


def _security(tokens: Tokens, attributes: _Attributes, word: Token) -> str:
    if word.value == "external":
        tokens.expect_word("security")
    attributes.security_definer = tokens.expect_word("definer", "invoker").value == "definer"
    return "security"


def _leakproof(tokens: Tokens, attributes: _Attributes, word: Token) -> str:
    if word.value == "not":
        tokens.expect_word("leakproof")
    return "leakproof"


def _estimate(tokens: Tokens, attributes: _Attributes, word: Token) -> str:
    tokens.accept("+", "-")
    tokens.expect_kind(Kind.NUMBER)
    return word.value


def _parallel(tokens: Tokens, attributes: _Attributes, word: Token) -> str:
    simple_name(tokens)
    return "parallel"


def _set(tokens: Tokens, attributes: _Attributes, word: Token) -> str:
    if not tokens.accept_word("search_path"):
        raise tokens.unsupported("SET of this in a function", "only search_path can be set here")
    if not tokens.accept_word("to") and not tokens.accept("="):
        raise tokens.unsupported("SET search_path FROM CURRENT", "write the schemas")
    if tokens.at_word("default"):
        raise tokens.unsupported("SET search_path TO DEFAULT", "write the schemas")
    found = [_word_or_string(tokens)]
    while tokens.accept(","):
        found.append(_word_or_string(tokens))
    attributes.search_path = tuple(filter(None, found))
    return ""


def _word_or_string(tokens: Tokens) -> str:
    return tokens.take().value if tokens.current.kind is Kind.STRING else unreserved_name(tokens)


def _refused(tokens: Tokens, attributes: _Attributes, word: Token) -> str:
    raise tokens.unsupported(f"{word.value.upper()} of a function", "leave it out", word.at)


def _standard_body(tokens: Tokens, attributes: _Attributes, word: Token) -> str:
    raise tokens.unsupported("a body that is not a string", "write AS $$ SELECT ... $$", word.at)


_READERS: Mapping[str, Callable[[Tokens, _Attributes, Token], str]] = {
    "as": _as,
    "language": _language,
    **dict.fromkeys(("called", "returns", "strict"), _on_null),
    **dict.fromkeys(("immutable", "stable", "volatile"), _volatility),
    **dict.fromkeys(("external", "security"), _security),
    **dict.fromkeys(("not", "leakproof"), _leakproof),
    **dict.fromkeys(("cost", "rows"), _estimate),
    "parallel": _parallel,
    "set": _set,
    **dict.fromkeys(("begin", "return"), _standard_body),
    **dict.fromkeys(("reset", "support", "transform", "window"), _refused),
}


def _body(attributes: _Attributes, end: int, refused: str) -> tuple[Select | None, str]:
    """Return the query that a function is, or None and why there is none."""
    if not attributes.body:
        raise Refusal(end, "42P13", "no function body specified")
    if not attributes.language:
        raise Refusal(end, "42P13", "no language specified")
    if attributes.language != "sql":
        return None, f"LANGUAGE {attributes.language}"
    try:
        query = _one_select(attributes.body)
    except Refusal as refusal:
        if refusal.code != UNSUPPORTED:
            raise
        return None, refused or refusal.message
    return (None, refused) if refused else (query, "")


def _one_select(body: Token) -> Select:
    tokens = Tokens(lex(body.value, _place(body)), body.value, in_function=True)
    if tokens.at_end() or not tokens.at_word("select", "with", "values", "table"):
        raise tokens.unsupported("a body that is not a SELECT", "write one SELECT")
    query = select(tokens)
    tokens.accept(";")
    if not tokens.at_end() and tokens.last.value == ";":
        raise tokens.unsupported("a body of several statements", "write one SELECT")
    tokens.expect_end()
    return query


def _place(body: Token) -> Callable[[int], int]:
    """Return where a character of a string literal stands in the file; its start where that is unclear."""
    if body.text.startswith("$"):
        opening = body.text.index("$", 1) + 1
        return lambda offset: body.at + opening + offset
    written = body.text[1:-1]
    if not body.text.startswith("'") or written.replace("''", "'") != body.value:
        return lambda offset: body.at
    starts = [found.start() for found in _QUOTED_CHARACTER.finditer(written)]
    starts.append(len(written))
    return lambda offset: body.at + 1 + starts[offset]
