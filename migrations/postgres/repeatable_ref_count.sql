-- ref_count follows every row that points at a blob, whoever writes it: the service, a cascade, plain SQL.
-- A row cannot start to point at bytes that are on their way out.
--
-- Lock order: the pointing rows, which the statement itself locks, then all blobs it touches, by id. The lock
-- makes a release to DELETING and a new reference wait for each other; the later one sees what the earlier
-- committed. Statements alone cannot deadlock on blobs; transactions of several can, and are run again (40P01).
-- Once for each statement, not row: emptying a folder updates a blob that all its objects share only once.

-- SECURITY DEFINER: callers who write objects have no rights on blobs.
-- Without sequential scans: a session keeps its plans, and one made while the table was small would go on reading
-- all of it, until somebody analyses the table.
CREATE OR REPLACE FUNCTION aerostore.count_references() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    released text[] := '{}';
    taken    text[] := '{}';
BEGIN
    IF TG_OP <> 'INSERT' THEN released := ARRAY(SELECT blob_id FROM rows_before); END IF;
    IF TG_OP <> 'DELETE' THEN taken := ARRAY(SELECT blob_id FROM rows_after); END IF;
    IF released = taken THEN RETURN NULL; END IF;

    IF released = '{}' AND cardinality(taken) = 1 THEN
        -- An upload. To update one row is to lock it.
        UPDATE aerostore.storage_blobs SET ref_count = ref_count + 1
        WHERE id = taken[1] AND status = 'COMMITTED';
        IF FOUND THEN RETURN NULL; END IF;
    END IF;
    PERFORM FROM aerostore.storage_blobs WHERE id = ANY (released || taken) ORDER BY id FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM aerostore.storage_blobs WHERE id = ANY (taken) AND status <> 'COMMITTED') THEN
        RAISE EXCEPTION 'blob is not committed' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    UPDATE aerostore.storage_blobs AS blob SET ref_count = ref_count + shift.amount
    FROM (
        SELECT step.id, sum(step.amount) AS amount
        FROM (SELECT unnest(taken) AS id, 1 AS amount UNION ALL SELECT unnest(released), -1) AS step
        GROUP BY step.id
    ) AS shift
    WHERE blob.id = shift.id;
    RETURN NULL;
END $$;
-- Whoever may execute it could hang it on a table of his own and count as he likes.
REVOKE ALL ON FUNCTION aerostore.count_references() FROM PUBLIC;

DROP TRIGGER IF EXISTS storage_objects_blob_added ON storage.objects;
CREATE TRIGGER storage_objects_blob_added AFTER INSERT ON storage.objects
    REFERENCING NEW TABLE AS rows_after
    FOR EACH STATEMENT EXECUTE FUNCTION aerostore.count_references();

DROP TRIGGER IF EXISTS storage_objects_blob_changed ON storage.objects;
CREATE TRIGGER storage_objects_blob_changed AFTER UPDATE ON storage.objects
    REFERENCING OLD TABLE AS rows_before NEW TABLE AS rows_after
    FOR EACH STATEMENT EXECUTE FUNCTION aerostore.count_references();

DROP TRIGGER IF EXISTS storage_objects_blob_removed ON storage.objects;
CREATE TRIGGER storage_objects_blob_removed AFTER DELETE ON storage.objects
    REFERENCING OLD TABLE AS rows_before
    FOR EACH STATEMENT EXECUTE FUNCTION aerostore.count_references();

DROP TRIGGER IF EXISTS storage_upload_parts_blob_added ON aerostore.storage_upload_parts;
CREATE TRIGGER storage_upload_parts_blob_added AFTER INSERT ON aerostore.storage_upload_parts
    REFERENCING NEW TABLE AS rows_after
    FOR EACH STATEMENT EXECUTE FUNCTION aerostore.count_references();

DROP TRIGGER IF EXISTS storage_upload_parts_blob_changed ON aerostore.storage_upload_parts;
CREATE TRIGGER storage_upload_parts_blob_changed AFTER UPDATE ON aerostore.storage_upload_parts
    REFERENCING OLD TABLE AS rows_before NEW TABLE AS rows_after
    FOR EACH STATEMENT EXECUTE FUNCTION aerostore.count_references();

DROP TRIGGER IF EXISTS storage_upload_parts_blob_removed ON aerostore.storage_upload_parts;
CREATE TRIGGER storage_upload_parts_blob_removed AFTER DELETE ON aerostore.storage_upload_parts
    REFERENCING OLD TABLE AS rows_before
    FOR EACH STATEMENT EXECUTE FUNCTION aerostore.count_references();

CREATE OR REPLACE FUNCTION aerostore.release_blob() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.status := 'DELETING';
    -- Not now(): a transaction that began long ago would start the grace period in the past.
    NEW.deleting_since := clock_timestamp();
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION aerostore.release_blob() FROM PUBLIC;

DROP TRIGGER IF EXISTS storage_blobs_released ON aerostore.storage_blobs;
CREATE TRIGGER storage_blobs_released BEFORE UPDATE OF ref_count ON aerostore.storage_blobs
    FOR EACH ROW WHEN (NEW.ref_count = 0 AND OLD.ref_count > 0)
    EXECUTE FUNCTION aerostore.release_blob();
