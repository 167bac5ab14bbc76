-- The name as list v1 compares it, as a column: an index on a column serves a condition behind row-level
-- security on PostgreSQL, one on an expression does not. The second text literal is a tab: a folder comes
-- before what begins like it.
DROP INDEX storage_objects_folded;
ALTER TABLE storage_objects
    ADD COLUMN folded_name TEXT GENERATED ALWAYS AS (replace(lower(name), '/', '	')) VIRTUAL;
CREATE INDEX storage_objects_folded ON storage_objects (bucket_id, folded_name, name) WHERE archived_at IS NULL;
