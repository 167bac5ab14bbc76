"""Names and texts as SQL spells them, quoted only where they would else read as something different."""

import re
from collections.abc import Iterable

PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_$]*", re.ASCII)
_KEYWORDS = """
all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create
current_catalog current_date current_role current_time current_timestamp current_user default deferrable desc
distinct do else end except false fetch for foreign from grant group having in initially intersect into
lateral leading limit localtime localtimestamp not null offset on only or order placing primary references
returning select session_user some symmetric table then to trailing true union unique user using variadic
when where window with
authorization binary collation concurrently cross current_schema freeze full ilike inner is isnull join left
like natural notnull outer overlaps right similar tablesample verbose
between bigint bit boolean char character coalesce dec decimal exists extract float greatest grouping inout
int integer interval least national nchar none normalize nullif numeric out overlay position precision real
row setof smallint substring time timestamp treat trim values varchar xmlattributes xmlconcat xmlelement
xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
"""
# Source: "SQL Key Words" in PostgreSQL's documentation: all but the non-reserved ones.
_QUOTED_KEYWORDS = frozenset(_KEYWORDS.split())


def quoted_name(parts: Iterable[str]) -> str:
    """Return a name with dots between its parts."""
    return ".".join(quoted_identifier(part) for part in parts)


def quoted_identifier(name: str) -> str:
    """Return one part of a name."""
    if PLAIN_NAME.fullmatch(name) and name not in _QUOTED_KEYWORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


def quoted_text(text: str) -> str:
    """Return `text` as a string literal."""
    return "'" + text.replace("'", "''") + "'"
