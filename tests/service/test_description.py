"""What is said of an object can be changed without its bytes."""

from typing import Any

import pytest

from aerostore.domain import Object, RlsContext
from aerostore.errors import (
    AccessDenied,
    InvalidInput,
    InvalidMimeType,
    NoSuchBucket,
    NoSuchKey,
    StorageError,
)
from tests.conformance.executor_fixture import Rights, Who
from tests.service.conftest import MakeStage
from tests.service.stage import ANON, OWNER, STRANGER, Stage


def change(stage: Stage, name: str, by: RlsContext = OWNER, **changes: Any) -> Object:
    return stage.run(stage.storage.descriptions.change(by, "photos", name, changes))


def test_what_is_given_changes_and_the_rest_stays(stage: Stage) -> None:
    before = stage.put("a", mime_type="text/plain", cache_control="no-cache", user_metadata={"k": 1})
    stage.clock.advance(5)
    after = change(stage, "a", content_type="text/csv")
    assert (after.mime_type, after.cache_control, after.user_metadata) == ("text/csv", "no-cache", {"k": 1})
    assert (after.id, after.version, after.etag) == (before.id, before.version, before.etag)
    assert after.updated_at > before.updated_at
    assert change(stage, "a", user_metadata={"other": [1.5, None]}).mime_type == "text/csv"
    stored = stage.run(stage.storage.downloads.info(OWNER, "photos", "a")).object
    assert (stored.user_metadata, stored.mime_type) == ({"other": [1.5, None]}, "text/csv")
    assert change(stage, "a", user_metadata=None, cache_control="max-age=60").user_metadata is None
    assert stage.get("a") == b"content"


def test_a_change_is_an_event(stage: Stage) -> None:
    stage.put("a")
    change(stage, "a", content_type="text/csv")
    rows = stage.rows("SELECT type, name FROM storage_events ORDER BY seq")
    assert [(row["type"], row["name"]) for row in rows][1:] == [("ObjectUpdated:Metadata", "a")]


REFUSED: list[tuple[dict[str, Any], type[StorageError]]] = [
    ({}, InvalidInput),
    ({"content_type": "no type"}, InvalidMimeType),
    ({"content_type": "text/csv\r\nx: y"}, InvalidMimeType),
    ({"cache_control": "a\nb"}, InvalidInput),
    ({"content_type": "image/png"}, InvalidMimeType),
]


@pytest.mark.parametrize(("changes", "error"), REFUSED)
def test_what_no_upload_could_say_is_refused(
    stage: Stage, changes: dict[str, Any], error: type[StorageError]
) -> None:
    stage.run(
        stage.storage.buckets.update(
            RlsContext(role="service_role", can_bypass_rls=True), "photos", {"allowed_mime_types": ["text/*"]}
        )
    )
    stage.put("a", mime_type="text/plain")
    before = stage.everything()
    with pytest.raises(error):
        change(stage, "a", **changes)
    assert stage.everything() == before


def test_what_is_hidden_or_not_there_is_not_found(stage: Stage) -> None:
    stage.put("a")
    for by, name in ((STRANGER, "a"), (ANON, "a"), (OWNER, "none")):
        with pytest.raises(NoSuchKey):
            change(stage, name, by, content_type="text/csv")
    with pytest.raises(NoSuchBucket):
        stage.run(stage.storage.descriptions.change(OWNER, "none", "a", {"content_type": "text/csv"}))


def test_whoever_may_only_read_is_refused(make_stage: MakeStage) -> None:
    stage = make_stage(rights=Rights(update=Who.OWNER))
    stage.put("a")
    before = stage.everything()
    with pytest.raises(AccessDenied):
        change(stage, "a", STRANGER, content_type="text/csv")
    assert stage.everything() == before
