"""A proxy between client and server that cuts connections in the middle of what passes."""

import random
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, suppress

from .client import Target

_PIECE_BYTES = 4096


class CuttingProxy:
    """Passes bytes on, and cuts the first `cuts` connections, each after some bytes of its own.

    Half of them lose some of what the client sends, half the whole answer. seed: where the choices begin.
    """

    def __init__(self, target: Target, *, seed: int, cuts: int, longest_bytes: int) -> None:
        self._target = target
        self._random = random.Random(seed)
        self._longest_bytes = longest_bytes
        self._lock = threading.Lock()
        self._left = cuts
        self._server = socket.create_server(("127.0.0.1", 0))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.getsockname()[1]}{self._target.base_path}"

    @property
    def cuts_left(self) -> int:
        return self._left

    @contextmanager
    def running(self) -> Iterator["CuttingProxy"]:
        accepting = threading.Thread(target=self._accept, daemon=True)
        accepting.start()
        try:
            yield self
        finally:
            self._server.shutdown(socket.SHUT_RDWR)
            self._server.close()
            accepting.join()

    def _accept(self) -> None:
        with ThreadPoolExecutor(64) as pool, suppress(OSError):  # until it is closed
            while True:
                pool.submit(self._serve, pool, self._server.accept()[0], self._budgets())

    def _serve(self, pool: Executor, client: socket.socket, budgets: tuple[int | None, int | None]) -> None:
        with client, socket.create_connection(self._target.address) as server:
            upward = pool.submit(self._pass_on, client, server, budgets[0])
            self._pass_on(server, client, budgets[1])
            upward.result()

    def _budgets(self) -> tuple[int | None, int | None]:
        """Choose after how many bytes of which direction a connection is cut; None for never."""
        if self._random.random() < 0.5:
            return self._random.randint(1, self._longest_bytes), None
        return None, 0

    def _pass_on(self, source: socket.socket, sink: socket.socket, budget: int | None) -> None:
        with suppress(OSError):  # the other direction was cut
            while piece := source.recv(_PIECE_BYTES):
                if budget is not None and len(piece) >= budget and self._takes_a_cut():
                    sink.sendall(piece[:budget])
                    break
                budget = None if budget is None else max(budget - len(piece), 0)
                sink.sendall(piece)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _takes_a_cut(self) -> bool:
        with self._lock:
            self._left -= 1
            return self._left >= 0
