"""The Postgres migrations keep the promises of their SQLite twin. The executor is not involved."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from uuid import UUID

import psycopg
import pytest
from sqlmodel import SQLModel

from aerostore.executor.migrations import load_migrations
from aerostore.executor.tables import TABLES, column_names
from tests.conformance.postgres import PostgresCluster

pytestmark = pytest.mark.postgres

# Columns made from others, which no row of a table type has.
IN_VIEWS = {"storage_objects": ["folded_name"]}
IN_TABLES = {"buckets": ["owner"], "objects": ["owner", "path_tokens", "folded_name"]}
UPSERT = """
    INSERT INTO storage_objects (bucket_id, name, owner_id, version, blob_id)
    VALUES ('photos', %s, %s, '1', %s)
    ON CONFLICT (bucket_id, name) WHERE archived_at IS NULL DO UPDATE SET blob_id = excluded.blob_id,
    version = excluded.version, owner_id = coalesce(excluded.owner_id, storage_objects.owner_id)
"""
USER = UUID("7d8d2f7e-2c4b-4a3e-9f46-0d1c5d3c9a10")

Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def database(cluster: PostgresCluster) -> str:
    """A migrated database with one bucket; its name."""
    name = cluster.create_database()
    with connect(cluster, name) as connection:
        migrate(connection)
        connection.execute("INSERT INTO storage_buckets (id, name) VALUES ('photos', 'photos')")
    return name


@pytest.fixture
def connection(cluster: PostgresCluster, database: str) -> Iterator[Connection]:
    with connect(cluster, database) as opened:
        opened.autocommit = True
        yield opened


def connect(cluster: PostgresCluster, database: str, **user: str) -> Connection:
    options = "-c search_path=aerostore,storage -c lock_timeout=20s"
    return psycopg.connect(cluster.conninfo(database, **user), options=options)


def migrate(connection: Connection, *, only_repeatable: bool = False) -> None:
    for migration in load_migrations("postgres"):
        if migration.repeatable or not only_repeatable:
            connection.execute(migration.sql.encode())


def add_blob(connection: Connection, blob_id: str, status: str = "COMMITTED") -> None:
    connection.execute(
        "INSERT INTO storage_blobs (id, backend_key, sha256, size_bytes, status)"
        " VALUES (%s, %s, 'ab', 1, %s)",
        (blob_id, f"sha256/ab/{blob_id}", status),
    )


def add_object(connection: Connection, name: str, blob_id: str | None = None) -> None:
    connection.execute(
        "INSERT INTO storage_objects (bucket_id, name, version, blob_id) VALUES ('photos', %s, '1', %s)",
        (name, blob_id),
    )


def add_part(connection: Connection, part_number: int, blob_id: str) -> None:
    connection.execute(
        "INSERT INTO storage_uploads (id, protocol, bucket_id, name, expires_at)"
        " VALUES ('upload', 's3', 'photos', 'a', now()) ON CONFLICT DO NOTHING"
    )
    connection.execute(
        "INSERT INTO storage_upload_parts (upload_id, part_number, blob_id, size_bytes, etag)"
        " VALUES ('upload', %s, %s, 1, 'e')",
        (part_number, blob_id),
    )


def blobs(connection: Connection) -> dict[object, tuple[object, object]]:
    rows = connection.execute("SELECT id, ref_count, status FROM storage_blobs").fetchall()
    return {blob_id: (ref_count, status) for blob_id, ref_count, status in rows}


def one_column(connection: Connection, query: str) -> list[object]:
    return [row[0] for row in connection.execute(query.encode()).fetchall()]


def wait_until_blocked(monitor: Connection, waiting: Connection, attempt: Future[None]) -> None:
    query = "SELECT cardinality(pg_blocking_pids(%s))"
    while not attempt.done() and monitor.execute(query, (waiting.info.backend_pid,)).fetchone() == (0,):
        pass
    assert not attempt.done(), "it should wait for the other transaction"


def columns_of(connection: Connection, schema: str) -> dict[str, dict[str, bool]]:
    """Column names in order, each with whether it is nullable, by table or view."""
    rows = connection.execute(
        "SELECT table_name::text, column_name::text, is_nullable = 'YES' FROM information_schema.columns"
        " WHERE table_schema = %s ORDER BY ordinal_position",
        (schema,),
    ).fetchall()
    tables: dict[str, dict[str, bool]] = {}
    for table, column, nullable in rows:
        tables.setdefault(str(table), {})[str(column)] = bool(nullable)
    return tables


# Shape


def test_both_dialects_have_numbered_files_of_the_same_names() -> None:
    names = numbered("postgres")
    assert names == numbered("sqlite")
    assert names[0] == "0001_create_storage"


def numbered(dialect: str) -> list[str]:
    return [migration.name for migration in load_migrations(dialect) if not migration.repeatable]


def test_plain_owner_installs_and_reapplies_repeatable_files(cluster: PostgresCluster) -> None:
    with connect(cluster, cluster.create_database()) as connection:
        migrate(connection)
        triggers = one_column(
            connection, "SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"
        )
        migrate(connection, only_repeatable=True)
        again = one_column(
            connection, "SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"
        )
        assert one_column(connection, "SELECT usesuper FROM pg_user WHERE usename = current_user") == [False]
    assert triggers == again
    assert len(triggers) == 8


def test_statements_see_the_columns_of_the_tables_in_order(connection: Connection) -> None:
    seen = {name: list(columns) for name, columns in columns_of(connection, "aerostore").items()}
    assert seen == {
        name: [*column_names(table), *IN_VIEWS.get(name, [])]
        for table in TABLES
        for name in [str(table.__tablename__)]
    }


def test_real_tables_add_only_the_listed_columns(connection: Connection) -> None:
    declared = {str(table.__tablename__): column_names(table) for table in TABLES}
    real = {name: list(columns) for name, columns in columns_of(connection, "storage").items()}
    assert real == {name: [*declared[f"storage_{name}"], *more] for name, more in IN_TABLES.items()}


def test_columns_are_nullable_where_the_tables_say(connection: Connection) -> None:
    real = {f"storage_{name}": columns for name, columns in columns_of(connection, "storage").items()}
    actual = {**columns_of(connection, "aerostore"), **real}
    for table in TABLES:
        declared = SQLModel.metadata.tables[str(table.__tablename__)]
        for column in declared.columns:
            assert actual[declared.name][column.name] == column.nullable, column


def test_name_is_taken_once_among_current_rows_only(connection: Connection) -> None:
    add_object(connection, "cat.png")
    with pytest.raises(psycopg.errors.UniqueViolation, match="storage_objects_current"):
        add_object(connection, "cat.png")
    connection.execute("UPDATE storage_objects SET archived_at = now()")
    add_object(connection, "cat.png")
    assert one_column(connection, "SELECT count(*) FROM storage_objects") == [2]


def test_names_sort_bytewise_whatever_the_collation_of_the_database(connection: Connection) -> None:
    names = ["b", "a b", "a/b", "ä", "B", "a", "Z", "a.b", "\U0001f600", "\uffee"]
    for name in names:
        add_object(connection, name)
    assert one_column(connection, "SELECT name FROM storage_objects ORDER BY name") == sorted(
        names, key=str.encode
    )


def test_folded_order_ignores_the_case_of_ascii_letters_only(connection: Connection) -> None:
    for name in ("b", "A", "Ä", "ä", "a"):
        add_object(connection, name)
    names = one_column(connection, "SELECT name FROM storage_objects ORDER BY lower(name), name")
    assert names == ["A", "a", "b", "Ä", "ä"]
    assert one_column(connection, "SELECT lower('Ä')") == ["ä"], "the database itself folds more"


def test_owner_is_the_owner_id_that_is_a_uuid(connection: Connection) -> None:
    known = {str(USER): USER, str(USER).upper(): USER}
    for owner_id in (*known, "user-7", f"{USER}\n", f"{{{USER}}}", "", None):
        connection.execute("DELETE FROM storage_objects")
        connection.execute(UPSERT, ("cat.png", owner_id, None))
        connection.execute("UPDATE storage_buckets SET owner_id = %s", (owner_id,))
        expected = [known.get(owner_id or "")]
        assert one_column(connection, "SELECT owner FROM storage.objects") == expected, owner_id
        assert one_column(connection, "SELECT owner FROM storage.buckets") == expected, owner_id


# Row security


def test_views_and_upserts_obey_the_policies_of_the_caller(
    cluster: PostgresCluster, database: str, connection: Connection
) -> None:
    cluster.create_role("caller")
    connection.execute("GRANT USAGE ON SCHEMA storage, aerostore TO caller")
    connection.execute("GRANT ALL ON storage_objects, storage.objects TO caller")
    connection.execute(
        f"CREATE POLICY own ON storage.objects TO caller USING (objects.owner = '{USER}')"
        f" WITH CHECK (owner = '{USER}' AND path_tokens[1] = 'mine')".encode()
    )
    add_blob(connection, "old")
    add_blob(connection, "new")
    add_object(connection, "hidden")
    with connect(cluster, database, user="caller") as caller:
        caller.autocommit = True
        caller.execute(UPSERT, ("mine/cat.png", str(USER), "old"))
        caller.execute(UPSERT, ("mine/cat.png", str(USER), "new"))
        for name, owner_id in (("mine/dog.png", "user-7"), ("cat.png", str(USER))):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
                caller.execute(UPSERT, (name, owner_id, None))
        assert one_column(caller, "SELECT name FROM storage_objects") == ["mine/cat.png"]
    assert blobs(connection) == {"old": (0, "DELETING"), "new": (1, "COMMITTED")}


def test_no_policies_means_no_rows_for_others(
    cluster: PostgresCluster, database: str, connection: Connection
) -> None:
    cluster.create_role("stranger")
    connection.execute("GRANT USAGE ON SCHEMA storage, aerostore TO stranger")
    connection.execute("GRANT ALL ON storage_buckets, storage.buckets TO stranger")
    with connect(cluster, database, user="stranger") as stranger:
        assert one_column(stranger, "SELECT id FROM storage_buckets") == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="storage_blobs"):
            stranger.execute("SELECT FROM storage_blobs")


def test_others_cannot_borrow_the_counting_function(
    cluster: PostgresCluster, database: str, connection: Connection
) -> None:
    cluster.create_role("forger")
    connection.execute("GRANT USAGE ON SCHEMA aerostore TO forger")
    with connect(cluster, database, user="forger") as forger:
        forger.execute("CREATE TEMPORARY TABLE lure (blob_id text)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="count_references"):
            forger.execute(
                "CREATE TRIGGER t AFTER INSERT ON lure REFERENCING NEW TABLE AS rows_after"
                " EXECUTE FUNCTION aerostore.count_references()"
            )


# Reference counts


def test_insert_update_and_delete_move_the_count(connection: Connection) -> None:
    add_blob(connection, "one")
    add_blob(connection, "two")
    add_object(connection, "a", "one")
    add_object(connection, "b", "one")
    assert blobs(connection) == {"one": (2, "COMMITTED"), "two": (0, "COMMITTED")}
    connection.execute("UPDATE storage_objects SET blob_id = 'two' WHERE name = 'a'")
    assert blobs(connection) == {"one": (1, "COMMITTED"), "two": (1, "COMMITTED")}
    connection.execute("DELETE FROM storage_objects WHERE name = 'b'")
    assert blobs(connection) == {"one": (0, "DELETING"), "two": (1, "COMMITTED")}


def test_update_that_keeps_the_blob_leaves_its_row_alone(connection: Connection) -> None:
    add_blob(connection, "one")
    add_object(connection, "a", "one")
    touched = "SELECT xmin::text || ' ' || xmax::text FROM storage_blobs"
    before = one_column(connection, touched)
    connection.execute("UPDATE storage_objects SET blob_id = 'one', metadata = '{\"size\": 1}'")
    assert one_column(connection, touched) == before, "neither written nor locked"


def test_upsert_releases_the_replaced_blob(connection: Connection) -> None:
    add_blob(connection, "old")
    add_blob(connection, "new")
    connection.execute(UPSERT, ("a", "user-7", "old"))
    connection.execute(UPSERT, ("a", None, "new"))
    assert blobs(connection) == {"old": (0, "DELETING"), "new": (1, "COMMITTED")}
    assert one_column(connection, "SELECT owner_id FROM storage_objects") == ["user-7"]


def test_removing_the_reference_of_an_object_releases_its_blob(connection: Connection) -> None:
    add_blob(connection, "one")
    add_object(connection, "a", "one")
    connection.execute("UPDATE storage_objects SET blob_id = NULL")
    assert blobs(connection) == {"one": (0, "DELETING")}


def test_one_statement_counts_all_its_rows(connection: Connection) -> None:
    add_blob(connection, "shared")
    add_blob(connection, "single")
    for name in ("a", "b", "c"):
        add_object(connection, name, "shared")
    add_object(connection, "d", "single")
    connection.execute("DELETE FROM storage_objects WHERE name <> 'a'")
    assert blobs(connection) == {"shared": (1, "COMMITTED"), "single": (0, "DELETING")}


def test_swapping_two_blobs_in_one_statement_keeps_both(connection: Connection) -> None:
    for name in ("a", "b"):
        add_blob(connection, name)
        add_object(connection, name, name)
    connection.execute("UPDATE storage_objects SET blob_id = CASE blob_id WHEN 'a' THEN 'b' ELSE 'a' END")
    assert blobs(connection) == {"a": (1, "COMMITTED"), "b": (1, "COMMITTED")}


def test_parts_hold_their_blobs_until_the_upload_is_deleted(connection: Connection) -> None:
    for blob_id in ("one", "two", "three"):
        add_blob(connection, blob_id)
    add_object(connection, "a", "two")
    add_part(connection, 1, "one")
    add_part(connection, 2, "two")
    connection.execute("UPDATE storage_upload_parts SET blob_id = 'three' WHERE part_number = 1")
    assert blobs(connection) == {"one": (0, "DELETING"), "two": (2, "COMMITTED"), "three": (1, "COMMITTED")}
    connection.execute("DELETE FROM storage_uploads")
    assert blobs(connection) == {"one": (0, "DELETING"), "two": (1, "COMMITTED"), "three": (0, "DELETING")}


def test_grace_period_starts_at_the_release_not_with_its_transaction(connection: Connection) -> None:
    add_blob(connection, "one")
    add_object(connection, "a", "one")
    assert one_column(connection, "SELECT deleting_since FROM storage_blobs") == [None]
    with connection.transaction():
        # The server's clock cannot be passed in; two of its milliseconds tell the two times apart.
        connection.execute("SELECT pg_sleep(0.002)")
        connection.execute("DELETE FROM storage_objects")
        late = "SELECT deleting_since > transaction_timestamp() + interval '1 ms' FROM storage_blobs"
        assert one_column(connection, late) == [True]


def test_nothing_can_start_to_point_at_a_blob_on_its_way_out(connection: Connection) -> None:
    add_blob(connection, "doomed", "DELETING")
    add_blob(connection, "safe")
    add_object(connection, "a", "safe")
    for attempt in (
        lambda: add_object(connection, "b", "doomed"),
        lambda: connection.execute("UPDATE storage_objects SET blob_id = 'doomed'"),
        lambda: connection.execute(UPSERT, ("a", None, "doomed")),
        lambda: add_part(connection, 1, "doomed"),
    ):
        with pytest.raises(psycopg.IntegrityError, match="blob is not committed"):
            attempt()
    assert blobs(connection) == {"doomed": (0, "DELETING"), "safe": (1, "COMMITTED")}


@pytest.mark.parametrize(
    ("isolation", "refusal"),
    [
        (psycopg.IsolationLevel.READ_COMMITTED, psycopg.IntegrityError),
        (psycopg.IsolationLevel.REPEATABLE_READ, psycopg.errors.SerializationFailure),
    ],
)
def test_new_reference_waits_for_a_release_and_is_then_refused(
    cluster: PostgresCluster,
    database: str,
    connection: Connection,
    isolation: psycopg.IsolationLevel,
    refusal: type[psycopg.Error],
) -> None:
    add_blob(connection, "one")
    add_object(connection, "a", "one")
    # Left in reverse: the releasing transaction ends first, so that a failed test cannot hang the thread.
    with (
        ThreadPoolExecutor() as pool,
        connect(cluster, database) as taking,
        connect(cluster, database) as releasing,
    ):
        taking.isolation_level = isolation
        taking.execute("SELECT FROM storage_blobs")
        releasing.execute("DELETE FROM storage_objects")
        attempt = pool.submit(add_object, taking, "b", "one")
        wait_until_blocked(connection, taking, attempt)
        releasing.commit()
        with pytest.raises(refusal):
            attempt.result()
    assert blobs(connection) == {"one": (0, "DELETING")}
    assert one_column(connection, "SELECT count(*) FROM storage_objects") == [0]


def test_release_waits_for_a_new_reference_and_then_spares_the_blob(
    cluster: PostgresCluster, database: str, connection: Connection
) -> None:
    add_blob(connection, "one")
    add_object(connection, "a", "one")

    def release() -> None:
        releasing.execute("DELETE FROM storage_objects WHERE name = 'a'")

    with (
        ThreadPoolExecutor() as pool,
        connect(cluster, database) as releasing,
        connect(cluster, database) as taking,
    ):
        add_object(taking, "b", "one")
        attempt = pool.submit(release)
        wait_until_blocked(connection, releasing, attempt)
        taking.commit()
        attempt.result()
    assert blobs(connection) == {"one": (1, "COMMITTED")}
