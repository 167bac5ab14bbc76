-- A CRC-32 for each piece of a blob, so that a part can be checked without reading the whole; NULL: not known.
ALTER TABLE aerostore.storage_blobs ADD COLUMN piece_sums bytea;

-- Rounds of comparing every stored byte with its SHA-256. after_key: how far the round is.
CREATE TABLE aerostore.storage_scrubs (
    id            text COLLATE "C" PRIMARY KEY,
    started_at    timestamptz(3) NOT NULL,
    updated_at    timestamptz(3) NOT NULL,
    finished_at   timestamptz(3),
    after_key     text COLLATE "C" NOT NULL DEFAULT '',
    checked       bigint NOT NULL DEFAULT 0 CHECK (checked >= 0),
    checked_bytes bigint NOT NULL DEFAULT 0 CHECK (checked_bytes >= 0),
    damaged       bigint NOT NULL DEFAULT 0 CHECK (damaged >= 0),
    missing       bigint NOT NULL DEFAULT 0 CHECK (missing >= 0)
);
CREATE INDEX storage_scrubs_age ON aerostore.storage_scrubs (started_at DESC, id);

GRANT SELECT, INSERT, UPDATE, DELETE ON aerostore.storage_scrubs TO service_role;
