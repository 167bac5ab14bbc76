"""The rows of uploads: who may go on with one, and that each ends once."""

import pytest

from aerostore.domain import SYSTEM, RlsContext, UploadProtocol, UploadSession, UploadState
from aerostore.errors import NoSuchBucket, NoSuchUpload, UploadExpired
from aerostore.executor import Work
from aerostore.permissions import TUS_PART
from aerostore.service.publish import Upload
from aerostore.service.upload import Right, UploadSessions, completion_of, right_of
from tests.service.resuming import LIFETIME_S
from tests.service.stage import ANON, OWNER, SERVICE, STRANGER, Stage


def sessions_over(stage: Stage, protocol: UploadProtocol = UploadProtocol.TUS) -> UploadSessions:
    return UploadSessions(stage.executor, protocol, clock=stage.clock, lifetime_s=LIFETIME_S)


def begun(stage: Stage, right: Right, size_bytes: int | None = 4) -> UploadSession:
    upload = Upload(bucket_id="photos", name="a", size_bytes=size_bytes, user_metadata={"k": "ü"})
    return stage.run(sessions_over(stage).begin(right, upload, {"more": 1}))


@pytest.fixture
def right() -> Right:
    return right_of(OWNER, TUS_PART)


def test_row_is_read_as_it_was_written(stage: Stage, right: Right) -> None:
    session = begun(stage, right)
    assert stage.run(sessions_over(stage).get(right, session.id)) == session
    assert session.metadata == {
        "mimetype": "application/octet-stream",
        "cacheControl": "no-cache",
        "more": 1,
    }


def test_upload_into_a_bucket_that_went_meanwhile_is_not_begun(stage: Stage, right: Right) -> None:
    with pytest.raises(NoSuchBucket):
        stage.run(sessions_over(stage).begin(right, Upload(bucket_id="gone", name="a"), {}))


@pytest.mark.parametrize("somebody", [STRANGER, ANON, RlsContext(role="anon", user_id="owner")], ids=str)
def test_right_to_an_upload_is_its_holders_and_the_servers(
    stage: Stage, right: Right, somebody: RlsContext
) -> None:
    session = begun(stage, right)
    assert right.holds(session)
    assert right_of(SERVICE, TUS_PART).holds(session)
    assert not right_of(somebody, TUS_PART).holds(session)


def test_upload_of_one_protocol_is_unknown_to_the_other(stage: Stage, right: Right) -> None:
    session = begun(stage, right)
    with pytest.raises(NoSuchUpload):
        stage.run(sessions_over(stage, UploadProtocol.S3).get(right, session.id))


def test_upload_advances_and_gets_more_time_with_it(stage: Stage, right: Right) -> None:
    session = begun(stage, right)
    stage.clock.advance(LIFETIME_S / 2)
    advanced = stage.run(sessions_over(stage).advance(session, 2))
    assert stage.run(sessions_over(stage).get(right, session.id)) == advanced
    assert (advanced.expires_at - session.expires_at).total_seconds() == LIFETIME_S / 2


def test_upload_that_is_elsewhere_by_now_does_not_advance(stage: Stage, right: Right) -> None:
    session = begun(stage, right)
    stage.run(sessions_over(stage).advance(session, 2))
    with pytest.raises(NoSuchUpload):
        stage.run(sessions_over(stage).advance(session, 3))


def test_length_is_noted_once(stage: Stage, right: Right) -> None:
    session = begun(stage, right, size_bytes=None)
    sized = stage.run(sessions_over(stage).set_size(session, 4))
    assert stage.run(sessions_over(stage).get(right, session.id)) == sized
    with pytest.raises(NoSuchUpload):
        stage.run(sessions_over(stage).set_size(session, 5))


def test_removed_upload_is_unknown(stage: Stage, right: Right) -> None:
    session = begun(stage, right)
    stage.run(sessions_over(stage).remove(session))
    with pytest.raises(NoSuchUpload):
        stage.run(sessions_over(stage).remove(session))
    with pytest.raises(NoSuchUpload):
        stage.run(sessions_over(stage).get(right, session.id))


def test_upload_ends_once(stage: Stage, right: Right) -> None:
    session = begun(stage, right)
    stored = stage.put("a", b"0123")

    def end() -> Work[None]:
        yield from completion_of(session)(stored)

    stage.run(stage.executor.write(SYSTEM, end))
    ended = stage.run(sessions_over(stage).get(right, session.id))
    assert (ended.state, ended.offset_bytes, ended.size_bytes) == (UploadState.COMPLETED, 4, 4)
    assert ended.metadata["completed"]["objectId"] == stored.id
    with pytest.raises(NoSuchUpload):
        stage.run(stage.executor.write(SYSTEM, end))
    with pytest.raises(NoSuchUpload):
        stage.run(sessions_over(stage).remove(session))


def test_complete_upload_is_known_after_its_time(stage: Stage, right: Right) -> None:
    session = begun(stage, right)
    stage.clock.advance(LIFETIME_S)
    with pytest.raises(UploadExpired):
        stage.run(sessions_over(stage).get(right, session.id))
    stage.rows(f"UPDATE storage_uploads SET state = 'COMPLETED' WHERE id = '{session.id}'")
    assert stage.run(sessions_over(stage).get(right, session.id)).state is UploadState.COMPLETED
