"""Explain: what it says is what happens, and it says why, on both engines."""

import asyncio
import json
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aerostore.domain import RlsContext
from aerostore.errors import AccessDenied, NoSuchKey, PolicyFailed
from aerostore.permissions import admit
from aerostore.service.explanation import Explanation, story_of
from aerostore.service.question import LISTS, OPERATION_OF, OPS, Question
from tests.conformance.postgres import cluster as cluster
from tests.service.explain_scene import (
    ALICE,
    ANON,
    BOB,
    SERVICE,
    MakeScene,
    Scene,
    postgres_scene,
    sqlite_scene,
    user,
)

OWN_FOLDER = """
-- Everybody writes below a folder called like them.
create policy "own folder" on storage.objects for insert to authenticated
    with check (bucket_id = 'photos' and (storage.foldername(name))[1] = (select auth.uid()::text));
"""
READ_ALL = 'create policy "read all" on storage.objects for select to authenticated using (true);\n'
OWN_EVERYTHING = """
create policy "own objects" on storage.objects for all to authenticated
    using (owner_id = (select auth.uid()::text)) with check (owner_id = (select auth.uid()::text));
"""
ENGINES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=ENGINES)
def make_scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeScene]:
    """Make a storage with the bucket `photos` under policies of a text."""
    made: list[Scene] = []

    def make(text: str) -> Scene:
        if request.param == "sqlite":
            folder = tmp_path / str(len(made))
            folder.mkdir()
            scene = sqlite_scene(folder, runner, text)
        else:
            scene = postgres_scene(request, runner, text)
        made.append(scene)
        scene.make_bucket("photos")
        return scene

    with asyncio.Runner() as runner:
        yield make
        for scene in made:
            scene.close()


# The story of a decision


def test_a_false_condition_is_shown_with_the_values_it_compared(make_scene: MakeScene) -> None:
    explained = make_scene(OWN_FOLDER).explain(user(ALICE), "upload", "holiday/a.png")
    [step] = explained.steps
    [judgement] = step.policies
    assert (explained.allowed, step.command, step.table) == (False, "insert", "storage.objects")
    assert (step.passed, step.row_is, judgement.result) == (False, "proposed", False)
    assert judgement.part is not None
    in_bucket, in_folder = judgement.part.parts
    assert (in_bucket.value, in_folder.value) == ("true", "false")
    assert [operand.value for operand in in_folder.operands] == ["'holiday'", f"'{ALICE}'"]


def test_a_policy_is_named_with_its_place_and_purpose(make_scene: MakeScene) -> None:
    [judgement] = make_scene(OWN_FOLDER).explain(user(ALICE), "upload", "a.png").steps[0].policies
    assert (judgement.name, judgement.source) == ("own folder", "policies/test.sql:3")
    assert judgement.comment == "Everybody writes below a folder called like them."


def test_the_hint_is_the_smallest_change(make_scene: MakeScene) -> None:
    explained = make_scene(OWN_FOLDER).explain(user(ALICE), "upload", "holiday/a.png")
    assert f"the name would have to begin with '{ALICE}/' (its first folder is 'holiday')" in str(
        explained.hint
    )


def test_what_the_hint_says_helps(make_scene: MakeScene) -> None:
    assert make_scene(OWN_FOLDER).explain(user(ALICE), "upload", f"{ALICE}/a.png").allowed


def test_an_upsert_says_which_right_is_missing_besides_insert(make_scene: MakeScene) -> None:
    scene = make_scene(OWN_FOLDER)
    explained = scene.explain(user(ALICE), "upsert", f"{ALICE}/a.png")
    assert [(step.command, step.passed) for step in explained.steps] == [("insert", True), ("select", False)]
    assert "Upload without x-upsert" in str(explained.hint)
    assert 'CREATE POLICY "own folder (select)" ON storage.objects FOR SELECT TO authenticated' in str(
        explained.hint
    )
    assert scene.explain(user(ALICE), "upload", f"{ALICE}/a.png").allowed


def test_the_drafted_policy_mends_the_upsert(make_scene: MakeScene) -> None:
    explained = make_scene(OWN_FOLDER).explain(user(ALICE), "upsert", f"{ALICE}/a.png")
    draft = str(explained.hint).partition("such as: ")[2]
    assert make_scene(OWN_FOLDER + draft).explain(user(ALICE), "upsert", f"{ALICE}/new.png").allowed


def test_an_upsert_of_a_taken_name_asks_for_the_existing_and_the_changed_row(make_scene: MakeScene) -> None:
    scene = make_scene(OWN_EVERYTHING)
    scene.put("a.png", BOB)
    explained = scene.explain(user(ALICE), "upsert", "a.png")
    assert [(step.command, step.row_is, step.passed) for step in explained.steps] == [
        ("insert", "proposed", True),
        ("select", "proposed", True),
        ("select", "existing", False),
        ("update", "existing", False),
        ("update", "changed", True),
        ("select", "changed", True),
    ]
    assert explained.steps[2].row["owner_id"] == BOB


def test_a_delete_without_select_says_so(make_scene: MakeScene) -> None:
    scene = make_scene('create policy "d" on storage.objects for delete to authenticated using (true);')
    scene.put("a.png", ALICE)
    explained = scene.explain(user(ALICE), "delete", "a.png")
    assert isinstance(explained.error, AccessDenied)
    assert "Deleting needs SELECT" in str(explained.hint)
    assert explained.decided_by.kind == "no policy"


def test_policies_for_another_role_say_whose_turn_it_is(make_scene: MakeScene) -> None:
    explained = make_scene(OWN_FOLDER).explain(ANON, "upload", "a.png")
    [judgement] = explained.steps[0].policies
    assert (judgement.applies, judgement.reason) == (False, "for role authenticated; the caller is anon")
    assert "sign in, and send the user's JWT" in str(explained.hint)


def test_a_restrictive_policy_that_blocks_is_named(make_scene: MakeScene) -> None:
    explained = make_scene(
        OWN_FOLDER + 'create policy "no exe" on storage.objects as restrictive for insert to authenticated'
        " with check (not storage.extension(name) = any (array['exe', 'bat']));"
    ).explain(user(ALICE), "upload", f"{ALICE}/a.exe")
    assert explained.decided_by.policies == ("no exe",)
    assert "Restrictive policy" in str(explained.hint)
    assert "(it is 'exe')" in str(explained.hint)


def test_a_subject_that_is_no_uuid_is_recognised(make_scene: MakeScene) -> None:
    explained = make_scene(OWN_FOLDER).explain(user("alice"), "upload", "a.png")
    assert isinstance(explained.error, PolicyFailed)
    assert explained.decided_by.kind == "policy error"
    assert "The token's sub 'alice' is no UUID" in str(explained.hint)


def test_what_is_hidden_is_told_from_what_is_not_there(make_scene: MakeScene) -> None:
    scene = make_scene(OWN_EVERYTHING)
    scene.put("a.png", BOB)
    hidden = scene.explain(user(ALICE), "download", "a.png")
    absent = scene.explain(user(ALICE), "download", "b.png")
    assert (hidden.decided_by.kind, absent.decided_by.kind) == ("policy", "not found")
    assert isinstance(hidden.error, NoSuchKey)
    assert str(hidden.error) == str(absent.error)
    assert "There is no object 'b.png'" in str(absent.hint)
    assert f"owner_id would have to be '{ALICE}' (it is '{BOB}')" in str(hidden.hint)


def test_a_list_explains_the_first_row_it_hides(make_scene: MakeScene) -> None:
    scene = make_scene(OWN_EVERYTHING)
    scene.put("mine/1", ALICE)
    scene.put("mine/2", BOB)
    explained = scene.explain(user(ALICE), "list", "mine")
    assert explained.allowed
    assert explained.remark == "The caller sees 1 of the first 2 that exist."
    assert explained.steps[0].row["name"] == "mine/2"


def test_a_public_bucket_asks_no_policy(make_scene: MakeScene) -> None:
    scene = make_scene(OWN_EVERYTHING)
    scene.make_bucket("open", public=True)
    scene.put("a.png", BOB, "open")
    explained = scene.explain(ANON, "download", "a.png", bucket_id="open")
    assert (explained.allowed, explained.decided_by.kind, explained.steps) == (True, "public bucket", ())


def test_the_service_role_bypasses_policies_but_no_limits(make_scene: MakeScene) -> None:
    scene = make_scene(OWN_EVERYTHING)
    scene.make_bucket("small", file_size_limit=10, allowed_mime_types=["image/png"])
    fine = scene.explain(SERVICE, "upload", "a", size_bytes=10)
    large = scene.explain(SERVICE, "upload", "a", bucket_id="small", size_bytes=11, mime_type="image/png")
    text = scene.explain(SERVICE, "upload", "a", bucket_id="small", mime_type="text/plain")
    assert (fine.allowed, fine.decided_by.kind) == (True, "service role")
    assert (large.allowed, large.decided_by.kind) == (False, "limit")
    assert "takes 10 bytes at most and this is 11" in str(large.hint)
    assert "takes image/png, not text/plain" in str(text.hint)


@pytest.mark.parametrize(
    ("op", "details", "kind", "words"),
    [
        ("upload", {"bucket_id": "nowhere"}, "not found", "There is no bucket 'nowhere'"),
        ("upload", {"name": "taken"}, "conflict", "x-upsert: true"),
        ("move", {"name": "taken", "to_name": "taken2"}, "conflict", "a move never replaces"),
        ("upload", {"name": "../a"}, "name", "path segment"),
        ("bucket.empty", {"name": ""}, "role", "use a service key"),
        ("bucket.create", {"bucket_id": "new"}, "no policy", "FOR INSERT TO authenticated"),
    ],
)
def test_what_no_policy_decided_has_a_hint_as_well(
    make_scene: MakeScene, op: str, details: dict[str, Any], kind: str, words: str
) -> None:
    scene = make_scene(OWN_EVERYTHING)
    scene.put("taken", ALICE)
    scene.put("taken2", ALICE)
    explained = scene.explain(user(ALICE), op, **{"name": "a"} | details)
    assert (explained.allowed, explained.decided_by.kind) == (False, kind)
    assert words in str(explained.hint)


def test_emptying_a_large_bucket_is_explained_without_running_for_ever(make_scene: MakeScene) -> None:
    scene = make_scene(OWN_EVERYTHING)
    for number in range(3):
        scene.put(str(number), ALICE)
    assert scene.explain(SERVICE, "bucket.empty").allowed


def test_explaining_leaves_nothing_behind(make_scene: MakeScene) -> None:
    scene = make_scene(OWN_EVERYTHING)
    scene.put("a.png", ALICE)
    for op in OPS:
        scene.explain(user(ALICE), op, "a.png", to_name="b.png")
        scene.explain(SERVICE, op, "a.png", to_name="b.png")
    explained = scene.explain(SERVICE, "list")
    assert scene.explain(SERVICE, "download", "a.png").allowed
    assert not scene.explain(SERVICE, "download", "b.png").allowed
    assert explained.allowed


def test_a_story_is_json(make_scene: MakeScene) -> None:
    scene = make_scene(OWN_EVERYTHING + READ_ALL)
    scene.put("a.png", BOB)
    story = story_of(scene.explain(user(ALICE, level=[1.5]), "upsert", "a.png"))
    assert json.loads(json.dumps(story))["decided_by"]["step"] == 4


def test_a_policy_that_reads_tables_shows_what_it_found(make_scene: MakeScene) -> None:
    explained = make_scene(
        'create policy "open" on storage.buckets for select using (public);'
        'create policy "in open buckets" on storage.objects for insert'
        " with check (bucket_id in (select id from storage.buckets where public)"
        " or (select count(*) from storage.buckets) > 5);"
    ).explain(ANON, "upload", "a.png")
    part = explained.steps[0].policies[0].part
    assert part is not None
    among, counted = part.parts
    assert (among.value, counted.value) == ("false", "false")
    assert [operand.value for operand in among.operands] == ["'photos'"]
    assert [operand.value for operand in counted.operands] == ["0"]


def test_every_word_for_an_operation_is_one_that_the_service_admits() -> None:
    assert all(admit(SERVICE, operation).operation == operation.name for operation in OPERATION_OF.values())


# Explaining and doing

POLICIES = [
    "for select to authenticated using (true)",
    "for select to anon using (bucket_id = 'photos')",
    "for select using ((storage.foldername(name))[1] = 'shared')",
    "for insert to authenticated with check ((storage.foldername(name))[1] = auth.uid()::text)",
    "for insert with check (bucket_id in (select id from storage.buckets))",
    "for insert to authenticated with check (not (metadata ->> 'size')::int > 5 or metadata is null)",
    "for update to authenticated using (owner_id = (select auth.uid()::text))",
    "for update to authenticated using (true) with check (name like 'shared/%')",
    "for delete to authenticated using (owner = auth.uid() or auth.jwt() ->> 'level' = 'high')",
    "for all to authenticated using (owner_id = (select auth.uid()::text))",
    "for all using (name = 'free') with check (storage.extension(name) in ('png', 'txt'))",
    "as restrictive for insert with check (storage.extension(name) is distinct from 'exe')",
    "as restrictive for select to authenticated using (name not like '%secret%')",
    "as restrictive for update using (bucket_id <> 'other')",
    "for insert to authenticated with check (storage.allow_only_operation('object.upload'))",
]
BUCKET_POLICIES = [
    "for select using (public or id = 'photos')",
    "for insert to authenticated with check (owner_id = auth.uid()::text)",
    "for update to authenticated using (true) with check (not public)",
    "for delete to authenticated using (id <> 'photos')",
]
NAMES = ["free", "a.png", f"{ALICE}/a.txt", "shared/x", "shared/secret.exe", "new.txt"]
TEXTS = st.tuples(
    st.lists(st.sampled_from(POLICIES), min_size=1, max_size=6, unique=True),
    st.lists(st.sampled_from(BUCKET_POLICIES), max_size=3, unique=True),
).map(lambda chosen: policies_text(*chosen))
CALLERS = st.sampled_from([ANON, user(ALICE), user(BOB, level="high"), user("no-uuid"), SERVICE])
QUESTIONS = st.builds(
    Question,
    op=st.sampled_from(OPS),
    bucket_id=st.sampled_from(["photos", "photos", "other", "nowhere"]),
    name=st.sampled_from(NAMES),
    to_bucket_id=st.sampled_from(["", "other"]),
    to_name=st.sampled_from(NAMES),
    size_bytes=st.sampled_from([0, 3, 9]),
    mime_type=st.sampled_from(["text/plain", "image/png"]),
    upsert=st.booleans(),
)
folders = count()


def policies_text(objects: list[str], buckets: list[str]) -> str:
    statements = [f'create policy "p{n}" on storage.objects {rest};' for n, rest in enumerate(objects)]
    statements += [f'create policy "b{n}" on storage.buckets {rest};' for n, rest in enumerate(buckets)]
    return "\n".join(statements)


def furnish(scene: Scene) -> None:
    scene.make_bucket("photos")
    scene.make_bucket("other", public=True, allowed_mime_types=["text/plain"], file_size_limit=5)
    for name, owner in zip(NAMES[:-1], [ALICE, BOB, ALICE, BOB, ALICE], strict=True):
        scene.put(name, owner)
    scene.put("free", BOB, "other")


def check_against_reality(scene: Scene, caller: RlsContext, question: Question) -> None:
    explained = scene.run(scene.explainer.explain(caller, question))
    refusal = scene.perform(caller, question)
    told = explained.error
    assert (type(told), str(told)) == (type(refusal), str(refusal)), story_of(explained)
    if question.op not in LISTS:
        check_steps(explained)


def check_steps(explained: Explanation) -> None:
    """See that the steps together say what the whole says."""
    failing = [step for step in explained.steps if not step.passed]
    if explained.allowed:
        assert failing == []
    elif type(explained.error) is AccessDenied:
        assert failing, story_of(explained)
    assert (explained.hint is None) == explained.allowed


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=TEXTS, asked=st.lists(st.tuples(CALLERS, QUESTIONS), min_size=4, max_size=8))
def test_explain_is_reality_on_sqlite(text: str, asked: list[tuple[RlsContext, Question]]) -> None:
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        scene = sqlite_scene(Path(folder), runner, text)
        try:
            furnish(scene)
            for caller, question in asked:
                check_against_reality(scene, caller, question)
        finally:
            scene.close()


@pytest.mark.postgres
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=TEXTS, asked=st.lists(st.tuples(CALLERS, QUESTIONS), min_size=4, max_size=8))
def test_explain_is_reality_on_postgres(
    request: pytest.FixtureRequest, text: str, asked: list[tuple[RlsContext, Question]]
) -> None:
    with asyncio.Runner() as runner:
        scene = postgres_scene(request, runner, text)
        try:
            furnish(scene)
            for caller, question in asked:
                check_against_reality(scene, caller, question)
        finally:
            scene.close()
