-- A plan that a session keeps has the policies of one role built in, and stays when the role changes: granted to
-- another, revoked from it, let past row security. So a server that has plans kept asks for the state they are for.
-- In PL/pgSQL, whose own plans a session keeps: this runs in every transaction.

-- The roles that one is a member of, however far away. xmin changes with each grant.
CREATE OR REPLACE FUNCTION aerostore.role_ancestry(member_oid oid) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        WITH RECURSIVE held (role, granted) AS (
            SELECT roleid, xmin::text FROM pg_catalog.pg_auth_members WHERE member = member_oid
            UNION
            SELECT roleid, pg_auth_members.xmin::text
            FROM held JOIN pg_catalog.pg_auth_members ON member = held.role
        )
        SELECT string_agg(concat_ws('.', role, granted, rolinherit::int), ',' ORDER BY role, granted)
        FROM held JOIN pg_catalog.pg_roles ON oid = role
    );
END $$;

-- What decides which policies hold for a role, whatever they say: another text after each change of it.
CREATE OR REPLACE FUNCTION aerostore.role_state(wanted name) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT concat_ws('.', oid, rolsuper::int, rolbypassrls::int,
            CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_auth_members WHERE member = pg_roles.oid)
                THEN concat_ws('.', rolinherit::int, aerostore.role_ancestry(oid)) END)
        FROM pg_catalog.pg_roles WHERE rolname = wanted
    );
END $$;

CREATE OR REPLACE FUNCTION aerostore.require_role_state(wanted name, expected text) RETURNS boolean
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF expected IS DISTINCT FROM aerostore.role_state(wanted) THEN
        RAISE EXCEPTION 'the role has changed' USING ERRCODE = 'AE002';
    END IF;
    RETURN true;
END $$;
