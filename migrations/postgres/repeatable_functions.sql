-- What statements and policies call. Those in storage only where they are missing: an adopted schema has its own.

-- As in SQLite: where `part` begins in `whole`, counted from 1; 0 when it is not there.
CREATE OR REPLACE FUNCTION aerostore.instr(whole text, part text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT position(part IN whole) $$;

DO $do$ BEGIN
IF to_regprocedure('storage.foldername(text)') IS NULL THEN
    -- All but the last part of a name. Of a name at the top none: {}; of the empty name NULL.
    CREATE FUNCTION storage.foldername(name text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT (string_to_array(name, '/'))[1 : array_length(string_to_array(name, '/'), 1) - 1]
    $$;
END IF;
IF to_regprocedure('storage.filename(text)') IS NULL THEN
    CREATE FUNCTION storage.filename(name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT (string_to_array(name, '/'))[array_length(string_to_array(name, '/'), 1)]
    $$;
END IF;
IF to_regprocedure('storage.extension(text)') IS NULL THEN
    -- What follows the last dot of the last part; without a dot, that whole part.
    CREATE FUNCTION storage.extension(name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT split_part((string_to_array(name, '/'))[array_length(string_to_array(name, '/'), 1)], '.', -1)
    $$;
END IF;
IF to_regprocedure('storage.operation()') IS NULL THEN
    CREATE FUNCTION storage.operation() RETURNS text LANGUAGE sql STABLE AS $$
        SELECT current_setting('storage.operation', true)
    $$;
END IF;
IF to_regprocedure('storage.allow_any_operation(text[])') IS NULL THEN
    -- `storage.` in front of an operation's name may be left out.
    CREATE FUNCTION storage.allow_any_operation(expected_operations text[]) RETURNS boolean LANGUAGE sql STABLE AS $$
        SELECT EXISTS (
            SELECT FROM unnest(expected_operations) AS expected
            WHERE regexp_replace(expected, '^storage[.]', '')
                = nullif(regexp_replace(storage.operation(), '^storage[.]', ''), '')
        )
    $$;
END IF;
IF to_regprocedure('storage.allow_only_operation(text)') IS NULL THEN
    CREATE FUNCTION storage.allow_only_operation(expected_operation text) RETURNS boolean LANGUAGE sql STABLE AS $$
        SELECT storage.allow_any_operation(ARRAY[expected_operation])
    $$;
END IF;
END $do$;

-- A committed blob that holds these bytes, first of all a damaged one. Whoever asks for the same content waits until
-- the transaction of the one before has ended: equal bytes that come at once are stored once.
-- In plpgsql, whose statements each see what was committed when they begin: the second one after the wait.
-- Without sequential scans: a plan that was made while the table was small is kept when it has grown.
CREATE OR REPLACE FUNCTION aerostore.find_blob_by_content(wanted_sha256 text, wanted_size bigint)
    RETURNS SETOF aerostore.storage_blobs
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(wanted_sha256, 0));
    RETURN QUERY
        SELECT blob.* FROM aerostore.storage_blobs AS blob
        WHERE blob.sha256 = wanted_sha256 AND blob.size_bytes = wanted_size AND blob.status = 'COMMITTED'
        ORDER BY EXISTS (
            SELECT FROM aerostore.storage_quarantine AS damaged
            WHERE damaged.backend_key = blob.backend_key AND damaged.kind IN ('missing', 'damaged')
        ) DESC, blob.id LIMIT 1;
END $$;
