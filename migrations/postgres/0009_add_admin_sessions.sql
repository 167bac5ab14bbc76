-- Who is signed in at the admin UI. Of the cookie only a keyed hash is here, and nothing of the token
-- but its claims, as JSON in the text that policies will read.
CREATE TABLE aerostore.storage_admin_sessions (
    id           text COLLATE "C" PRIMARY KEY,
    secret_hash  text COLLATE "C" NOT NULL UNIQUE,
    role         text NOT NULL,
    user_id      text,
    claims       text NOT NULL,
    address      text,
    user_agent   text NOT NULL DEFAULT '',
    created_at   timestamptz(3) NOT NULL,
    last_seen_at timestamptz(3) NOT NULL,
    expires_at   timestamptz(3)
);
CREATE INDEX storage_admin_sessions_age ON aerostore.storage_admin_sessions (created_at DESC, id DESC);
