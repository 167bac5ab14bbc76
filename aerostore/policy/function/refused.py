"""Functions that PostgreSQL has and policies may try, but that are not offered here, with the reason."""

from collections.abc import Mapping

from aerostore.policy.function.postgres_name import IN_EXTENSIONS, IN_POSTGRES

_ABOUT_SERVER = "it asks the database server about itself"
_REASONS: Mapping[str, str] = {
    "its value changes from call to call, so a policy with it has no stable answer": """
        random setseed gen_random_uuid uuid_generate_v1 uuid_generate_v4 clock_timestamp statement_timestamp
        timeofday nextval currval setval lastval set_config txid_current
    """,
    "full-text search depends on dictionaries of the server": """
        to_tsvector to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery ts_rank
        similarity unaccent
    """,
    "of the aggregates only count() is available": """
        sum avg min max array_agg string_agg bool_and bool_or every json_agg jsonb_agg json_object_agg
        jsonb_object_agg
    """,
    "window functions are not available": """
        row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value
    """,
    "its result depends on the locale": "initcap to_char to_number to_date to_timestamp",
    "only whether a regular expression matches is available, not what or where": """
        regexp_replace regexp_match regexp_matches regexp_split_to_array regexp_split_to_table regexp_count
        regexp_instr regexp_like regexp_substr
    """,
    "JSON path expressions are not available": """
        jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_path_query_array jsonb_path_query_first
    """,
    _ABOUT_SERVER: """
        session_user system_user current_catalog current_database current_schema current_schemas
        inet_client_addr inet_server_addr has_table_privilege version to_regclass to_regprocedure
    """,
}
_BY_NAME: Mapping[str, str] = {
    **dict.fromkeys(IN_POSTGRES.split(), ""),
    **{name: reason for reason, names in _REASONS.items() for name in names.split()},
}
_BY_QUALIFIED_NAME = frozenset(
    {"storage.search", "storage.search_v2", "storage.can_insert_object", "storage.get_size_by_bucket"}
)
_ELSEWHERE = frozenset(IN_EXTENSIONS.split()) | _BY_QUALIFIED_NAME
_SERVER_PREFIX = "pg_"
_EXTENSIONS_SCHEMA = "extensions."


def why_refused(name: str) -> str | None:
    """Return why a function is not offered, "" when there is no more to say; None for one nobody has.

    name: without pg_catalog, with any other schema.
    """
    if name.startswith(_SERVER_PREFIX):
        return _ABOUT_SERVER
    if name in _ELSEWHERE or name.startswith(_EXTENSIONS_SCHEMA):
        return ""
    return _BY_NAME.get(name)


def is_reserved(name: str) -> bool:
    """Return whether PostgreSQL itself may mean a function that is not offered by that unqualified name."""
    return name in _BY_NAME or name.startswith(_SERVER_PREFIX)
