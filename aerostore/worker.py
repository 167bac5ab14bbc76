"""One of the processes that serve: the application, in a process that ends when the first one does."""

import ctypes
import os
import signal
import sys
from multiprocessing import parent_process

from starlette.applications import Starlette

from aerostore.app import create_app

_PR_SET_PDEATHSIG = 1
_ENDING = {signal.SIGTERM}


def create_worker() -> Starlette:
    """Return the application for this process, a fork of the first one."""
    _end_with_first_process()
    return create_app()


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


def _end_with_first_process() -> None:
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
