"""Policy files as a whole: what loads, how policies combine, what a request gets."""

import doctest
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import aerostore.policy
from aerostore.executor.migrations import migrate_sqlite
from aerostore.policy import (
    Condition,
    Environment,
    EvaluationError,
    PolicyCalls,
    PolicySet,
    Verdict,
    create_table,
)
from aerostore.policy.catalog import BUCKETS, OBJECTS
from tests.policy.typed import NOW, OTHER, OWNER, caller, object_row, policies

CORPUS = Path(__file__).parent / "corpus"
COMMANDS = ("select", "insert", "update", "delete")
EMPLOYEES = """
create table employees (id uuid primary key, boss boolean not null, site text);
grant select on employees to authenticated;
"""


def allowed(
    loaded: PolicySet, command: str, row: Mapping[str, Any], environment: Environment | None = None
) -> Any:
    """Return whether an existing row may be selected, updated or deleted."""
    return loaded.where(OBJECTS, command, environment or caller(), row).constant


def admitted(
    loaded: PolicySet, command: str, row: Mapping[str, Any], environment: Environment | None = None
) -> Any:
    """Return whether a new row may be inserted or left by an update."""
    return loaded.check(OBJECTS, command, environment or caller(), row).constant


MINE = object_row("mine/a.png", owner_id=OWNER, owner=UUID(OWNER))
THEIRS = object_row("theirs/a.png", owner_id=OTHER, owner=UUID(OTHER))


# Combination


def test_without_a_policy_everything_is_denied() -> None:
    assert [allowed(policies(""), command, MINE) for command in COMMANDS] == [False] * 4
    assert [admitted(policies(""), command, MINE) for command in COMMANDS] == [False] * 4


def test_one_permissive_policy_is_enough_and_every_restrictive_one_is_needed() -> None:
    loaded = policies("""
        create policy a on storage.objects for select using (owner_id = auth.uid()::text);
        create policy b on storage.objects for select using (name like 'theirs/%');
        create policy c on storage.objects as restrictive for select using (bucket_id = 'files');
    """)

    assert allowed(loaded, "select", MINE)
    assert allowed(loaded, "select", THEIRS)
    assert not allowed(loaded, "select", object_row("other"))
    assert not allowed(loaded, "select", {**MINE, "bucket_id": "secret"})


def test_a_restrictive_policy_alone_grants_nothing() -> None:
    loaded = policies("create policy a on storage.objects as restrictive for select using (true)")

    assert not allowed(loaded, "select", MINE)


@pytest.mark.parametrize("kind", ["permissive", "restrictive"])
def test_null_is_not_true(kind: str) -> None:
    loaded = policies(f"""
        create policy a on storage.objects as {kind} using (version = null);
        create policy b on storage.objects using ({"false" if kind == "permissive" else "true"});
    """)

    assert allowed(loaded, "select", MINE) is False
    assert admitted(loaded, "insert", MINE) is False


def test_a_policy_for_all_counts_for_each_command_and_others_for_theirs() -> None:
    everything = policies("create policy a on storage.objects using (true)")
    deletion = policies("create policy a on storage.objects for delete using (true)")

    assert [allowed(everything, command, MINE) for command in COMMANDS] == [True] * 4
    assert [allowed(deletion, command, MINE) for command in COMMANDS] == [False, False, False, True]


def test_a_new_row_has_to_meet_using_where_there_is_no_with_check() -> None:
    loaded = policies("create policy a on storage.objects for update using (name like 'mine/%')")
    checked = policies("create policy a on storage.objects for update using (true) with check (name = 'x')")

    assert admitted(loaded, "update", MINE)
    assert not admitted(loaded, "update", THEIRS)
    assert not admitted(checked, "update", MINE)


def test_a_policy_without_the_needed_expression_grants_nothing() -> None:
    loaded = policies("create policy a on storage.objects with check (true)")

    assert not allowed(loaded, "select", MINE)
    assert admitted(loaded, "insert", MINE)


def test_a_policy_applies_to_exactly_the_roles_it_names() -> None:
    loaded = policies("""
        create policy a on storage.objects for select to authenticated using (true);
        create policy b on storage.objects for delete to public using (true);
    """)

    assert allowed(loaded, "select", MINE)
    assert not allowed(loaded, "select", MINE, caller("anon"))
    assert allowed(loaded, "delete", MINE, caller("anon"))
    assert allowed(loaded, "delete", MINE, caller("nobody_knows"))


def test_a_role_that_bypasses_row_security_meets_no_policy() -> None:
    service = Environment(role="service_role", now=NOW, settings={}, can_bypass_rls=True)
    loaded = policies("create policy a on storage.objects as restrictive using (false)")

    assert allowed(loaded, "select", THEIRS, service)
    assert admitted(loaded, "insert", THEIRS, service)


def test_permissive_policies_are_evaluated_from_the_last_name_to_the_first() -> None:
    failing = "using (('x' || name)::uuid is null)"
    shielded = policies(f"""
        create policy a on storage.objects for select {failing};
        create policy b on storage.objects for select using (bucket_id = 'files');
    """)
    exposed = policies(f"""
        create policy b on storage.objects for select {failing};
        create policy a on storage.objects for select using (bucket_id = 'files');
    """)

    assert allowed(shielded, "select", MINE)
    with pytest.raises(EvaluationError):
        allowed(exposed, "select", MINE)


def test_restrictive_policies_come_before_permissive_ones_for_old_rows_and_behind_them_for_new_ones() -> None:
    loaded = policies("""
        create policy a on storage.objects as restrictive for update using (bucket_id = 'other');
        create policy b on storage.objects for update using (('x' || name)::uuid is null);
    """)

    assert not allowed(loaded, "update", MINE)
    with pytest.raises(EvaluationError):
        admitted(loaded, "update", MINE)


# Requests


def test_known_columns_leave_a_condition_on_the_others() -> None:
    loaded = policies("""
        create policy a on storage.objects for select
            using (bucket_id = 'files' and (storage.foldername(name))[1] = auth.uid()::text)
    """)

    left = loaded.where(OBJECTS, "select", caller(), {"bucket_id": "files"}, name="using")
    assert left.constant is None
    assert left.prefixes == (f"{OWNER}/",)
    assert "bucket_id" not in left.sql
    assert set(left.parameters) == {"using0", "using1"}
    assert loaded.where(OBJECTS, "select", caller(), {"bucket_id": "x"}) == Condition(
        sql="FALSE", prefixes=(), constant=False
    )


def test_contradicting_names_need_no_rows_at_all() -> None:
    loaded = policies("""
        create policy a on storage.objects for select using (name like 'a/%');
        create policy b on storage.objects as restrictive for select using (name like 'b/%');
    """)

    assert loaded.where(OBJECTS, "select", caller(), {}).constant is False


def test_a_condition_that_no_row_meets_still_raises_for_those_that_fail_it() -> None:
    loaded = policies("create policy a on storage.objects for select using (name::uuid = auth.uid())")

    found = loaded.where(OBJECTS, "select", caller(subject=""), {})
    assert (found.constant, found.prefixes) == (None, None)
    with pytest.raises(EvaluationError):
        found.programs["p0"]("no uuid")


def test_names_of_buckets_have_no_prefixes() -> None:
    loaded = policies("create policy a on storage.buckets for select using (name like 'a%')")

    assert loaded.where(BUCKETS, "select", caller(), {}).prefixes is None


@pytest.mark.parametrize("subject", ["not-a-uuid", "5"])
def test_a_subject_that_is_no_uuid_fails_wherever_an_applicable_policy_mentions_it(subject: str) -> None:
    loaded = policies("""
        create policy a on storage.objects for select using (bucket_id = 'files');
        create policy b on storage.objects for select to authenticated
            using (bucket_id = 'x' and exists (select 1 from storage.buckets where owner = auth.uid()));
    """)

    with pytest.raises(EvaluationError) as failed:
        allowed(loaded, "select", MINE, caller(subject=subject))
    assert failed.value.code == "22P02"
    assert allowed(loaded, "select", MINE, caller("anon", subject=subject))
    assert allowed(loaded, "delete", MINE, caller(subject=subject)) is False


def test_a_failure_that_every_row_meets_is_raised_before_any_row_is_read() -> None:
    loaded = policies(
        "create policy a on storage.objects for select using ((auth.jwt() ->> 'level')::int > 1)"
    )

    with pytest.raises(EvaluationError) as failed:
        loaded.where(OBJECTS, "select", caller(level="high"), {})
    assert failed.value.code == "22P02"


def test_literals_that_fail_are_an_error_of_every_request() -> None:
    loaded = policies(
        "create policy a on storage.objects for select using (name = 'a' and ('a' || 'b')::int = 1)"
    )

    with pytest.raises(EvaluationError):
        allowed(loaded, "select", THEIRS)


def test_a_policy_set_serves_many_threads_at_once() -> None:
    loaded = policies(*(path.read_text() for path in (CORPUS / "20_storage_api_tests.sql",)))
    answers: list[bool | None] = []

    def ask() -> None:
        for command in COMMANDS * 20:
            answers.append(allowed(loaded, command, MINE))
            answers.append(admitted(loaded, command, MINE))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4 * 160
    assert answers.count(True) % 80 == 0


# Tables that policies read


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate_sqlite(connection)
    for bucket, public in (("open", 1), ("closed", 0)):
        connection.execute(
            "INSERT INTO storage_buckets (id, name, public) VALUES (?, ?, ?)", (bucket, bucket, public)
        )
        connection.execute(
            "INSERT INTO storage_objects (id, bucket_id, name, version) VALUES (?, ?, 'a', 'v')",
            (bucket, bucket),
        )
    yield connection
    connection.close()


def seen(connection: sqlite3.Connection, condition: Condition) -> list[str]:
    with PolicyCalls(connection).running(condition.programs):
        found = connection.execute(
            f"SELECT bucket_id FROM storage_objects WHERE {condition.sql} ORDER BY 1",
            dict(condition.parameters),
        )
        return [row[0] for row in found]


def test_a_subquery_sees_only_what_the_policies_of_its_table_let_the_caller_see(
    database: sqlite3.Connection,
) -> None:
    text = (
        "create policy a on storage.objects for select using (bucket_id in (select id from storage.buckets));"
    )
    hidden = policies(text)
    some = policies(text, "create policy b on storage.buckets for select to authenticated using (public);")

    assert seen(database, hidden.where(OBJECTS, "select", caller(), {})) == []
    assert seen(database, some.where(OBJECTS, "select", caller(), {})) == ["open"]
    assert seen(database, some.where(OBJECTS, "select", caller("anon"), {})) == []


def test_policies_apply_to_the_inner_side_of_a_left_join_before_it_is_joined(
    database: sqlite3.Connection,
) -> None:
    loaded = policies(
        EMPLOYEES,
        """
        create policy a on storage.objects for select using (exists (select 1 from employees e
            left join storage.buckets b on b.id = e.site where e.site = bucket_id and b.id is null));
        create policy b on storage.buckets for select using (public);
        """,
    )
    database.execute(create_table(loaded.tables["public.employees"]))
    for number, site in enumerate(("open", "closed")):
        database.execute("INSERT INTO public_employees VALUES (?, 0, ?)", (str(UUID(int=number)), site))

    assert seen(database, loaded.where(OBJECTS, "select", caller(), {})) == ["closed"]


def test_a_security_definer_function_sees_every_row(database: sqlite3.Connection) -> None:
    loaded = policies("""
        create function bucket_exists(id text) returns boolean language sql security definer as
            $$ select exists (select 1 from storage.buckets b where b.id = $1) $$;
        create policy a on storage.objects for select using (bucket_exists(bucket_id));
    """)

    assert seen(database, loaded.where(OBJECTS, "select", caller(), {})) == ["closed", "open"]


def test_a_table_without_a_grant_fails_every_request_of_that_role() -> None:
    loaded = policies(
        EMPLOYEES,
        """
        create policy a on storage.objects for select using (exists (select 1 from employees where boss));
        create policy b on storage.objects for select using (bucket_id = 'files');
        """,
    )

    with pytest.raises(EvaluationError) as failed:
        allowed(loaded, "select", MINE, caller("anon"))
    assert (failed.value.code, str(failed.value)) == ("42501", "permission denied for table employees")
    assert allowed(loaded, "select", MINE)


def test_the_owner_of_a_function_may_read_without_a_grant() -> None:
    loaded = policies("""
        create table private (id uuid primary key);
        create function known() returns boolean language sql security definer as
            $$ select exists (select 1 from private where id = auth.uid()) $$;
        create policy a on storage.objects for select using (known());
    """)

    assert loaded.where(OBJECTS, "select", caller(), {}).constant is None


def test_a_new_row_is_judged_by_subqueries_without_being_in_the_table(database: sqlite3.Connection) -> None:
    loaded = policies("""
        create policy a on storage.objects for insert with check
            (exists (select 1 from storage.buckets b where b.id = bucket_id and b.public));
        create policy b on storage.buckets for select using (true);
    """)

    for bucket, expected in (("open", True), ("closed", False)):
        condition = loaded.check(OBJECTS, "insert", caller(), object_row("new", bucket_id=bucket))
        found = database.execute(f"SELECT 1 WHERE {condition.sql}", dict(condition.parameters)).fetchone()
        assert (found is not None) == expected


# Verdicts


def test_each_policy_has_a_verdict_about_a_row() -> None:
    loaded = policies("""
        create policy anonymous on storage.objects for select to anon using (true);
        create policy checked on storage.objects for all with check (true);
        create policy failing on storage.objects for select using (name::uuid is null);
        create policy owned on storage.objects for select using (owner_id = auth.uid()::text);
        create policy pending on storage.objects for select using (exists (select 1 from storage.buckets));
        create policy required on storage.objects as restrictive for all with check (false);
        create policy unknown on storage.objects for select using (version = null);
        create policy written on storage.objects for insert with check (true);
        create policy visible on storage.buckets for select using (true);
    """)

    found = loaded.verdicts(OBJECTS, "select", caller(), MINE, check=False)
    assert [_shown(verdict) for verdict in found] == [
        ("anonymous", None),
        ("checked", False),
        ("failing", "22P02"),
        ("owned", True),
        ("pending", "pending"),
        ("required", True),
        ("unknown", "null"),
    ]


def _shown(verdict: Verdict) -> tuple[str, object]:
    if not verdict.applies:
        return verdict.policy.name, None
    if verdict.error:
        return verdict.policy.name, verdict.error.code
    if verdict.pending:
        return verdict.policy.name, "pending"
    return verdict.policy.name, "null" if verdict.value is None else verdict.value


def test_the_example_in_the_documentation_of_the_package_works() -> None:
    assert doctest.testmod(aerostore.policy).failed == 0
    assert doctest.testmod(aerostore.policy).attempted > 5
