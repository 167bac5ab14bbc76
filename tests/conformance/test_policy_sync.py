"""Policies from files reach PostgreSQL: only what changed, never what others made, all or nothing."""

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
import pytest

from aerostore.errors import LockTimeout, Unavailable
from aerostore.executor import policy_sync
from aerostore.executor.migrations import load_migrations
from aerostore.executor.policy_catalogue import list_policies
from aerostore.executor.policy_sync import connected, plan_policies, sync_policies
from aerostore.policy import PolicyLoadError, Source
from aerostore.policy.change import Action, Changes
from tests.conformance.postgres import PostgresCluster

pytestmark = pytest.mark.postgres

T = TypeVar("T")

READ = "create policy reads on storage.objects for select using (bucket_id = 'open')"
WRITE = "create policy writes on storage.objects for insert to authenticated with check (owner = auth.uid())"
CASES = [
    "create policy \"Weird; 'name'\" on storage.objects as restrictive for update to anon, authenticated"
    " using (true) with check (name like '%;%')",
    "create policy everyone on storage.buckets using ((select auth.uid()) is not null)",
    'create policy "insert" on storage.objects for insert with check (exists'
    " (select from storage.buckets b where b.id = objects.bucket_id and b.public))",
    "create policy removal on storage.objects for delete to service_role"
    " using ((storage.foldername(name))[1] = any (array['a', 'b']) and name !~ E'\\\\.(exe|com)$')",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A migrated database without policies, and how its owner reaches it."""

    conninfo: str

    def sync(self, *texts: str, adopt: bool = False, keep: bool = True) -> Changes:
        return run(sync_policies(self.conninfo, files(*texts), adopt=adopt, keep=keep))

    def plan(self, *texts: str) -> Changes:
        async def planned() -> Changes:
            async with connected(self.conninfo) as connection:
                return await plan_policies(connection, files(*texts))

        return run(planned())

    def export(self) -> str:
        async def exported() -> str:
            async with connected(self.conninfo) as connection:
                return "".join(f"{policy.text};\n" for policy in await list_policies(connection))

        return run(exported())

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def policies(self) -> dict[str, int]:
        """Return the oid of each policy by its name: a policy made again has another one."""
        return {str(name): int(oid) for name, oid in self.execute("SELECT polname, oid FROM pg_policy")}


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def files(*texts: str) -> list[Source]:
    return [Source(path=f"{number}.sql", text=text) for number, text in enumerate(texts)]


def actions(changes: Changes) -> list[tuple[Action, str]]:
    return [(change.action, change.name) for change in changes.changes]


@pytest.fixture(scope="module")
def template(cluster: PostgresCluster) -> Iterator[str]:
    name = cluster.create_database()
    with psycopg.connect(cluster.conninfo(name)) as connection:
        for migration in load_migrations("postgres"):
            connection.execute("SET LOCAL search_path = aerostore, storage")
            connection.execute(migration.sql.encode())
    yield name
    cluster.drop_database(name)


@pytest.fixture
def database(cluster: PostgresCluster, template: str) -> Iterator[Database]:
    name = cluster.create_database(template=template)
    yield Database(conninfo=cluster.conninfo(name))
    cluster.drop_database(name)


# What is done


def test_missing_policies_are_created_and_a_second_run_finds_nothing_to_do(database: Database) -> None:
    first = database.sync(f"-- why\n{READ};\n{WRITE};")
    assert actions(first) == [(Action.CREATE, "reads"), (Action.CREATE, "writes")]
    made = database.policies()
    assert set(made) == {"reads", "writes"}
    assert database.sync(f"{READ};", f"{WRITE};").changes == ()
    assert database.policies() == made


def test_only_the_policy_whose_text_changed_is_made_again(database: Database) -> None:
    database.sync(f"{READ};{WRITE};")
    before = database.policies()
    changes = database.sync(f"{READ.replace('open', 'wide')};{WRITE};")
    assert actions(changes) == [(Action.REPLACE, "reads")]
    after = database.policies()
    assert (after["writes"], after["reads"] == before["reads"]) == (before["writes"], False)
    assert "'wide'" in database.export()


def test_policy_that_no_file_defines_any_more_is_dropped(database: Database) -> None:
    database.sync(f"{READ};{WRITE};")
    assert actions(database.sync(f"{READ};")) == [(Action.DROP, "writes")]
    assert set(database.policies()) == {"reads"}


def test_policy_that_somebody_changed_in_the_database_is_made_again(database: Database) -> None:
    database.sync(f"{READ};")
    database.execute("ALTER POLICY reads ON storage.objects USING (true)")
    (change,) = database.sync(f"{READ};").changes
    assert (change.action, change.reason) == (Action.REPLACE, "somebody changed it in the database")
    assert "USING (true)".lower() in change.before.lower()
    assert "'open'" in database.export()


def test_alter_and_drop_in_files_take_effect(database: Database) -> None:
    database.sync(
        f"{READ}; {WRITE}; drop policy if exists unknown on storage.objects;",
        "alter policy reads on storage.objects rename to looks;"
        "alter policy looks on storage.objects to anon using (true); drop policy writes on storage.objects;",
    )
    assert database.export() == (
        "create policy looks\n    on storage.objects\n    for select\n    to anon\n    using (true);\n"
    )


def test_policies_on_other_tables_are_kept_too(database: Database) -> None:
    database.execute("CREATE TABLE public.notes (id text)")
    policy = "create policy n on notes using (true)"
    database.sync(f"{policy};")
    assert database.sync(f"{policy};").changes == ()
    assert actions(database.sync(READ)) == [(Action.DROP, "n"), (Action.CREATE, "reads")]


def test_conditions_find_what_is_in_public_without_its_schema(database: Database) -> None:
    database.execute(
        "CREATE FUNCTION public.is_open() RETURNS boolean LANGUAGE plpgsql AS 'begin return true; end'"
    )
    database.sync("create policy p on storage.objects using (is_open())")
    assert "public.is_open()" in database.export()


# What is left alone


def test_policies_of_others_stay_and_are_told(database: Database) -> None:
    database.execute("CREATE POLICY theirs ON storage.objects USING (true)")
    changes = database.sync(READ)
    assert [policy.name for policy in changes.foreign] == ["theirs"]
    assert set(database.policies()) == {"reads", "theirs"}


def test_policy_of_others_with_a_name_of_ours_is_refused_and_nothing_is_done(database: Database) -> None:
    database.execute("CREATE POLICY reads ON storage.objects USING (true)")
    before = database.export()
    with pytest.raises(PolicyLoadError) as raised:
        database.sync(f"{WRITE};\n  {READ};")
    (problem,) = raised.value.problems
    assert str(problem).startswith('0.sql:2:3 42710 policy "reads" on storage.objects exists')
    assert database.export() == before


def test_adopting_takes_over_what_has_a_name_of_ours_and_nothing_else(database: Database) -> None:
    database.execute("CREATE POLICY reads ON storage.objects USING (true)")
    database.execute("CREATE POLICY theirs ON storage.objects USING (true)")
    changes = database.sync(READ, adopt=True)
    assert actions(changes) == [(Action.REPLACE, "reads")]
    assert actions(database.sync(WRITE)) == [(Action.DROP, "reads"), (Action.CREATE, "writes")]
    assert set(database.policies()) == {"theirs", "writes"}


def test_adopting_only_marks_what_is_the_same_already(database: Database) -> None:
    database.execute(READ)
    made, exported = database.policies(), database.export()
    assert actions(database.sync(exported, adopt=True)) == [(Action.ADOPT, "reads")]
    assert database.policies() == made
    assert actions(database.sync(WRITE)) == [(Action.DROP, "reads"), (Action.CREATE, "writes")]


def test_what_is_marked_by_another_comment_is_not_ours(database: Database) -> None:
    database.execute("CREATE POLICY theirs ON storage.objects USING (true)")
    database.execute("COMMENT ON POLICY theirs ON storage.objects IS 'aerostore: do not touch'")
    assert database.sync(READ).foreign[0].name == "theirs"
    assert set(database.policies()) == {"reads", "theirs"}


# Refusals


def test_everything_that_postgres_refuses_is_told_with_its_place_and_nothing_is_done(
    database: Database,
) -> None:
    database.sync(WRITE)
    before = database.policies()
    with pytest.raises(PolicyLoadError) as raised:
        database.sync(
            f"{READ};",
            "-- é\ncreate policy a on storage.objects using (owner_id = auth.uid());\n"
            "create policy b on storage.objects\n  using (name = = 'é');",
        )
    told = [str(problem) for problem in raised.value.problems]
    assert [text.split(" (hint")[0] for text in told] == [
        "1.sql:2:1 42883 operator does not exist: text = uuid",
        '1.sql:4:17 42601 syntax error at or near "="',
    ]
    assert database.policies() == before


def test_what_only_postgres_understands_is_left_to_postgres(database: Database) -> None:
    policy = (
        "create policy w on storage.objects using ((select row_number() over () from storage.buckets) = 1)"
    )
    assert actions(database.sync(policy)) == [(Action.CREATE, "w")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("do $$ begin create policy x on storage.objects; end $$", "0.sql:1:1 0A000 DO is not supported"),
        (f"{READ};\n{READ}", "0.sql:2:1 42710"),
        ("drop policy x on storage.objects", "0.sql:1:1 42704"),
        (f"{READ}; /* cut", "0.sql:1:79 42601 unterminated"),
        ("alter table storage.objects add column x text", "0.sql:1:29 0A000"),
    ],
    ids=["block", "twice", "absent", "comment", "shape"],
)
def test_statements_that_do_not_belong_in_policy_files_are_refused(
    database: Database, text: str, told: str
) -> None:
    with pytest.raises(PolicyLoadError) as raised:
        database.sync(text)
    assert str(raised.value).startswith(told)
    assert database.policies() == {}


def test_role_that_does_not_own_the_tables_is_told(cluster: PostgresCluster, database: Database) -> None:
    cluster.create_role("visitor")
    visitor = database.conninfo.replace("user=storage_owner", "user=visitor")
    cluster.run("GRANT USAGE ON SCHEMA storage, auth TO visitor", database=name_of(database))
    with pytest.raises(PolicyLoadError, match="42501 must be owner of table objects"):
        run(sync_policies(visitor, files(READ)))


def name_of(database: Database) -> str:
    return str(database.execute("SELECT current_database()")[0][0])


def test_table_that_others_hold_is_told_within_seconds(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy_sync, "LOCK_TIMEOUT_S", 0.1)
    with psycopg.connect(database.conninfo) as holder:
        holder.execute("LOCK TABLE storage.objects IN ACCESS SHARE MODE")
        with pytest.raises(LockTimeout):
            database.sync(READ)
    assert database.policies() == {}


def test_nothing_to_do_takes_no_lock_on_the_tables(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.sync(READ)
    monkeypatch.setattr(policy_sync, "LOCK_TIMEOUT_S", 0.1)
    with psycopg.connect(database.conninfo) as holder:
        holder.execute("LOCK TABLE storage.objects IN ROW EXCLUSIVE MODE")
        assert database.sync(READ).changes == ()


def test_database_that_cannot_be_reached_is_told() -> None:
    with pytest.raises(Unavailable, match="refused"):
        run(sync_policies("host=127.0.0.1 port=1 dbname=none", files(READ)))


def test_processes_that_start_at_once_do_not_collide(database: Database) -> None:
    async def together() -> list[Changes]:
        starts = [sync_policies(database.conninfo, files(READ, WRITE)) for _ in range(6)]
        return list(await asyncio.gather(*starts))

    outcomes = run(together())
    assert sorted(len(changes.changes) for changes in outcomes) == [0, 0, 0, 0, 0, 2]


# Only looking


def test_plan_tells_what_sync_does_and_does_nothing(database: Database) -> None:
    database.sync(f"{READ};")
    planned = database.plan(f"{WRITE};")
    assert actions(planned) == [(Action.DROP, "reads"), (Action.CREATE, "writes")]
    assert set(database.policies()) == {"reads"}
    assert actions(database.sync(f"{WRITE};")) == actions(planned)


def test_sync_that_is_not_kept_has_postgres_judge_and_leaves_no_trace(database: Database) -> None:
    assert actions(database.sync(READ, keep=False)) == [(Action.CREATE, "reads")]
    assert database.policies() == {}
    with pytest.raises(PolicyLoadError):
        database.sync("create policy a on storage.objects using (nowhere)", keep=False)


DECLARED = """
create table public.members (team text, member uuid);
grant select on public.members to authenticated;
alter table public.members enable row level security;
create function public.is_member() returns boolean language sql as 'select true';
"""


def test_declared_tables_functions_and_rights_that_are_missing_are_told(database: Database) -> None:
    assert [each.kind for each in database.plan(DECLARED).missing] == [
        "table",
        "grant",
        "row level security",
        "function",
    ]
    database.execute("CREATE TABLE public.members (team text, member uuid)")
    database.execute("ALTER TABLE public.members ENABLE ROW LEVEL SECURITY")
    missing = database.sync(DECLARED).missing
    assert [each.passage.text.split("(")[0] for each in missing] == [
        "grant select on public.members to authenticated",
        "create function public.is_member",
    ]
    database.execute(DECLARED.splitlines()[2])
    database.execute(DECLARED.splitlines()[4])
    assert database.plan(DECLARED).missing == ()


# Export


def test_export_applied_to_a_copy_changes_nothing(cluster: PostgresCluster, database: Database) -> None:
    database.sync(";\n".join(CASES[:2]))
    for others in CASES[2:]:
        database.execute(others)
    exported = database.export()
    copy = Database(conninfo=cluster.conninfo(cluster.create_database(template=name_of(database))))
    before = copy.policies()
    assert len(before) == len(CASES)
    assert copy.sync(exported).changes == ()
    assert (copy.policies(), copy.export()) == (before, exported)


def test_export_applied_to_an_empty_database_makes_the_same_policies(
    cluster: PostgresCluster, template: str, database: Database
) -> None:
    database.sync(";\n".join(CASES))
    exported = database.export()
    other = Database(conninfo=cluster.conninfo(cluster.create_database(template=template)))
    other.sync(exported)
    assert other.export() == exported


def test_files_can_replace_the_ones_exported_from_them(database: Database) -> None:
    database.sync(READ)
    assert database.sync(database.export()).changes == ()


def test_export_is_in_the_order_of_tables_and_names(database: Database) -> None:
    database.sync(
        'create policy b on storage.objects using (true); create policy "B" on storage.objects using (true);'
        "create policy z on storage.buckets using (true); create policy a on storage.objects using (true);"
    )
    names = [line.split()[2] for line in database.export().splitlines() if line.startswith("create")]
    assert names == ["z", '"B"', "a", "b"]
