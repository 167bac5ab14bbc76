-- Work that outlives a request: what was asked for and by whom, how far it is, why it stopped. Never a token.
CREATE TABLE aerostore.storage_jobs (
    id            text COLLATE "C" PRIMARY KEY,
    kind          text NOT NULL,
    state         text NOT NULL CHECK (state IN ('pending', 'running', 'done', 'failed', 'cancelled')),
    is_cancelling boolean NOT NULL DEFAULT false,
    role          text NOT NULL,
    user_id       text,
    claims        jsonb NOT NULL,
    origin        jsonb NOT NULL,
    request       jsonb NOT NULL,
    after_key     text COLLATE "C" NOT NULL DEFAULT '',
    done          bigint NOT NULL DEFAULT 0 CHECK (done >= 0),
    total         bigint CHECK (total >= 0),
    done_bytes    bigint NOT NULL DEFAULT 0 CHECK (done_bytes >= 0),
    skipped       bigint NOT NULL DEFAULT 0 CHECK (skipped >= 0),
    refused       bigint NOT NULL DEFAULT 0 CHECK (refused >= 0),
    error         jsonb,
    report        jsonb NOT NULL DEFAULT '{}',
    created_at    timestamptz(3) NOT NULL,
    started_at    timestamptz(3),
    updated_at    timestamptz(3) NOT NULL,
    finished_at   timestamptz(3)
);
CREATE INDEX storage_jobs_unfinished ON aerostore.storage_jobs (id) WHERE state IN ('pending', 'running');

GRANT SELECT, INSERT, UPDATE, DELETE ON aerostore.storage_jobs TO service_role;
