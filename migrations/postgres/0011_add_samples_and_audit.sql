-- What the plots of the admin UI are made of, and what was done there: for the operator, trimmed by the server.
CREATE TABLE aerostore.storage_samples (
    step_s   bigint NOT NULL,
    begins_s bigint NOT NULL,
    series   text COLLATE "C" NOT NULL,
    value    double precision NOT NULL,
    PRIMARY KEY (step_s, begins_s, series)
);

CREATE TABLE aerostore.storage_audit (
    id         text COLLATE "C" PRIMARY KEY,
    created_at timestamptz(3) NOT NULL,
    type       text COLLATE "C" NOT NULL,
    role       text,
    user_id    text,
    session_id text,
    address    text,
    request_id text,
    detail     jsonb NOT NULL
);
CREATE INDEX storage_audit_age ON aerostore.storage_audit (created_at DESC, id DESC);
