"""The HTTP servers of `aerostore serve`: one for each port, with one set of limits."""

import resource
from typing import Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.common import AbstractServer

from aerostore.api.admission import connections_within
from aerostore.settings import Settings
from aerostore.telemetry import JsonFormatter

# A head may be as long as this; it is also what a connection buffers of what arrives. Twice as much takes a
# third of the work off a large upload, and costs twice the memory when hundreds of them come at once.
_HEAD_BYTES = 128 * 1024
# For a whole head, and between two requests of one connection.
_HEAD_TIMEOUT_MS = 15_000
_ENOUGH_OPEN_FILES = 65_536


def make_server(target: str, settings: Settings, *, address: str, port: int) -> AbstractServer[Any]:
    """Return the server that runs the application `target` on a port, in as many workers as are set."""
    return Granian(
        target,
        factory=True,
        address=address,
        port=port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_HEAD_TIMEOUT_MS, max_buffer_size=_HEAD_BYTES),
        backpressure=connections_within(_raise_open_files(), settings.max_requests),
        loop=Loops.uvloop,
        workers=settings.workers,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=settings.shutdown_timeout,
        log_level=LogLevels(settings.log_level),
        log_dictconfig=describe_logging(settings.log_level),
        log_access=False,
    )


def describe_logging(level: str) -> dict[str, Any]:
    """Describe JSON lines on standard error; granian applies it in each process before the application."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonFormatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {"aerostore": {"level": level.upper()}, "_granian": {}},
    }


def _raise_open_files() -> int:
    """Allow this process and its workers as many open files as the system lets them; return how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _ENOUGH_OPEN_FILES
    most = _ENOUGH_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH_OPEN_FILES)
    if soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return max(soft, most)
