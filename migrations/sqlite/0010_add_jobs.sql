-- Work that outlives a request: what was asked for and by whom, how far it is, why it stopped. Never a token.
CREATE TABLE storage_jobs (
    id            TEXT PRIMARY KEY NOT NULL,
    kind          TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('pending', 'running', 'done', 'failed', 'cancelled')),
    is_cancelling INTEGER NOT NULL DEFAULT 0 CHECK (is_cancelling IN (0, 1)),
    role          TEXT NOT NULL,
    user_id       TEXT,
    claims        TEXT NOT NULL,
    origin        TEXT NOT NULL,
    request       TEXT NOT NULL,
    after_key     TEXT NOT NULL DEFAULT '',
    done          INTEGER NOT NULL DEFAULT 0 CHECK (done >= 0),
    total         INTEGER CHECK (total >= 0),
    done_bytes    INTEGER NOT NULL DEFAULT 0 CHECK (done_bytes >= 0),
    skipped       INTEGER NOT NULL DEFAULT 0 CHECK (skipped >= 0),
    refused       INTEGER NOT NULL DEFAULT 0 CHECK (refused >= 0),
    error         TEXT,
    report        TEXT NOT NULL DEFAULT '{}',
    created_at    TEXT NOT NULL,
    started_at    TEXT,
    updated_at    TEXT NOT NULL,
    finished_at   TEXT
);
CREATE INDEX storage_jobs_unfinished ON storage_jobs (id) WHERE state IN ('pending', 'running');
