"""Resumable uploads: whose they are, how they end and expire."""

import pytest

from aerostore.domain import RlsContext, UploadLink, utc_now
from aerostore.errors import NoSuchUpload, SignatureDoesNotMatch, UploadCompleted, UploadExpired
from aerostore.service.portion import Portion
from aerostore.service.publish import Upload
from tests.service.conftest import in_memory
from tests.service.resuming import LIFETIME_S, Scene, chunks_of
from tests.service.stage import ANON, GRACE_S, OWNER, SERVICE, STRANGER, Stage

NO_SUCH_ID = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def scene(stage: Stage) -> Scene:
    return Scene(stage)


# Whose it is


@pytest.mark.parametrize(
    "somebody",
    [STRANGER, ANON, RlsContext(role="anon", user_id="owner"), RlsContext(role="authenticated")],
    ids=["another user", "nobody", "another role", "no user"],
)
@in_memory
def test_upload_is_unknown_to_all_but_its_holder(scene: Scene, somebody: RlsContext) -> None:
    upload_id = scene.begin("a", 4)
    for attempt in (scene.get, scene.delete):
        with pytest.raises(NoSuchUpload):
            attempt(upload_id, by=somebody)
    with pytest.raises(NoSuchUpload):
        scene.append(upload_id, 0, b"0123", by=somebody)
    assert scene.offset(upload_id) == 0


@pytest.mark.parametrize("upload_id", [NO_SUCH_ID, "", "nonsense", "a" * 1000, "\0"])
@in_memory
def test_unknown_uploads_are_unknown(scene: Scene, upload_id: str) -> None:
    with pytest.raises(NoSuchUpload):
        scene.get(upload_id)
    assert scene.drafts() == []


def test_service_role_may_end_what_a_user_began_and_it_stays_the_users(scene: Scene) -> None:
    upload_id = scene.begin("a", 4)
    scene.append(upload_id, 0, b"0123", by=SERVICE)
    [row] = scene.stage.rows("SELECT owner_id FROM storage_objects")
    assert row["owner_id"] == "owner"


def link_to(name: str, *, link_id: str = "link", upsert: bool = False) -> UploadLink:
    now = utc_now()
    return UploadLink(
        link_id=link_id,
        bucket_id="photos",
        name=name,
        owner_id="owner",
        upsert=upsert,
        issued_at=now,
        expires_at=now,
    )


def test_link_lets_its_name_be_written_for_its_issuer(scene: Scene) -> None:
    upload = Upload(bucket_id="photos", name="a", size_bytes=4, upsert=True)

    async def by_link() -> None:
        session = await scene.uploads.create(ANON, upload, echo={}, link=link_to("a"))
        assert not session.upsert
        for stranger in (link_to("a", link_id="other"), None):
            with pytest.raises(NoSuchUpload):
                await scene.uploads.get(ANON, session.id, link=stranger)
        portion = Portion(body=chunks_of(b"0123"))
        await scene.uploads.append(ANON, session.id, portion, link=link_to("a"))

    scene.stage.run(by_link())
    assert scene.stage.get("a", by=OWNER) == b"0123"


@in_memory
def test_link_for_another_name_begins_nothing(scene: Scene) -> None:
    with pytest.raises(SignatureDoesNotMatch):
        scene.stage.run(
            scene.uploads.create(ANON, Upload(bucket_id="photos", name="b"), echo={}, link=link_to("a"))
        )


# Ending


def test_deleted_upload_is_gone_with_its_bytes(scene: Scene) -> None:
    upload_id = scene.begin("a", 4)
    scene.append(upload_id, 0, b"01")
    assert len(scene.drafts()) == 1
    scene.delete(upload_id)
    assert scene.drafts() == []
    for attempt in (scene.get, scene.delete):
        with pytest.raises(NoSuchUpload):
            attempt(upload_id)


def test_complete_upload_cannot_be_deleted(scene: Scene) -> None:
    upload_id = scene.begin("a", 4)
    scene.append(upload_id, 0, b"0123")
    with pytest.raises(UploadCompleted):
        scene.delete(upload_id)
    assert scene.stage.get("a") == b"0123"


def test_upload_expires_when_nobody_goes_on_with_it(scene: Scene) -> None:
    upload_id = scene.begin("a", 4)
    scene.stage.clock.advance(LIFETIME_S - 1)
    scene.append(upload_id, 0, b"01")
    scene.stage.clock.advance(LIFETIME_S - 1)
    assert scene.offset(upload_id) == 2
    scene.stage.clock.advance(1)
    for attempt in (scene.get, scene.delete):
        with pytest.raises(UploadExpired):
            attempt(upload_id)
    with pytest.raises(UploadExpired):
        scene.append(upload_id, 2, b"23")


def test_upload_cannot_be_kept_alive_for_ever(scene: Scene) -> None:
    upload_id = scene.begin("a", 100)
    with pytest.raises(UploadExpired):
        for offset in range(100):
            scene.append(upload_id, offset, b"x")
            scene.stage.clock.advance(LIFETIME_S / 2)


def test_expired_upload_is_forgotten_by_reclaim_with_its_bytes(scene: Scene) -> None:
    upload_id = scene.begin("a", 4)
    scene.append(upload_id, 0, b"01")
    for _ in range(4):
        scene.stage.clock.advance(GRACE_S + LIFETIME_S)
        scene.stage.run(scene.stage.reclaim.run(apply=True))
    with pytest.raises(NoSuchUpload):
        scene.get(upload_id)
    assert scene.drafts() == []
