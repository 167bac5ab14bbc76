"""Which policies files come to, without looking into conditions: PostgreSQL may judge those."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias

from aerostore.policy.parse.cursor import Tokens
from aerostore.policy.parse.grant import grant
from aerostore.policy.parse.lexer import Kind, Token, lex
from aerostore.policy.parse.name import qualified_name, simple_name
from aerostore.policy.parse.parameter import function_name
from aerostore.policy.parse.statement import statement
from aerostore.policy.parse.table import alter_table
from aerostore.policy.problem import Problem, Refusal, Source

Table: TypeAlias = tuple[str, str]
"""Schema and name."""

_DEFAULT_SCHEMA = "public"
_READING = {"select", "all"}
_CREATE_FUNCTION = (("create", "function"), ("create", "or", "replace", "function"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """The text of one statement, without its semicolon, and where it begins."""

    text: str
    source: Source
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A policy as files define it. passages: its CREATE POLICY and every ALTER POLICY."""

    table: Table
    name: str
    passages: tuple[Passage, ...]

    @property
    def text(self) -> str:
        """All passages as one text."""
        return ";\n".join(passage.text for passage in self.passages)


class Declares(StrEnum):
    """What a statement that is about no policy declares for them to use."""

    TABLE = "table"
    FUNCTION = "function"
    GRANT = "grant"
    ROW_SECURITY = "row level security"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """Something that policies use. name: of the table or function. roles: who is granted SELECT on it."""

    kind: Declares
    name: Table
    roles: tuple[str, ...] = ()
    passage: Passage


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What files say, in their order. problems: why a statement is none that belongs there."""

    definitions: tuple[Definition, ...] = ()
    declarations: tuple[Declaration, ...] = ()
    problems: tuple[Problem, ...] = ()


def read_script(sources: Sequence[Source]) -> Script:
    """Follow the statements of `sources`, in order, to the policies that are left at the end."""
    reader = _Reader()
    for source in sources:
        reader.read(source)
    return Script(
        definitions=tuple(reader.definitions.values()),
        declarations=tuple(reader.declarations),
        problems=tuple(reader.problems),
    )


@dataclass(slots=True)
class _Reader:
    definitions: dict[tuple[Table, str], Definition] = field(default_factory=dict)
    declarations: list[Declaration] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def read(self, source: Source) -> None:
        for tokens in _split(lex(source.text)):
            at, end = tokens[0].at, tokens[-2].end
            passage = Passage(text=source.text[at:end], source=source, at=at)
            try:
                self._follow(Tokens(tokens, source.text), passage)
            except Refusal as refusal:
                self.problems.append(refusal.in_source(source))

    def _follow(self, tokens: Tokens, passage: Passage) -> None:
        if tokens.accept_words("create", "policy"):
            self._create(tokens, passage)
        elif tokens.accept_words("alter", "policy"):
            self._alter(tokens, passage)
        elif tokens.accept_words("drop", "policy"):
            self._drop(tokens, passage)
        else:
            self.declarations.extend(_declarations(tokens, passage))

    def _create(self, tokens: Tokens, passage: Passage) -> None:
        name, table = _policy(tokens)
        self._require_free(passage, table, name)
        self.definitions[table, name] = Definition(table=table, name=name, passages=(passage,))

    def _alter(self, tokens: Tokens, passage: Passage) -> None:
        name, table = _policy(tokens)
        old = self._require_present(passage, table, name)
        new_name = simple_name(tokens) if tokens.accept_words("rename", "to") else name
        if new_name != name:
            self._require_free(passage, table, new_name)
        del self.definitions[table, name]
        passages = (*old.passages, passage)
        self.definitions[table, new_name] = replace(old, name=new_name, passages=passages)

    def _drop(self, tokens: Tokens, passage: Passage) -> None:
        if_exists = tokens.accept_words("if", "exists")
        name, table = _policy(tokens)
        if not if_exists:
            self._require_present(passage, table, name)
        self.definitions.pop((table, name), None)

    def _require_free(self, passage: Passage, table: Table, name: str) -> None:
        if (table, name) in self.definitions:
            raise Refusal(passage.at, "42710", f'policy "{name}" on {".".join(table)} already exists')

    def _require_present(self, passage: Passage, table: Table, name: str) -> Definition:
        found = self.definitions.get((table, name))
        if found is None:
            message = f'policy "{name}" on {".".join(table)} does not exist in these files'
            raise Refusal(passage.at, "42704", message)
        return found


def _split(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Yield the tokens of each statement, END in the place of its semicolon."""
    found: list[Token] = []
    for token in tokens:
        if token.kind is not Kind.END and token.text != ";":
            found.append(token)
        elif found:
            yield [*found, replace(token, kind=Kind.END)]
            found = []


def _policy(tokens: Tokens) -> tuple[str, Table]:
    name = simple_name(tokens)
    tokens.expect_word("on")
    return name, _qualified(qualified_name(tokens))


def _qualified(name: tuple[str, ...]) -> Table:
    return (name[-2] if len(name) > 1 else _DEFAULT_SCHEMA, name[-1])


def _declarations(tokens: Tokens, passage: Passage) -> Iterator[Declaration]:
    """Yield what a statement that is about no policy declares."""
    if tokens.accept_words("create", "table"):
        tokens.accept_words("if", "not", "exists")
        yield _declaration(Declares.TABLE, qualified_name(tokens), passage)
    elif any(tokens.accept_words(*words) for words in _CREATE_FUNCTION):
        yield _declaration(Declares.FUNCTION, function_name(tokens), passage)
    elif tokens.accept_words("alter", "table"):
        yield from _row_security(tokens, passage)
    elif tokens.accept_words("grant"):
        yield from _grants(tokens, passage)
    else:
        statement(tokens)  # refuses what does not belong in a policy file


def _row_security(tokens: Tokens, passage: Passage) -> Iterator[Declaration]:
    found = alter_table(tokens, passage.at)
    if found.enabled:
        yield _declaration(Declares.ROW_SECURITY, found.table, passage)


def _grants(tokens: Tokens, passage: Passage) -> Iterator[Declaration]:
    """Yield the tables on which SELECT is granted; other grants decide nothing that a policy asks."""
    found = grant(tokens, passage.at)
    if found and _READING.intersection(found.privileges):
        for table in found.tables:
            yield _declaration(Declares.GRANT, table, passage, found.roles)


def _declaration(
    kind: Declares, name: tuple[str, ...], passage: Passage, roles: tuple[str, ...] = ()
) -> Declaration:
    return Declaration(kind=kind, name=_qualified(name), roles=roles, passage=passage)
