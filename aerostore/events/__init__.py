"""Where deliveries go: the port `EventSink`. Adapters: `webhook` (an HTTP receiver), `log` (structured log).

A sink knows one event at a time, nothing of the outbox: what is due, in which order and what was delivered
is the service's business. Every adapter passes `tests/conformance/test_event_sink.py`.
"""

from typing import Protocol

from aerostore.domain import Event

MAX_ATTEMPTS = 20
"""After this many failed attempts an event is a dead letter."""

_FIRST_DELAY_S = 1.0
_LONGEST_DELAY_S = 3600.0
_MOST_DOUBLINGS = 12  # past the longest delay; keeps the power small however many attempts there were


class DeliveryFailed(Exception):
    """The receiver does not have the event, as far as the sink can tell.

    The message is safe to store and to show: no credentials, no part of the URL but its host.
    permanent: trying again cannot help.
    """

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class EventSink(Protocol):
    """A place that is told of every committed change. name: label for metrics and `doctor`."""

    name: str

    async def deliver(self, event: Event) -> None:
        """Hand `event` over; the receiver has it when this returns.

        At least once: after a failure the receiver may have it all the same, and sees the same `id` again.
        Raises: DeliveryFailed when the receiver did not take it, or may not have.
        """
        ...

    async def close(self) -> None:
        """Let go of connections; may be called more than once."""
        ...


def retry_delay_s(attempts: int, jitter: float) -> float:
    """Return how long to wait after a failed delivery: exponential backoff with full jitter, at most 1 h.

    attempts: `Event.attempts` of the delivery that failed, 0 for the first. jitter: random, in [0, 1).
    """
    ceiling_s = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2.0 ** min(attempts, _MOST_DOUBLINGS))
    return ceiling_s * jitter
