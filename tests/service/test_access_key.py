"""Access keys: made, found by who signs with one, and ended."""

from collections.abc import Callable
from typing import Any

import pytest

from aerostore.domain import AccessKey, RlsContext
from aerostore.errors import InvalidAccessKey
from aerostore.service.access_key import REVOKED_WITHIN_S, AccessKeys
from tests.service.conftest import MakeStage
from tests.service.stage import Stage

OLD, NEW = "the older signing key", "the newer signing key"
MakeKeys = Callable[..., AccessKeys]


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    return make_stage()


@pytest.fixture
def make_keys(stage: Stage) -> MakeKeys:
    def make(*signing_keys: str, **options: Any) -> AccessKeys:
        return AccessKeys(stage.executor, signing_keys or (OLD,), clock=stage.clock, **options)

    return make


@pytest.fixture
def keys(make_keys: MakeKeys) -> AccessKeys:
    return make_keys()


def create(stage: Stage, keys: AccessKeys, **options: Any) -> tuple[AccessKey, str]:
    given = {"role": "authenticated", "claims": {"sub": "owner", "team": ["a"]}} | options
    return stage.run(keys.create(**given))


def test_a_key_is_found_with_its_secret_its_role_and_its_claims(stage: Stage, keys: AccessKeys) -> None:
    key, secret = create(stage, keys)
    found = stage.run(keys.find(key.id))
    assert found is not None
    assert found.secret == secret
    assert found.context == RlsContext(
        role="authenticated",
        user_id="owner",
        claims={"sub": "owner", "team": ["a"], "role": "authenticated"},
    )


def test_a_key_of_the_service_role_passes_over_policies(stage: Stage, keys: AccessKeys) -> None:
    key, _secret = create(stage, keys, role="service_role", claims={})
    found = stage.run(keys.find(key.id))
    assert found is not None
    assert found.context.can_bypass_rls


def test_claims_cannot_change_the_role(stage: Stage, keys: AccessKeys) -> None:
    key, _secret = create(stage, keys, role="anon", claims={"role": "service_role"})
    found = stage.run(keys.find(key.id))
    assert found is not None
    assert (found.context.role, found.context.claims["role"]) == ("anon", "anon")
    assert not found.context.can_bypass_rls


def test_ids_and_secrets_differ_and_look_like_keys(stage: Stage, keys: AccessKeys) -> None:
    made = [create(stage, keys) for _ in range(20)]
    assert len({key.id for key, _secret in made}) == len({secret for _key, secret in made}) == 20
    for key, secret in made:
        assert len(key.id) == 20 and key.id.startswith("AERO") and key.id.isupper()
        assert len(secret) == 43


def test_no_secret_is_kept_in_rows_or_printed(stage: Stage, keys: AccessKeys) -> None:
    key, secret = create(stage, keys)
    found = stage.run(keys.find(key.id))
    assert secret not in str(stage.rows("SELECT * FROM storage_access_keys"))
    assert secret not in repr(key) + repr(found) + repr(stage.run(keys.list_all()))


@pytest.mark.parametrize(
    "key_id", ["", "AERO", "AKIAIOSFODNN7EXAMPLE", "AERO" + "A" * 16, "AERO' OR 1=1 --     "]
)
def test_an_unknown_id_is_nobody(stage: Stage, keys: AccessKeys, key_id: str) -> None:
    assert stage.run(keys.find(key_id)) is None


def test_a_revoked_key_works_no_longer(stage: Stage, keys: AccessKeys) -> None:
    key, _secret = create(stage, keys)
    stage.run(keys.find(key.id))
    stage.run(keys.revoke(key.id))
    assert stage.run(keys.find(key.id)) is None
    assert [keys.state_of(each) for each in stage.run(keys.list_all())] == ["revoked"]


def test_another_process_knows_in_time_that_a_key_was_revoked(
    stage: Stage, keys: AccessKeys, make_keys: MakeKeys
) -> None:
    key, _secret = create(stage, keys)
    another = make_keys()
    assert stage.run(another.find(key.id)) is not None
    stage.run(keys.revoke(key.id))
    stage.clock.advance(REVOKED_WITHIN_S)
    assert stage.run(another.find(key.id)) is None


def test_a_clock_that_was_put_back_does_not_keep_a_revoked_key_alive(
    stage: Stage, keys: AccessKeys, make_keys: MakeKeys
) -> None:
    key, _secret = create(stage, keys)
    another = make_keys()
    stage.run(another.find(key.id))
    stage.run(keys.revoke(key.id))
    stage.clock.advance(-3600)
    assert stage.run(another.find(key.id)) is None


def test_a_key_that_was_looked_for_before_it_was_made_works_at_once(
    stage: Stage, keys: AccessKeys, make_keys: MakeKeys
) -> None:
    another = make_keys()
    key, _secret = create(stage, keys)
    stage.rows(f"DELETE FROM storage_access_keys WHERE id = '{key.id}'")
    assert stage.run(another.find(key.id)) is None
    create_again = {"id": key.id, "signing": key.signing_key_id}
    stage.rows(
        "INSERT INTO storage_access_keys (id, role, signing_key_id, created_at) VALUES"
        f" ('{create_again['id']}', 'anon', '{create_again['signing']}', '2026-01-31T09:00:00.000Z')"
    )
    assert stage.run(another.find(key.id)) is not None


def test_revoking_twice_keeps_the_time_of_the_first(stage: Stage, keys: AccessKeys) -> None:
    key, _secret = create(stage, keys)
    stage.run(keys.revoke(key.id))
    first = stage.run(keys.list_all())[0].revoked_at
    stage.clock.advance(60)
    stage.run(keys.revoke(key.id))
    assert stage.run(keys.list_all())[0].revoked_at == first


def test_an_unknown_key_cannot_be_revoked(stage: Stage, keys: AccessKeys) -> None:
    with pytest.raises(InvalidAccessKey):
        stage.run(keys.revoke("AERO" + "A" * 16))


def test_a_key_ends_when_it_was_said_to_also_while_it_is_remembered(stage: Stage, keys: AccessKeys) -> None:
    key, _secret = create(stage, keys, expires_in_s=2)
    assert stage.run(keys.find(key.id)) is not None
    stage.clock.advance(2)
    assert stage.run(keys.find(key.id)) is None
    assert keys.state_of(key) == "expired"


def test_keys_of_an_older_signing_key_work_until_it_is_dropped(
    stage: Stage, keys: AccessKeys, make_keys: MakeKeys
) -> None:
    key, secret = create(stage, keys)
    both = make_keys(NEW, OLD)
    found = stage.run(both.find(key.id))
    assert found is not None and found.secret == secret
    newer, _secret = create(stage, both)
    assert newer.signing_key_id != key.signing_key_id
    only_new = make_keys(NEW)
    assert stage.run(only_new.find(key.id)) is None
    assert stage.run(only_new.find(newer.id)) is not None
    assert only_new.state_of(key) == "its signing key is gone"


def test_the_signing_key_cannot_be_told_from_its_name(stage: Stage, keys: AccessKeys) -> None:
    key, _secret = create(stage, keys)
    assert OLD not in key.signing_key_id
    assert len(key.signing_key_id) == 16


def test_the_key_of_the_settings_acts_as_the_service_role(stage: Stage, make_keys: MakeKeys) -> None:
    keys = make_keys(configured=("mykey", "my secret"))
    found = stage.run(keys.find("mykey"))
    assert found is not None
    assert (found.secret, found.context.role, found.context.user_id) == ("my secret", "service_role", None)
    assert found.context.can_bypass_rls
    assert stage.run(keys.find("otherkey")) is None
