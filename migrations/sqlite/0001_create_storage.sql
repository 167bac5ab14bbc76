-- Buckets, objects, blobs, uploads, parts, events; and the server's own leases and quarantine.
-- Times are UTC text with milliseconds and Z, so that they sort as they are written. JSON is text.

CREATE TABLE storage_buckets (
    id                 TEXT PRIMARY KEY NOT NULL,
    name               TEXT NOT NULL UNIQUE,
    owner_id           TEXT,
    public             INTEGER NOT NULL DEFAULT 0 CHECK (public IN (0, 1)),
    type               TEXT NOT NULL DEFAULT 'STANDARD' CHECK (type IN ('STANDARD', 'ANALYTICS', 'VECTOR')),
    file_size_limit    INTEGER CHECK (file_size_limit >= 0),
    allowed_mime_types TEXT,
    versioning_status  TEXT NOT NULL DEFAULT 'DISABLED',
    created_at         TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at         TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

CREATE TABLE storage_blobs (
    id             TEXT PRIMARY KEY NOT NULL,
    backend_key    TEXT NOT NULL UNIQUE,
    sha256         TEXT NOT NULL,
    size_bytes     INTEGER NOT NULL CHECK (size_bytes >= 0),
    storage_class  TEXT NOT NULL DEFAULT 'hot' CHECK (storage_class IN ('hot', 'cold')),
    ref_count      INTEGER NOT NULL DEFAULT 0 CHECK (ref_count >= 0),
    status         TEXT NOT NULL DEFAULT 'COMMITTED' CHECK (status IN ('COMMITTED', 'DELETING')),
    created_at     TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    deleting_since TEXT
);
CREATE INDEX storage_blobs_content ON storage_blobs (sha256, size_bytes) WHERE status = 'COMMITTED';
CREATE INDEX storage_blobs_deleting ON storage_blobs (deleting_since) WHERE status = 'DELETING';

CREATE TABLE storage_objects (
    id               TEXT PRIMARY KEY NOT NULL,
    bucket_id        TEXT NOT NULL REFERENCES storage_buckets (id),
    name             TEXT NOT NULL,
    owner_id         TEXT,
    version          TEXT NOT NULL,
    blob_id          TEXT REFERENCES storage_blobs (id),
    metadata         TEXT NOT NULL DEFAULT '{}',
    user_metadata    TEXT,
    created_at       TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at       TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    last_accessed_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    archived_at      TEXT,
    is_delete_marker INTEGER NOT NULL DEFAULT 0 CHECK (is_delete_marker IN (0, 1))
);
CREATE UNIQUE INDEX storage_objects_current ON storage_objects (bucket_id, name) WHERE archived_at IS NULL;
-- For list v1, which ignores the case of ASCII letters and puts a folder before what begins like it: the
-- second text literal is a tab.
CREATE INDEX storage_objects_folded ON storage_objects (bucket_id, replace(lower(name), '/', '	'), name)
    WHERE archived_at IS NULL;
CREATE INDEX storage_objects_blob ON storage_objects (blob_id);

CREATE TABLE storage_uploads (
    id            TEXT PRIMARY KEY NOT NULL,
    protocol      TEXT NOT NULL CHECK (protocol IN ('tus', 's3')),
    bucket_id     TEXT NOT NULL REFERENCES storage_buckets (id),
    name          TEXT NOT NULL,
    owner_id      TEXT,
    state         TEXT NOT NULL DEFAULT 'WRITING' CHECK (state IN ('WRITING', 'COMPLETED', 'ABORTED')),
    offset_bytes  INTEGER NOT NULL DEFAULT 0 CHECK (offset_bytes >= 0),
    size_bytes    INTEGER CHECK (size_bytes >= 0),
    upsert        INTEGER NOT NULL DEFAULT 0 CHECK (upsert IN (0, 1)),
    metadata      TEXT NOT NULL DEFAULT '{}',
    user_metadata TEXT,
    created_at    TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    expires_at    TEXT NOT NULL
);
CREATE INDEX storage_uploads_bucket ON storage_uploads (bucket_id, name);
CREATE INDEX storage_uploads_expiry ON storage_uploads (expires_at);

CREATE TABLE storage_upload_parts (
    upload_id   TEXT NOT NULL REFERENCES storage_uploads (id) ON DELETE CASCADE,
    part_number INTEGER NOT NULL CHECK (part_number BETWEEN 1 AND 10000),
    blob_id     TEXT NOT NULL REFERENCES storage_blobs (id),
    size_bytes  INTEGER NOT NULL CHECK (size_bytes >= 0),
    etag        TEXT NOT NULL,
    created_at  TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    PRIMARY KEY (upload_id, part_number)
);
CREATE INDEX storage_upload_parts_blob ON storage_upload_parts (blob_id);

CREATE TABLE storage_events (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT NOT NULL UNIQUE,
    type            TEXT NOT NULL,
    bucket_id       TEXT NOT NULL,
    name            TEXT NOT NULL,
    object_id       TEXT NOT NULL,
    payload         TEXT NOT NULL,
    created_at      TEXT NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TEXT NOT NULL,
    delivered_at    TEXT,
    dead_at         TEXT,
    last_error      TEXT
);
CREATE INDEX storage_events_due ON storage_events (seq) WHERE delivered_at IS NULL AND dead_at IS NULL;
CREATE INDEX storage_events_pending ON storage_events (object_id, seq)
    WHERE delivered_at IS NULL AND dead_at IS NULL;
CREATE INDEX storage_events_settled ON storage_events (created_at)
    WHERE delivered_at IS NOT NULL OR dead_at IS NOT NULL;

CREATE TABLE storage_leases (
    name       TEXT PRIMARY KEY NOT NULL,
    holder     TEXT NOT NULL,
    expires_at TEXT NOT NULL
);

-- What reclaim has seen: bytes without a row ('orphan'), rows without bytes ('missing').
CREATE TABLE storage_quarantine (
    backend_key   TEXT PRIMARY KEY NOT NULL,
    kind          TEXT NOT NULL CHECK (kind IN ('orphan', 'missing')),
    size_bytes    INTEGER NOT NULL,
    first_seen_at TEXT NOT NULL,
    last_seen_at  TEXT NOT NULL,
    scans         INTEGER NOT NULL DEFAULT 1
);
