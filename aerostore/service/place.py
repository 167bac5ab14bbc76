"""Few places for many: nobody has more than a share of them, and users leave some to operators."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from aerostore.domain import RlsContext
from aerostore.errors import Overloaded, SlowDown


class Places:
    """The places of this process for `what`: how many for all, for users, and for one of either.

    A user is a role and a subject, in whatever session: anybody may have many of those.
    """

    def __init__(self, what: str, *, for_all: int, for_users: int, for_one: int) -> None:
        self._what = what
        self._for_all = for_all
        self._for_users = for_users
        self._for_one = for_one
        self._operators: Counter[str] = Counter()
        self._users: Counter[str] = Counter()

    @property
    def taken_now(self) -> int:
        """How many are taken."""
        return self._operators.total() + self._users.total()

    @contextmanager
    def taken(self, context: RlsContext, operator: str) -> Iterator[None]:
        """Have a place for the time of the block.

        operator: what tells those apart who share the service role.
        Raises: SlowDown when the caller has its share; Overloaded when there is none left.
        """
        if context.can_bypass_rls:
            holders, holder = self._operators, operator
        else:
            holders, holder = self._users, f"{context.role} {context.user_id or ''}"
        self._require_room(holders, holder)
        holders[holder] += 1
        try:
            yield
        finally:
            holders[holder] -= 1
            if not holders[holder]:
                del holders[holder]

    def _require_room(self, holders: Counter[str], holder: str) -> None:
        if holders[holder] >= self._for_one:
            raise SlowDown(f"You have too many {self._what} open", hint="Close some, or wait for their end.")
        is_full = holders is self._users and self._users.total() >= self._for_users
        if is_full or self.taken_now >= self._for_all:
            raise Overloaded(f"The server has too many {self._what} open", hint="Try again later.")
