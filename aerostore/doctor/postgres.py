"""Checks of PostgreSQL: the server, what our role may do there, the policies, and who else uses it."""

import asyncio

from aerostore.app import Survey, policy_sources, survey_database
from aerostore.doctor.finding import Finding, fail, ok, warn
from aerostore.errors import StorageError
from aerostore.executor.migrations import due_migrations_postgres
from aerostore.executor.policy_sync import connected, plan_policies
from aerostore.policy import PolicyLoadError
from aerostore.policy.change import Changes
from aerostore.settings import Settings

_OLDEST_VERSION = 150_000
_SLOW_ROUND_TRIP_S = 0.01
_CLOCK_TOLERANCE_S, _CLOCK_LIMIT_S = 2.0, 60.0
_SHOWN_POLICIES = 3


def check_postgres(settings: Settings) -> dict[str, Finding]:
    """Run every check of the database; one finding tells when it cannot be reached."""
    try:
        survey = asyncio.run(survey_database(settings))
    except StorageError as exc:
        return {"PostgreSQL": fail(exc.message, exc.hint or "")}
    return {
        "PostgreSQL": judge_server(survey),
        "durable commits": judge_durability(survey),
        "database": check_database(settings, survey),
        "rights": judge_rights(survey),
        "policies": check_policies(settings, survey),
        "connections": judge_connections(settings, survey),
        "other machines": judge_machines(settings, survey),
        "database clock": judge_clock(survey),
    }


def judge_server(survey: Survey) -> Finding:
    """Judge version, encoding and distance."""
    found = f"PostgreSQL {survey.version // 10_000}, {survey.round_trip_s * 1000:.1f} ms away"
    if survey.version < _OLDEST_VERSION:
        return fail(f"{found}: too old", "Upgrade it to PostgreSQL 15 or newer.")
    if survey.encoding != "UTF8":
        return fail(f"{found}, with encoding {survey.encoding}", "CREATE DATABASE … ENCODING 'UTF8'.")
    if survey.round_trip_s > _SLOW_ROUND_TRIP_S:
        return warn(
            found,
            "A download waits for one round trip, an upload for two: run the server nearer to its database.",
        )
    return ok(found)


def judge_durability(survey: Survey) -> Finding:
    """Judge whether what was committed survives a crash."""
    if survey.is_durable:
        return ok("fsync, full_page_writes and synchronous_commit are on")
    return fail(
        "a crash may lose or damage what was acknowledged",
        "Set fsync, full_page_writes and synchronous_commit to on, for this role and database as well.",
    )


def check_database(settings: Settings, survey: Survey) -> Finding:
    """Look whether this version of aerostore can use the database as it is."""
    if survey.has_storage and not survey.is_installed:
        return fail(
            "its storage schema is not aerostore's",
            "Use another database, or see what 'aerostore migrate --check --adopt' would do.",
        )
    try:
        due = asyncio.run(due_migrations_postgres(settings.database_url))
    except StorageError as exc:
        return fail(exc.message, exc.hint or "")
    if not survey.is_installed:
        return ok("empty: 'aerostore serve' fills it")
    if due:
        return warn(
            f"still needs {', '.join(due)}", "Run 'aerostore migrate', or let 'aerostore serve' do it."
        )
    if settings.database_path.exists():
        return warn(
            f"up to date; the rows in {settings.database_path} are not used",
            "They stayed behind when PostgreSQL took over: unset AEROSTORE_DATABASE_URL to get them back.",
        )
    return ok("up to date")


def judge_rights(survey: Survey) -> Finding:
    """Judge what the login role may do, and whether it may do too much."""
    if survey.rights_problem:
        return fail(survey.rights_problem, "docs/how-to/use-postgres.md lists the rights that are needed.")
    if survey.missing_roles and not survey.may_create_roles:
        names = ", ".join(survey.missing_roles)
        return fail(
            f"the login role is not a member of {names}",
            f"As a superuser, CREATE those that are missing and GRANT {names} to the login role.",
        )
    if not survey.is_installed and not survey.may_create_schemas:
        return fail("it may not create schemas here", "Make the login role the owner of the database.")
    if survey.is_superuser:
        return warn("the login role is a superuser", "Log in as a plain role that owns the database.")
    return ok("a plain role with what it needs")


def check_policies(settings: Settings, survey: Survey) -> Finding:
    """Compare the policies of the files with those of the database."""
    if not survey.is_installed:
        return ok("none yet")
    try:
        return judge_policies(asyncio.run(_plan(settings)))
    except PolicyLoadError as exc:
        return fail(f"the files cannot be used: {exc.problems[0]}", "aerostore policies check")


async def _plan(settings: Settings) -> Changes:
    async with connected(settings.database_url) as connection:
        return await plan_policies(connection, policy_sources(settings))


def judge_policies(plan: Changes) -> Finding:
    """Judge what separates files and database; those of others are only mentioned."""
    others = _others(plan)
    if plan.conflicts:
        return fail(f"{plan.conflicts[0].message}{others}", plan.conflicts[0].hint)
    if plan.changes:
        return warn(
            f"{len(plan.changes)} differ from the files{others}", "'aerostore policies diff' shows them."
        )
    return ok(f"those of the files{others}")


def _others(plan: Changes) -> str:
    if not plan.foreign:
        return ""
    names = ", ".join(f'"{policy.name}"' for policy in plan.foreign[:_SHOWN_POLICIES])
    more = f" and {len(plan.foreign) - _SHOWN_POLICIES} more" if len(plan.foreign) > _SHOWN_POLICIES else ""
    return f"; besides them hold {names}{more}, which others made"


def judge_connections(settings: Settings, survey: Survey) -> Finding:
    """Compare what our workers may open with what the server lets in; notice a pooler between."""
    wanted = settings.database_pool_size * settings.workers
    found = f"at most {wanted} of {survey.max_connections}"
    if survey.has_pooler:
        return ok(f"{found}, through a pooler{_plans_behind_pooler(settings)}")
    if wanted > survey.max_connections:
        return fail(
            found, "Lower AEROSTORE_DATABASE_POOL_SIZE or AEROSTORE_WORKERS, or put a pooler in between."
        )
    return ok(found)


def _plans_behind_pooler(settings: Settings) -> str:
    if not settings.database_prepared_statements:
        return ""
    return "; statements are prepared as long as it follows them, as PgBouncer does from 1.21 on"


def judge_machines(settings: Settings, survey: Survey) -> Finding:
    """Notice servers elsewhere: bytes are in the data directory, which all of them must share."""
    if not survey.other_machines:
        return ok("none is connected")
    return warn(
        f"servers on {', '.join(survey.other_machines)} use this database",
        f"All must see the same {settings.data_dir.absolute()}: bytes are there, not in the database.",
    )


def judge_clock(survey: Survey) -> Finding:
    """Compare the database's clock with this machine's: both date what reclaim waits for."""
    gap_s = survey.clock_gap_s
    found = f"{gap_s:+.1f} s from this machine's"
    if abs(gap_s) > _CLOCK_LIMIT_S:
        return fail(found, "Let NTP or chrony set both clocks: reclaim counts the grace period by them.")
    if abs(gap_s) > _CLOCK_TOLERANCE_S:
        return warn(found, "Let NTP or chrony set both clocks.")
    return ok(found)
