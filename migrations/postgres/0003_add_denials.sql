-- What was refused to whom, and why: for the operator, trimmed by the server.
CREATE TABLE aerostore.storage_denials (
    id         text COLLATE "C" PRIMARY KEY,
    request_id text COLLATE "C" NOT NULL,
    created_at timestamptz(3) NOT NULL,
    operation  text NOT NULL,
    bucket_id  text COLLATE "C" NOT NULL,
    name       text COLLATE "C" NOT NULL,
    role       text NOT NULL,
    user_id    text,
    code       text NOT NULL,
    claims     jsonb NOT NULL,
    question   jsonb NOT NULL,
    story      jsonb NOT NULL
);
CREATE INDEX storage_denials_request ON aerostore.storage_denials (request_id);
CREATE INDEX storage_denials_age ON aerostore.storage_denials (created_at DESC, id);

GRANT SELECT, INSERT, UPDATE, DELETE ON aerostore.storage_denials TO service_role;
