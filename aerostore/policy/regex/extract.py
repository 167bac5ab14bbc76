"""What a simple regular expression matched: for expressions that can match a text in one way only."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from aerostore.policy.regex.node import Characters, Edge, Group, Node, Repeat, Sequence
from aerostore.policy.regex.syntax import RegexRefused, parse_regex

_BEGIN = Edge(at_end=False)
_END = Edge(at_end=True)


@dataclass(frozen=True, slots=True)
class _Run:
    """A run of `low` to `high` characters out of a set. captured: it lies in the first group."""

    characters: Characters
    low: int
    high: int | None
    captured: bool = False


@dataclass(frozen=True, slots=True)
class _Plan:
    """Runs one after the other from the beginning of the text. to_end: up to its end."""

    runs: tuple[_Run, ...]
    to_end: bool

    @property
    def captures(self) -> bool:
        return any(run.captured for run in self.runs)


def extract(text: str, pattern: str, *, bytewise: bool = False) -> str | None:
    """Return what matched the first group of `pattern`, or all of it without one: SUBSTRING FROM.

    bytewise: the text has COLLATE "C".
    Raises: EvaluationError 2201B where PostgreSQL finds it invalid; RegexRefused unless the expression is
    anchored at the beginning and each of its runs ends where the next can begin.
    """
    plan = _plan(pattern, bytewise)
    matched = ""
    at = 0
    for run in plan.runs:
        end = _end_of_run(text, at, run)
        if end - at < run.low:
            return None
        matched += text[at:end] if run.captured or not plan.captures else ""
        at = end
    return None if plan.to_end and at < len(text) else matched


@lru_cache(maxsize=64)
def _plan(pattern: str, bytewise: bool) -> _Plan:
    root = parse_regex(pattern, bytewise=bytewise)
    parts = list(_flatten(root))
    if _count_groups(root) > 1 or not parts or parts[0] != _BEGIN:
        raise _refused()
    to_end = parts[-1] == _END
    runs = tuple(_only_run(part) for part in (parts[1:-1] if to_end else parts[1:]))
    if not all(_ends_clearly(run, runs[place + 1 :]) for place, run in enumerate(runs)):
        raise _refused()
    return _Plan(runs, to_end)


def _flatten(node: Node, *, captured: bool = False) -> Iterator[_Run | Edge]:
    """Dissolve sequences and groups into what they consist of."""
    match node:
        case Edge():
            yield node
        case Characters():
            yield _Run(node, 1, 1, captured)
        case Repeat(Characters() as characters, low, high, greedy=True):
            yield _Run(characters, low, high, captured)
        case Sequence(parts):
            for part in parts:
                yield from _flatten(part, captured=captured)
        case Group(part, captures) if not captures or _has_content(part):
            yield from _flatten(part, captured=captured or captures)
        case _:
            raise _refused()


def _has_content(part: Node) -> bool:
    """Return whether a group has a run of its own; that tells it from no group at all."""
    return any(isinstance(item, _Run) for item in _flatten(part))


def _count_groups(node: Node) -> int:
    match node:
        case Sequence(parts):
            return sum(map(_count_groups, parts))
        case Group(part, captures):
            return captures + _count_groups(part)
        case _:
            return 0


def _only_run(part: _Run | Edge) -> _Run:
    if isinstance(part, Edge):
        raise _refused()
    return part


def _ends_clearly(run: _Run, following: tuple[_Run, ...]) -> bool:
    """Return whether no character that may come after `run` could belong to it as well."""
    return run.low == run.high or not any(
        run.characters.meets(other.characters) for other in _next(following)
    )


def _next(following: tuple[_Run, ...]) -> Iterator[_Run]:
    for run in following:
        yield run
        if run.low:
            return


def _end_of_run(text: str, at: int, run: _Run) -> int:
    limit = len(text) if run.high is None else min(len(text), at + run.high)
    while at < limit and run.characters.has(ord(text[at])):
        at += 1
    return at


def _refused() -> RegexRefused:
    return RegexRefused("anything but ^ and runs of characters that end clearly, to extract text,")
