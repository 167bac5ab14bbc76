"""PostgreSQL 15's key words by what else they may name; words in no set may name anything.

Source: PostgreSQL 15, Appendix C, the same as `pg_get_keywords()` gives.
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


RESERVED = _words("""
    all analyse analyze and any array as asc asymmetric both case cast check collate column constraint
    create current_catalog current_date current_role current_time current_timestamp current_user default
    deferrable desc distinct do else end except false fetch for foreign from grant group having in initially
    intersect into lateral leading limit localtime localtimestamp not null offset on only or order placing
    primary references returning select session_user some symmetric table then to trailing true union unique
    user using variadic when where window with
""")

FUNCTION_NAMES = _words("""
    authorization binary collation concurrently cross current_schema freeze full ilike inner is isnull join
    left like natural notnull outer overlaps right similar tablesample verbose
""")
"""May name functions and types, but no columns and tables."""

COLUMN_NAMES = _words("""
    between bigint bit boolean char character coalesce dec decimal exists extract float greatest grouping
    inout int integer interval least national nchar none normalize nullif numeric out overlay position
    precision real row setof smallint substring time timestamp treat trim values varchar xmlattributes
    xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
""")
"""May name columns and tables, but no functions and types."""

ONLY_AFTER_AS = _words("""
    array as char character create day except fetch filter for from grant group having hour intersect into
    isnull limit minute month notnull offset on order over overlaps precision returning second to union
    varying where window with within without year
""")
"""May not name a select item unless AS stands before them."""

VALUES = _words("""
    current_date current_time current_timestamp localtime localtimestamp current_role current_user
    session_user user current_catalog current_schema
""")
"""Are values by themselves, as functions without parentheses."""

REFUSED_CALLS = _words("""
    grouping normalize overlay row treat xmlconcat xmlelement xmlexists xmlforest xmlparse xmlpi xmlroot
    xmlserialize
""")
"""Begin calls with a syntax of their own that only PostgreSQL understands."""

TIME_FIELDS = _words("""
    century day decade dow doy epoch hour isodow isoyear julian microseconds millennium milliseconds minute
    month quarter second timezone timezone_hour timezone_minute week year
""")
"""What extract() can be asked for."""
