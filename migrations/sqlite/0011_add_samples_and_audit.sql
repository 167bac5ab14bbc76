-- What the plots of the admin UI are made of, and what was done there: for the operator, trimmed by the server.
CREATE TABLE storage_samples (
    step_s   INTEGER NOT NULL,
    begins_s INTEGER NOT NULL,
    series   TEXT NOT NULL,
    value    REAL NOT NULL,
    PRIMARY KEY (step_s, begins_s, series)
) WITHOUT ROWID;

CREATE TABLE storage_audit (
    id         TEXT PRIMARY KEY NOT NULL,
    created_at TEXT NOT NULL,
    type       TEXT NOT NULL,
    role       TEXT,
    user_id    TEXT,
    session_id TEXT,
    address    TEXT,
    request_id TEXT,
    detail     TEXT NOT NULL
);
CREATE INDEX storage_audit_age ON storage_audit (created_at DESC, id DESC);
