"""Requests and answers in a trace, and what was done to files between them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from .trace import NEVER, Call

WRITES = {"write", "pwrite64", "writev", "pwritev", "pwritev2", "sendfile", "splice", "copy_file_range"}
READS = {"read", "pread64", "readv", "preadv", "preadv2", "sendfile", "splice", "copy_file_range"}
SYNCS = {"fsync", "fdatasync"}
LINKS = {"link", "linkat", "rename", "renameat", "renameat2"}
UNLINKS = {"unlink", "unlinkat"}
_OPENS = {"open", "openat"}
_MKDIRS = {"mkdir", "mkdirat"}
_RECEIVES = {"recvfrom", "recvmsg", "read", "readv"}
_SENDS = {"sendto", "sendmsg", "write", "writev"}
_REQUEST_LINE = re.compile(r"(?:GET|POST|PUT|DELETE) /\S* HTTP/1\.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Calls in the order in which they began, and questions about them."""

    calls: Sequence[Call]

    def writes(self, path: str) -> list[Call]:
        return [call for call in self.calls if call.name in WRITES and path in call.descriptors]

    def syncs(self, path: str) -> list[Call]:
        """List the syncs of `path` that succeeded: any other one proves nothing."""
        return [
            call for call in self.calls if call.name in SYNCS and call.file == path and call.has_succeeded
        ]

    def links(self, below: str) -> list[Call]:
        """List what got a name below the directory `below`."""
        return self._naming(LINKS, below)

    def unlinks(self, below: str) -> list[Call]:
        """List what lost its name below the directory `below`."""
        return self._naming(UNLINKS, below)

    def new_directories(self, below: str) -> list[Call]:
        return self._naming(_MKDIRS, below)

    def touching(self, below: str) -> list[Call]:
        """List the reads and writes of files below the directory `below`."""
        return [
            call
            for call in self.calls
            if call.name in READS | WRITES and any(path.startswith(f"{below}/") for path in call.descriptors)
        ]

    def directory_syncs(self, below: str) -> list[Call]:
        """List the syncs of directories at or below `below`: of what no call has written to."""
        files = {path for call in self.touching(below) for path in call.descriptors}
        return [
            call
            for call in self.calls
            if call.name in SYNCS and f"{call.file}/".startswith(f"{below}/") and call.file not in files
        ]

    def after(self, call: Call) -> "Calls":
        """Return the calls that began after `call` did."""
        return Calls(calls=[each for each in self.calls if each.began > call.began])

    def origin(self, link: Call) -> Call:
        """Return the call that opened what `link` names: found by its descriptor in /proc, or by its path."""
        source = PurePosixPath(link.strings[0])
        opened = [call for call in self.calls if call.name in _OPENS and call.began < link.began]
        if source.is_relative_to("/proc"):
            return [call for call in opened if call.result == int(source.name)][-1]
        return [call for call in opened if call.made == str(source)][-1]

    def _naming(self, names: set[str], below: str) -> list[Call]:
        return [
            call
            for call in self.calls
            if call.name in names and call.has_succeeded and call.target.startswith(f"{below}/")
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange(Calls):
    """A request, its answer, and every call from the request's arrival until the next one arrives."""

    line: str
    received: Call
    reply: Call

    @property
    def status(self) -> int:
        return int(_answer_in(self.reply).split()[1])


def exchanges(calls: Sequence[Call]) -> list[Exchange]:
    """Find the requests that were answered, in the order of their arrival."""
    arrivals = [(call, line) for call in calls if (line := _request_in(call))]
    ends = [call.began for call, _line in arrivals[1:]] + [NEVER]
    return [
        Exchange(
            calls=[call for call in calls if received.began <= call.began < end],
            line=line,
            received=received,
            reply=_reply_to(received, calls),
        )
        for (received, line), end in zip(arrivals, ends, strict=True)
    ]


def _request_in(call: Call) -> str:
    if call.name not in _RECEIVES or not call.file.startswith("socket:"):
        return ""
    match = _REQUEST_LINE.match(next(iter(call.strings), ""))
    return match[0] if match else ""


def _reply_to(received: Call, calls: Sequence[Call]) -> Call:
    for call in calls:
        if call.began > received.began and call.file == received.file and _answer_in(call):
            return call
    raise AssertionError(f"no answer in the trace to {received}")


def _answer_in(call: Call) -> str:
    if call.name not in _SENDS:
        return ""
    return next((text for text in call.strings if text.startswith("HTTP/1.1 ")), "")
