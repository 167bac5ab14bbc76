-- What a production database has for policies, without bytes: storage's two tables, Supabase's helper
-- functions, the roles. Schema `law` holds the same rows without row security, for judging expressions.

DO $$
BEGIN
    IF to_regrole('anon') IS NULL THEN CREATE ROLE anon NOLOGIN NOINHERIT; END IF;
    IF to_regrole('authenticated') IS NULL THEN CREATE ROLE authenticated NOLOGIN NOINHERIT; END IF;
    IF to_regrole('service_role') IS NULL THEN CREATE ROLE service_role NOLOGIN NOINHERIT BYPASSRLS; END IF;
END $$;

CREATE SCHEMA auth;
CREATE SCHEMA storage;
CREATE SCHEMA aerostore;
CREATE SCHEMA law;
GRANT USAGE ON SCHEMA auth, storage, aerostore, law, public TO anon, authenticated, service_role;

CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        nullif(current_setting('request.jwt.claim.sub', true), ''),
        (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')
    )::uuid
$$;
CREATE FUNCTION auth.role() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        nullif(current_setting('request.jwt.claim.role', true), ''),
        (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role')
    )::text
$$;
CREATE FUNCTION auth.email() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        nullif(current_setting('request.jwt.claim.email', true), ''),
        (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email')
    )::text
$$;
CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        nullif(current_setting('request.jwt.claim', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')
    )::jsonb
$$;

CREATE FUNCTION storage.foldername(name text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    segments text[] := string_to_array(name, '/');
BEGIN
    RETURN segments[1 : array_length(segments, 1) - 1];
END $$;
CREATE FUNCTION storage.filename(name text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    segments text[] := string_to_array(name, '/');
BEGIN
    RETURN segments[array_length(segments, 1)];
END $$;
CREATE FUNCTION storage.extension(name text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    segments text[] := string_to_array(name, '/');
BEGIN
    RETURN reverse(split_part(reverse(segments[array_length(segments, 1)]), '.', 1));
END $$;

CREATE FUNCTION storage.operation() RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN current_setting('storage.operation', true);
END $$;
CREATE FUNCTION storage.allow_any_operation(expected_operations text[]) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(bool_or(
        regexp_replace(expected, '^storage\.', '') <> ''
        AND regexp_replace(expected, '^storage\.', '') = regexp_replace(storage.operation(), '^storage\.', '')
    ), false)
    FROM unnest(expected_operations) AS expected
$$;
CREATE FUNCTION storage.allow_only_operation(expected_operation text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT storage.allow_any_operation(ARRAY[expected_operation])
$$;

CREATE TABLE storage.buckets (
    id                 text COLLATE "C" PRIMARY KEY,
    name               text COLLATE "C" NOT NULL UNIQUE,
    owner_id           text,
    public             boolean NOT NULL DEFAULT false,
    type               text NOT NULL DEFAULT 'STANDARD',
    file_size_limit    bigint,
    allowed_mime_types text[],
    versioning_status  text NOT NULL DEFAULT 'DISABLED',
    created_at         timestamptz(3) NOT NULL DEFAULT now(),
    updated_at         timestamptz(3) NOT NULL DEFAULT now(),
    owner              uuid GENERATED ALWAYS AS (
        CASE WHEN owner_id ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' THEN owner_id::uuid END
    ) STORED
);
CREATE TABLE storage.objects (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    bucket_id        text COLLATE "C" NOT NULL REFERENCES storage.buckets (id),
    name             text COLLATE "C" NOT NULL,
    owner_id         text,
    version          text NOT NULL,
    blob_id          text COLLATE "C",
    metadata         jsonb NOT NULL DEFAULT '{}',
    user_metadata    jsonb,
    created_at       timestamptz(3) NOT NULL DEFAULT now(),
    updated_at       timestamptz(3) NOT NULL DEFAULT now(),
    last_accessed_at timestamptz(3) NOT NULL DEFAULT now(),
    archived_at      timestamptz(3),
    is_delete_marker boolean NOT NULL DEFAULT false,
    owner            uuid GENERATED ALWAYS AS (
        CASE WHEN owner_id ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' THEN owner_id::uuid END
    ) STORED,
    path_tokens      text[] GENERATED ALWAYS AS (string_to_array(name, '/')) STORED
);
CREATE UNIQUE INDEX storage_objects_current ON storage.objects (bucket_id, name) WHERE archived_at IS NULL;
ALTER TABLE storage.buckets ENABLE ROW LEVEL SECURITY;
ALTER TABLE storage.objects ENABLE ROW LEVEL SECURITY;
GRANT ALL ON storage.buckets, storage.objects TO anon, authenticated, service_role;

-- The executor's statements name these, on both engines.
CREATE VIEW aerostore.storage_buckets WITH (security_invoker = true) AS
SELECT id, name, owner_id, public, type, file_size_limit, allowed_mime_types, versioning_status, created_at,
    updated_at
FROM storage.buckets;
CREATE VIEW aerostore.storage_objects WITH (security_invoker = true) AS
SELECT id, bucket_id, name, owner_id, version, blob_id, metadata, user_metadata, created_at, updated_at,
    last_accessed_at, archived_at, is_delete_marker
FROM storage.objects;
GRANT ALL ON aerostore.storage_buckets, aerostore.storage_objects TO anon, authenticated, service_role;

CREATE TABLE law.buckets (LIKE storage.buckets INCLUDING GENERATED INCLUDING DEFAULTS);
CREATE TABLE law.objects (LIKE storage.objects INCLUDING GENERATED INCLUDING DEFAULTS);
GRANT SELECT ON law.buckets, law.objects TO anon, authenticated, service_role;
