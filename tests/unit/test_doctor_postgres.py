from dataclasses import replace
from pathlib import Path

import pytest

from aerostore.doctor.finding import Finding, Verdict
from aerostore.doctor.postgres import (
    judge_clock,
    judge_connections,
    judge_durability,
    judge_machines,
    judge_policies,
    judge_rights,
    judge_server,
)
from aerostore.executor.postgres.survey import Survey
from aerostore.policy import Problem, Source
from aerostore.policy.change import Action, Change, Changes, Installed
from aerostore.settings import Settings

OK, WARN, FAIL = Verdict.OK, Verdict.WARN, Verdict.FAIL
HEALTHY = Survey(
    version=150_018,
    encoding="UTF8",
    is_durable=True,
    max_connections=97,
    is_superuser=False,
    may_create_roles=False,
    may_create_schemas=True,
    missing_roles=(),
    is_installed=True,
    has_storage=True,
    other_machines=(),
    has_pooler=False,
    rights_problem="",
    round_trip_s=0.001,
    clock_gap_s=0.1,
)
TABLE = ("storage", "objects")
CHANGE = Change(action=Action.CREATE, table=TABLE, name="new", reason="the database does not have it")
CONFLICT = Problem(
    source=Source(path="a.sql", text=""), at=0, code="42710", message="it exists", hint="rename it"
)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, OK),
        ({"version": 140_009}, FAIL),
        ({"version": 180_000}, OK),
        ({"encoding": "LATIN1"}, FAIL),
        ({"round_trip_s": 0.05}, WARN),
    ],
)
def test_a_server_is_judged_by_version_encoding_and_distance(
    changes: dict[str, object], verdict: Verdict
) -> None:
    assert judge_server(looks(changes)).verdict is verdict


def looks(changes: dict[str, object]) -> Survey:
    return replace(HEALTHY, **changes)  # type: ignore[arg-type] # the tests spell the fields out


def test_a_database_that_does_not_sync_fails() -> None:
    assert judge_durability(HEALTHY).verdict is OK
    assert judge_durability(looks({"is_durable": False})).verdict is FAIL


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, OK),
        ({"is_superuser": True}, WARN),
        ({"rights_problem": "cannot see past row security."}, FAIL),
        ({"missing_roles": ("anon",)}, FAIL),
        ({"missing_roles": ("anon",), "may_create_roles": True}, OK),
        ({"is_installed": False, "may_create_schemas": False}, FAIL),
        ({"may_create_schemas": False}, OK),
    ],
)
def test_rights_are_judged_by_what_a_start_needs(changes: dict[str, object], verdict: Verdict) -> None:
    assert judge_rights(looks(changes)).verdict is verdict


def test_missing_roles_are_named_with_what_to_run() -> None:
    found = judge_rights(looks({"missing_roles": ("anon", "service_role")}))
    assert "anon, service_role" in found.message
    assert "GRANT anon, service_role" in found.advice


@pytest.mark.parametrize(
    ("workers", "pooler", "verdict"), [(9, False, OK), (10, False, FAIL), (1, True, OK), (10, True, OK)]
)
def test_connections_are_compared_with_what_the_server_lets_in(
    workers: int, pooler: bool, verdict: Verdict
) -> None:
    found = judge_connections(Settings(workers=workers), looks({"has_pooler": pooler}))
    assert found.verdict is verdict
    assert ("pooler" in found.message) == pooler


@pytest.mark.parametrize(
    ("pooler", "prepared", "is_told"),
    [(True, True, True), (True, False, False), (False, True, False), (False, False, False)],
)
def test_a_pooler_that_has_to_follow_prepared_statements_is_told_of_and_does_no_harm(
    pooler: bool, prepared: bool, is_told: bool
) -> None:
    found = judge_connections(Settings(database_prepared_statements=prepared), looks({"has_pooler": pooler}))
    assert found.verdict is OK
    assert ("PgBouncer does from 1.21 on" in found.message) == is_told


@pytest.mark.parametrize(
    ("gap_s", "verdict"), [(1.9, OK), (-1.9, OK), (2.1, WARN), (-59.0, WARN), (61.0, FAIL)]
)
def test_the_database_clock_is_compared_with_ours(gap_s: float, verdict: Verdict) -> None:
    found = judge_clock(looks({"clock_gap_s": gap_s}))
    assert (found.verdict, found.message[:5]) == (verdict, f"{gap_s:+.1f} "[:5])


def test_servers_on_other_machines_must_share_the_bytes(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert judge_machines(settings, HEALTHY).verdict is OK
    found = judge_machines(settings, looks({"other_machines": ("10.0.0.7",)}))
    assert found.verdict is WARN
    assert "10.0.0.7" in found.message
    assert str(tmp_path) in found.advice


@pytest.mark.parametrize(
    ("plan", "verdict"),
    [
        (Changes(), OK),
        (Changes(changes=(CHANGE,)), WARN),
        (Changes(conflicts=(CONFLICT,)), FAIL),
        (Changes(changes=(CHANGE,), conflicts=(CONFLICT,)), FAIL),
    ],
)
def test_policies_are_judged_by_what_separates_them_from_the_files(plan: Changes, verdict: Verdict) -> None:
    assert judge_policies(plan).verdict is verdict


def test_policies_of_others_are_mentioned_but_not_all() -> None:
    def with_others(count: int) -> Finding:
        others = tuple(Installed(table=TABLE, name=f"p{number}", text="") for number in range(count))
        return judge_policies(Changes(foreign=others))

    assert with_others(0).message == "those of the files"
    assert '"p0", "p1", "p2", which' in with_others(3).message
    assert '"p2" and 2 more, which' in with_others(5).message
    assert with_others(5).verdict is OK
