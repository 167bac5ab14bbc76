-- Resumable and multipart uploads: who may go on with one, which request has asked last for it, and the
-- checksums of a part. Access keys: what the S3 protocol signs with.
ALTER TABLE storage_uploads ADD COLUMN holder TEXT NOT NULL DEFAULT '';
ALTER TABLE storage_uploads ADD COLUMN claimant TEXT NOT NULL DEFAULT '';
ALTER TABLE storage_upload_parts ADD COLUMN checksums TEXT NOT NULL DEFAULT '{}';

CREATE TABLE storage_access_keys (
    id             TEXT PRIMARY KEY NOT NULL,
    role           TEXT NOT NULL,
    claims         TEXT NOT NULL DEFAULT '{}',
    description    TEXT NOT NULL DEFAULT '',
    signing_key_id TEXT NOT NULL,
    created_at     TEXT NOT NULL,
    expires_at     TEXT,
    revoked_at     TEXT
);
