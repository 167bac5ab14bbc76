"""SQL in tokens, on both engines: what they claim is a value to the policies, whatever it looks like."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from aerostore.executor.migrations import shipped_folder
from tests.attack.forged_token import HS256, service_claims, signed
from tests.attack.scene import Scene, open_scene
from tests.conformance.postgres import PostgresCluster
from tests.contract.client import Target, object_path, put_object, unique

INJECTIONS = [
    "' OR 1=1 --",
    "' OR '1'='1",
    "x'); DELETE FROM storage_objects; --",
    "'; DROP TABLE storage.objects CASCADE; --",
    "\\'; SELECT pg_sleep(5); --",
    "$$ OR true",
    "%",
    "_" * 36,
    "{}",
    '{"sub":"owner"}',
    "owner' UNION SELECT owner_id FROM storage_objects --",
    ":sub",
    "?1",
    "%(sub)s",
    "${sub}",
    "\u2019 OR 1=1",
    "NULL",
    "null",
    "*",
]


@pytest.fixture(scope="module")
def private(service: httpx.Client, target: Target) -> str:
    """A bucket in which somebody's object is."""
    name = unique("private")
    assert service.post("/bucket", json={"name": name}).is_success
    with target.connect(target.token("authenticated", sub="owner")) as caller:
        assert put_object(caller, name, "secret.txt", b"secret").is_success
    return name


@pytest.mark.parametrize("subject", INJECTIONS)
def test_sql_in_a_subject_is_a_subject(target: Target, private: str, subject: str) -> None:
    with target.connect(signed(HS256, service_claims(role="authenticated", sub=subject))) as caller:
        assert caller.post(f"/object/list/{private}", json={"prefix": ""}).json() == []
        assert caller.get(object_path(private, "secret.txt", "authenticated")).status_code == 400
        assert caller.request("DELETE", f"/object/{private}", json={"prefixes": ["secret.txt"]}).json() == []
        name = f"of/{hashlib.sha256(subject.encode()).hexdigest()}"
        assert put_object(caller, private, name, b"own").is_success
        assert caller.get(object_path(private, name, "authenticated")).content == b"own"


@pytest.mark.parametrize("text", INJECTIONS)
def test_sql_in_any_claim_is_only_text(target: Target, private: str, text: str) -> None:
    claims = {
        text: text,
        "app_metadata": {text: [text], "nested": {"deeper": {text: text}}},
        "user_metadata": {"owner_id": "owner", "sub": "owner", "role": "service_role"},
        "request.jwt.claims": {"sub": "owner"},
        "email": text,
        "aud": [text],
    }
    with target.connect(
        signed(HS256, service_claims(role="authenticated", sub="nobody", **claims))
    ) as caller:
        assert caller.post(f"/object/list/{private}", json={"prefix": "secret"}).json() == []
        assert caller.get(object_path(private, "secret.txt", "authenticated")).status_code == 400
        assert put_object(caller, private, unique("claims"), b"own").is_success


def test_after_all_that_the_object_is_there(target: Target, service: httpx.Client, private: str) -> None:
    assert service.get(object_path(private, "secret.txt", "authenticated")).content == b"secret"
    assert service.get(object_path(private, "secret.txt", "info/authenticated")).is_success


POLICY = """
create policy "by claims" on storage.objects for select to authenticated using (
    (storage.foldername(name))[1] = (auth.jwt() ->> 'team')
    or name = (auth.jwt() -> 'app_metadata' ->> 'file')
    or (auth.jwt() -> 'app_metadata' -> 'files') ? name
);
"""


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def ruled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A storage whose policies look into claims."""
    folder = tmp_path_factory.mktemp("ruled")
    (folder / "policies").mkdir()
    for name, text in (("default.sql", default_policies()), ("claims.sql", POLICY)):
        (folder / "policies" / name).write_text(text, "utf-8")
    settings: dict[str, Any] = {"policies_dir": str(folder / "policies")}
    if request.param == "postgres":
        cluster: PostgresCluster = request.getfixturevalue("cluster")
        settings["database_url"] = cluster.url(cluster.create_database())
    with open_scene(folder / "data", **settings) as scene:
        scene.done("service", "POST", "/bucket", json={"name": "shared"})
        for name in ("blue/plan.txt", "red/plan.txt", "top.txt"):
            scene.done("owner", "POST", f"/object/shared/{name}", content=b"plan")
        yield scene


def default_policies() -> str:
    return Path(shipped_folder("policies") / "default.sql").read_text("utf-8")


def seen_with(scene: Scene, **claims: object) -> list[str]:
    """List what somebody sees who has these claims and owns nothing."""
    answer = scene.done("stranger", "POST", "/object/list-v2/shared", json={}, claims=claims)
    return [each["name"] for each in answer.json()["objects"]]


def test_a_policy_reads_the_claims_that_are_there(ruled: Scene) -> None:
    assert seen_with(ruled) == []
    assert seen_with(ruled, team="blue") == ["blue/plan.txt"]
    assert seen_with(ruled, app_metadata={"file": "top.txt", "files": ["red/plan.txt"]}) == [
        "red/plan.txt",
        "top.txt",
    ]


@pytest.mark.parametrize(
    "text", [*INJECTIONS, "blue' OR 'a'='a", "blue/plan.txt", "BLUE", "blue ", "blu%", "blu_"]
)
def test_sql_in_a_claim_that_a_policy_reads_matches_nothing(ruled: Scene, text: str) -> None:
    assert seen_with(ruled, team=text) == []
    assert seen_with(ruled, app_metadata={"file": f"top.txt{text}", "files": [text, f"top.txt' {text}"]}) == (
        ["blue/plan.txt"] if text == "blue/plan.txt" else []
    )


@pytest.mark.parametrize("claim", [["blue"], {"blue": 1}, {"": "blue"}, True, 0, None, [["blue"]]], ids=repr)
def test_a_claim_of_another_type_matches_nothing(ruled: Scene, claim: object) -> None:
    assert seen_with(ruled, team=claim) == []
    assert seen_with(ruled, app_metadata={"file": claim}) == []
    assert seen_with(ruled, app_metadata=claim) == []
