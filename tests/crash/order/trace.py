"""What strace wrote, as calls. Pure: text in, values out.

A call that was still under way when another thread made one has two lines, `<unfinished ...>` and
`<... resumed>`: it began at the first and ended at the second. strace stops a thread before each call
and after it, so whatever ended on an earlier line than something else began on was over before it.
"""

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

NEVER = 1 << 62
_LINE = re.compile(r"(?P<pid>\d+) +(?P<rest>.*)")
_BEGINNING = re.compile(r"(?P<name>\w+)\((?P<text>.*)")
_RESUMED = re.compile(r"<\.\.\. (?P<name>\w+) resumed>(?P<text>.*)")
_RESULT = re.compile(r"\)\s+= (?P<result>-?\d+|\?)(?:<(?P<path>.*)>)?(?P<error>.*)")
_UNFINISHED = " <unfinished ...>"
_DESCRIPTOR = re.compile(r"(?:\d+|AT_FDCWD)<(?P<path>.*?)>")
_STRING = re.compile(r'"(?P<text>(?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One system call. began, ended: lines of the trace; NEVER for one that did not return.

    result: -1 when it failed or did not return. made: the path of the descriptor that it returned.
    """

    pid: int
    name: str
    text: str
    began: int
    ended: int = NEVER
    result: int = -1
    made: str = ""

    @property
    def has_succeeded(self) -> bool:
        return self.result >= 0

    @property
    def descriptors(self) -> list[str]:
        """The paths behind the descriptors that it was given."""
        outside_strings = _STRING.sub('""', self.text)
        return [_without_mark(match["path"]) for match in _DESCRIPTOR.finditer(outside_strings)]

    @property
    def file(self) -> str:
        """The path behind its first descriptor, empty without one."""
        return next(iter(self.descriptors), "")

    @property
    def strings(self) -> list[str]:
        """The texts that it was given, as far as strace wrote them."""
        return [match["text"] for match in _STRING.finditer(self.text)]

    @property
    def target(self) -> str:
        """The path that it makes or removes: its last name, below the last directory named before that."""
        return posixpath.join(next(reversed(self.descriptors), ""), next(reversed(self.strings), ""))

    def __str__(self) -> str:
        return f"{self.began:>7}  {self.pid}  {self.name}({self.text[:150]} = {self.result}"


def parse_trace(lines: Iterable[str]) -> list[Call]:
    """Read the output of `strace -f -y -o FILE`; the calls in the order in which they began."""
    calls: list[Call] = []
    under_way: dict[int, int] = {}
    for number, line in enumerate(lines):
        match = _LINE.match(line)
        if match is None:
            continue
        pid, rest = int(match["pid"]), match["rest"]
        if beginning := _BEGINNING.match(rest):
            if rest.endswith(_UNFINISHED):
                under_way[pid] = len(calls)
            calls.append(_begun(pid, beginning, number))
        elif (resumed := _RESUMED.match(rest)) and pid in under_way:
            at = under_way.pop(pid)
            calls[at] = _ended(calls[at], calls[at].text + resumed["text"], number)
    return calls


def _begun(pid: int, match: re.Match[str], number: int) -> Call:
    text = match["text"]
    call = Call(pid=pid, name=match["name"], text=text.removesuffix(_UNFINISHED), began=number)
    return call if text.endswith(_UNFINISHED) else _ended(call, text, number)


def _ended(call: Call, text: str, number: int) -> Call:
    results = list(_RESULT.finditer(text))
    if not results or results[-1]["result"] == "?":
        return replace(call, text=text)
    last = results[-1]
    made = _without_mark(last["path"] or "")
    return replace(call, text=text[: last.start()], ended=number, result=int(last["result"]), made=made)


def _without_mark(path: str) -> str:
    """Drop what strace, by version inside or outside the brackets, adds to files without a name."""
    return path.removesuffix("(deleted)").rstrip(" ").removesuffix(">")
