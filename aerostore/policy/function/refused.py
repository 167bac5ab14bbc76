"""Functions that PostgreSQL has and policies may try, but that are not offered here, with the reason."""

from collections.abc import Mapping

_REASONS: Mapping[str, str] = {
    "its value changes from call to call, so a policy with it has no stable answer": """
        random setseed gen_random_uuid uuid_generate_v1 uuid_generate_v4 clock_timestamp statement_timestamp
        timeofday nextval
        currval setval lastval set_config pg_sleep txid_current
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
    "it asks the database server about itself": """
        session_user system_user current_catalog current_database current_schema current_schemas
        inet_client_addr inet_server_addr pg_has_role has_table_privilege pg_backend_pid version to_regclass
        to_regprocedure
    """,
    "it is not available in the embedded database": """
        current_time localtime age make_date make_interval make_timestamp make_timestamptz justify_days
        justify_hours timezone date_bin
        round ceil ceiling floor trunc sign power sqrt ln log exp div
        quote_ident quote_literal quote_nullable overlay encode decode convert convert_from convert_to digest
        hmac crypt sha256 to_hex normalize string_to_table
        generate_series generate_subscripts array_dims array_ndims array_fill array_positions trim_array
        to_json row_to_json json_build_object json_build_array json_object_keys json_typeof json_each
        json_each_text json_extract_path json_extract_path_text jsonb_each jsonb_each_text jsonb_set
        jsonb_insert jsonb_pretty jsonb_strip_nulls jsonb_object jsonb_populate_record jsonb_to_record
        jsonb_to_recordset
        storage.search storage.search_v2 storage.can_insert_object storage.get_size_by_bucket
    """,
}

REFUSED_FUNCTIONS: Mapping[str, str] = {
    name: reason for reason, names in _REASONS.items() for name in names.split()
}
"""Reasons by name; functions of other schemas than pg_catalog by their qualified name."""
