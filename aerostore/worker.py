"""One of the processes that serve: the application, in a process that ends when the first one does."""

import asyncio
import ctypes
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing import parent_process
from types import FrameType

from starlette.types import ASGIApp, Receive, Scope, Send

from aerostore.app import create_app, create_s3_app

_PR_SET_PDEATHSIG = 1
_ENDING = {signal.SIGTERM}
_LOOK_EVERY_S = 1.0


def create_worker() -> ASGIApp:
    """Return the application for this process, a fork of the first one."""
    _prepare()
    app = create_app()
    return _ended_by_signals(app, at_end=app.state.end_streams)


def create_s3_worker() -> ASGIApp:
    """Return the application of the second port: the S3 protocol and nothing else."""
    _prepare()
    return _ended_by_signals(create_s3_app())


def _prepare() -> None:
    # Until the loop runs. Not later: the thread that looks after orphans must hold it back as well.
    _hold_back()
    end_with_first_process()
    end_when_orphaned()
    log_no_more_than_is_written()


def log_no_more_than_is_written() -> None:
    """Let log records be without what no line shows: thread, process and place in the source.

    Source: the logging HOWTO of Python, Optimization.
    """
    logging._srcfile = None
    logging.logThreads = False
    logging.logProcesses = False
    logging.logMultiprocessing = False


def _ended_by_signals(app: ASGIApp, *, at_end: Callable[[], object] | None = None) -> ASGIApp:
    """Return `app` as it is served; SIGTERM is heard also when it comes while no loop runs.

    at_end: called when it comes. Granian tells the application only once every response has ended: those that
    do not end by themselves must be told before. It has its handlers before its loop runs, runs it once for
    the lifespan to start, and then again to serve. A signal that comes while it does not run is lost on
    uvloop, and a shutdown would wait in vain.
    """

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            hear_when_running(at_end or _do_nothing)
            _let_through()
        await app(scope, receive, send)

    return served


def _do_nothing() -> None:
    pass


def hear_when_running(at_end: Callable[[], object]) -> None:
    """Have `at_end` called by SIGTERM on the loop that runs now, besides what is to happen at it already.

    A signal that comes while this loop does not run is sent again as soon as it does. It cannot be held back
    until then: any thread of the process may take it.
    """
    heard, loop = signal.getsignal(signal.SIGTERM), asyncio.get_running_loop()

    def hear(number: int, frame: FrameType | None) -> None:
        if not loop.is_running():
            loop.call_soon_threadsafe(signal.raise_signal, number)
            return
        loop.call_soon_threadsafe(at_end)
        if callable(heard):
            heard(number, frame)

    signal.signal(signal.SIGTERM, hear)


def end_workers_that_start() -> None:
    """Let SIGTERM end a worker also before it has handlers of its own, from its first moment on.

    The one it inherits would only take note of the signal, for the first process: the worker would begin to
    serve, and a shutdown wait for it in vain.
    """
    os.register_at_fork(before=_hold_back, after_in_parent=_let_through, after_in_child=_begin_as_worker)


def _hold_back() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)


def _let_through() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)


def _begin_as_worker() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _let_through()


def end_with_first_process() -> None:
    """Let the kernel send SIGTERM when the first process dies: orphans would keep its port and its files.

    Only Linux can. Source: prctl(2), PR_SET_PDEATHSIG.
    """
    first = parent_process()
    if sys.platform != "linux" or first is None:
        return
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != first.pid:  # it died before the kernel knew
        signal.raise_signal(signal.SIGTERM)


def end_when_orphaned() -> None:
    """Look from time to time whether the first process lives, besides `end_with_first_process`.

    A signal that comes after a worker has handlers, and before its loop runs, is lost on it: uvloop only
    takes note of signals while it runs. It would serve for ever, and keep the port.
    """
    first = parent_process()
    if first is not None:
        threading.Thread(target=_signal_when_orphaned, args=(first.pid,), daemon=True).start()


def _signal_when_orphaned(first: int | None) -> None:
    while os.getppid() == first:
        time.sleep(_LOOK_EVERY_S)
    os.kill(os.getpid(), signal.SIGTERM)
