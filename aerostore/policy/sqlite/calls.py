"""The SQL function `policy(key, ...)`: how a statement in SQLite calls the programs of its conditions."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any


class PolicyCalls:
    """Programs callable from statements on one connection, which one thread uses at a time.

    SQLite tells only that a function failed; this remembers why.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._programs: Mapping[str, Callable[..., Any]] = {}
        self._error: Exception | None = None
        connection.create_function("policy", -1, self._call, deterministic=True)

    @contextmanager
    def running(self, programs: Mapping[str, Callable[..., Any]]) -> Iterator[None]:
        """Let statements call `programs` until the block ends; their rows have to be fetched inside.

        Raises: what a program raised, instead of sqlite3.OperationalError.
        """
        before, self._programs, self._error = self._programs, programs, None
        try:
            yield
        except sqlite3.Error as exc:
            if self._error is None:
                raise
            raise self._error from exc
        finally:
            self._programs, self._error = before, None

    def _call(self, key: str, *leaves: Any) -> Any:
        try:
            return self._programs[key](*leaves)
        except Exception as exc:
            self._error = exc
            raise
