-- All that decides which rows a role sees, besides the rows: policies, memberships, roles, whether row security
-- is on, and the functions that the policy engine takes for its own. xmin changes with each change of a row.
-- Runs as the caller, since everyone may read these catalogues. In PL/pgSQL, whose plans a session keeps.
CREATE OR REPLACE FUNCTION aerostore.policy_fingerprint() RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN md5(concat_ws(';',
        (SELECT string_agg(oid || '.' || xmin, ',' ORDER BY oid) FROM pg_policy
         WHERE polrelid = 'storage.objects'::regclass),
        (SELECT string_agg(roleid || '.' || member || '.' || xmin, ',' ORDER BY roleid, member)
         FROM pg_auth_members),
        (SELECT string_agg(oid || '.' || rolsuper || rolbypassrls || rolinherit, ',' ORDER BY oid) FROM pg_roles
         WHERE rolname !~ '^pg_'),
        (SELECT relrowsecurity FROM pg_class WHERE oid = 'storage.objects'::regclass),
        (SELECT string_agg(oid || '.' || xmin, ',' ORDER BY oid) FROM pg_proc
         WHERE proname IN ('uid', 'role', 'email', 'jwt', 'foldername', 'filename', 'extension', 'operation',
            'allow_only_operation', 'allow_any_operation')
         AND pronamespace IN ('auth'::regnamespace, 'storage'::regnamespace))));
END $$;
