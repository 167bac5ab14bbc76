"""The process of a mounted volume: serves it until it is unmounted, and obeys whoever steers."""

import contextlib
import os
import pickle
import signal
import sys
import threading
from collections.abc import Sequence
from multiprocessing.connection import Listener
from pathlib import Path
from typing import Any

from .fault import Faults
from .operation import Operation
from .steering import shared_counter, unmount
from .volume import Volume


def serve(directory: str, start: str, count: str, socket: str) -> None:
    """Serve the volume until it is unmounted."""
    import mfusepy  # type: ignore[import-untyped] # it has no types; here, because it fails without libfuse

    history: Sequence[Operation] = pickle.loads(Path(start).read_bytes())
    with shared_counter(Path(count)) as counter:
        faults = Faults()
        volume = Volume(history, faults, lambda position: counter.__setitem__(0, position))
        with Listener(socket) as listener:
            threading.Thread(target=_obey, args=(listener, volume, faults, directory), daemon=True).start()
            mfusepy.FUSE(volume, directory, foreground=True, hard_remove=True, default_permissions=True)


def _obey(listener: Listener, volume: Volume, faults: Faults, directory: str) -> None:
    """Answer whoever steers, and go when it has gone: a mount without a test would stay for ever."""
    with contextlib.suppress(EOFError, ConnectionResetError), listener.accept() as control:
        while True:
            verb, *arguments = control.recv()
            control.send(_answer(volume, faults, verb, arguments))
    unmount(Path(directory))
    os._exit(0)  # with this process the volume goes also for those that still use it


def _answer(volume: Volume, faults: Faults, verb: str, arguments: list[Any]) -> object:
    match verb:
        case "arm":
            faults.arm(*arguments)
            return None
        case "seen":
            return faults.seen()
        case "freeze":
            return volume.freeze()
        case "save":
            arguments[0].write_bytes(pickle.dumps(volume.tree.history[:]))
            return None
        case _:
            raise ValueError(verb)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a test that is interrupted unmounts
    serve(*sys.argv[1:])
