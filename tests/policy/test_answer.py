"""Conditions that are remembered: for whom they count, what they depend on, and that they stay right."""

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from aerostore.policy.answer import Answers, Condition
from aerostore.policy.catalog import OBJECTS
from aerostore.policy.expression import TRUE, Apply, Constant, Expression
from aerostore.policy.fold.reading import settings_read
from aerostore.policy.function import FUNCTIONS
from aerostore.policy.policyset import PolicySet
from aerostore.policy.problem import EvaluationError
from aerostore.policy.ruling import Ruling
from aerostore.policy.value import Environment
from tests.policy.small_world import rows_of, small_world
from tests.policy.test_sqlite_property import _calm, _query, _risky, random_condition
from tests.policy.typed import MEMBERS, NOW, OTHER, OWNER, caller, object_row, policies

FILES = {"bucket_id": "files"}
OWN_FOLDER = """
create policy a on storage.objects for select
    using (bucket_id = 'files' and (storage.foldername(name))[1] = auth.uid()::text);
"""


def seen(loaded: PolicySet, environment: Environment, known: Mapping[str, Any] | None = None) -> Condition:
    return loaded.where(OBJECTS, "select", environment, FILES if known is None else known)


def asking(environment: Environment, **settings: str) -> Environment:
    """Return another request of the same caller: settings are named with `_` for the dots."""
    named = {name.replace("_", "."): value for name, value in settings.items()}
    return replace(environment, settings={**environment.settings, **named})


def test_the_next_request_of_a_caller_is_given_the_same_condition() -> None:
    loaded = policies(OWN_FOLDER)
    first = seen(loaded, asking(caller(), request_path="/object/files/a", request_id="1"))
    later = replace(caller(), now=NOW.replace(year=2030))
    assert seen(loaded, asking(later, request_path="/object/files/b", storage_operation="other")) is first


@pytest.mark.parametrize(
    ("policy", "first", "second"),
    [
        ("owner_id = auth.uid()::text", caller(), caller(subject=OTHER)),
        ("owner_id = auth.email()", caller(email="a"), caller(email="b")),
        ("owner_id = auth.jwt() ->> 'team'", caller(team="a"), caller(team="b")),
        ("owner_id = current_user", caller(), caller("anon")),
        ("owner_id = auth.role()", caller(), caller("anon")),
        (
            "owner_id = storage.operation()",
            asking(caller(), storage_operation="a"),
            asking(caller(), storage_operation="b"),
        ),
        (
            "owner_id = current_setting('Request.Path')",
            asking(caller(), request_path="a"),
            asking(caller(), request_path="b"),
        ),
        ("now() < '2028-01-01'", caller(), replace(caller(), now=NOW.replace(year=2030))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_condition_follows_everything_that_its_policies_read(
    policy: str, first: Environment, second: Environment
) -> None:
    loaded = policies(f"create policy a on storage.objects for select using ({policy})")
    fresh = policies(f"create policy a on storage.objects for select using ({policy})")
    assert seen(loaded, first, {}) != seen(loaded, second, {})
    assert seen(loaded, second, {}) == seen(fresh, second, {})


def test_a_condition_counts_for_its_bucket_table_and_command_only() -> None:
    loaded = policies(
        OWN_FOLDER,
        "create policy b on storage.objects for update using (owner_id = auth.uid()::text);"
        "create policy c on storage.buckets for select using (owner_id = auth.uid()::text);",
    )
    assert seen(loaded, caller()).constant is None
    assert seen(loaded, caller(), {"bucket_id": "other"}).constant is False
    update = loaded.where(OBJECTS, "update", caller(), FILES)
    assert update.sql == '(storage_objects."owner_id" = :p0)'
    assert loaded.where("storage.buckets", "select", caller(), {}).sql != update.sql


def test_conditions_of_two_names_can_still_be_joined() -> None:
    loaded = policies(OWN_FOLDER)
    names = [loaded.where(OBJECTS, "select", caller(), FILES, name=name).parameters for name in "xy"]
    assert set(names[0]).isdisjoint(names[1])


def test_what_fails_for_one_caller_is_asked_anew_for_the_next() -> None:
    loaded = policies(OWN_FOLDER)
    for _ in range(2):
        with pytest.raises(EvaluationError):
            seen(loaded, caller(subject="no uuid"))
    assert seen(loaded, caller()).constant is None


def test_only_so_many_answers_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    ruling = Ruling(TRUE, frozenset())
    asked: list[str] = []
    fold = Ruling.fold

    def noting(self: Ruling, environment: Environment, columns: Mapping[str, Any]) -> Expression:
        asked.append(environment.role)
        return fold(self, environment, columns)

    monkeypatch.setattr(Ruling, "fold", noting)
    answers = Answers(kept=2)
    for role in ("a", "b", "a", "c", "a", "b"):
        answers.condition(ruling, OBJECTS, caller(role), {}, "p")
    assert asked == ["a", "b", "c", "b"]


class Noting(dict[str, str]):
    """Settings that note which of them are read."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        self.read: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.read.add(key)
        return super().get(key, default)

    def items(self) -> Any:
        self.read.update(self)
        return super().items()


def test_every_function_reads_at_most_the_settings_that_it_is_known_to_read() -> None:
    checked = []
    for function in (each for each in FUNCTIONS if each.reads_environment):
        arguments = tuple(Constant(type_, _SAMPLES[type_.name]) for type_ in function.parameters)
        known = settings_read(Apply(function.returns, function, arguments))
        for settings in ({}, caller().settings):
            noting = Noting(settings)
            environment = replace(caller(), settings=noting)
            try:
                function.run(environment, *(argument.value for argument in arguments))
            except EvaluationError as exc:
                assert exc.code in {"42704"}
            if known is not None and function.name != "current_setting":
                assert noting.read <= known, function.name
        checked.append(function.name)
    assert {"auth.uid", "auth.jwt", "storage.operation", "now", "current_setting"} <= set(checked)


_SAMPLES: Mapping[str, Any] = {"text": "storage.operation", "bool": True, "_text": ("a",)}


def test_a_setting_whose_name_only_the_row_tells_is_never_remembered() -> None:
    loaded = policies(
        "create policy a on storage.objects for select using (current_setting(name, true) = 'x')"
    )
    assert seen(loaded, caller(), object_row("request.path")).constant is False
    assert seen(loaded, asking(caller(), request_path="x"), object_row("request.path")).constant is True


CALLER = caller(level=2)


def decided(ruling: Ruling, row: Mapping[str, Any]) -> Any:
    """Return what `ruling` comes to: an answer, an error's code, or a condition with its values."""
    try:
        found = Answers().condition(ruling, OBJECTS, CALLER, row, "p")
    except EvaluationError as exc:
        return exc.code
    if found.constant is not None:
        return found.constant
    return found.sql, json.dumps(dict(found.parameters), default=str), sorted(found.programs)


def test_a_row_is_decided_in_two_steps_as_in_one() -> None:
    rng = random.Random(21)
    connection = small_world()
    rows = rows_of(connection)[OBJECTS]
    connection.close()
    outcomes: list[Any] = []

    def leaf(rng: random.Random) -> str:
        return rng.choice((_calm, _calm, _query, _risky))(rng)

    for number in range(300):
        text = random_condition(rng, leaf, number % 4)
        loaded = policies(f"{MEMBERS} create policy a on storage.objects for insert with check ({text})")
        ruling = loaded._rulings.check(OBJECTS, "insert", "authenticated")
        never_remembered = replace(ruling, reads=None)
        for row in rng.sample(rows, 4):
            outcomes.append(decided(ruling, row))
            assert outcomes[-1] == decided(never_remembered, row), (text, row["name"])
    assert min(outcomes.count(True), outcomes.count(False)) > 100
    assert sum(isinstance(each, str) for each in outcomes) > 10


def test_ids_in_rows_are_no_part_of_what_is_remembered() -> None:
    loaded = policies("create policy a on storage.objects for insert with check (owner = auth.uid())")
    for owner, expected in ((OWNER, True), (OTHER, False), (OWNER, True)):
        row = object_row("a", owner_id=owner, owner=UUID(owner))
        assert loaded.check(OBJECTS, "insert", caller(), row).constant is expected
