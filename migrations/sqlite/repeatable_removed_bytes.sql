-- No row can come to point at bytes that reclaim has removed or is about to: not an upload that stood still for
-- longer than the grace period, nor one whose clock jumped.

DROP TRIGGER IF EXISTS storage_blobs_added;
CREATE TRIGGER storage_blobs_added BEFORE INSERT ON storage_blobs BEGIN
    SELECT RAISE(ABORT, 'bytes were removed') WHERE EXISTS (
        SELECT 1 FROM storage_quarantine WHERE backend_key = NEW.backend_key AND kind = 'doomed');
END;

DROP TRIGGER IF EXISTS storage_blobs_moved;
CREATE TRIGGER storage_blobs_moved BEFORE UPDATE OF backend_key ON storage_blobs BEGIN
    SELECT RAISE(ABORT, 'bytes were removed') WHERE EXISTS (
        SELECT 1 FROM storage_quarantine WHERE backend_key = NEW.backend_key AND kind = 'doomed');
END;
