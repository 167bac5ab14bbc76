"""The log as a receiver: one structured line per event."""

import logging

from aerostore.domain import Event

_logger = logging.getLogger("aerostore.events")


class LogSink:
    """Writes events as log records; the `facts` of a record are the event's fields.

    Of the payload only named fields are written, so that nothing put there later can leak into a log.
    """

    name = "log"

    async def deliver(self, event: Event) -> None:
        """Log `event` at level info, whole in `facts`: a name never becomes part of the message."""
        facts = {
            "event_id": event.id,
            "seq": event.seq,
            "type": str(event.type),
            "bucket_id": event.bucket_id,
            "name": event.name,
            "object_id": event.object_id,
            "version": event.payload.get("version"),
            "request_id": event.payload.get("reqId"),
        }
        _logger.info("storage event", extra={"facts": facts})

    async def close(self) -> None:
        """Nothing to let go of: the log belongs to the process."""
