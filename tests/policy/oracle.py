"""The parser against PostgreSQL's: `python -m tests.policy.oracle COUNT SEED` compares that many statements.

The grammar behind postgast is PostgreSQL 18's; what it knows and 15 does not is never generated.
"""

import random
import sys
from collections import Counter
from typing import Any

from aerostore.policy import syntax
from aerostore.policy.parse.source import parse
from aerostore.policy.problem import Source
from tests.policy.generator import Generator
from tests.policy.meaning import meaning
from tests.policy.oracle_statement import statement
from tests.policy.oracle_tree import Unknown, postgast


class Disagreement(AssertionError):
    """One side accepts what the other refuses, or both read different things."""


def compare(text: str) -> str:
    """Return `same`, `both refuse`, or why only this parser refuses statements that PostgreSQL can read.

    Raises: Disagreement when the trees differ, or when PostgreSQL cannot read what is accepted here.
    """
    statements, problems = parse(Source(path="oracle", text=text))
    try:
        theirs = postgast.parse(text)
    except (postgast.PgQueryError, UnicodeDecodeError) as error:  # its messages quote bytes, not characters
        if problems:
            return "both refuse"
        raise Disagreement(f"accepted, but PostgreSQL says {error}: {text}") from error
    if problems:
        return f"{problems[0].code} {problems[0].message}"
    _require_equal(text, statements, theirs)
    return "same"


def _require_equal(text: str, statements: list[syntax.Statement], theirs: Any) -> None:
    ours = [meaning(found) for found in statements]
    try:
        expected = [meaning(found) for raw in theirs.stmts if (found := statement(raw.stmt))]
    except Unknown as error:
        raise Disagreement(f"accepted, but it holds {error}: {text}") from error
    if ours != expected:
        raise Disagreement(f"{text}\n  here:       {ours}\n  PostgreSQL: {expected}")


def compare_generated(count: int, seed: int) -> Counter[str]:
    """Compare `count` generated statements; return how often each answer of `compare` came."""
    generator = Generator(random.Random(seed))
    return Counter(compare(generator.statement()) for _ in range(count))


if __name__ == "__main__":
    for answer, times in compare_generated(int(sys.argv[1]), int(sys.argv[2])).most_common():
        print(f"{times:8} {answer}")
