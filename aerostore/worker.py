"""One of the processes that serve: the application, in a process that ends when the first one does."""

import ctypes
import os
import signal
import sys
from multiprocessing import parent_process

from starlette.applications import Starlette

from aerostore.app import create_app

_PR_SET_PDEATHSIG = 1


def create_worker() -> Starlette:
    """Return the application for this process, of which the server has just made a fork."""
    # What was inherited notes a signal for the first process; the server's own handlers come after this.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _end_with_first_process()
    return create_app()


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
