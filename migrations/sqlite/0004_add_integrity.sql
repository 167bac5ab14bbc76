-- A CRC-32 for each piece of a blob, so that a part can be checked without reading the whole; NULL: not known.
ALTER TABLE storage_blobs ADD COLUMN piece_sums BLOB;

-- Rounds of comparing every stored byte with its SHA-256. after_key: how far the round is.
CREATE TABLE storage_scrubs (
    id            TEXT PRIMARY KEY NOT NULL,
    started_at    TEXT NOT NULL,
    updated_at    TEXT NOT NULL,
    finished_at   TEXT,
    after_key     TEXT NOT NULL DEFAULT '',
    checked       INTEGER NOT NULL DEFAULT 0 CHECK (checked >= 0),
    checked_bytes INTEGER NOT NULL DEFAULT 0 CHECK (checked_bytes >= 0),
    damaged       INTEGER NOT NULL DEFAULT 0 CHECK (damaged >= 0),
    missing       INTEGER NOT NULL DEFAULT 0 CHECK (missing >= 0)
);
CREATE INDEX storage_scrubs_age ON storage_scrubs (started_at DESC, id);
