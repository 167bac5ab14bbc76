-- Rights of the three roles of the API; policies decide about rows. The server's own rows are for service_role.
GRANT USAGE ON SCHEMA storage, aerostore TO anon, authenticated, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE
    ON storage.buckets, storage.objects, aerostore.storage_buckets, aerostore.storage_objects
    TO anon, authenticated, service_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA aerostore TO service_role;
-- For tables that later migrations make: this file does not run again for them.
ALTER DEFAULT PRIVILEGES IN SCHEMA aerostore GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO service_role;

DO $do$ BEGIN
-- Somebody else's schema auth has its own grants, which only its owner may change.
IF pg_has_role((SELECT nspowner FROM pg_namespace WHERE nspname = 'auth'), 'USAGE') THEN
    GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role;
END IF;
END $do$;
