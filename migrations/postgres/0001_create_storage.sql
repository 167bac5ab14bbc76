-- Buckets and objects in schema storage, under Supabase's names, so that CREATE POLICY files apply verbatim;
-- the server's own rows in schema aerostore. Needs PostgreSQL 15 and the database's owner, no superuser.
-- No grants here: roles, the schema auth and what they may touch are bootstrap. Until then only the owner gets in.
--
-- Unlike the SQLite twin: times are timestamptz of the same resolution, milliseconds; JSON is jsonb;
-- allowed_mime_types is text[], as Supabase has it (the executor adapts); ids of objects are uuid. Keys and
-- names are COLLATE "C": compared byte by byte, whatever the database's own collation, as SQLite does.

CREATE SCHEMA IF NOT EXISTS storage;
CREATE SCHEMA IF NOT EXISTS aerostore;

CREATE TABLE storage.buckets (
    id                 text COLLATE "C" PRIMARY KEY,
    name               text COLLATE "C" NOT NULL UNIQUE,
    owner_id           text,
    public             boolean NOT NULL DEFAULT false,
    type               text NOT NULL DEFAULT 'STANDARD' CHECK (type IN ('STANDARD', 'ANALYTICS', 'VECTOR')),
    file_size_limit    bigint CHECK (file_size_limit >= 0),
    allowed_mime_types text[],
    versioning_status  text NOT NULL DEFAULT 'DISABLED',
    created_at         timestamptz(3) NOT NULL DEFAULT now(),
    updated_at         timestamptz(3) NOT NULL DEFAULT now(),
    -- For policies that say `owner = auth.uid()`. The CASE keeps an owner_id that is no uuid from failing the write.
    owner              uuid GENERATED ALWAYS AS (
        CASE WHEN owner_id ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' THEN owner_id::uuid END
    ) STORED
);
ALTER TABLE storage.buckets ENABLE ROW LEVEL SECURITY;

CREATE TABLE aerostore.storage_blobs (
    id             text COLLATE "C" PRIMARY KEY,
    backend_key    text COLLATE "C" NOT NULL UNIQUE,
    sha256         text NOT NULL,
    size_bytes     bigint NOT NULL CHECK (size_bytes >= 0),
    storage_class  text NOT NULL DEFAULT 'hot' CHECK (storage_class IN ('hot', 'cold')),
    ref_count      bigint NOT NULL DEFAULT 0 CHECK (ref_count >= 0),
    status         text NOT NULL DEFAULT 'COMMITTED' CHECK (status IN ('COMMITTED', 'DELETING')),
    created_at     timestamptz(3) NOT NULL DEFAULT now(),
    deleting_since timestamptz(3)
);
CREATE INDEX storage_blobs_content ON aerostore.storage_blobs (sha256, size_bytes) WHERE status = 'COMMITTED';
CREATE INDEX storage_blobs_deleting ON aerostore.storage_blobs (deleting_since) WHERE status = 'DELETING';

CREATE TABLE storage.objects (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    bucket_id        text COLLATE "C" NOT NULL REFERENCES storage.buckets (id),
    name             text COLLATE "C" NOT NULL,
    owner_id         text,
    version          text NOT NULL,
    blob_id          text COLLATE "C" REFERENCES aerostore.storage_blobs (id),
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
ALTER TABLE storage.objects ENABLE ROW LEVEL SECURITY;
CREATE UNIQUE INDEX storage_objects_current ON storage.objects (bucket_id, name) WHERE archived_at IS NULL;
-- For list v1, which ignores the case of ASCII letters: under "C", lower() leaves all others alone.
-- A folder comes before what begins like it: the second text literal is a tab.
CREATE INDEX storage_objects_folded ON storage.objects (bucket_id, replace(lower(name), '/', '	'), name)
    WHERE archived_at IS NULL;
CREATE INDEX storage_objects_blob ON storage.objects (blob_id);

-- With search_path = aerostore, storage one SQL text serves both engines. security_invoker: the caller's
-- policies hold behind the view; without it the view's owner would read for everyone.
CREATE VIEW aerostore.storage_buckets WITH (security_invoker = true) AS
SELECT id, name, owner_id, public, type, file_size_limit, allowed_mime_types, versioning_status, created_at, updated_at
FROM storage.buckets;

CREATE VIEW aerostore.storage_objects WITH (security_invoker = true) AS
SELECT id, bucket_id, name, owner_id, version, blob_id, metadata, user_metadata, created_at, updated_at,
    last_accessed_at, archived_at, is_delete_marker
FROM storage.objects;

CREATE TABLE aerostore.storage_uploads (
    id            text COLLATE "C" PRIMARY KEY,
    protocol      text NOT NULL CHECK (protocol IN ('tus', 's3')),
    bucket_id     text COLLATE "C" NOT NULL REFERENCES storage.buckets (id),
    name          text COLLATE "C" NOT NULL,
    owner_id      text,
    state         text NOT NULL DEFAULT 'WRITING' CHECK (state IN ('WRITING', 'COMPLETED', 'ABORTED')),
    offset_bytes  bigint NOT NULL DEFAULT 0 CHECK (offset_bytes >= 0),
    size_bytes    bigint CHECK (size_bytes >= 0),
    upsert        boolean NOT NULL DEFAULT false,
    metadata      jsonb NOT NULL DEFAULT '{}',
    user_metadata jsonb,
    created_at    timestamptz(3) NOT NULL DEFAULT now(),
    expires_at    timestamptz(3) NOT NULL
);
CREATE INDEX storage_uploads_bucket ON aerostore.storage_uploads (bucket_id, name);
CREATE INDEX storage_uploads_expiry ON aerostore.storage_uploads (expires_at);

CREATE TABLE aerostore.storage_upload_parts (
    upload_id   text COLLATE "C" NOT NULL REFERENCES aerostore.storage_uploads (id) ON DELETE CASCADE,
    part_number integer NOT NULL CHECK (part_number BETWEEN 1 AND 10000),
    blob_id     text COLLATE "C" NOT NULL REFERENCES aerostore.storage_blobs (id),
    size_bytes  bigint NOT NULL CHECK (size_bytes >= 0),
    etag        text NOT NULL,
    created_at  timestamptz(3) NOT NULL DEFAULT now(),
    PRIMARY KEY (upload_id, part_number)
);
CREATE INDEX storage_upload_parts_blob ON aerostore.storage_upload_parts (blob_id);

CREATE TABLE aerostore.storage_events (
    seq             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id              text COLLATE "C" NOT NULL UNIQUE,
    type            text NOT NULL,
    bucket_id       text COLLATE "C" NOT NULL,
    name            text COLLATE "C" NOT NULL,
    object_id       uuid NOT NULL,
    payload         jsonb NOT NULL,
    created_at      timestamptz(3) NOT NULL,
    attempts        integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz(3) NOT NULL,
    delivered_at    timestamptz(3),
    dead_at         timestamptz(3),
    last_error      text
);
CREATE INDEX storage_events_pending ON aerostore.storage_events (object_id, seq)
    WHERE delivered_at IS NULL AND dead_at IS NULL;
CREATE INDEX storage_events_settled ON aerostore.storage_events (created_at)
    WHERE delivered_at IS NOT NULL OR dead_at IS NOT NULL;

CREATE TABLE aerostore.storage_leases (
    name       text COLLATE "C" PRIMARY KEY,
    holder     text NOT NULL,
    expires_at timestamptz(3) NOT NULL
);

-- What reclaim has seen: bytes without a row ('orphan'), rows without bytes ('missing').
CREATE TABLE aerostore.storage_quarantine (
    backend_key   text COLLATE "C" PRIMARY KEY,
    kind          text NOT NULL CHECK (kind IN ('orphan', 'missing')),
    size_bytes    bigint NOT NULL,
    first_seen_at timestamptz(3) NOT NULL,
    last_seen_at  timestamptz(3) NOT NULL,
    scans         integer NOT NULL DEFAULT 1
);
