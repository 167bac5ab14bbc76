-- Resumable and multipart uploads: who may go on with one, which request has asked last for it, and the
-- checksums of a part. Access keys: what the S3 protocol signs with.
ALTER TABLE aerostore.storage_uploads ADD COLUMN holder text NOT NULL DEFAULT '';
ALTER TABLE aerostore.storage_uploads ADD COLUMN claimant text NOT NULL DEFAULT '';
ALTER TABLE aerostore.storage_upload_parts ADD COLUMN checksums jsonb NOT NULL DEFAULT '{}';

CREATE TABLE aerostore.storage_access_keys (
    id             text COLLATE "C" PRIMARY KEY,
    role           text NOT NULL,
    claims         jsonb NOT NULL DEFAULT '{}',
    description    text NOT NULL DEFAULT '',
    signing_key_id text NOT NULL,
    created_at     timestamptz(3) NOT NULL,
    expires_at     timestamptz(3),
    revoked_at     timestamptz(3)
);
