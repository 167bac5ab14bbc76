"""A connection to the server as a line: queries go out together, and their answers come back together.

psycopg's cursors cost several times what libpq does, and wait for each other's answers. What a value looks
like on the way stays psycopg's matter.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import psycopg
from psycopg import AsyncConnection, pq
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import Diagnostic, error_from_result
from psycopg.pq import ConnStatus, ExecStatus, PipelineStatus, TransactionStatus
from psycopg.pq.abc import PGresult

from aerostore.executor import Result

Connection = AsyncConnection[Any]

# There are about sixty texts, most in two or three shapes; what a server keeps of each is about 50 kB.
_MOST_PREPARED = 256
# A list of names makes a text of its own for each length.
_MOST_VALUES_PREPARED = 40
_CANCEL_TIMEOUT_S = 3.0
_FAILED = (ExecStatus.FATAL_ERROR, ExecStatus.PIPELINE_ABORTED)
# Connection exceptions and shutdowns: after such a word to an idle client the server hears nothing more.
_FAREWELLS = ("08", "57P")


class Query(NamedTuple):
    """SQL with `$1` for its first value, and so on.

    is_asked: somebody looks at its result. judged: it may fail by the policies of a caller. family: of
    plans that the server keeps, this one among them; None: it keeps none.
    """

    text: bytes
    values: Sequence[Any] = ()
    is_asked: bool = True
    judged: bool = False
    family: bytes | None = None


ROLLBACK = Query(b"ROLLBACK", is_asked=False)


class _Message(NamedTuple):
    """A query as it travels. name: what it is prepared as, empty when it is not."""

    text: bytes
    values: Sequence[Any]
    types: tuple[int, ...]
    formats: Sequence[pq.Format]
    name: bytes


class Failure(Exception):
    """A query failed and those behind it did not run. position: how many were answered before it.

    is_certain: that is known. Else the connection was lost, and nobody knows how far the server came.
    """

    def __init__(self, error: psycopg.Error, position: int, *, is_certain: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.position = position
        self.is_certain = is_certain


class Line:
    """Exchanges queries for results over `connection`, which nobody else uses meanwhile."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._pgconn = connection.pgconn
        self._transformer = Transformer(connection)
        self._prepared: set[bytes] = set()
        self._awaited: list[bytes] = []
        self._answers: list[PGresult] = []
        self._is_dismissed = False
        connection.add_notice_handler(self._hear)

    @property
    def is_idle(self) -> bool:
        """Whether no transaction is open and no answer outstanding."""
        return self._pgconn.transaction_status == TransactionStatus.IDLE

    @property
    def is_full(self) -> bool:
        """Whether the server keeps as many plans as it should for one connection."""
        return len(self._prepared) >= _MOST_PREPARED

    async def exchange(self, queries: Sequence[Query]) -> list[Result]:
        """Send `queries` in one go and return what those gave whose result is asked for.

        Raises: Failure; UnicodeEncodeError and psycopg.Error for values that cannot be sent: then none is.
        """
        messages = [self._to_message(query) for query in queries]
        if self.is_idle:
            self._require_server()
        try:
            self._send(messages)
            await self._receive()
        except psycopg.OperationalError as lost:
            answers = self._whole_answers()
            raise Failure(lost, len(answers), is_certain=False) from lost
        answers = self._whole_answers()
        return [
            self._to_result(answer) for query, answer in zip(queries, answers, strict=True) if query.is_asked
        ]

    async def settle(self) -> None:
        """End an exchange that was given up, and the transaction with it. Raises: psycopg.Error, Failure."""
        if self._pgconn.pipeline_status != PipelineStatus.OFF:
            await self.connection.cancel_safe(timeout=_CANCEL_TIMEOUT_S)
            await self._receive()
        if not self.is_idle:
            await self.exchange([ROLLBACK])

    def _to_message(self, query: Query) -> _Message:
        count = len(query.values)
        values = self._transformer.dump_sequence(query.values, _formats(count))
        types, formats = self._transformer.types or (), self._transformer.formats or ()
        if query.family is None or count > _MOST_VALUES_PREPARED:
            return _Message(query.text, values, types, formats, b"")
        return _Message(query.text, values, types, formats, _name_of(query.text, types, query.family))

    def _require_server(self) -> None:
        """Hear of it if the server hung up meanwhile. Raises: Failure, since nothing has been sent."""
        try:
            self._pgconn.consume_input()
            self._pgconn.is_busy()  # takes in the reason, which comes before the end
            self._pgconn.consume_input()
            if self._is_dismissed:  # its end may still be on the way
                self._pgconn.finish()
                raise psycopg.OperationalError("the server has ended the connection")
        except psycopg.OperationalError as lost:
            raise Failure(lost, 0, is_certain=True) from lost

    def _hear(self, notice: Diagnostic) -> None:
        # Functions of policies may raise notices with any code, but only while a query runs.
        self._is_dismissed |= self.is_idle and (notice.sqlstate or "").startswith(_FAREWELLS)

    def _send(self, messages: Sequence[_Message]) -> None:
        self._answers, self._awaited = [], []
        self._pgconn.enter_pipeline_mode()
        for message in messages:
            if self._is_kept(message):
                self._pgconn.send_query_prepared(message.name, message.values, message.formats)
            else:
                self._pgconn.send_query_params(message.text, message.values, message.types, message.formats)
            self._awaited.append(b"")
        self._pgconn.pipeline_sync()

    def _is_kept(self, message: _Message) -> bool:
        """Tell whether the server keeps the plan of `message`; what it does not have yet is sent first."""
        if not message.name:
            return False
        if message.name in self._prepared or message.name in self._awaited:
            return True
        self._pgconn.send_prepare(message.name, message.text, message.types)
        self._awaited.append(message.name)
        return True

    async def _receive(self) -> None:
        """Take in all answers up to the end of the exchange."""
        while self._pgconn.flush():  # it reads as well: the server may have to get rid of answers first
            await self._ready(may_send=True)
        while True:
            while self._pgconn.is_busy():
                await self._ready()
                self._pgconn.consume_input()
            answer = self._pgconn.get_result()
            if answer is None:  # that was all of one query
                self._require_connection()
            elif answer.status == ExecStatus.PIPELINE_SYNC:
                break
            else:
                self._answers.append(answer)
        self._pgconn.exit_pipeline_mode()
        self._note_prepared()

    def _require_connection(self) -> None:
        if self._pgconn.status == ConnStatus.BAD:
            raise psycopg.OperationalError("the connection is lost")

    def _note_prepared(self) -> None:
        for name, answer in zip(self._awaited, self._answers, strict=True):
            if name and answer.status not in _FAILED:
                self._prepared.add(name)

    async def _ready(self, *, may_send: bool = False) -> None:
        """Wait until the server sent something, or takes something."""
        loop, socket = asyncio.get_running_loop(), self._pgconn.socket
        ready = loop.create_future()
        loop.add_reader(socket, _wake, ready)
        if may_send:
            loop.add_writer(socket, _wake, ready)
        try:
            await ready
        finally:
            loop.remove_reader(socket)
            if may_send:
                loop.remove_writer(socket)

    def _whole_answers(self) -> list[PGresult]:
        """Return the answers without those to preparations. Raises: Failure, by the first that failed."""
        answers: list[PGresult] = []
        for name, answer in zip(self._awaited, self._answers, strict=False):
            if answer.status in _FAILED:
                error = error_from_result(answer)
                raise Failure(error, len(answers), is_certain=error.sqlstate is not None) from error
            if not name:
                answers.append(answer)
        return answers

    def _to_result(self, answer: PGresult) -> Result:
        if answer.status != ExecStatus.TUPLES_OK:
            return Result(changed=answer.command_tuples or 0)
        names = [(answer.fname(number) or b"").decode() for number in range(answer.nfields)]
        self._transformer.set_pgresult(answer)
        rows = self._transformer.load_rows(0, answer.ntuples, lambda row: dict(zip(names, row, strict=True)))
        is_select = (answer.command_status or b"").startswith(b"SELECT")
        return Result(rows=rows, changed=0 if is_select else answer.command_tuples or 0)


@lru_cache
def _formats(count: int) -> tuple[PyFormat, ...]:
    return (PyFormat.AUTO,) * count


@lru_cache(maxsize=1024)
def _name_of(text: bytes, types: tuple[int, ...], family: bytes) -> bytes:
    """Return a name that stands for this text and family: if another client prepared it, it is the same."""
    return hashlib.sha256(repr((text, types, family)).encode()).hexdigest()[:32].encode()


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
