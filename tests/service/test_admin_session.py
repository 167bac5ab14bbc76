"""Sessions of the admin UI: opened with a verified token, found by a secret, ended in every way there is."""

from dataclasses import replace

import pytest

from aerostore.domain import AdminSession, RlsContext
from aerostore.errors import NotFound, RoleNotAllowed
from aerostore.service.admin_session import IDLE_S, AdminSessions
from tests.service.conftest import MakeStage
from tests.service.stage import ANON, OWNER, SERVICE, STRANGER, Stage

SECRET = "the JWT secret of this server, long enough"
MINUTE_S = 60


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    return make_stage()


@pytest.fixture
def sessions(stage: Stage) -> AdminSessions:
    return AdminSessions(stage.executor, SECRET, clock=stage.clock)


def bearer(**claims: object) -> RlsContext:
    """Return what a verified token of the owner gives."""
    return replace(OWNER, claims={"role": "authenticated", "sub": "owner", **claims})


def open_one(stage: Stage, sessions: AdminSessions, context: RlsContext = OWNER) -> tuple[AdminSession, str]:
    return stage.run(sessions.create(context, address="203.0.113.9", user_agent="a browser"))


def test_whoever_has_the_secret_acts_as_the_token_said(stage: Stage, sessions: AdminSessions) -> None:
    given = bearer(team=["a", {"b": "\0"}], weight=1.5)
    opened, secret = open_one(stage, sessions, given)
    found = stage.run(sessions.find(secret))
    assert found == opened
    assert found is not None
    assert found.context == replace(given, request_id="")


def test_a_service_session_passes_over_policies_and_no_other_one(
    stage: Stage, sessions: AdminSessions
) -> None:
    for context in (SERVICE, OWNER, ANON):
        session, _secret = open_one(stage, sessions, context)
        assert session.context.can_bypass_rls == context.can_bypass_rls


def test_neither_secret_nor_key_is_kept_or_printed(stage: Stage, sessions: AdminSessions) -> None:
    session, secret = open_one(stage, sessions)
    kept = str(stage.rows("SELECT * FROM storage_admin_sessions"))
    assert secret not in kept + repr(session)
    assert SECRET not in kept
    assert session.secret_hash in kept


@pytest.mark.parametrize("secret", ["", "x" * 43, "\u00e9"])
def test_another_secret_finds_nobody(stage: Stage, sessions: AdminSessions, secret: str) -> None:
    open_one(stage, sessions)
    assert stage.run(sessions.find(secret)) is None


def test_the_hash_of_a_secret_is_no_secret(stage: Stage, sessions: AdminSessions) -> None:
    session, _secret = open_one(stage, sessions)
    assert stage.run(sessions.find(session.secret_hash)) is None


def test_a_new_jwt_secret_ends_the_sessions_of_the_old_one(stage: Stage, sessions: AdminSessions) -> None:
    _session, secret = open_one(stage, sessions)
    after_rotation = AdminSessions(stage.executor, "another secret of this server", clock=stage.clock)
    assert stage.run(after_rotation.find(secret)) is None


def test_a_session_ends_when_it_is_not_used(stage: Stage, sessions: AdminSessions) -> None:
    session, secret = open_one(stage, sessions)
    stage.clock.advance(IDLE_S - 1)
    assert stage.run(sessions.is_open(session.id))
    stage.clock.advance(1)
    assert not stage.run(sessions.is_open(session.id))
    assert stage.run(sessions.find(secret)) is None


def test_a_session_in_use_goes_on(stage: Stage, sessions: AdminSessions) -> None:
    _session, secret = open_one(stage, sessions)
    for _ in range(3):
        stage.clock.advance(IDLE_S - 1)
        assert stage.run(sessions.find(secret)) is not None


def test_to_ask_whether_it_is_open_is_no_use(stage: Stage, sessions: AdminSessions) -> None:
    session, secret = open_one(stage, sessions)
    stage.clock.advance(IDLE_S - 1)
    assert stage.run(sessions.is_open(session.id))
    stage.clock.advance(2)
    assert stage.run(sessions.find(secret)) is None


def test_use_is_noted_once_a_minute(stage: Stage, sessions: AdminSessions) -> None:
    session, secret = open_one(stage, sessions)
    seen = []
    for _ in range(4):
        stage.clock.advance(MINUTE_S / 2)
        stage.run(sessions.find(secret))
        found = stage.run(sessions.find(secret))
        assert found is not None
        seen.append((found.last_seen_at - session.created_at).total_seconds())
    assert seen == [0, 60, 60, 120]


def test_a_session_does_not_outlive_its_token(stage: Stage, sessions: AdminSessions) -> None:
    ends_at = int(stage.clock().timestamp()) + 600
    session, secret = open_one(stage, sessions, bearer(exp=ends_at))
    assert session.expires_at is not None
    assert session.expires_at.timestamp() == ends_at
    stage.clock.advance(599)
    assert stage.run(sessions.find(secret)) is not None
    stage.clock.advance(1)
    assert stage.run(sessions.find(secret)) is None
    assert not stage.run(sessions.is_open(session.id))


@pytest.mark.parametrize("exp", [1e300, 2**62, 253402300800, 99999999999.5], ids=str)
def test_a_token_for_ever_gives_a_session_all_the_same(
    stage: Stage, sessions: AdminSessions, exp: float
) -> None:
    _session, secret = open_one(stage, sessions, bearer(exp=exp))
    assert stage.run(sessions.find(secret)) is not None


def test_a_session_that_was_closed_is_gone(stage: Stage, sessions: AdminSessions) -> None:
    session, secret = open_one(stage, sessions)
    stage.run(sessions.end(session))
    assert stage.run(sessions.find(secret)) is None


def test_the_list_shows_open_sessions_newest_first(stage: Stage, sessions: AdminSessions) -> None:
    opened = []
    for context in (SERVICE, bearer(exp=int(stage.clock().timestamp()) + 1), OWNER):
        stage.clock.advance(1)
        opened.append(open_one(stage, sessions, context)[0])
    stage.clock.advance(1)
    assert [each.id for each in stage.run(sessions.list_open(SERVICE))] == [opened[2].id, opened[0].id]


def test_a_revoked_session_ends_at_once_and_only_it(stage: Stage, sessions: AdminSessions) -> None:
    session, secret = open_one(stage, sessions)
    _other, other_secret = open_one(stage, sessions)
    stage.run(sessions.revoke(SERVICE, session.id))
    assert stage.run(sessions.find(secret)) is None
    assert stage.run(sessions.find(other_secret)) is not None
    with pytest.raises(NotFound):
        stage.run(sessions.revoke(SERVICE, session.id))


def test_all_others_can_be_revoked_together(stage: Stage, sessions: AdminSessions) -> None:
    kept, secret = open_one(stage, sessions, SERVICE)
    for _ in range(3):
        open_one(stage, sessions)
    assert stage.run(sessions.revoke_others(SERVICE, kept.id)) == 3
    assert [each.id for each in stage.run(sessions.list_open(SERVICE))] == [kept.id]
    assert stage.run(sessions.find(secret)) is not None


@pytest.mark.parametrize("context", [OWNER, STRANGER, ANON], ids=lambda each: each.role)
def test_only_the_service_role_sees_and_ends_sessions(
    stage: Stage, sessions: AdminSessions, context: RlsContext
) -> None:
    session, secret = open_one(stage, sessions)
    for work in (
        sessions.list_open(context),
        sessions.revoke(context, session.id),
        sessions.revoke_others(context, ""),
    ):
        with pytest.raises(RoleNotAllowed):
            stage.run(work)
    assert stage.run(sessions.find(secret)) is not None


def test_what_has_ended_is_removed_when_somebody_signs_in(stage: Stage, sessions: AdminSessions) -> None:
    open_one(stage, sessions)
    open_one(stage, sessions, bearer(exp=int(stage.clock().timestamp()) + 1))
    stage.clock.advance(IDLE_S)
    last, _secret = open_one(stage, sessions)
    assert [row["id"] for row in stage.rows("SELECT id FROM storage_admin_sessions")] == [last.id]


def test_one_caller_cannot_fill_the_table_and_takes_nothing_from_others(
    stage: Stage, sessions: AdminSessions
) -> None:
    _session, of_another = open_one(stage, sessions, STRANGER)
    _session, first = open_one(stage, sessions)
    for _ in range(100):
        stage.clock.advance(1)
        open_one(stage, sessions)
    assert len(stage.rows("SELECT id FROM storage_admin_sessions")) == 101
    assert stage.run(sessions.find(first)) is None
    assert stage.run(sessions.find(of_another)) is not None


def test_what_a_browser_calls_itself_is_cut_and_cannot_forge_a_line(
    stage: Stage, sessions: AdminSessions
) -> None:
    session, _secret = stage.run(sessions.create(OWNER, address=None, user_agent="a\nb\x1b" + "x" * 500))
    assert len(session.user_agent) == 201
    assert session.user_agent.isprintable()
