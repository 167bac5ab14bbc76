"""What PostgreSQL evaluates while it plans fails here as well, whatever the row."""

import pytest

from aerostore.policy.fold.estimate import estimated
from aerostore.policy.fold.folding import simplify
from tests.policy.typed import MEMBERS, condition

TENANT = "(auth.jwt() ->> 'tenant')"


@pytest.mark.parametrize(
    "text",
    [
        f"name = 'x' or owner = {TENANT}::uuid",
        f"not ({TENANT}::int < length(name))",
        f"(owner is distinct from {TENANT}::uuid) is true",
        f"length(name) = any (array[{TENANT}::int, 1])",
        f"exists (select 1 from members m where m.person = {TENANT}::uuid)",
        f"case when name = 'x' then exists (select 1 from members m where m.person = {TENANT}::uuid) end",
    ],
)
def test_what_a_column_is_compared_with_is_evaluated_beforehand(text: str) -> None:
    assert len(estimated(simplify(condition(text, declared=MEMBERS)), is_filter=True)) == 1


@pytest.mark.parametrize(
    "text",
    [
        f"owner = (select {TENANT}::uuid)",
        f"case when {TENANT} ~ '^[0-9]+$' then {TENANT}::int = length(name) end",
        f"{TENANT}::int = 5",
        f"({TENANT}::uuid = owner) is null",
        f"name = {TENANT}",
        "owner = auth.uid()",
    ],
)
def test_what_no_estimate_needs_is_evaluated_where_it_stands(text: str) -> None:
    assert not estimated(simplify(condition(text)), is_filter=True)


def test_a_condition_on_a_new_row_selects_none_but_its_subqueries_do() -> None:
    text = f"owner = {TENANT}::uuid or exists (select 1 from members m where m.level > {TENANT}::int)"
    (operand,) = estimated(simplify(condition(text, declared=MEMBERS)), is_filter=False)
    assert str(operand.type) == "integer"
