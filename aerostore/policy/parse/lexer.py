"""Text to tokens, by the rules of PostgreSQL 15's scanner (scan.l)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from aerostore.policy.parse.escape import decode_escapes
from aerostore.policy.problem import Refusal

SYNTAX_ERROR = "42601"
UNSUPPORTED = "0A000"
_LONGEST_NAME_BYTES = 63  # NAMEDATALEN - 1


class Kind(Enum):
    """What a token is. WORD: a keyword or an unquoted name. BAD: text that is no token."""

    WORD = "word"
    QUOTED = "quoted"
    STRING = "string"
    NUMBER = "number"
    PARAMETER = "parameter"
    OPERATOR = "operator"
    SYMBOL = "symbol"
    BAD = "bad"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """A token. at: where it begins. text: as written. value: folded, unquoted, decoded.

    refusal: what a BAD one is reported as.
    """

    kind: Kind
    at: int
    text: str
    value: str
    refusal: Refusal | None = None

    @property
    def end(self) -> int:
        """Where it ends, when its text is in the file itself."""
        return self.at + len(self.text)

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these words, unquoted."""
        return self.kind is Kind.WORD and self.value in words

    def is_mark(self, *marks: str) -> bool:
        """Whether it is one of these symbols or operators."""
        return self.value in marks and self.kind in (Kind.SYMBOL, Kind.OPERATOR)

    def is_name(self) -> bool:
        """Whether it is a key word or a name, quoted or not."""
        return self.kind in (Kind.WORD, Kind.QUOTED)


_TOKEN = re.compile(
    r"""
      (?P<space>   [ \t\n\r\f]+ | --[^\n\r]* )
    | (?P<comment> /\* )
    | (?P<escaped> [eE]' )
    | (?P<foreign> [uU]&['"] | [bBxXnN]' )
    | (?P<string>  ' )
    | (?P<quoted>  " )
    | (?P<dollar>  \$ (?: [A-Za-z_\x80-\U0010ffff] [A-Za-z0-9_\x80-\U0010ffff]* )? \$ )
    | (?P<parameter> \$[0-9]+ )
    | (?P<number>  (?: [0-9]+ (?: \. (?!\.) [0-9]* )? | \.[0-9]+ ) (?: [eE][+-]?[0-9]+ )? )
    | (?P<word>    [A-Za-z_\x80-\U0010ffff] [A-Za-z0-9_$\x80-\U0010ffff]* )
    | (?P<symbol>  :: | := | \.\. | [,()\[\].;:] )
    | (?P<operator> [~!@#^&|`?+\-*/%<>=]+ )
    """,
    re.VERBOSE,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_JUNK = re.compile(r"[A-Za-z_\x80-\U0010ffff]")
_PLAIN = re.compile(r"[^']*+(?:''[^']*+)*+'")
_ESCAPED = re.compile(r"[^'\\]*+(?:(?:''|\\.)[^'\\]*+)*+'", re.DOTALL)
_IDENTIFIER = re.compile(r'[^"]*+(?:""[^"]*+)*+"')
# Literals that only white space with a line break separates are one; `--` comments count as white space.
_CONTINUATION = re.compile(r"(?:[ \t\f]|--[^\n\r]*+)*+[\n\r](?:[ \t\n\r\f]|--[^\n\r]*+[\n\r])*+'")
_OUTSIDE_STANDARD = frozenset("~!@#^&|`?%")
_FOLD = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def lex(text: str, place: Callable[[int], int] | None = None) -> list[Token]:
    """Return the tokens of `text`, white space and comments left out; the last one is END.

    place: where an offset into `text` is in the file that messages speak of. What is no token becomes a BAD
    one, to be reported when it is reached.
    """
    return _Lexer(text, place).run()


def near(text: str) -> str:
    """Return `text` as messages quote it: its first line."""
    return f'"{text.splitlines()[0]}"'


class _Lexer:
    def __init__(self, text: str, place: Callable[[int], int] | None) -> None:
        self._text = text
        self._place = place or (lambda offset: offset)
        self._at = 0
        self._tokens: list[Token] = []

    def run(self) -> list[Token]:
        while self._at < len(self._text):
            self._step()
        self._add(Kind.END, self._at, "")
        return self._tokens

    def _step(self) -> None:
        found = _TOKEN.match(self._text, self._at)
        if not found:
            self._bad(self._at + 1, f"syntax error at or near {near(self._text[self._at])}")
        elif found.lastgroup == "space":
            self._at = found.end()
        else:
            _READERS[str(found.lastgroup)](self, found)

    def _add(self, kind: Kind, end: int, value: str, refusal: Refusal | None = None) -> None:
        written = self._text[self._at : end]
        self._tokens.append(Token(kind, self._place(self._at), written, value, refusal))
        self._at = end

    def _bad(self, end: int, message: str, code: str = SYNTAX_ERROR, hint: str = "") -> None:
        self._add(Kind.BAD, end, "", Refusal(self._place(self._at), code, message, hint))

    def _unterminated(self, what: str) -> None:
        self._bad(len(self._text), f"unterminated {what} at or near {near(self._text[self._at :])}")

    def _comment(self, found: re.Match[str]) -> None:
        depth = 1
        for edge in _COMMENT_EDGE.finditer(self._text, found.end()):
            depth += 1 if edge[0] == "/*" else -1
            if not depth:
                self._at = edge.end()
                return
        self._unterminated("/* comment")

    def _string(self, found: re.Match[str]) -> None:
        if segments := self._segments(_PLAIN, found.end()):
            value = "".join(segment[0][:-1] for segment in segments)
            self._add(Kind.STRING, segments[-1].end(), value.replace("''", "'"))

    def _escaped(self, found: re.Match[str]) -> None:
        segments = self._segments(_ESCAPED, found.end())
        if not segments:
            return
        end = segments[-1].end()
        try:
            value = decode_escapes([segment[0][:-1] for segment in segments])
        except Refusal as refusal:
            self._bad(end, refusal.message, refusal.code, refusal.hint)
        else:
            self._add(Kind.STRING, end, value)

    def _segments(self, pattern: re.Pattern[str], start: int) -> list[re.Match[str]]:
        segments = []
        while segment := pattern.match(self._text, start):
            segments.append(segment)
            continued = _CONTINUATION.match(self._text, segment.end())
            if not continued:
                return segments
            start = continued.end()
        self._unterminated("quoted string")
        return []

    def _quoted(self, found: re.Match[str]) -> None:
        name = _IDENTIFIER.match(self._text, found.end())
        if not name:
            self._unterminated("quoted identifier")
        elif name[0] == '"':
            self._bad(name.end(), 'zero-length delimited identifier at or near """"')
        else:
            self._add(Kind.QUOTED, name.end(), _truncate(name[0][:-1].replace('""', '"')))

    def _foreign(self, found: re.Match[str]) -> None:
        hint = "write a plain literal or E'...'; a name in double quotes as it is"
        message = f"literals and names that begin with {found[0]} are not supported"
        self._bad(found.end() - 1, message, UNSUPPORTED, hint)

    def _dollar(self, found: re.Match[str]) -> None:
        end = self._text.find(found[0], found.end())
        if end < 0:
            self._unterminated("dollar-quoted string")
        else:
            self._add(Kind.STRING, end + len(found[0]), self._text[found.end() : end])

    def _parameter(self, found: re.Match[str]) -> None:
        if not self._has_junk(found, "parameter"):
            self._add(Kind.PARAMETER, found.end(), found[0][1:])

    def _number(self, found: re.Match[str]) -> None:
        if not self._has_junk(found, "numeric literal"):
            self._add(Kind.NUMBER, found.end(), found[0])

    def _has_junk(self, found: re.Match[str], what: str) -> bool:
        junk = _JUNK.match(self._text, found.end())
        if junk:
            written = self._text[self._at : junk.end()]
            self._bad(junk.end(), f"trailing junk after {what} at or near {near(written)}")
        return junk is not None

    def _word(self, found: re.Match[str]) -> None:
        self._add(Kind.WORD, found.end(), _truncate(found[0].translate(_FOLD)))

    def _symbol(self, found: re.Match[str]) -> None:
        self._add(Kind.SYMBOL, found.end(), found[0])

    def _operator(self, found: re.Match[str]) -> None:
        operator = _cut_operator(found[0])
        if len(operator) > _LONGEST_NAME_BYTES:
            self._bad(self._at + len(operator), "operator too long")
            return
        kind = Kind.SYMBOL if operator == "=>" else Kind.OPERATOR
        self._add(kind, self._at + len(operator), "<>" if operator == "!=" else operator)


_READERS: dict[str, Callable[[_Lexer, re.Match[str]], None]] = {
    "comment": _Lexer._comment,
    "escaped": _Lexer._escaped,
    "foreign": _Lexer._foreign,
    "string": _Lexer._string,
    "quoted": _Lexer._quoted,
    "dollar": _Lexer._dollar,
    "parameter": _Lexer._parameter,
    "number": _Lexer._number,
    "word": _Lexer._word,
    "symbol": _Lexer._symbol,
    "operator": _Lexer._operator,
}


def _cut_operator(written: str) -> str:
    """Return how much of `written` is one operator.

    A comment ends it, and only one that holds a character no operator of standard SQL has may end in + or -.
    """
    operator = re.split(r"/\*|--", written, maxsplit=1)[0]
    if not _OUTSIDE_STANDARD.intersection(operator):
        operator = operator[0] + operator[1:].rstrip("+-")
    return operator


def _truncate(name: str) -> str:
    return name.encode()[:_LONGEST_NAME_BYTES].decode(errors="ignore")
