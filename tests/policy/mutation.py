"""Policy texts with a token or two changed: most are no SQL any more, some mean something else."""

import random
from collections.abc import Sequence
from pathlib import Path

from aerostore.policy.parse.lexer import lex

CORPUS = Path(__file__).parent / "corpus"
_KEY_WORDS = (
    *("is", "null", "in", "case", "when", "then", "else", "end", "as", "any", "on", "to", "for", "using"),
    *("select", "from", "where", "join", "left", "exists", "array", "with", "order by", "limit", "distinct"),
    *("cast", "escape", "collate", "over", "filter", "row", "values", "union", "group by", "lateral", "only"),
    *("substring", "trim", "position", "extract", "coalesce", "interval", "at time zone", "current_user"),
    *("check", "table"),
)
_OPERATORS = (
    *("=", "<>", "<", "+", "-", "*", "%", "||", "->", "->>", "~", "@>", "and", "or", "like", "not like"),
    *("is not", "between", "in", "is distinct from", "similar to", "::", ".", "@"),
)
_OPERANDS = (
    *("name", "bucket_id", "auth.uid()", '"q"', "'x'", "E'\\n'", "b'1'", "U&'x'", "1", ".5", "1a"),
    *("true",),
)
_TYPES = ("text", "uuid", "int", "double precision", "varchar(3)", "text[]", "setof int", "boolean")
_BRACKETS = ("(", ")", "[", "]", ",", "((", "))")
_ALIKE = (_KEY_WORDS, _OPERATORS, _OPERANDS, _TYPES, _BRACKETS)
_PIECES = (
    *("'", "''", "'a'", "E'", "x'", "b'", "N'", "u&'", 'U&"', "$$", "$a$", "$b$", '"', '""', "--"),
    *("/*", "*/", "\\n", "\\'", "\\x4", "\\u00e9", "\\u12", "\\U0001F600", "\\ud83d\\ude00", "\\ud83d"),
    *("\\101", "\\8", "\\\\", "\n", "\r", "\t", "\f", "\u00a0", "é", "😀", "a", "B", "_", "x" * 70),
    *("É" * 40, "name", "null", "1", "1.", "1e5", "1e", "$1", "..", ".", "::", ":=", "=>", "!=", "+"),
    *("-", "*", "/", "<", ">", "=", "~", "@", "#", "%", "^", "&", "|", "`", "?", "(", ")", "[", "]"),
    *(",", ";"),
)


def corpus_texts() -> list[str]:
    """Return the text of each corpus file, in the order in which they are to be loaded."""
    return [path.read_text() for path in sorted(CORPUS.glob("*.sql"))]


def corpus_statements() -> list[list[str]]:
    """Return the tokens of every statement of the corpus, as written."""
    statements: list[list[str]] = [[]]
    for token in (token for text in corpus_texts() for token in lex(text)):
        if token.text in (";", ""):
            statements.append([])
        else:
            statements[-1].append(token.text)
    return [tokens for tokens in statements if tokens]


def mutate(tokens: Sequence[str], rng: random.Random) -> str:
    """Return a statement that differs from `tokens` in one to three places."""
    changed = list(tokens)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        _change(changed, rng)
    return " ".join(changed)


def characters(rng: random.Random) -> str:
    """Return a statement whose condition is a few characters that mean something to a scanner."""
    pieces = (rng.choice(_PIECES) + rng.choice(("", "", " ")) for _ in range(rng.randint(1, 6)))
    before, after = rng.choice(("", "a ", "f(")), rng.choice((")", ")", "a)", " a)", "))", "*/)", "')"))
    return f"create policy p on t using ({before}{''.join(pieces)}{after}"


def _change(tokens: list[str], rng: random.Random) -> None:
    at = rng.randrange(len(tokens))
    kind = rng.choice(("delete", "double", "swap", "replace", "insert", "turn", "turn", "turn"))
    if kind == "delete" and len(tokens) > 1:
        del tokens[at]
    elif kind == "double":
        tokens.insert(at, tokens[at])
    elif kind == "swap":
        other = rng.randrange(len(tokens))
        tokens[at], tokens[other] = tokens[other], tokens[at]
    elif kind == "turn":
        tokens[at] = rng.choice(next((alike for alike in _ALIKE if tokens[at].lower() in alike), _OPERANDS))
    elif kind == "replace":
        tokens[at] = rng.choice(rng.choice(_ALIKE))
    else:
        tokens.insert(at, rng.choice(rng.choice(_ALIKE)))
