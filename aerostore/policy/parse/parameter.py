"""Names of functions and their parameters, where functions are declared or spoken of."""

from dataclasses import dataclass

from aerostore.policy.parse.constraint import skip_expression
from aerostore.policy.parse.cursor import Tokens
from aerostore.policy.parse.lexer import Kind
from aerostore.policy.parse.name import at_function_name, qualified_name
from aerostore.policy.parse.type_name import type_name
from aerostore.policy.syntax import TypeName

_MODES = ("in", "out", "inout", "variadic")
_AFTER_TYPE = frozenset({",", ")", ".", "[", "(", "=", "default", "array"})


@dataclass(frozen=True, slots=True)
class FunctionParameter:
    """A parameter as declared. refused: why no call can be made here, else empty."""

    name: str
    type_name: TypeName
    refused: str = ""


def signature(tokens: Tokens) -> None:
    """Read a function's name and, where given, its parameters."""
    function_name(tokens)
    if tokens.at("("):
        parameters(tokens)


def function_name(tokens: Tokens) -> tuple[str, ...]:
    """Read the name of a function, qualified or not."""
    if tokens.ahead().is_mark("."):
        return qualified_name(tokens)
    if not at_function_name(tokens):
        raise tokens.unexpected()
    return (tokens.take().value,)


def parameters(tokens: Tokens) -> tuple[FunctionParameter, ...]:
    """Read `(parameter, ...)`."""
    tokens.expect("(")
    if tokens.accept(")"):
        return ()
    found = [_parameter(tokens)]
    while tokens.accept(","):
        found.append(_parameter(tokens))
    tokens.expect(")")
    return tuple(found)


def _parameter(tokens: Tokens) -> FunctionParameter:
    mode = _mode(tokens)
    name = tokens.take().value if _at_parameter_name(tokens) else ""
    mode = mode or (_mode(tokens) if name else "")
    found = type_name(tokens)
    refused = f"{mode.upper()} parameters" if mode not in ("", "in") else ""
    if tokens.accept_word("default") or tokens.accept("="):
        skip_expression(tokens, plain=False, stops=())
        refused = refused or "default values of parameters"
    return FunctionParameter(name, found, refused)


def _mode(tokens: Tokens) -> str:
    if not tokens.at_word(*_MODES):
        return ""
    mode = tokens.take().value
    return "inout" if mode == "in" and tokens.accept_word("out") else mode


def _at_parameter_name(tokens: Tokens) -> bool:
    follows = tokens.ahead()
    ends_type = follows.kind is not Kind.QUOTED and follows.value in _AFTER_TYPE
    return at_function_name(tokens) and not ends_type and not tokens.at_words("double", "precision")
