"""The second port of `aerostore serve`: a server in a child process, which lives as long as the first one."""

import logging
import logging.config
import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing.context import ForkContext, SpawnContext
from types import FrameType
from typing import Any

from granian.server.common import AbstractServer

from aerostore.cli.server import describe_logging, make_server
from aerostore.settings import Settings
from aerostore.worker import end_with_first_process, end_workers_that_start

_SPARE_S = 5
logger = logging.getLogger("aerostore")


def serve_two(first: AbstractServer[Any], settings: Settings, *, address: str) -> None:
    """Run `first`, and beside it the S3 protocol on its own port; when one ends, both end.

    Exits with 1 when the second one ended by itself.
    """
    second = _SecondPort(settings, address)
    first.on_startup(second.end_with_signals)
    second.start()
    try:
        first.serve()
    finally:
        second.end()
    if second.failed:
        sys.exit(1)


class _SecondPort:
    """The child process, from its start to its end."""

    def __init__(self, settings: Settings, address: str) -> None:
        self.failed = False
        self._patience_s = settings.shutdown_timeout + _SPARE_S
        self._is_ending = False
        self._process = _as_workers_begin().Process(target=_serve_s3, args=(settings, address))

    def start(self) -> None:
        self._process.start()
        threading.Thread(target=self._watch, daemon=True).start()

    def end_with_signals(self) -> None:
        """Pass on what ends the first server, so that both let their requests end at the same time."""
        for number in (signal.SIGTERM, signal.SIGINT):
            handler = signal.getsignal(number)

            def end_both(received: int, frame: FrameType | None, handler: object = handler) -> None:
                self._terminate()
                if callable(handler):
                    handler(received, frame)

            signal.signal(number, end_both)

    def end(self) -> None:
        """End the child, by force if it takes longer than its requests may."""
        self._terminate()
        self._process.join(self._patience_s)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _terminate(self) -> None:
        self._is_ending = True
        self._process.terminate()

    def _watch(self) -> None:
        self._process.join()
        if self._is_ending:
            return
        self.failed = True
        logger.error("the server of the S3 port has ended by itself; ending the other one as well")
        os.kill(os.getpid(), signal.SIGTERM)


def _as_workers_begin() -> ForkContext | SpawnContext:
    """Return how the child begins; never from a third process, whose end the kernel would tell it of."""
    if multiprocessing.get_start_method() == "fork":
        return multiprocessing.get_context("fork")
    return multiprocessing.get_context("spawn")


def _serve_s3(settings: Settings, address: str) -> None:
    logging.config.dictConfig(describe_logging(settings.log_level))
    end_with_first_process()
    end_workers_that_start()
    make_server("aerostore.worker:create_s3_worker", settings, address=address, port=settings.s3_port).serve()
