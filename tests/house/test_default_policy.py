"""`DefaultPolicies` enforces what policies/default.sql says: neither changes without the other."""

from pathlib import Path

from aerostore.domain import RlsContext
from aerostore.permissions import ALWAYS, BUCKETS, NEVER, OBJECTS, DefaultPolicies

POLICIES = Path(__file__).parents[2] / "policies"
COMMANDS = ("select", "insert", "update", "delete")


def test_the_only_policy_shipped_is_owners_manage_their_own_objects() -> None:
    assert [path.name for path in POLICIES.glob("*.sql")] == ["default.sql"]
    lines = (POLICIES / "default.sql").read_text("utf-8").splitlines()
    text = " ".join(" ".join(line for line in lines if not line.startswith("--")).split())
    assert text == (
        'create policy "owners manage their own objects" on storage.objects for all to authenticated'
        " using (owner_id = (select auth.uid()::text))"
        " with check (owner_id = (select auth.uid()::text));"
    )


def test_for_all_to_authenticated_covers_each_command_on_objects() -> None:
    owner = RlsContext(role="authenticated", user_id="a-user")
    for command in COMMANDS:
        for predicate in (
            DefaultPolicies().where(OBJECTS, command, owner, {}),
            DefaultPolicies().check(OBJECTS, command, owner, {}),
        ):
            assert predicate.sql == "owner_id = :rls_user_id"
            assert predicate.parameters == {"rls_user_id": "a-user"}


def test_nobody_else_and_no_other_table_is_covered() -> None:
    strangers = [
        (OBJECTS, RlsContext(role="anon")),
        (OBJECTS, RlsContext(role="anon", user_id="a-user")),
        (OBJECTS, RlsContext(role="authenticated")),
        (BUCKETS, RlsContext(role="authenticated", user_id="a-user")),
    ]
    for table, context in strangers:
        assert all(DefaultPolicies().where(table, command, context, {}) == NEVER for command in COMMANDS)


def test_the_service_role_bypasses_policies() -> None:
    service = RlsContext(role="service_role", can_bypass_rls=True)
    assert all(DefaultPolicies().where(BUCKETS, command, service, {}) == ALWAYS for command in COMMANDS)
