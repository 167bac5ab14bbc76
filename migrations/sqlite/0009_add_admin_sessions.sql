-- Who is signed in at the admin UI. Of the cookie only a keyed hash is here, and nothing of the token
-- but its claims, as JSON in the text that policies will read.
CREATE TABLE storage_admin_sessions (
    id           TEXT PRIMARY KEY NOT NULL,
    secret_hash  TEXT NOT NULL UNIQUE,
    role         TEXT NOT NULL,
    user_id      TEXT,
    claims       TEXT NOT NULL,
    address      TEXT,
    user_agent   TEXT NOT NULL DEFAULT '',
    created_at   TEXT NOT NULL,
    last_seen_at TEXT NOT NULL,
    expires_at   TEXT
);
CREATE INDEX storage_admin_sessions_age ON storage_admin_sessions (created_at DESC, id DESC);
