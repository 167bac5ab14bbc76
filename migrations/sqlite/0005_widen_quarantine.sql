-- Two more kinds: 'damaged' is a row whose bytes have another SHA-256; 'doomed' are bytes without a row that
-- reclaim removes, noted before it does so that no late upload can come to point at them.
CREATE TABLE storage_quarantine_wider (
    backend_key   TEXT PRIMARY KEY NOT NULL,
    kind          TEXT NOT NULL CHECK (kind IN ('orphan', 'missing', 'damaged', 'doomed')),
    size_bytes    INTEGER NOT NULL,
    first_seen_at TEXT NOT NULL,
    last_seen_at  TEXT NOT NULL,
    scans         INTEGER NOT NULL DEFAULT 1
);
INSERT INTO storage_quarantine_wider SELECT * FROM storage_quarantine;
DROP TABLE storage_quarantine;
ALTER TABLE storage_quarantine_wider RENAME TO storage_quarantine;
CREATE INDEX storage_quarantine_kind ON storage_quarantine (kind, last_seen_at);
