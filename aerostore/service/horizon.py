"""How far the outbox is complete: for readers that remember a seq and later ask for what came after it.

Transactions that run at once may end in another order than their events are numbered. Whoever has gone on
to 12 would never see an 11 that is committed after it; such a reader goes as far as `EventHorizon` says.
Deliverers need none of this: they ask for what is not delivered yet, whatever its number.
"""

from dataclasses import dataclass

from aerostore.domain import SYSTEM
from aerostore.executor import Executor, Work
from aerostore.executor import statements as sql


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sight:
    """The newest event that was seen, the next transaction to begin then, and the oldest that ran."""

    seq: int
    next_transaction: int
    oldest_transaction: int


class EventHorizon:
    """The seq up to which every event that will ever be there is there."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._reached = 0
        self._awaited: _Sight | None = None

    async def reach(self) -> int:
        """Return how far readers may go now; it never goes back.

        Right after a start, and behind transactions that take long, it lags: ask again a moment later.
        Raises: Unavailable.
        """
        # As the system: what each reader may see of the events is decided elsewhere.
        sight = await self._executor.read(SYSTEM, _look)
        for seen in (self._awaited, sight):
            # All that could hold an event below `seq` back has begun before it was seen, and has ended now.
            if seen is not None and sight.oldest_transaction >= seen.next_transaction:
                self._reached = max(self._reached, seen.seq)
                self._awaited = None
        if self._awaited is None:
            self._awaited = sight
        return self._reached


def _look() -> Work[_Sight]:
    return _Sight(**dict((yield sql.see_newest_event()).rows[0]))
