"""Denials: notes that cost a request nothing, written later with their explanation, and forgotten in time."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from aerostore.domain import SYSTEM, RlsContext, utc_now
from aerostore.errors import AccessDenied
from aerostore.executor import Statement, Work
from aerostore.executor import statements as sql
from aerostore.service.denial import QUEUE_LENGTH, Denials, without_secrets
from aerostore.service.question import Question
from tests.conformance.postgres import cluster as cluster
from tests.service.explain_scene import ALICE, Scene, postgres_scene, sqlite_scene, user

POLICY = """
create policy "own folder" on storage.objects for insert to authenticated
    with check ((storage.foldername(name))[1] = auth.uid()::text);
"""
UPLOAD = Question(op="upload", bucket_id="photos", name="a.png")
CALLER = replace(user(ALICE, email="a@example.org", session_id="s"), request_id="request-1")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    with asyncio.Runner() as runner:
        if request.param == "sqlite":
            made = sqlite_scene(tmp_path, runner, POLICY)
        else:
            made = postgres_scene(request, runner, POLICY)
        made.make_bucket("photos")
        yield made
        made.close()


def kept(scene: Scene) -> int:
    def work() -> Work[int]:
        return int((yield Statement(sql="SELECT count(*) AS n FROM storage_denials")).rows[0]["n"])

    return scene.run(scene.executor.read(SYSTEM, work))


def run(scene: Scene, statement: Statement) -> None:
    def work() -> Work[None]:
        yield statement

    scene.run(scene.executor.write(SYSTEM, work))


def test_a_denial_is_found_with_its_explanation(scene: Scene) -> None:
    scene.denials.note(CALLER, UPLOAD, AccessDenied())
    assert scene.run(scene.denials.write_waiting()) == 1
    [found] = scene.run(scene.denials.find("request-1"))
    assert (found["operation"], found["bucket_id"], found["name"]) == (
        "storage.object.upload",
        "photos",
        "a.png",
    )
    assert (found["role"], found["user_id"], found["code"]) == ("authenticated", ALICE, "AccessDenied")
    assert found["story"]["decided_by"]["policies"] == ["own folder"]
    assert f"begin with '{ALICE}/'" in found["story"]["hint"]


def test_a_note_writes_nothing_by_itself_and_is_written_once(scene: Scene) -> None:
    scene.denials.note(CALLER, UPLOAD, AccessDenied())
    assert kept(scene) == 0
    scene.run(scene.denials.write_waiting())
    scene.run(scene.denials.write_waiting())
    assert kept(scene) == 1


def test_two_processes_keep_each_their_own(scene: Scene) -> None:
    other = Denials(scene.executor, scene.explainer, clock=utc_now, telemetry=scene.telemetry)
    for denials in (scene.denials, other):
        denials.note(CALLER, UPLOAD, AccessDenied())
        scene.run(denials.write_waiting())
    assert len(scene.run(scene.denials.find("request-1"))) == 2


def test_claims_are_kept_without_what_lets_somebody_in(scene: Scene) -> None:
    scene.denials.note(CALLER, UPLOAD, AccessDenied())
    scene.run(scene.denials.write_waiting())
    [found] = scene.run(scene.denials.find("request-1"))
    assert found["claims"] == {"role": "authenticated", "sub": ALICE, "email": "a@example.org"}
    assert without_secrets({"provider_token": "t", "API_KEY": "k", "team": "red"}) == {"team": "red"}


def test_a_flood_is_counted_and_forgotten(scene: Scene) -> None:
    for _ in range(QUEUE_LENGTH + 3):
        scene.denials.note(CALLER, UPLOAD, AccessDenied())
    assert b"storage_denials_dropped_total 3.0" in scene.telemetry.render()


def test_what_cannot_be_explained_is_kept_all_the_same(scene: Scene) -> None:
    unreadable = RlsContext(role="authenticated", claims={"n": "\x00"}, request_id="request-2")
    scene.denials.note(unreadable, UPLOAD, AccessDenied())
    scene.denials.note(CALLER, UPLOAD, AccessDenied())
    scene.run(scene.denials.write_waiting())
    assert len(scene.run(scene.denials.find("request-1"))) == 1


def test_old_denials_are_trimmed(scene: Scene) -> None:
    now = utc_now()
    days = iter([8, 0])
    aging = Denials(
        scene.executor,
        scene.explainer,
        clock=lambda: now - timedelta(days=next(days, 0)),
        telemetry=scene.telemetry,
    )
    for _ in range(2):
        aging.note(CALLER, UPLOAD, AccessDenied())
    scene.run(aging.write_waiting())
    assert [found["at"][:10] for found in scene.run(aging.find("request-1"))] == [str(now.date())]


def test_only_the_newest_are_kept(scene: Scene) -> None:
    for _ in range(4):
        scene.denials.note(CALLER, UPLOAD, AccessDenied())
    scene.run(scene.denials.write_waiting())
    run(scene, sql.trim_denials(utc_now() - timedelta(days=1), 3))
    assert kept(scene) == 3
