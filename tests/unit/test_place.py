"""Places: shares of each caller, and what is left for operators."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

import pytest

from aerostore.domain import RlsContext
from aerostore.errors import Overloaded, SlowDown
from aerostore.service.place import Places

Take = Callable[..., ExitStack]
OPERATOR = RlsContext(role="service_role", can_bypass_rls=True)
ANON = RlsContext(role="anon")
USER = RlsContext(role="authenticated", user_id="user")


@pytest.fixture
def places() -> Places:
    return Places("seats", for_all=6, for_users=4, for_one=2)


@pytest.fixture
def take(places: Places) -> Take:
    """Take places, and return what gives them back."""
    kept: list[ExitStack] = []

    def take(context: RlsContext, session_id: str = "", count: int = 1) -> ExitStack:
        kept.append(ExitStack())
        for _ in range(count):
            kept[-1].enter_context(places.taken(context, session_id))
        return kept[-1]

    return take


def test_a_user_has_a_share_however_many_sessions_it_has(take: Take) -> None:
    for number in range(2):
        take(ANON, f"session {number}")
    with pytest.raises(SlowDown, match="seats"):
        take(ANON, "another session")


def test_an_operator_has_a_share_for_each_session(take: Take) -> None:
    take(OPERATOR, "one", 2)
    with pytest.raises(SlowDown):
        take(OPERATOR, "one")
    take(OPERATOR, "another", 2)


def test_users_leave_places_for_operators(take: Take) -> None:
    for number in range(4):
        take(replace(USER, user_id=str(number)), "")
    with pytest.raises(Overloaded):
        take(USER, "")
    take(OPERATOR, "one", 2)
    with pytest.raises(Overloaded):
        take(OPERATOR, "another")


def test_a_place_that_is_given_back_is_free_for_others(places: Places, take: Take) -> None:
    take(USER, "", 2).close()
    assert places.taken_now == 0
    take(USER, "", 2)
