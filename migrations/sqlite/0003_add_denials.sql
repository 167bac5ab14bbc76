-- What was refused to whom, and why: for the operator, trimmed by the server.
CREATE TABLE storage_denials (
    id         TEXT PRIMARY KEY NOT NULL,
    request_id TEXT NOT NULL,
    created_at TEXT NOT NULL,
    operation  TEXT NOT NULL,
    bucket_id  TEXT NOT NULL,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL,
    user_id    TEXT,
    code       TEXT NOT NULL,
    claims     TEXT NOT NULL,
    question   TEXT NOT NULL,
    story      TEXT NOT NULL
);
CREATE INDEX storage_denials_request ON storage_denials (request_id);
CREATE INDEX storage_denials_age ON storage_denials (created_at DESC, id);
