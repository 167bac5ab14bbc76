"""Warnings about casts that a badly named object makes fail."""

import pytest

from aerostore.policy import syntax
from aerostore.policy.bind.binder import Binder
from aerostore.policy.bind.lint import warnings_of
from aerostore.policy.catalog import Catalog
from aerostore.policy.parse.source import parse
from aerostore.policy.problem import Problem, Source


def warnings(condition: str) -> list[Problem]:
    source = Source(path="own.sql", text=f"create policy own on storage.objects using ({condition});")
    (statement,), problems = parse(source)
    assert not problems
    assert isinstance(statement, syntax.CreatePolicy)
    assert statement.using
    return warnings_of(
        Binder(Catalog()).bind_condition(statement.using, "storage.objects"), statement, source
    )


def test_unguarded_cast_of_a_path_segment_is_warned_of() -> None:
    (warning,) = warnings("(storage.foldername(name))[1]::uuid = auth.uid()")
    assert str(warning) == (
        'own.sql:1:1 01000 policy "own" casts a part of name to uuid, and fails for any other text'
        " (hint: compare as text, such as auth.uid()::text = ...,"
        " or guard the cast: CASE WHEN ... THEN ... ELSE false END)"
    )


@pytest.mark.parametrize(
    ("condition", "subject"),
    [
        ("owner_id::uuid = auth.uid()", "casts owner_id to uuid"),
        ("(user_metadata->>'level')::int > 1", "casts a part of user_metadata to integer"),
        (
            "exists (select 1 from storage.buckets where split_part(objects.name, '/', 1)::uuid = owner)",
            "casts a part of name to uuid",
        ),
    ],
)
def test_warning_says_what_is_cast(condition: str, subject: str) -> None:
    (warning,) = warnings(condition)
    assert subject in warning.message


@pytest.mark.parametrize(
    "condition",
    [
        "case when name ~ '^[0-9]+$' then name::int > 1 else false end",
        "(auth.jwt() ->> 'level')::int > 1",
        "(metadata ->> 'size')::bigint < 100",
        "created_at::date = current_date and id::text = name",
        "length(name)::bigint > 1",
    ],
)
def test_guarded_and_harmless_casts_are_not_warned_of(condition: str) -> None:
    assert warnings(condition) == []
