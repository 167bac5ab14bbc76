"""Many connections at once, written by hand: to stall, to trickle, to break off."""

import resource
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException, HTTPResponse

from tests.contract.client import Target
from tests.contract.raw_socket import RawResponse, read_response
from tests.crash.server import DEADLINE_S

_RESET = struct.pack("ii", 1, 0)


class Flock:
    """Open connections to one server. small_window: take little at once, so that the server feels a stall."""

    def __init__(self, target: Target, *, small_window: bool = False) -> None:
        self._target = target
        self._small_window = small_window
        self.members: list[socket.socket] = []

    def join(self, payload: bytes = b"") -> socket.socket:
        """Open one more connection and send `payload`. Raises: OSError when nobody accepts it in time."""
        member = socket.socket()
        self.members.append(member)
        if self._small_window:
            member.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        member.settimeout(DEADLINE_S)
        member.connect(self._target.address)
        self.send(member, payload)
        return member

    def knock(self) -> None:
        """Open one more connection without waiting for it to be accepted."""
        member = socket.socket()
        self.members.append(member)
        member.setblocking(False)
        member.connect_ex(self._target.address)

    @staticmethod
    def send(member: socket.socket, payload: bytes) -> bool:
        """Send `payload`; False when the server has closed the connection."""
        try:
            member.sendall(payload)
        except OSError:
            return False
        return True

    @staticmethod
    def stop_sending(member: socket.socket) -> None:
        """Close the sending side, as a client does that dies in the middle."""
        with suppress(OSError):
            member.shutdown(socket.SHUT_WR)

    def answers(self) -> list[RawResponse | None]:
        """Read one answer from each; None from those that were closed without one."""
        return [answer_of(member) for member in self.members]

    def disperse(self, *, reset: bool = False) -> None:
        """Close every connection. reset: with RST in place of FIN."""
        for member in self.members:
            if reset:
                with suppress(OSError):
                    member.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            member.close()
        self.members.clear()


@contextmanager
def flock(target: Target, *, small_window: bool = False) -> Iterator[Flock]:
    """Open a flock that is gone at the end of the block."""
    opened = Flock(target, small_window=small_window)
    try:
        yield opened
    finally:
        opened.disperse()


def answer_of(member: socket.socket) -> RawResponse | None:
    """Read one answer; None when the connection ends without one. Raises: TimeoutError when it hangs."""
    member.settimeout(DEADLINE_S)
    try:
        return read_response(member)
    except (ConnectionError, HTTPException):
        return None


def begin_answer(member: socket.socket) -> HTTPResponse:
    """Read the head of an answer and leave its body with the server."""
    answer = HTTPResponse(member)
    answer.begin()
    return answer


@contextmanager
def many_descriptors(needed: int) -> Iterator[int]:
    """Let this process open `needed` descriptors, or as many as it may; yield how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, allowed), hard))
    try:
        yield max(soft, allowed)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
