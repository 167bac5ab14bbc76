-- ref_count follows every row that points at a blob, whoever writes it: the service, a cascade, plain SQL.
-- A row cannot start to point at bytes that are on their way out.

DROP TRIGGER IF EXISTS storage_objects_blob_added;
CREATE TRIGGER storage_objects_blob_added AFTER INSERT ON storage_objects
WHEN NEW.blob_id IS NOT NULL BEGIN
    SELECT RAISE(ABORT, 'blob is not committed') WHERE NOT EXISTS (
        SELECT 1 FROM storage_blobs WHERE id = NEW.blob_id AND status = 'COMMITTED');
    UPDATE storage_blobs SET ref_count = ref_count + 1 WHERE id = NEW.blob_id;
END;

DROP TRIGGER IF EXISTS storage_objects_blob_changed;
CREATE TRIGGER storage_objects_blob_changed AFTER UPDATE OF blob_id ON storage_objects
WHEN OLD.blob_id IS NOT NEW.blob_id BEGIN
    SELECT RAISE(ABORT, 'blob is not committed') WHERE NEW.blob_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM storage_blobs WHERE id = NEW.blob_id AND status = 'COMMITTED');
    UPDATE storage_blobs SET ref_count = ref_count + 1 WHERE id = NEW.blob_id;
    UPDATE storage_blobs SET ref_count = ref_count - 1 WHERE id = OLD.blob_id;
END;

DROP TRIGGER IF EXISTS storage_objects_blob_removed;
CREATE TRIGGER storage_objects_blob_removed AFTER DELETE ON storage_objects
WHEN OLD.blob_id IS NOT NULL BEGIN
    UPDATE storage_blobs SET ref_count = ref_count - 1 WHERE id = OLD.blob_id;
END;

DROP TRIGGER IF EXISTS storage_upload_parts_blob_added;
CREATE TRIGGER storage_upload_parts_blob_added AFTER INSERT ON storage_upload_parts BEGIN
    SELECT RAISE(ABORT, 'blob is not committed') WHERE NOT EXISTS (
        SELECT 1 FROM storage_blobs WHERE id = NEW.blob_id AND status = 'COMMITTED');
    UPDATE storage_blobs SET ref_count = ref_count + 1 WHERE id = NEW.blob_id;
END;

DROP TRIGGER IF EXISTS storage_upload_parts_blob_changed;
CREATE TRIGGER storage_upload_parts_blob_changed AFTER UPDATE OF blob_id ON storage_upload_parts
WHEN OLD.blob_id IS NOT NEW.blob_id BEGIN
    SELECT RAISE(ABORT, 'blob is not committed') WHERE NOT EXISTS (
        SELECT 1 FROM storage_blobs WHERE id = NEW.blob_id AND status = 'COMMITTED');
    UPDATE storage_blobs SET ref_count = ref_count + 1 WHERE id = NEW.blob_id;
    UPDATE storage_blobs SET ref_count = ref_count - 1 WHERE id = OLD.blob_id;
END;

DROP TRIGGER IF EXISTS storage_upload_parts_blob_removed;
CREATE TRIGGER storage_upload_parts_blob_removed AFTER DELETE ON storage_upload_parts BEGIN
    UPDATE storage_blobs SET ref_count = ref_count - 1 WHERE id = OLD.blob_id;
END;

DROP TRIGGER IF EXISTS storage_blobs_released;
CREATE TRIGGER storage_blobs_released AFTER UPDATE OF ref_count ON storage_blobs
WHEN NEW.ref_count = 0 AND OLD.ref_count > 0 BEGIN
    UPDATE storage_blobs SET status = 'DELETING', deleting_since = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE id = NEW.id;
END;
