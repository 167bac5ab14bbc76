"""Tags: who may read and change them, and what they leave alone."""

import pytest

from aerostore.domain import RlsContext
from aerostore.errors import AccessDenied, NoSuchBucket, NoSuchKey
from aerostore.service.tag import tags_of
from tests.conformance.executor_fixture import Rights, Who
from tests.service.conftest import MakeStage
from tests.service.stage import OWNER, STRANGER, Stage


def tags(stage: Stage, by: RlsContext = OWNER, bucket_id: str = "photos", name: str = "a") -> dict[str, str]:
    return dict(stage.run(stage.storage.tags.get(by, bucket_id, name)))


def tag(stage: Stage, by: RlsContext = OWNER, **given: str) -> None:
    stage.run(stage.storage.tags.put(by, "photos", "a", given))


def test_tags_replace_all_that_were_there(stage: Stage) -> None:
    stage.put("a", extra={"tags": {"first": "1"}})
    assert tags(stage) == {"first": "1"}
    tag(stage, second="2", third="ä")
    assert tags(stage) == {"second": "2", "third": "ä"}
    stage.run(stage.storage.tags.delete(OWNER, "photos", "a"))
    assert tags(stage) == {}


def test_tagging_is_no_new_version(stage: Stage) -> None:
    stored = stage.put("a", b"content", user_metadata={"k": "v"})
    tag(stage, k="v")
    tagged = stage.run(stage.storage.downloads.info(OWNER, "photos", "a")).object
    assert tags_of(tagged) == {"k": "v"}
    untagged = {name: value for name, value in tagged.metadata.items() if name != "tags"}
    assert untagged == stored.metadata
    assert (tagged.version, tagged.updated_at) == (stored.version, stored.updated_at)
    assert stage.get("a") == b"content"


def test_untagging_leaves_the_row_as_it_came(stage: Stage) -> None:
    stored = stage.put("a")
    tag(stage, k="v")
    stage.run(stage.storage.tags.delete(OWNER, "photos", "a"))
    assert stage.run(stage.storage.downloads.info(OWNER, "photos", "a")).object == stored


def test_what_is_hidden_has_no_tags_to_read_or_change(make_stage: MakeStage) -> None:
    stage = make_stage(Rights(select=Who.OWNER))
    stage.put("a", extra={"tags": {"k": "v"}})
    before = stage.everything()
    with pytest.raises(NoSuchKey):
        tags(stage, STRANGER)
    with pytest.raises(NoSuchKey):
        tag(stage, STRANGER, k="other")
    assert stage.everything() == before


def test_who_may_look_and_not_update_may_not_tag(make_stage: MakeStage) -> None:
    stage = make_stage(Rights(update=Who.OWNER))
    stage.put("a", extra={"tags": {"k": "v"}})
    before = stage.everything()
    with pytest.raises(AccessDenied):
        tag(stage, STRANGER, k="other")
    with pytest.raises(AccessDenied):
        stage.run(stage.storage.tags.delete(STRANGER, "photos", "a"))
    assert stage.everything() == before
    assert tags(stage, STRANGER) == {"k": "v"}


def test_what_is_missing_is_named(stage: Stage) -> None:
    with pytest.raises(NoSuchKey):
        tags(stage)
    with pytest.raises(NoSuchBucket):
        tags(stage, bucket_id="missing")
