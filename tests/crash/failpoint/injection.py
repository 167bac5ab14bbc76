"""Failpoints, inside the server: wraps what it calls to write, sync, commit and answer. None is in its code.

It stands in for functions of the standard library and Starlette, so the server must not have taken them
under other names before. Statements travel to PostgreSQL together with their commit, through a C library that
nothing can stand in for: so it stands in for the product's own exchange of them.
"""

import os
import signal
import sqlite3
import stat
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

from aerostore.executor import Result
from aerostore.executor.postgres.line import Line, Query

from . import AFTER, BEFORE, HALFWAY, RECORD, notes_beside

_write = os.write


class Obedience:
    """Counts passings and obeys the order that is in the file now. One for each process."""

    def __init__(self, orders: Path) -> None:
        self._orders = orders
        self._notes = notes_beside(orders)
        self._lock = threading.Lock()
        self._known: tuple[int, int] | None = None
        self._order = ""
        self._counts: dict[str, int] = {}

    def passing(self, point: str, moment: str) -> bool:
        """Count one passing; tell whether the order is to die now."""
        with self._lock:
            self._look()
            if not self._order:
                return False
            if moment == BEFORE:
                self._counts[point] = self._counts.get(point, 0) + 1
                if self._order == RECORD:
                    self._note(point)
            return self._order == f"{point}:{moment}:{self._counts.get(point, 0)}"

    def meet(self, point: str, moment: str) -> None:
        """Pass, or die."""
        if self.passing(point, moment):
            self.die()

    def die(self) -> None:
        """Kill every process of this server, in the middle of whatever it does."""
        self._note(self._order)
        os.killpg(os.getpgrp(), signal.SIGKILL)
        signal.pause()

    def _look(self) -> None:
        try:
            found = os.stat(self._orders)
        except FileNotFoundError:
            self._known, self._order = None, ""
            return
        if self._known != (found.st_ino, found.st_mtime_ns):
            self._known = (found.st_ino, found.st_mtime_ns)
            self._order = self._orders.read_text("ascii")
            self._counts = {}

    def _note(self, text: str) -> None:
        descriptor = os.open(self._notes, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        _write(descriptor, f"{text}\n".encode())
        os.close(descriptor)


def obey(orders: Path) -> None:
    """Obey `orders` in this process and in those that it forks."""
    obedience = Obedience(orders)
    _wrap_files(obedience)
    _wrap_sqlite(obedience)
    _wrap_postgres(obedience)
    _wrap_replies(obedience)


def _wrap_files(obedience: Obedience) -> None:
    def write(descriptor: int, content: Any) -> int:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return _write(descriptor, content)
        obedience.meet("write", BEFORE)
        if obedience.passing("write", HALFWAY):
            _write(descriptor, content[: len(content) // 2])
            obedience.die()
        written = _write(descriptor, content)
        obedience.meet("write", AFTER)
        return written

    def sync_point(descriptor: int) -> str:
        return "fsync_directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "fsync"

    os.write = write
    os.fsync = _around(os.fsync, obedience, sync_point)
    for name in ("link", "unlink", "mkdir"):
        setattr(os, name, _around(getattr(os, name), obedience, lambda *_, name=name: name))


def _around(
    call: Callable[..., Any], obedience: Obedience, point_of: Callable[..., str]
) -> Callable[..., Any]:
    def wrapped(*arguments: Any, **options: Any) -> Any:
        point = point_of(*arguments)
        obedience.meet(point, BEFORE)
        try:
            return call(*arguments, **options)
        finally:  # a directory that is there already is an error here, and none to the caller
            obedience.meet(point, AFTER)

    return wrapped


def _wrap_sqlite(obedience: Obedience) -> None:
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            if sql != "COMMIT":
                return super().execute(sql, parameters)
            obedience.meet("commit", BEFORE)
            cursor = super().execute(sql, parameters)
            obedience.meet("commit", AFTER)
            return cursor

    def connect_watched(*arguments: Any, **options: Any) -> sqlite3.Connection:
        return connect(*arguments, **{"factory": Connection, **options})

    sqlite3.connect = connect_watched  # type: ignore[assignment] # stands in for all its overloads


def _wrap_postgres(obedience: Obedience) -> None:
    """Watch exchanges that end with a commit: before one nothing of it was sent, after it all is answered."""
    exchange = Line.exchange

    async def watched(self: Line, queries: Sequence[Query]) -> list[Result]:
        if queries[-1].text != b"COMMIT":
            return await exchange(self, queries)
        obedience.meet("commit", BEFORE)
        results = await exchange(self, queries)
        obedience.meet("commit", AFTER)
        return results

    Line.exchange = watched  # type: ignore[method-assign] # the same call, watched


def _wrap_replies(obedience: Obedience) -> None:
    """Watch answers to what changes something: those that only read promise nothing new."""
    serve: Any = Starlette.__call__

    async def watched(self: Any, scope: Any, receive: Any, send: Any) -> None:
        async def send_watched(message: Any) -> None:
            if message["type"] == "http.response.start":
                obedience.meet("reply", BEFORE)
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                obedience.meet("reply", AFTER)

        changes = scope["type"] == "http" and scope["method"] not in {"GET", "HEAD"}
        await serve(self, scope, receive, send_watched if changes else send)

    Starlette.__call__ = watched  # type: ignore[method-assign] # the same call, watched
