"""The law as every executor enforces it: which policies a statement needs, and what a refusal looks like."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import asdict, replace
from itertools import product
from typing import Any

import pytest

from aerostore.domain import Object, RlsContext
from aerostore.errors import AccessDenied
from aerostore.executor import Executor, Statement
from aerostore.executor import statements as sql
from aerostore.executor.row import to_object
from aerostore.executor.statements import folder_job
from aerostore.permissions.predicate import ALWAYS, NEVER, Predicate
from tests.conformance.executor_fixture import (
    ANON,
    CALLER,
    OWNER_ONLY,
    MakeExecutor,
    Rights,
    Who,
    a_bucket,
    add_bucket,
    an_object,
    probe,
    rows,
    write,
)

EXISTING = an_object("existing")
OTHERS = an_object("others", owner_id="somebody else")
NOBODYS = an_object("nobodys", owner_id=None)


def renamed(old: Object) -> tuple[Object, Object]:
    return old, replace(old, name=f"moved-{old.name}", version=f"moved-{old.version}")


STATEMENTS: dict[str, Statement] = {
    "insert": sql.insert_object(an_object("new")),
    "upsert new": sql.upsert_object(an_object("new")),
    "upsert existing": sql.upsert_object(an_object("existing")),
    "update": sql.move_object(EXISTING, replace(EXISTING, name="moved")),
    "delete": sql.delete_object(EXISTING.id),
    "delete many": sql.delete_objects([EXISTING.id]),
    "insert many": folder_job.insert_objects([an_object("new")]),
    "upsert many new": folder_job.upsert_objects([an_object("new")]),
    "upsert many existing": folder_job.upsert_objects([an_object("existing")]),
    "update many": folder_job.move_objects([renamed(EXISTING)], owner_id=None),
    "select": sql.find_visible_object("photos", "existing"),
    "select many": sql.find_visible_objects("photos", ["existing", "missing"]),
    "select page": sql.list_names("photos", lower="e", upper="f", order="asc", limit=9),
}
REFUSED = "refused"
Scenario = Callable[[Executor], Coroutine[Any, Any, None]]


def expected(statement: str, rights: Rights) -> int | str:
    """Return the rows touched, or REFUSED, as PostgreSQL 15 answers under constant policies.

    A row that insert or upsert may not leave is an error; one that update, delete or select may not
    touch is not there. Whatever names its row in WHERE or ON CONFLICT needs select as well.
    """
    granted = {
        name for name in ("select", "insert", "update", "delete") if getattr(rights, name) is Who.EVERYONE
    }
    needed = {
        "insert": {"insert"},
        "upsert new": {"insert", "select"},
        "upsert existing": {"insert", "select", "update"},
        "update": {"update", "select"},
        "delete": {"delete", "select"},
        "delete many": {"delete", "select"},
        "insert many": {"insert"},
        "upsert many new": {"insert", "select"},
        "upsert many existing": {"insert", "select", "update"},
        "update many": {"update", "select"},
        "select": {"select"},
        "select many": {"select"},
        "select page": {"select"},
    }[statement]
    if needed <= granted:
        return 1
    return REFUSED if statement.startswith(("insert", "upsert")) else 0


async def answer(executor: Executor, statement: Statement, by: RlsContext) -> int | str:
    try:
        [result] = await probe(executor, statement, by=by)
    except AccessDenied:
        return REFUSED
    return len(result.rows) or result.changed


def play(executor: Executor, scenario: Scenario) -> None:
    async def from_start() -> None:
        await executor.start()
        try:
            await add_bucket(executor)
            await write(executor, *(sql.insert_object(each) for each in (EXISTING, OTHERS, NOBODYS)))
            await scenario(executor)
        finally:
            await executor.close()

    asyncio.run(from_start())


CONSTANT_RIGHTS = [
    Rights(select=select, insert=insert, update=update, delete=delete)
    for select, insert, update, delete in product((Who.NOBODY, Who.EVERYONE), repeat=4)
]


class FoldedRights(Rights):
    """Rights whose constants are known to the executor before it asks the database."""

    def where(self, table: str, command: str, context: RlsContext, known: Mapping[str, Any]) -> Predicate:
        judged = super().where(table, command, context, known)
        return {"1 = 1": ALWAYS, "1 = 0": NEVER}.get(judged.sql, judged)


@pytest.mark.parametrize("kind", [Rights, FoldedRights])
@pytest.mark.parametrize("rights", CONSTANT_RIGHTS, ids=str)
def test_each_statement_needs_the_policies_that_postgres_asks(
    make_executor: MakeExecutor, rights: Rights, kind: type[Rights]
) -> None:
    rights = kind(**asdict(rights))

    async def scenario(executor: Executor) -> None:
        answers = {name: await answer(executor, each, CALLER) for name, each in STATEMENTS.items()}
        assert answers == {name: expected(name, rights) for name in STATEMENTS}

    play(make_executor(rights), scenario)


def test_a_constant_no_outweighs_what_depends_on_the_row(make_executor: MakeExecutor) -> None:
    async def scenario(executor: Executor) -> None:
        assert await answer(executor, STATEMENTS["delete"], CALLER) == 0
        assert await answer(executor, STATEMENTS["update"], CALLER) == 1
        assert await answer(executor, STATEMENTS["select"], CALLER) == 1

    play(make_executor(FoldedRights(select=Who.OWNER, delete=Who.NOBODY)), scenario)


def test_the_service_role_bypasses_every_policy(make_executor: MakeExecutor) -> None:
    nobody = Rights(select=Who.NOBODY, insert=Who.NOBODY, update=Who.NOBODY, delete=Who.NOBODY)
    service = RlsContext(role="service_role", can_bypass_rls=True)

    async def scenario(executor: Executor) -> None:
        answers = {name: await answer(executor, each, service) for name, each in STATEMENTS.items()}
        assert set(answers.values()) == {1}

    play(make_executor(nobody), scenario)


def mine(name: str) -> Object:
    return an_object(name)


OWNER_CASES: list[tuple[str, Statement, int | str]] = [
    ("insert my own", sql.insert_object(mine("new")), 1),
    ("insert for another", sql.insert_object(an_object("new", owner_id="somebody else")), REFUSED),
    ("insert for nobody", sql.insert_object(an_object("new", owner_id=None)), REFUSED),
    ("upsert my own", sql.upsert_object(mine("existing")), 1),
    ("upsert over another's", sql.upsert_object(mine("others")), REFUSED),
    ("upsert over nobody's", sql.upsert_object(mine("nobodys")), REFUSED),
    ("give mine away", sql.move_object(EXISTING, replace(EXISTING, owner_id="somebody else")), REFUSED),
    ("abandon mine", sql.move_object(EXISTING, replace(EXISTING, owner_id=None)), REFUSED),
    ("take another's", sql.move_object(OTHERS, replace(OTHERS, owner_id=CALLER.user_id)), 0),
    ("take nobody's", sql.move_object(NOBODYS, replace(NOBODYS, owner_id=CALLER.user_id)), 0),
    ("delete another's", sql.delete_object(OTHERS.id), 0),
    ("delete mine among others", sql.delete_objects([EXISTING.id, OTHERS.id, NOBODYS.id]), 1),
    ("insert two of mine", folder_job.insert_objects([mine("one"), mine("two")]), 2),
    (
        "insert mine and another's",
        folder_job.insert_objects([mine("one"), an_object("two", owner_id="somebody else")]),
        REFUSED,
    ),
    ("upsert a new one and my own", folder_job.upsert_objects([mine("one"), mine("existing")]), 2),
    (
        "upsert mine and over another's",
        folder_job.upsert_objects([mine("existing"), mine("others")]),
        REFUSED,
    ),
    (
        "upsert one for nobody",
        folder_job.upsert_objects([mine("one"), an_object("x", owner_id=None)]),
        REFUSED,
    ),
    (
        "move mine and another's",
        folder_job.move_objects([renamed(EXISTING), renamed(OTHERS)], owner_id=None),
        1,
    ),
    ("give many away", folder_job.move_objects([renamed(EXISTING)], owner_id="somebody else"), REFUSED),
    ("see another's", sql.find_visible_object("photos", "others"), 0),
    ("list", sql.list_names("photos", lower="", upper=None, order="asc", limit=9), 1),
]


def test_an_owner_policy_judges_the_old_and_the_new_row(make_executor: MakeExecutor) -> None:
    async def scenario(executor: Executor) -> None:
        answers = {name: await answer(executor, each, CALLER) for name, each, _ in OWNER_CASES}
        assert answers == {name: wanted for name, _, wanted in OWNER_CASES}

    play(make_executor(OWNER_ONLY), scenario)


def test_a_condition_that_is_null_counts_as_no(make_executor: MakeExecutor) -> None:
    async def scenario(executor: Executor) -> None:
        anonymous = sql.insert_object(an_object("new", owner_id=None))
        assert await answer(executor, anonymous, ANON) == REFUSED
        assert await answer(executor, sql.find_visible_object("photos", "nobodys"), ANON) == 0
        assert await answer(executor, sql.delete_object(NOBODYS.id), ANON) == 0

    play(make_executor(OWNER_ONLY), scenario)


def test_a_refused_upsert_leaves_the_row_as_it_was(make_executor: MakeExecutor) -> None:
    async def scenario(executor: Executor) -> None:
        with pytest.raises(AccessDenied, match="row-level security"):
            await write(executor, sql.upsert_object(mine("others")), by=CALLER)
        [row] = await rows(executor, sql.find_object("photos", "others"))
        assert to_object(row) == OTHERS

    play(make_executor(OWNER_ONLY), scenario)


def test_an_upsert_keeps_id_and_creation_and_an_owner_that_is_not_given(make_executor: MakeExecutor) -> None:
    async def scenario(executor: Executor) -> None:
        new = an_object("existing", owner_id=None, metadata={"size": 2}, user_metadata={"k": "v"})
        await write(executor, sql.upsert_object(new))
        [row] = await rows(executor, sql.find_object("photos", "existing"))
        kept = replace(new, id=EXISTING.id, created_at=EXISTING.created_at, owner_id=EXISTING.owner_id)
        assert to_object(row) == kept

    play(make_executor(Rights()), scenario)


def test_one_refused_row_undoes_all_of_a_statement(make_executor: MakeExecutor) -> None:
    async def scenario(executor: Executor) -> None:
        for objects in ([mine("new"), mine("others")], [mine("existing"), mine("others")]):
            with pytest.raises(AccessDenied, match="row-level security"):
                await write(executor, folder_job.upsert_objects(objects), by=CALLER)
        found = await rows(executor, folder_job.find_objects("photos", ["new", "existing", "others"]))
        assert sorted((to_object(row) for row in found), key=lambda each: each.name) == [EXISTING, OTHERS]

    play(make_executor(OWNER_ONLY), scenario)


def test_many_rows_are_written_as_they_would_be_one_by_one(make_executor: MakeExecutor) -> None:
    values: list[dict[str, Any]] = [
        {"metadata": {"size": 2, "tags": {"ä": "'\"\\"}}, "user_metadata": {"k": [1.5, None, "日本語"]}},
        {"owner_id": None, "user_metadata": {}},
        {"metadata": {}, "owner_id": "somebody else"},
    ]
    new = [an_object(f"new {number}", **value) for number, value in enumerate(values)]
    over = an_object("existing", owner_id=None, metadata={"size": 2}, user_metadata={"k": "v"})

    async def scenario(executor: Executor) -> None:
        await write(executor, folder_job.insert_objects(new[:1]), folder_job.upsert_objects([*new[1:], over]))
        names = [*(each.name for each in new), "existing"]
        found = await rows(executor, folder_job.find_objects("photos", names))
        kept = replace(over, id=EXISTING.id, created_at=EXISTING.created_at, owner_id=EXISTING.owner_id)
        assert sorted((to_object(row) for row in found), key=lambda each: each.name) == [kept, *new]

    play(make_executor(Rights()), scenario)


def test_a_row_that_has_changed_since_is_not_moved(make_executor: MakeExecutor) -> None:
    async def scenario(executor: Executor) -> None:
        stale = replace(EXISTING, version="older")
        statement = folder_job.move_objects([renamed(stale), renamed(OTHERS)], owner_id=None)
        [moved] = await write(executor, statement)
        assert [str(row["id"]) for row in moved.rows] == [OTHERS.id]

    play(make_executor(Rights()), scenario)


def test_bucket_statements_meet_the_law_too(make_executor: MakeExecutor) -> None:
    mine = a_bucket("mine", owner_id=CALLER.user_id)
    cases: list[tuple[Statement, int | str]] = [
        (sql.insert_bucket(a_bucket("new", owner_id=CALLER.user_id)), 1),
        (sql.insert_bucket(a_bucket("new")), REFUSED),
        (sql.find_visible_bucket("mine"), 1),
        (sql.find_visible_bucket("photos"), 0),
        (sql.list_buckets(search=None, column=None, order="asc", limit=None, offset=0), 1),
        (sql.update_bucket("mine", {"public": True}), 1),
        (sql.update_bucket("mine", {"owner_id": "somebody else"}), REFUSED),
        (sql.update_bucket("photos", {"public": True}), 0),
        (sql.delete_bucket("mine"), 1),
        (sql.delete_bucket("photos"), 0),
    ]

    async def scenario(executor: Executor) -> None:
        await write(executor, sql.insert_bucket(mine))
        answers = [await answer(executor, statement, CALLER) for statement, _ in cases]
        assert answers == [wanted for _, wanted in cases]

    play(make_executor(OWNER_ONLY), scenario)
