"""Cases for policies: what an operation asks of them, what a file may say, and where it is wrong."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest

from aerostore.cli.case_file import read_case_file
from aerostore.cli.written_case import to_case
from aerostore.permissions import OPERATIONS as SERVED
from aerostore.policy import PolicySet, Source, load
from aerostore.policy.case import OPERATIONS, Case, InvalidCase, decide

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
USER = "5f0c7f4e-4a5b-4f0e-9d5c-0a9c3f1b2d01"
ASKED = {
    "upload": {"insert"},
    "upsert": {"insert", "select"},
    "upsert existing": {"insert", "select", "update"},
    "download": {"select"},
    "list": {"select"},
    "copy": {"select", "insert"},
    "move": {"select", "update"},
    "delete": {"select", "delete"},
    "create bucket": {"insert"},
    "get bucket": {"select"},
    "update bucket": {"select", "update"},
    "delete bucket": {"select", "delete"},
}

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file of cases beside a file of policies."""

    def written(text: str) -> Path:
        (tmp_path / "some.sql").write_text("")
        path = tmp_path / "some.test.yaml"
        path.write_text(text)
        return path

    return written


def policies(*statements: str) -> PolicySet:
    return load([Source(path="some.sql", text=";\n".join(statements))])


def only_case(path: Path, loaded: PolicySet) -> Case:
    (written,) = read_case_file(path).cases
    return to_case(written, loaded.tables, now=NOW)


def is_permitted(write: Write, loaded: PolicySet, *lines: str) -> bool:
    """Decide one case, given by its lines."""
    return decide(loaded, only_case(write("cases:\n  - " + "\n    ".join(lines)), loaded)).is_permitted


# What an operation asks


@pytest.mark.parametrize("operation", ASKED)
def test_operation_asks_for_the_rights_that_postgres_asks_for(write: Write, operation: str) -> None:
    name = operation.removesuffix(" existing")
    table = OPERATIONS[name].table
    lines = [f"allow: {name}", "bucket: b", "name: a", "to: b"]
    lines += ["existing: {}"] if operation != name else []
    for granted in product([False, True], repeat=4):
        commands = {
            command
            for command, is_granted in zip(("select", "insert", "update", "delete"), granted, strict=True)
            if is_granted
        }
        loaded = policies(*(permissive(table, command) for command in sorted(commands)))
        assert is_permitted(write, loaded, *lines) is (ASKED[operation] <= commands), commands


def permissive(table: str, command: str) -> str:
    side = "with check" if command == "insert" else "using"
    return f"create policy {command}s on {table} for {command} {side} (true)"


@pytest.mark.parametrize(
    ("policy", "is_the_proposed_row"),
    [
        ("for insert with check ({})", True),
        ("for select using (name = 'new' and {} or user_metadata is not null)", True),
        ("for select using (user_metadata is null or {})", False),
        ("for update using ({}) with check (true)", False),
    ],
)
def test_upsert_asks_about_the_proposed_and_the_existing_row(
    write: Write, policy: str, is_the_proposed_row: bool
) -> None:
    """The existing row is older and has user_metadata; each condition is about one of the two alone."""
    lines = [
        "allow: upsert",
        "bucket: b",
        "name: new",
        "existing: {created_at: 2020-01-01T00:00:00Z, user_metadata: {}}",
    ]
    given = policy.split()[1]
    others = [permissive("storage.objects", each) for each in {"insert", "select", "update"} - {given}]
    # PostgreSQL looks at the changed row again, which is as old as the existing one.
    about_it = "user_metadata is null" if is_the_proposed_row else "created_at < now()"
    asked = f"create policy p on storage.objects {policy}"
    assert is_permitted(write, policies(*others, asked.format(about_it)), *lines)
    assert not is_permitted(write, policies(*others, asked.format(f"not ({about_it})")), *lines)


def test_replaced_object_keeps_its_age(write: Write) -> None:
    loaded = policies(
        *(permissive("storage.objects", each) for each in ("insert", "select")),
        "create policy p on storage.objects for update using (true) with check (created_at < now())",
    )
    lines = ["allow: upsert", "bucket: b", "name: a", "existing: {created_at: 2020-01-01T00:00:00Z}"]
    assert is_permitted(write, loaded, *lines)


def test_move_is_judged_by_the_row_before_and_after(write: Write) -> None:
    loaded = policies(
        permissive("storage.objects", "select"),
        "create policy p on storage.objects for update using (bucket_id = 'a') with check (bucket_id = 'b')",
    )
    assert is_permitted(write, loaded, "allow: move", "bucket: a", "name: x", "to: y", "to_bucket: b")
    assert not is_permitted(write, loaded, "allow: move", "bucket: a", "name: x", "to: y")
    assert not is_permitted(write, loaded, "allow: move", "bucket: b", "name: x", "to: y")


@pytest.mark.parametrize("seen", ["a", "b"])
def test_move_needs_to_see_the_row_before_and_after(write: Write, seen: str) -> None:
    loaded = policies(
        permissive("storage.objects", "update"),
        f"create policy p on storage.objects for select using (bucket_id = '{seen}')",
    )
    assert not is_permitted(write, loaded, "allow: move", "bucket: a", "name: x", "to: y", "to_bucket: b")
    assert is_permitted(write, loaded, "allow: move", f"bucket: {seen}", "name: x", "to: y")


def test_every_operation_has_the_name_that_the_server_gives_it() -> None:
    served = {operation.name: operation for operation in SERVED}
    for operation in OPERATIONS.values():
        commands = {command for _, command in served[operation.name].needs}
        asked = {"insert": {"insert"}, "copy": {"select", "insert", "update"}, "upsert": commands}.get(
            operation.statement, {"select", operation.statement}
        )
        assert commands == asked, operation.name


# What a policy sees


@pytest.mark.parametrize(
    ("condition", "lines"),
    [
        ("owner_id = auth.uid()::text and owner = auth.uid()", [f"sub: {USER}"]),
        ("owner_id = 'robot' and owner is null", ["owner: robot"]),
        ("auth.role() = 'anon' and auth.uid() is null", ["as: anon"]),
        ("auth.jwt() -> 'app_metadata' ->> 'team' = 'red'", ["claims: {app_metadata: {team: red}}"]),
        ("(metadata ->> 'size')::int = 7 and metadata ->> 'mimetype' = 'a/b'", ["size: 7", "mime: a/b"]),
        ("metadata ->> 'size' is null", []),
        ("metadata ->> 'cacheControl' = 'no-cache'", ["metadata: {cacheControl: no-cache}"]),
        ("user_metadata ->> 'mood' = 'good'", ["user_metadata: {mood: good}"]),
        ("created_at = '2026-01-02T03:04:05Z'::timestamptz", ["created_at: 2026-01-02T04:04:05+01:00"]),
        ("now() = '2026-05-01T12:00:00Z'::timestamptz", []),
        ("now() = '2026-01-02T03:04:05Z'::timestamptz", ["now: 2026-01-02T03:04:05Z"]),
        ("path_tokens[2] = 'b.txt' and (storage.foldername(name))[1] = 'a'", []),
        ("storage.operation() = 'storage.object.upload'", []),
        ("bucket_id in (select id from storage.buckets where public)", ["buckets: {here: {public: true}}"]),
        (
            "exists (select from members where who = auth.uid() and teams @> array['red'] and since < now())",
            [
                f"sub: {USER}",
                f"tables: {{public.members: [{{who: {USER}, teams: [red], since: 2026-01-01T00:00:00Z}}]}}",
            ],
        ),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_policy_sees_what_the_case_says_and_nothing_else(
    write: Write, condition: str, lines: list[str]
) -> None:
    declared = (
        "create table public.members (who uuid primary key, teams text[] not null, since timestamptz)",
        "grant select on public.members to public",
        "create policy p on storage.buckets for select using (true)",
    )
    lines = ["allow: upload", "bucket: here", "name: a/b.txt", *lines]
    policy = "create policy p on storage.objects for insert with check ({})"
    assert is_permitted(write, policies(*declared, policy.format(condition)), *lines)
    assert not is_permitted(write, policies(*declared, policy.format(f"not ({condition})")), *lines)


def test_hidden_bucket_is_hidden_from_conditions_as_well(write: Write) -> None:
    policy = "create policy p on storage.objects for insert with check (exists (select from storage.buckets))"
    assert not is_permitted(write, policies(policy), "allow: upload", "bucket: b", "name: a")


def test_condition_that_fails_denies_and_tells_why(write: Write) -> None:
    loaded = policies("create policy p on storage.objects for select using (name::uuid is not null)")
    outcome = decide(loaded, only_case(write("cases:\n- {deny: list, bucket: b, name: a}"), loaded))
    (answer,) = outcome.answers
    assert (outcome.is_permitted, answer.error and answer.error.code) == (False, "22P02")
    assert [verdict.error and verdict.error.code for verdict in answer.verdicts] == ["22P02"]


def test_subquery_of_a_single_policy_is_settled(write: Write) -> None:
    loaded = policies(
        "create policy p on storage.buckets for select using (true)",
        "create policy p on storage.objects using (exists (select from storage.buckets where public))",
    )
    case = only_case(write("cases:\n- {deny: list, bucket: b, name: a}"), loaded)
    (verdict,) = decide(loaded, case).answers[0].verdicts
    assert (verdict.value, verdict.pending) == (False, None)


def test_service_role_is_held_by_no_policy(write: Write) -> None:
    assert is_permitted(write, policies(), "allow: delete", "as: service_role", "bucket: b", "name: a")


# Files


def test_what_stands_at_the_top_holds_for_all_cases_unless_they_say_otherwise(write: Write) -> None:
    path = write(
        f"sub: {USER}\nbucket: shared\nname: a\ncases:\n- allow: list\n- {{allow: list, bucket: own}}\n"
        "- {allow: list, as: anon}\n"
    )
    cases = [to_case(each, policies().tables, now=NOW) for each in read_case_file(path).cases]
    assert [case.old["bucket_id"] for case in cases] == ["shared", "own", "shared"]
    subjects = [case.environment.settings["request.jwt.claim.sub"] for case in cases]
    assert subjects == [USER, USER, ""]


def test_policies_are_those_of_the_same_stem_unless_named(write: Write) -> None:
    cases = "cases:\n- {allow: list, bucket: b, name: a}"
    path = write(cases)
    assert read_case_file(path).policies == (path.parent / "some.sql",)
    (path.parent / "other.sql").touch()
    named = read_case_file(write(f"policies: [other.sql, some.sql]\n{cases}"))
    assert [each.name for each in named.policies] == ["other.sql", "some.sql"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cases: []", ":1: there are no cases"),
        ("- a", ":1: keys and values"),
        ("cases:\n- a", ":2: keys and values"),
        ("cases:\n- {allow: list, buckt: b}", ":2: 'buckt' does not belong here"),
        ("allow: list\ncases:\n- name: a", ":1: 'allow' does not belong here"),
        ("cases:\n- name: a\n  name: b", ":2: a key stands here twice"),
        ("cases:\n- claims: {a: 1,\n    a: 2}", ":2: a key stands here twice"),
        ("cases:\n- name: a\n  size: many", ":3: 'size' must be a whole number"),
        ("cases:\n- name: 7", ":2: 'name' must be a text"),
        ("cases:\n- size: true", ":2: 'size' must be a whole number"),
        ("cases:\n- {a: b", ":2: "),
        ("cases:\n- !!python/name:os.system {}", ":2: "),
        ("policies: [gone.sql]\ncases:\n- name: a", ":1: there is no gone.sql"),
        ("cases:\n- name: a\n  1: b", ":3: '1' does not belong here"),
    ],
)
def test_file_that_makes_no_sense_is_refused_with_its_line(write: Write, text: str, told: str) -> None:
    path = write(text)
    with pytest.raises(InvalidCase) as raised:
        read_case_file(path)
    assert str(raised.value).startswith(f"{path}{told}")


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("name: a", ":2: a case needs either"),
        ("allow: list\n  deny: list", ":2: a case needs either"),
        ("allow: look", ":2: 'look' is no operation"),
        ("allow: list\n  name: a", ":2: 'bucket' is missing"),
        ("allow: move\n  bucket: b\n  name: a", ":2: 'to' is missing"),
        ("allow: list\n  bucket: b\n  name: a\n  as: root", ":5: 'root' is none of"),
        ("allow: list\n  bucket: b\n  name: a\n  now: soon", ":5: timestamp"),
        ("allow: list\n  bucket: b\n  name: a\n  claims: {until: 2026-01-01}", ":5: 'claims' must be JSON"),
        ("allow: list\n  bucket: b\n  name: a\n  buckets: {b: {colour: red}}", ":5: storage.buckets has no"),
        ("allow: list\n  bucket: b\n  name: a\n  buckets: {b: {public: maybe}}", ":5: invalid input syntax"),
        ("allow: list\n  bucket: b\n  name: a\n  tables: {public.t: []}", ":5: no policy file declares"),
    ],
)
def test_case_that_makes_no_sense_is_refused_with_its_line(write: Write, case: str, told: str) -> None:
    path = write(f"cases:\n- {case}")
    with pytest.raises(InvalidCase) as raised:
        only_case(path, policies())
    assert str(raised.value).startswith(f"{path}{told}")


def test_row_that_a_declared_table_cannot_hold_is_refused(write: Write) -> None:
    loaded = policies("create table public.t (id int primary key)")
    text = "cases:\n- {allow: list, bucket: b, name: a, tables: {public.t: [{id: 1}, {id: 1}]}}"
    with pytest.raises(InvalidCase, match=r"public\.t cannot hold this row"):
        decide(loaded, only_case(write(text), loaded))
