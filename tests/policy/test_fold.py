"""What folding leaves of a condition, and that it never changes what the condition means."""

import random
from typing import Any

import pytest

from aerostore.policy.expression import (
    FALSE,
    NULL_CONDITION,
    TARGET,
    TRUE,
    And,
    Apply,
    Case,
    Coalesce,
    ColumnOf,
    Constant,
    Expression,
    Failure,
    Function,
    IsTest,
    Not,
    Or,
    RunTime,
)
from aerostore.policy.fold.evaluate import evaluate
from aerostore.policy.fold.folding import fold, simplify
from aerostore.policy.fold.settle import settle
from aerostore.policy.problem import EvaluationError
from aerostore.policy.value import BOOL, Environment
from tests.policy.typed import MEMBERS, OWNER, caller, condition, object_row


def folded(text: str, *, declared: str = "", **columns: Any) -> Expression:
    return fold(condition(text, declared=declared), caller(), columns)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bucket_id = 'files' and owner_id = auth.uid()::text", True),
        ("bucket_id = 'other' and owner_id = auth.uid()::text", False),
        ("(storage.foldername(name))[1] = 'a' and storage.extension(name) in ('png', 'jpg')", True),
        ("user_metadata ->> 'kind' = 'x'", None),
        ("case when bucket_id = 'files' then name like 'a/%' else false end", True),
        ("coalesce(user_metadata ->> 'kind', 'none') = 'none'", True),
        ("'b.png' = any (path_tokens)", True),
        ("owner_id is not distinct from null", False),
    ],
)
def test_a_whole_row_and_the_claims_decide_a_condition(text: str, expected: bool | None) -> None:
    row = object_row("a/b.png", owner_id=OWNER)

    assert fold(condition(text), caller(), row) == Constant(BOOL, expected)
    assert evaluate(condition(text), caller(), row) is expected


def test_a_known_column_that_contradicts_decides_without_the_others() -> None:
    assert folded("bucket_id = 'files' and name like 'a%'", bucket_id="other") == FALSE
    assert folded("bucket_id = 'files' or name like 'a%'", bucket_id="files") == TRUE


def test_what_only_the_row_can_tell_is_left() -> None:
    left = folded("bucket_id = 'files' and owner_id = auth.uid()::text", bucket_id="files")

    assert left == fold(condition(f"owner_id = '{OWNER}'"), caller(), {})


def test_a_part_that_may_raise_is_not_dropped_for_one_behind_it() -> None:
    risky = "(storage.foldername(name))[1]::uuid = auth.uid()"

    assert folded(f"{risky} or bucket_id = 'files'", bucket_id="files") != TRUE
    assert folded(f"{risky} and bucket_id = 'files'", bucket_id="other") != FALSE
    assert folded(f"bucket_id = 'files' or {risky}", bucket_id="files") == TRUE
    assert folded(f"bucket_id = 'files' and {risky}", bucket_id="other") == FALSE


def test_a_failing_part_fails_the_whole_only_when_it_is_certain_to_be_reached() -> None:
    failing = "(owner_id || 'x')::uuid is null"

    assert isinstance(folded(failing, owner_id="a"), Failure)
    assert isinstance(folded(f"{failing} and name = 'a'", owner_id="a"), Failure)
    uncertain = folded(f"name = 'a' and {failing}", owner_id="a")
    assert isinstance(uncertain, And)
    assert isinstance(uncertain.operands[-1], Failure)
    assert folded(f"name = 'a' and {failing}", owner_id="a", name="b") == FALSE


def test_evaluation_raises_what_it_reaches_and_nothing_else() -> None:
    guarded = condition("case when name = 'a' then name::uuid is null else false end")

    assert evaluate(guarded, caller(), {"name": "b"}) is False
    with pytest.raises(EvaluationError) as failed:
        evaluate(guarded, caller(), {"name": "a"})
    assert failed.value.code == "22P02"


def test_literals_are_computed_before_anything_runs_as_the_planner_does() -> None:
    assert simplify(condition("name::uuid is null or true")) == TRUE
    assert simplify(condition("name::uuid is null and 1 = 2")) == FALSE
    assert simplify(condition("name::uuid = null::uuid")) == NULL_CONDITION


def test_a_select_without_from_is_no_literal_to_the_planner() -> None:
    simplified = simplify(condition("name::uuid is null or (select true)"))

    assert isinstance(simplified, Or)
    assert any(isinstance(operand, RunTime) for operand in simplified.operands)


def test_the_planner_leaves_what_depends_on_settings_to_the_executor() -> None:
    for text in (
        "concat('a', 'b') = 'ab'",
        "format('%s', 'a') = 'a'",
        "array['a']::text = '{a}'",
        "now() > '2020-01-01'",
        "auth.uid() is not null",
    ):
        assert isinstance(simplify(condition(f"name::uuid is null or {text}")), Or)


def test_a_failing_literal_fails_every_query_while_it_is_planned() -> None:
    with pytest.raises(EvaluationError) as failed:
        simplify(condition("name = 'a' and ('a' || 'b')::int = 1"))
    assert failed.value.code == "22P02"


def test_a_strict_function_of_an_unknown_user_is_null_unless_its_other_arguments_may_raise() -> None:
    nobody = caller(subject="")

    assert fold(condition("owner_id = auth.uid()::text"), nobody, {}) == NULL_CONDITION
    assert isinstance(fold(condition("name::uuid = auth.uid()"), nobody, {}), Apply)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("exists (select 1 from members where auth.uid() is null)", False),
        ("(select count(*) from members where auth.uid() is null) = 0", True),
        ("(select role from members where auth.uid() is null) is null", True),
        ("'a' in (select role from members where auth.uid() is null)", False),
        ("exists (select 1 where auth.uid() is not null)", True),
        ("(select auth.uid())::text = owner_id", True),
    ],
)
def test_a_subquery_without_rows_or_without_tables_is_decided(text: str, expected: bool) -> None:
    assert folded(text, declared=MEMBERS, owner_id=OWNER) == Constant(BOOL, expected)


def test_a_left_join_that_matches_nothing_still_has_rows() -> None:
    joined = "exists (select 1 from members m {} join members n on auth.uid() is null)"

    assert folded(joined.format("inner"), declared=MEMBERS) == FALSE
    assert folded(joined.format("left"), declared=MEMBERS) != FALSE


def test_a_conjunct_that_is_not_true_settles_a_condition_on_rows() -> None:
    risky = condition("name::uuid is null")

    assert settle(And((risky, FALSE))) == FALSE
    assert settle(And((risky, NULL_CONDITION))) == FALSE
    assert settle(Or((And((risky, FALSE)), TRUE))) == Or((And((risky, FALSE)), TRUE))


def test_null_alternatives_are_dropped_where_only_truth_counts() -> None:
    name = condition("name = 'a'")

    assert settle(Or((NULL_CONDITION, name))) == name
    assert settle(Or((And((name, NULL_CONDITION)), name))) == name


# Properties


def _raise(value: Any) -> bool:
    raise EvaluationError("22P02", "no")


FAIL = Function(name="fail", parameters=(BOOL,), returns=BOOL, run=_raise, strict=False, may_raise=True)
LEAVES: tuple[Expression, ...] = (
    TRUE,
    FALSE,
    NULL_CONDITION,
    *(ColumnOf(BOOL, TARGET, name) for name in "abc"),
    Apply(BOOL, FAIL, (ColumnOf(BOOL, TARGET, "a"),)),
    Apply(BOOL, FAIL, (TRUE,)),
)


def _random_condition(rng: random.Random, depth: int) -> Expression:
    if not depth:
        return rng.choice(LEAVES)

    def part() -> Expression:
        return _random_condition(rng, rng.randrange(depth))

    match rng.randrange(7):
        case 0:
            return Not(part())
        case 1:
            return IsTest(part(), rng.choice((True, False, None)), rng.random() < 0.5)
        case 2:
            return Case(BOOL, ((part(), part()), (part(), part())), part())
        case 3:
            return Coalesce(BOOL, (part(), part(), part()))
        case 4 | 5:
            return And((part(), part(), part()))
        case _:
            return Or((part(), part(), part()))


def _outcome(expression: Expression, environment: Environment | None, row: dict[str, Any]) -> object:
    try:
        return evaluate(expression, environment, row)
    except EvaluationError as exc:
        return exc.code


def test_folding_with_any_columns_known_keeps_every_value_and_every_error() -> None:
    rng = random.Random(7)
    raised = 0
    for _ in range(20_000):
        expression = _random_condition(rng, 4)
        row = {name: rng.choice((True, False, None)) for name in "abc"}
        known = {name: row[name] for name in row if rng.random() < 0.6}
        left = fold(expression, caller(), known)
        expected = _outcome(expression, None, row)
        assert _outcome(left, None, row) == expected
        raised += expected == "22P02"
        if known == row:
            assert type(left) in (Constant, Failure)
    assert raised > 2_000


def test_settling_keeps_which_rows_pass_and_only_drops_errors_of_rows_that_do_not() -> None:
    rng = random.Random(8)
    for _ in range(20_000):
        expression = fold(_random_condition(rng, 4), caller(), {})
        row = {name: rng.choice((True, False, None)) for name in "abc"}
        before, after = _outcome(expression, None, row), _outcome(settle(expression), None, row)
        if before == "22P02":
            assert after is not True
        else:
            assert (before is True) == (after is True)


def test_the_planner_never_turns_an_answer_into_another() -> None:
    rng = random.Random(9)
    for _ in range(20_000):
        expression = _random_condition(rng, 4)
        row = {name: rng.choice((True, False, None)) for name in "abc"}
        try:
            planned = simplify(expression)
        except EvaluationError:
            continue
        expected = _outcome(expression, None, row)
        assert expected == "22P02" or _outcome(planned, None, row) == expected
