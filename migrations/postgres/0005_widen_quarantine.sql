-- Two more kinds: 'damaged' is a row whose bytes have another SHA-256; 'doomed' are bytes without a row that
-- reclaim removes, noted before it does so that no late upload can come to point at them.
ALTER TABLE aerostore.storage_quarantine DROP CONSTRAINT storage_quarantine_kind_check;
ALTER TABLE aerostore.storage_quarantine ADD CONSTRAINT storage_quarantine_kind_check
    CHECK (kind IN ('orphan', 'missing', 'damaged', 'doomed'));
CREATE INDEX storage_quarantine_kind ON aerostore.storage_quarantine (kind, last_seen_at);
