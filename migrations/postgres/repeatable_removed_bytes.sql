-- No row can come to point at bytes that reclaim has removed or is about to: not an upload that stood still for
-- longer than the grace period, nor one whose clock jumped.

-- Reclaim takes the same lock before it dooms a key: the later one of the two sees what the earlier committed.
CREATE OR REPLACE FUNCTION aerostore.refuse_removed_bytes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(NEW.backend_key, 1));
    IF EXISTS (
        SELECT FROM aerostore.storage_quarantine WHERE backend_key = NEW.backend_key AND kind = 'doomed'
    ) THEN
        RAISE EXCEPTION 'bytes were removed' USING ERRCODE = 'AE001';
    END IF;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION aerostore.refuse_removed_bytes() FROM PUBLIC;

DROP TRIGGER IF EXISTS storage_blobs_added ON aerostore.storage_blobs;
CREATE TRIGGER storage_blobs_added BEFORE INSERT OR UPDATE OF backend_key ON aerostore.storage_blobs
    FOR EACH ROW EXECUTE FUNCTION aerostore.refuse_removed_bytes();
