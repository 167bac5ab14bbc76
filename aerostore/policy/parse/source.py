"""Policy files, text to `syntax`. What PostgreSQL cannot read, or only it could run, is refused."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace

from aerostore.policy.parse.cursor import MAX_DEPTH, Tokens
from aerostore.policy.parse.lexer import Kind, Token, lex
from aerostore.policy.parse.operator import expression
from aerostore.policy.parse.statement import statement
from aerostore.policy.problem import Problem, Refusal, Source
from aerostore.policy.syntax import Expression, Statement

MAX_LENGTH = 1_000_000
"""Characters in one policy file."""

_NOT_IN_TEXT = re.compile("[\0\ud800-\udfff]")


def parse(source: Source) -> tuple[list[Statement], list[Problem]]:
    """Return the statements of a policy file and what is wrong with the others.

    A faulty statement ends at the next semicolon; what follows is read as if nothing had happened.
    """
    statements: list[Statement] = []
    problems: list[Problem] = []
    try:
        _require_text(source.text)
    except Refusal as refusal:
        return [], [refusal.in_source(source)]
    for tokens in _split(lex(source.text)):
        try:
            found = _statement(Tokens(tokens, source.text))
        except Refusal as refusal:
            problems.append(refusal.in_source(source))
        else:
            statements += [found] if found else []
    return statements, problems


def parse_expression(text: str) -> Expression:
    """Return the expression that is the whole of `text`. Raises: Refusal when it is none."""
    _require_text(text)
    tokens = Tokens(lex(text), text)
    found = expression(tokens)
    tokens.expect_end()
    _require_shallow(found)
    return found


def _require_text(text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise Refusal(0, "54000", f"more than {MAX_LENGTH} characters", "split the file")
    if found := _NOT_IN_TEXT.search(text):
        code = ord(found[0])
        raise Refusal(found.start(), "22021", f'invalid byte sequence for encoding "UTF8": {code:#x}')


def _statement(tokens: Tokens) -> Statement | None:
    found = statement(tokens)
    if found:
        _require_shallow(found)
    return found


def _split(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Yield the tokens of each statement, END in the place of its semicolon."""
    found: list[Token] = []
    open_blocks = 0
    for token in tokens:
        if token.kind is not Kind.END and (open_blocks or not token.is_mark(";")):
            open_blocks += _opens_block(token, found, open_blocks)
            found.append(token)
            continue
        if found:
            yield [*found, replace(token, kind=Kind.END)]
        found = []


def _opens_block(token: Token, before: Sequence[Token], open_blocks: int) -> int:
    """Return 1 for what an END has to close inside BEGIN ATOMIC, -1 for that END, 0 for other tokens."""
    if not open_blocks:
        return int(token.is_word("atomic") and bool(before) and before[-1].is_word("begin"))
    return token.is_word("case") - token.is_word("end")


def _require_shallow(found: Statement | Expression) -> None:
    """Refuse a tree whose depth could exhaust the stack of those that walk it."""
    level: list[object] = [found]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    raise Refusal(found.at, "54001", "stack depth limit exceeded", f"nest at most {MAX_DEPTH} levels")


def _children(node: object) -> Iterator[object]:
    """Yield what a node consists of, through tuples."""
    if isinstance(node, tuple):
        for part in node:
            yield from _children(part) if isinstance(part, tuple) else [part]
    elif is_dataclass(node):
        yield from _children(tuple(getattr(node, field.name) for field in fields(node)))
