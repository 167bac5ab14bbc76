"""What starting does to a Postgres database: what is missing is made, what is another's is left alone."""

import asyncio
from collections.abc import Iterator

import psycopg
import pytest

from aerostore.domain import RlsContext
from aerostore.errors import Unavailable
from aerostore.executor import statements as sql
from aerostore.executor.migrations import due_migrations_postgres, load_migrations
from aerostore.executor.postgres import PostgresExecutor
from tests.conformance.executor_fixture import (
    CALLER,
    add_bucket,
    an_object,
    rows,
    write,
)
from tests.conformance.postgres import OWNER, PostgresCluster, require_binaries, running_cluster
from tests.conformance.postgres_fixture import as_caller, as_system, play

pytestmark = pytest.mark.postgres

EVERY_MIGRATION = [migration.name for migration in load_migrations("postgres")]
USER = "7d8d2f7e-2c4b-4a3e-9f46-0d1c5d3c9a10"
CATALOG = """
    SELECT 'relation', c.oid::regclass::text, c.relkind::text, c.relacl::text, c.relowner::regrole::text
    FROM pg_class AS c WHERE relnamespace::regnamespace::text IN ('storage', 'aerostore', 'auth')
    UNION ALL SELECT 'function', p.oid::regprocedure::text, prosrc, proacl::text, proowner::regrole::text
    FROM pg_proc AS p WHERE pronamespace::regnamespace::text IN ('storage', 'aerostore', 'auth')
    UNION ALL SELECT 'trigger', tgname::text, '', '', '' FROM pg_trigger
    UNION ALL SELECT 'schema', nspname::text, '', nspacl::text, nspowner::regrole::text FROM pg_namespace
    UNION ALL SELECT 'migration', name, sha256, applied_at::text, '' FROM aerostore.storage_migrations
    UNION ALL SELECT 'role', rolname::text, rolbypassrls::text, rolinherit::text, '' FROM pg_roles
    ORDER BY 1, 2, 3
"""
SUPABASE = """
    CREATE SCHEMA storage;
    CREATE TYPE storage.buckettype AS ENUM ('STANDARD', 'ANALYTICS', 'VECTOR');
    CREATE TABLE storage.buckets (
        id text COLLATE "C" PRIMARY KEY, name text COLLATE "C" NOT NULL UNIQUE, owner uuid, owner_id text,
        public boolean DEFAULT false, avif_autodetection boolean DEFAULT false, file_size_limit bigint,
        allowed_mime_types text[], type storage.buckettype NOT NULL DEFAULT 'STANDARD',
        created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now()
    );
    CREATE TABLE storage.objects (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        bucket_id text COLLATE "C" REFERENCES storage.buckets (id), name text COLLATE "C", owner uuid,
        owner_id text, created_at timestamptz DEFAULT now(),
        updated_at timestamptz DEFAULT now(), last_accessed_at timestamptz DEFAULT now(), metadata jsonb,
        path_tokens text[] GENERATED ALWAYS AS (string_to_array(name, '/')) STORED, version text,
        user_metadata jsonb
    );
    CREATE UNIQUE INDEX bucketid_objname ON storage.objects (bucket_id, name);
    ALTER TABLE storage.objects ENABLE ROW LEVEL SECURITY;
    CREATE FUNCTION storage.filename(name text) RETURNS text LANGUAGE sql AS 'SELECT ''theirs''';
    CREATE POLICY everyone ON storage.objects USING (storage.filename(name) = 'theirs');
    INSERT INTO storage.buckets (id, name) VALUES ('photos', 'photos');
    INSERT INTO storage.objects (bucket_id, name, owner_id) VALUES ('photos', 'old', 'caller');
    UPDATE storage.objects SET created_at = NULL;
"""


@pytest.fixture
def empty(cluster: PostgresCluster) -> Iterator[str]:
    name = cluster.create_database()
    yield name
    cluster.drop_database(name)


@pytest.fixture(scope="module")
def bare_cluster() -> Iterator[PostgresCluster]:
    """A cluster that nobody has prepared: it has no role of the API."""
    with running_cluster(require_binaries()) as running:
        yield running


def start(url: str, **options: bool) -> None:
    async def once() -> None:
        executor = PostgresExecutor(url, **options)
        try:
            await executor.start()
        finally:
            await executor.close()

    asyncio.run(once())


def due(url: str) -> list[str]:
    return asyncio.run(due_migrations_postgres(url))


def catalog(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(CATALOG.encode()).fetchall()


# Installing


def test_starting_twice_changes_nothing_the_second_time(cluster: PostgresCluster, empty: str) -> None:
    url = cluster.conninfo(empty)
    assert due(url) == EVERY_MIGRATION
    start(url)
    installed = catalog(url)
    assert due(url) == []
    start(url)
    assert catalog(url) == installed


def test_a_superuser_may_install_what_a_bare_cluster_lacks(bare_cluster: PostgresCluster) -> None:
    name = bare_cluster.create_database()
    superuser = bare_cluster.conninfo(name, user="postgres")
    try:
        start(superuser)
        with psycopg.connect(superuser) as connection:
            made = connection.execute(
                "SELECT rolname::text, rolcanlogin, rolinherit, rolbypassrls FROM pg_roles"
                " WHERE rolname IN ('anon', 'authenticated', 'service_role') ORDER BY 1"
            ).fetchall()
        assert made == [
            ("anon", False, False, False),
            ("authenticated", False, False, False),
            ("service_role", False, False, True),
        ]
        play(superuser, lambda executor: add_bucket(executor))
    finally:
        bare_cluster.drop_database(name)
        bare_cluster.run("DROP ROLE anon, authenticated, service_role")


def test_a_role_that_may_create_roles_makes_them_without_more_power_than_it_has(
    bare_cluster: PostgresCluster,
) -> None:
    bare_cluster.run("ALTER ROLE {} CREATEROLE", OWNER)
    name = bare_cluster.create_database()
    try:
        play(bare_cluster.conninfo(name), lambda executor: rows(executor, as_caller("SELECT 1"), by=CALLER))
    finally:
        bare_cluster.drop_database(name)
        bare_cluster.run("ALTER ROLE {} NOCREATEROLE; DROP ROLE anon, authenticated, service_role", OWNER)


def test_who_may_not_create_roles_is_told_what_an_administrator_should_run(
    bare_cluster: PostgresCluster,
) -> None:
    name = bare_cluster.create_database()
    with pytest.raises(Unavailable, match="roles") as failure:
        start(bare_cluster.conninfo(name))
    asked, text = (failure.value.hint or "").split(": ", 1)
    assert "superuser" in asked
    try:
        with psycopg.connect(bare_cluster.conninfo("postgres", user="postgres")) as administrator:
            administrator.execute(text.encode())
        start(bare_cluster.conninfo(name))
    finally:
        bare_cluster.drop_database(name)
        bare_cluster.run("DROP ROLE anon, authenticated, service_role")


def test_functions_of_somebody_elses_auth_schema_stay_as_they_are(
    cluster: PostgresCluster, empty: str
) -> None:
    theirs = "CREATE SCHEMA auth; CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'"
    cluster.run(theirs, database=empty)
    cluster.run(
        "GRANT USAGE ON SCHEMA auth TO PUBLIC; GRANT CREATE ON SCHEMA auth TO {}", OWNER, database=empty
    )
    context = RlsContext(role="authenticated", user_id=USER)

    async def scenario(executor: PostgresExecutor) -> None:
        [row] = await rows(executor, as_caller("SELECT auth.uid() AS uid, auth.role() AS role"), by=context)
        assert dict(row) == {"uid": None, "role": "authenticated"}

    play(cluster.conninfo(empty), scenario)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("storage.foldername('a/b/c.txt')", ["a", "b"]),
        ("storage.foldername('c.txt')", []),
        ("storage.foldername('')", None),
        ("storage.filename('a/b/c.tar.gz')", "c.tar.gz"),
        ("storage.extension('a.b/c.tar.gz')", "gz"),
        ("storage.extension('a.b/c')", "c"),
        ("storage.operation()", "storage.object.list"),
        ("storage.allow_only_operation('storage.object.list')", True),
        ("storage.allow_only_operation('object.list')", True),
        ("storage.allow_only_operation('object.get')", False),
        ("storage.allow_only_operation('')", False),
        ("storage.allow_only_operation(NULL)", False),
        ("storage.allow_any_operation(ARRAY['object.get', 'object.list'])", True),
        ("storage.allow_any_operation(ARRAY['object.get'])", False),
        ("storage.allow_any_operation('{}')", False),
        ("storage.allow_any_operation(NULL)", False),
        ("aerostore.instr('abcb', 'b')", 2),
        ("aerostore.instr('abc', 'x')", 0),
        ("aerostore.instr('\U0001f600ä', 'ä')", 2),
        ("aerostore.instr(NULL, 'x')", None),
    ],
)
def test_functions_answer_as_supabase_and_sqlite_do(postgres_url: str, call: str, expected: object) -> None:
    context = RlsContext(role="anon", operation="storage.object.list")

    async def scenario(executor: PostgresExecutor) -> None:
        [row] = await rows(executor, as_caller(f"SELECT {call} AS answer"), by=context)
        assert row["answer"] == expected

    play(postgres_url, scenario)


def test_a_database_of_a_newer_release_is_refused(cluster: PostgresCluster, database: str) -> None:
    cluster.run("INSERT INTO aerostore.storage_migrations VALUES ('9999_come_later', 'x')", database=database)
    url = cluster.conninfo(database)
    for ask in (start, due):
        with pytest.raises(Unavailable, match="newer aerostore: it has 9999_come_later"):
            ask(url)


def test_due_migrations_of_a_database_that_cannot_be_reached_are_unavailable(
    cluster: PostgresCluster,
) -> None:
    with pytest.raises(Unavailable, match="cannot be read"):
        due(cluster.conninfo("missing"))


# What something else made


def make_foreign(cluster: PostgresCluster, database: str, changes: str = "SELECT 1") -> str:
    url = cluster.conninfo(database)
    with psycopg.connect(url) as connection:
        connection.execute(SUPABASE.encode())
        connection.execute(changes.encode())
    return url


def test_a_storage_schema_of_something_else_is_refused_untouched(
    cluster: PostgresCluster, empty: str
) -> None:
    url = make_foreign(cluster, empty)
    with pytest.raises(Unavailable, match="not aerostore's"):
        start(url)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT to_regnamespace('aerostore')").fetchall() == [(None,)]


def test_adopted_tables_keep_their_rows_policies_and_functions(cluster: PostgresCluster, empty: str) -> None:
    url = make_foreign(cluster, empty)
    start(url, adopt=True)
    start(url)

    async def scenario(executor: PostgresExecutor) -> None:
        [old] = await rows(executor, sql.find_visible_object("photos", "old"), by=CALLER)
        assert old["blob_id"] is None
        assert old["version"]
        assert old["created_at"]
        await write(executor, sql.upsert_object(an_object("old")), by=CALLER)
        await write(executor, sql.insert_object(an_object("new")), by=CALLER)
        page = sql.list_names("photos", lower="", upper=None, order="asc", limit=9)
        assert [row["name"] for row in await rows(executor, page, by=CALLER)] == ["new", "old"]
        await write(executor, sql.update_bucket("photos", {"type": "STANDARD"}))
        [kept] = await rows(executor, as_system("SELECT storage.filename('a') AS name"))
        assert kept["name"] == "theirs"

    play(url, scenario)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("ALTER TABLE storage.objects ALTER COLUMN version TYPE integer USING 1", "version is integer"),
        (
            'ALTER TABLE storage.buckets ALTER COLUMN id TYPE text COLLATE "und-x-icu"',
            "buckets.id does not sort",
        ),
        ("ALTER TABLE storage.objects ADD COLUMN blob_id uuid", "blob_id is uuid"),
        ("ALTER TABLE storage.buckets DROP COLUMN name", "buckets.name is missing"),
    ],
)
def test_tables_that_do_not_fit_are_not_adopted(
    cluster: PostgresCluster, empty: str, change: str, problem: str
) -> None:
    url = make_foreign(cluster, empty, change)
    with pytest.raises(Unavailable, match=problem):
        start(url, adopt=True)
