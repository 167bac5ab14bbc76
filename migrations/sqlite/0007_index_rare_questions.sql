-- Whether anything is in a bucket: foreign keys and the deletion of a bucket ask for rows of any age, and an index
-- with a condition serves neither. Events that were given up are few, and counted by each run of reclaim.
DROP INDEX storage_objects_folded;
CREATE INDEX storage_objects_folded ON storage_objects (bucket_id, folded_name, name);
CREATE INDEX storage_events_dead ON storage_events (seq) WHERE dead_at IS NOT NULL;
