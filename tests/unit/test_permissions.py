"""What an executor is told about policies: the condition for a request; of a failure only its code."""

from datetime import UTC, datetime
from typing import Any

import pytest

from aerostore.domain import RlsContext
from aerostore.errors import AccessDenied, PolicyFailed
from aerostore.executor.migrations import shipped_folder
from aerostore.permissions import BUCKETS, OBJECTS
from aerostore.permissions.compiled import CompiledPolicies, read_policy_files
from aerostore.permissions.predicate import ALWAYS, NEVER, Predicate
from aerostore.policy import PolicyLoadError, Source, load

COMMANDS = ("select", "insert", "update", "delete")
SHIPPED = CompiledPolicies(load(read_policy_files(shipped_folder("policies"))))
OWNER = RlsContext(role="authenticated", user_id="an owner")


def compiled(text: str) -> CompiledPolicies:
    return CompiledPolicies(load([Source(path="test.sql", text=text)]))


def a_row(**changes: Any) -> dict[str, Any]:
    now = datetime(2026, 1, 31, 9, tzinfo=UTC)
    row = {
        "id": "317eadce-631a-4429-a0bb-f19a7a517b4a",
        "bucket_id": "photos",
        "name": "a/b.png",
        "owner_id": "an owner",
        "version": "1",
        "blob_id": None,
        "metadata": {"size": 3, "ratio": 0.1},
        "user_metadata": None,
        "created_at": now,
        "updated_at": now,
        "last_accessed_at": now,
        "archived_at": None,
        "is_delete_marker": False,
    }
    return row | changes


@pytest.mark.parametrize("command", COMMANDS)
def test_shipped_policies_give_owners_their_objects_and_nothing_else(command: str) -> None:
    mine = SHIPPED.where(OBJECTS, command, OWNER, {})
    assert list(mine.parameters.values()) == ["an owner"] and not mine.programs
    assert SHIPPED.check(OBJECTS, command, OWNER, a_row()) is ALWAYS
    assert SHIPPED.check(OBJECTS, command, OWNER, a_row(owner_id="another")) is NEVER
    assert SHIPPED.where(BUCKETS, command, OWNER, {}) is NEVER
    for stranger in (
        RlsContext(role="anon", user_id="an owner"),
        RlsContext(role="authenticated"),
        RlsContext(role="authenticated", user_id=""),
        RlsContext(role="service_role"),
    ):
        assert SHIPPED.where(OBJECTS, command, stranger, {}) is NEVER


def test_the_service_role_bypasses_policies() -> None:
    service = RlsContext(role="service_role", can_bypass_rls=True)
    assert all(SHIPPED.where(BUCKETS, command, service, {}) is ALWAYS for command in COMMANDS)
    assert SHIPPED.check(OBJECTS, "insert", service, a_row()) is ALWAYS


def test_a_new_row_is_judged_with_the_columns_that_postgres_generates() -> None:
    policies = compiled(
        "create policy p on storage.objects for insert with check (path_tokens[1] = 'a' and owner is null"
        " and (metadata ->> 'ratio')::numeric = 0.1 and id = '317eadce-631a-4429-a0bb-f19a7a517b4a')"
    )
    assert policies.check(OBJECTS, "insert", OWNER, a_row()) is ALWAYS
    assert policies.check(OBJECTS, "insert", OWNER, a_row(name="b/b.png")) is NEVER


def test_known_columns_decide_beforehand() -> None:
    policies = compiled("create policy p on storage.objects for select using (bucket_id = 'photos')")
    assert policies.where(OBJECTS, "select", OWNER, {"bucket_id": "photos"}) is ALWAYS
    assert policies.where(OBJECTS, "select", OWNER, {"bucket_id": "films"}) is NEVER


def test_a_condition_tells_the_prefixes_of_names_that_it_admits() -> None:
    policies = compiled(
        "create policy p on storage.objects for select"
        " using ((storage.foldername(name))[1] = auth.jwt() ->> 'sub')"
    )
    condition = policies.where(OBJECTS, "select", OWNER, {})
    assert isinstance(condition, Predicate)
    assert condition.prefixes == ("an owner/",)


def test_a_policy_that_fails_tells_its_code_and_no_value() -> None:
    policies = compiled("create policy p on storage.objects for select using (owner = auth.uid())")
    with pytest.raises(PolicyFailed, match="22P02") as refusal:
        policies.where(OBJECTS, "select", OWNER, {})
    assert "an owner" not in refusal.value.message


def test_a_table_that_nobody_may_read_denies() -> None:
    policies = compiled(
        "create table public.teams (id text primary key);"
        "create policy p on storage.objects for select"
        " using (exists (select 1 from teams where id = bucket_id));"
    )
    with pytest.raises(AccessDenied, match="permission denied for table teams"):
        policies.where(OBJECTS, "select", OWNER, {})
    assert [table.name for table in policies.declared_tables] == ["public.teams"]


def test_a_set_with_one_refused_policy_does_not_load() -> None:
    with pytest.raises(PolicyLoadError, match=r"test\.sql:2:"):
        compiled(
            "create policy p on storage.objects for select using (true);\n"
            "create policy q on storage.objects for select using (random() < 0.5);"
        )
