"""Whether text matches a regular expression of PostgreSQL's, in time linear in the text.

Object names come from strangers: a matcher that tries one way after the other can be made to try for
hours. This one follows all ways at once (Thompson's construction) and remembers what it computed.
"""

from bisect import bisect_right
from collections.abc import Iterable
from functools import lru_cache

from aerostore.policy.problem import EvaluationError
from aerostore.policy.regex.node import Characters, Choice, Edge, Group, Node, Repeat, Sequence
from aerostore.policy.regex.syntax import RegexRefused, parse_regex

__all__ = ("Regex", "RegexRefused", "compile_regex", "regex_from_similar")

MOST_STATES = 3_000
"""Parts of an expression with all its repetitions written out."""
REMEMBERED = 100_000
"""Members of all remembered sets of states together; beyond it they are computed anew."""

_ACCEPT = 0


class Regex:
    """A compiled regular expression; answers only whether it matches somewhere in a text.

    visited: how many states were looked at so far, the cost of all that memory did not answer.
    """

    def __init__(self, root: Node) -> None:
        self.visited = 0
        builder = _Builder()
        self._first = builder.build(root, _ACCEPT)
        self._states = builder.states
        self._alphabet = _Alphabet(state.characters for state in self._states if state.characters)
        self._forget()

    def search(self, text: str) -> bool:
        """Return whether any part of `text` matches."""
        current = self._start
        for character in text:
            if current.accepts or not current.members:
                return current.accepts
            group = self._alphabet.group(character)
            current = current.after.get(group) or self._advance(current, group)
        return current.accepts or self._accepts_at_end(current, is_empty=not text)

    def _forget(self) -> None:
        self._known: dict[frozenset[int], _StateSet] = {}
        self._remembered = 0
        self._start = self._remember(self._closure([self._first], at_begin=True))

    def _advance(self, current: "_StateSet", group: int) -> "_StateSet":
        if self._remembered > REMEMBERED:
            self._forget()
        code = self._alphabet.representative(group)
        targets = [self._first]  # a match may also begin after this character
        targets += (
            self._states[member].targets[0]
            for member in current.members
            if (characters := self._states[member].characters) and characters.has(code)
        )
        self.visited += len(current.members)
        following = self._remember(self._closure(targets, at_begin=False))
        current.after[group] = following
        return following

    def _remember(self, members: frozenset[int]) -> "_StateSet":
        if members not in self._known:
            self._known[members] = _StateSet(members)
            self._remembered += len(members) + 1
        return self._known[members]

    def _closure(
        self, targets: Iterable[int], *, at_begin: bool = False, at_end: bool = False
    ) -> frozenset[int]:
        """Return the states reachable without a character, as far as they wait for one or for the end."""
        waiting = list(targets)
        reached = set(waiting)
        while waiting:
            state = self._states[waiting.pop()]
            self.visited += 1
            if state.characters or (state.edge and not (at_end if state.edge.at_end else at_begin)):
                continue
            fresh = [target for target in state.targets if target not in reached]
            reached.update(fresh)
            waiting += fresh
        return frozenset(member for member in reached if self._waits(member))

    def _waits(self, member: int) -> bool:
        state = self._states[member]
        return member == _ACCEPT or bool(state.characters) or bool(state.edge and state.edge.at_end)

    def _accepts_at_end(self, current: "_StateSet", *, is_empty: bool) -> bool:
        if is_empty:
            return _ACCEPT in self._closure(current.members, at_begin=True, at_end=True)
        if current.accepts_at_end is None:
            current.accepts_at_end = _ACCEPT in self._closure(current.members, at_end=True)
        return current.accepts_at_end


class _StateSet:
    """All states that the text so far may have led to. after: the next set, by group of characters."""

    __slots__ = ("accepts", "accepts_at_end", "after", "members")

    def __init__(self, members: frozenset[int]) -> None:
        self.members = members
        self.accepts = _ACCEPT in members
        self.accepts_at_end: bool | None = None
        self.after: dict[int, _StateSet] = {}


class _State:
    """A state: takes one of `characters`, or demands `edge`, or is only a fork; then goes to `targets`."""

    __slots__ = ("characters", "edge", "targets")

    def __init__(
        self, targets: tuple[int, ...], characters: Characters | None = None, edge: Edge | None = None
    ) -> None:
        self.targets = targets
        self.characters = characters
        self.edge = edge


class _Builder:
    """Makes states out of a parsed expression, from its end to its beginning."""

    def __init__(self) -> None:
        self.states = [_State(())]
        self._steps = 0

    def build(self, node: Node, after: int) -> int:
        """Add the states of `node`, which lead to `after`; return the first."""
        self._steps += 1  # not only states: nothing at all, many times, adds none
        if self._steps > MOST_STATES:
            raise RegexRefused("so much repetition")
        match node:
            case Characters():
                return self._add(_State((after,), characters=node))
            case Edge():
                return self._add(_State((after,), edge=node))
            case Sequence(parts):
                for part in reversed(parts):
                    after = self.build(part, after)
                return after
            case Choice(branches):
                return self._add(_State(tuple(self.build(branch, after) for branch in branches)))
            case Group(part):
                return self.build(part, after)
            case Repeat():
                return self._repeat(node, after)

    def _repeat(self, node: Repeat, after: int) -> int:
        first = self._loop(node.part, after) if node.high is None else self._at_most(node, after)
        for _ in range(node.low):
            first = self.build(node.part, first)
        return first

    def _loop(self, part: Node, after: int) -> int:
        fork = self._add(_State(()))
        self.states[fork].targets = (self.build(part, fork), after)
        return fork

    def _at_most(self, node: Repeat, after: int) -> int:
        first = after
        for _ in range((node.high or 0) - node.low):
            first = self._add(_State((self.build(node.part, first), after)))
        return first

    def _add(self, state: _State) -> int:
        self.states.append(state)
        return len(self.states) - 1


class _Alphabet:
    """Groups of characters that an expression does not tell apart, by number."""

    def __init__(self, sets: Iterable[Characters]) -> None:
        ranges = {pair for characters in sets for pair in characters.ranges}
        self._bounds = sorted({0} | {low for low, _ in ranges} | {high + 1 for _, high in ranges})

    def group(self, character: str) -> int:
        return bisect_right(self._bounds, ord(character)) - 1

    def representative(self, group: int) -> int:
        return self._bounds[group]


@lru_cache(maxsize=256)
def compile_regex(pattern: str, *, ignore_case: bool = False, bytewise: bool = False) -> Regex:
    """Compile a regular expression; what was compiled lately is kept. bytewise: for text of COLLATE "C".

    Raises: EvaluationError 2201B where PostgreSQL finds it invalid; RegexRefused when it is not matched
    here exactly as PostgreSQL does.
    """
    return Regex(parse_regex(pattern, ignore_case=ignore_case, bytewise=bytewise))


def regex_from_similar(pattern: str, escape: str) -> str:
    """Return the regular expression that means the same as a SIMILAR TO pattern.

    Raises: EvaluationError 22025 when `escape` is longer than one character; RegexRefused for the
    separators of SUBSTRING ... SIMILAR.
    Source: similar_escape_internal in PostgreSQL.
    """
    if len(escape) > 1:
        raise EvaluationError("22025", "invalid escape string")
    return f"^(?:{''.join(_similar_pieces(pattern, escape))})$"


_SIMILAR_MARKS = {"%": ".*", "_": ".", "(": "(?:", "\\": "\\\\", ".": "\\.", "^": "\\^", "$": "\\$"}


def _similar_pieces(pattern: str, escape: str) -> Iterable[str]:
    escaped = in_brackets = False
    for character in pattern:
        if escaped:
            if character == '"' and not in_brackets:
                raise RegexRefused("an escaped double quote")
            escaped = False
            yield f"\\{character}"
        elif character == escape:
            escaped = True
        elif in_brackets:
            in_brackets = character != "]"
            yield "\\\\" if character == "\\" else character
        else:
            in_brackets = character == "["
            yield _SIMILAR_MARKS.get(character, character)
