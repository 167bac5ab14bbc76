"""The audit: notes that cost a request nothing, read page by page with the refusals among them."""

from datetime import timedelta
from typing import Any

import pytest

from aerostore.domain import JsonObject, RlsContext, to_iso
from aerostore.errors import InvalidParameter, RoleNotAllowed
from aerostore.service import audit as audit_module
from aerostore.service.audit import KEPT_FOR, QUEUE_LENGTH, TYPES, Audit, AuditQuery
from tests.service.conftest import IN_POSTGRES, Kind
from tests.service.stage import ANON, OWNER, SERVICE, Stage
from tests.service.test_feed import NEW_DENIAL

pytestmark = pytest.mark.parametrize(
    "make_stage", [Kind("sqlite", "memory"), *IN_POSTGRES], ids=str, indirect=True
)


@pytest.fixture
def audit(stage: Stage) -> Audit:
    return Audit(stage.executor, clock=stage.clock)


def write(stage: Stage, audit: Audit) -> int:
    return stage.run(audit.write_waiting())


def entries(stage: Stage, audit: Audit, **query: Any) -> list[JsonObject]:
    return list(stage.run(audit.list(SERVICE, AuditQuery(**query))).entries)


def refuse(stage: Stage, id: str) -> None:
    stage.rows(NEW_DENIAL.format(id=id, at=to_iso(stage.clock())))


def test_a_note_is_read_as_it_was_written(stage: Stage, audit: Audit) -> None:
    audit.note(
        "session.created",
        role="authenticated",
        sub="somebody",
        session_id="session-1",
        address="192.0.2.1",
        request_id="request-1",
        detail={"agent": "browser"},
    )
    assert entries(stage, audit) == []
    assert write(stage, audit) == 1
    assert write(stage, audit) == 0
    [entry] = entries(stage, audit)
    assert entry.pop("id")
    assert entry == {
        "at": to_iso(stage.clock()),
        "type": "session.created",
        "role": "authenticated",
        "sub": "somebody",
        "session_id": "session-1",
        "address": "192.0.2.1",
        "request_id": "request-1",
        "detail": {"agent": "browser"},
    }


def test_refusals_by_policies_stand_among_the_others_by_time(stage: Stage, audit: Audit) -> None:
    audit.note("session.created")
    stage.clock.advance(1)
    refuse(stage, "refused")
    stage.clock.advance(1)
    audit.note_by(OWNER, "job.started", job="job-1")
    write(stage, audit)
    found = entries(stage, audit)
    assert [entry["type"] for entry in found] == ["job.started", "denial", "session.created"]
    detail = found[1]["detail"]
    assert detail.pop("question") == {"op": "upload"}
    assert detail == {
        "operation": "storage.object.upload",
        "bucket": "photos",
        "name": "a",
        "code": "AccessDenied",
    }
    assert found[0]["detail"] == {"job": "job-1"}
    assert (found[0]["sub"], found[0]["request_id"]) == ("owner", "request")


def test_pages_hold_every_entry_once_also_of_one_moment(stage: Stage, audit: Audit) -> None:
    for number in range(7):
        audit.note("session.refused", detail={"number": number})
        refuse(stage, f"refused-{number}")
    write(stage, audit)
    seen, cursor = list[str](), None
    while True:
        page = stage.run(audit.list(SERVICE, AuditQuery(limit=3, cursor=cursor)))
        assert len(page.entries) <= 3
        seen += [entry["id"] for entry in page.entries]
        cursor = page.cursor
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 14


@pytest.mark.parametrize("type", TYPES)
def test_a_page_can_be_of_one_type(stage: Stage, audit: Audit, type: str) -> None:
    for each in TYPES:
        if each != "denial":
            audit.note(each)
    refuse(stage, "refused")
    write(stage, audit)
    assert [entry["type"] for entry in entries(stage, audit, type=type)] == [type]


def test_a_flood_costs_notes_and_is_logged(
    stage: Stage, audit: Audit, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(QUEUE_LENGTH // 2 + 2):
        audit.note("session.refused")
    stage.clock.advance(1)
    audit.note_by(SERVICE, "session.created")
    assert write(stage, audit) == QUEUE_LENGTH // 2 + 1
    assert entries(stage, audit)[0]["role"] == "service_role"
    assert [record.__dict__["facts"] for record in caplog.records] == [{"dropped": 2}]


def test_notes_of_users_push_out_none_of_operators(
    stage: Stage, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_module, "KEPT_AT_MOST", 2)
    audit.note_by(SERVICE, "job.started", number=0)
    for number in range(3):
        stage.clock.advance(1)
        audit.note_by(OWNER, "job.started", number=number)
    write(stage, audit)
    found = [(entry["role"], entry["detail"]["number"]) for entry in entries(stage, audit)]
    assert found == [("authenticated", 2), ("authenticated", 1), ("service_role", 0)]


def test_what_no_row_can_hold_is_left_out_and_the_others_are_kept(stage: Stage, audit: Audit) -> None:
    audit.note("session.refused", sub="a\x00b", address="\ud800")
    stage.clock.advance(1)
    audit.note("session.created", sub="x" * 1000)
    write(stage, audit)
    newest, oldest = entries(stage, audit)
    assert (oldest["sub"], oldest["address"]) == ("a\N{REPLACEMENT CHARACTER}b", "\N{REPLACEMENT CHARACTER}")
    assert len(newest["sub"]) == 201


def test_old_notes_are_trimmed(stage: Stage, audit: Audit) -> None:
    audit.note("session.created")
    write(stage, audit)
    stage.clock.advance((KEPT_FOR + timedelta(days=1)).total_seconds())
    audit.note("session.ended")
    write(stage, audit)
    assert [entry["type"] for entry in entries(stage, audit)] == ["session.ended"]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "bnVsbA==",
        "WyJhIiwgImIiXQ==",
        "WzEsIDJd",
        "WyIwMDAxLTAxLTAxVDAwOjAwOjAwLjAwMCsxNDowMCIsICJhIl0=",
    ],
)
def test_a_cursor_that_no_page_gave_is_refused(stage: Stage, audit: Audit, cursor: str) -> None:
    with pytest.raises(InvalidParameter):
        entries(stage, audit, cursor=cursor)


def test_an_unknown_type_is_refused(stage: Stage, audit: Audit) -> None:
    with pytest.raises(InvalidParameter):
        entries(stage, audit, type="session")


@pytest.mark.parametrize("by", [ANON, OWNER], ids=["anon", "user"])
def test_the_audit_is_for_the_service_role(stage: Stage, audit: Audit, by: RlsContext) -> None:
    with pytest.raises(RoleNotAllowed):
        stage.run(audit.list(by, AuditQuery()))
