"""Which names a condition can be true for: it lets an executor read a range instead of a whole bucket."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import product
from math import prod
from typing import Any, TypeAlias

from aerostore.policy.expression import (
    And,
    Apply,
    Case,
    Coalesce,
    Constant,
    Expression,
    IsDistinct,
    IsTest,
    Or,
    Quantified,
)
from aerostore.policy.fold.name_path import (
    Segment,
    is_name,
    like_prefix,
    regex_prefix,
    segment_of,
    text_constant,
)
from aerostore.policy.value import BOOL

MOST_PREFIXES = 100
Prefixes: TypeAlias = frozenset[str] | None


@dataclass(frozen=True, slots=True)
class _Facts:
    """What has to hold of a name. prefixes: it begins with one of them; None says nothing.

    segments: by level, what that segment can be, and whether a slash follows it.
    """

    prefixes: Prefixes = None
    segments: Mapping[int, tuple[frozenset[str], bool]] | None = None


_NOTHING = _Facts()
_NEVER = _Facts(frozenset())


def implied_prefixes(expression: Expression) -> tuple[str, ...] | None:
    """Return prefixes such that every name for which `expression` is true begins with one of them.

    A whole name counts as its own prefix. Empty: no row can match. None: nothing is known.
    """
    prefixes = _prefixes(_facts(expression))
    return None if prefixes is None else tuple(sorted(prefixes))


def _facts(expression: Expression) -> _Facts:
    rule = _RULES.get(type(expression))
    return rule(expression) if rule else _NOTHING


def _and(node: And) -> _Facts:
    return reduce(_both, map(_facts, node.operands))


def _or(node: Or) -> _Facts:
    return _either(map(_facts, node.operands))


def _constant(node: Constant) -> _Facts:
    return _NOTHING if node.value is True else _NEVER


def _is_test(node: IsTest) -> _Facts:
    return _facts(node.operand) if node.value is True and not node.negated else _NOTHING


def _is_distinct(node: IsDistinct) -> _Facts:
    has_null = any(type(side) is Constant and side.value is None for side in (node.left, node.right))
    return _equal(node.left, node.right) if node.negated and not has_null else _NOTHING


def _case(node: Case) -> _Facts:
    taken = [_both(_facts(condition), _facts(result)) for condition, result in node.branches]
    return _either([*taken, _facts(node.otherwise)])


def _coalesce(node: Coalesce) -> _Facts:
    return _either(map(_facts, node.operands))


def _quantified(node: Quantified) -> _Facts:
    if type(node.array) is not Constant or not node.array.value or node.array.type.element is None:
        return _NOTHING
    element_type = node.array.type.element
    comparisons = (
        _facts(Apply(BOOL, node.operator, (node.left, Constant(element_type, element))))
        for element in node.array.value
    )
    return reduce(_both, comparisons) if node.every else _either(comparisons)


def _apply(node: Apply) -> _Facts:
    if len(node.arguments) != 2:
        return _NOTHING
    left, right = node.arguments
    if node.function.name == "=":
        return _equal(left, right)
    prefix_of = _PATTERNS.get(node.function.name)
    if prefix_of is None or not is_name(left) or type(right) is not Constant:
        return _NOTHING
    return _NEVER if right.value is None else _Facts(frozenset({prefix_of(right.value)}))


def _equal(left: Expression, right: Expression) -> _Facts:
    for side, other in ((left, right), (right, left)):
        if type(other) is Constant and other.value is None:
            return _NEVER
        if (text := text_constant(other)) is None:
            continue
        if is_name(side):
            return _Facts(frozenset({text}))
        if segment := segment_of(side):
            return _segment_facts(segment, text)
    return _NOTHING


def _segment_facts(segment: Segment, text: str) -> _Facts:
    if "/" in text:
        return _NEVER
    if segment.reads_missing and not text:
        return _NOTHING
    return _Facts(segments={segment.level: (frozenset({text}), segment.is_folder)})


def _both(one: _Facts, other: _Facts) -> _Facts:
    return _Facts(_intersect(one.prefixes, other.prefixes), _merge(one.segments, other.segments))


def _merge(
    one: Mapping[int, tuple[frozenset[str], bool]] | None,
    other: Mapping[int, tuple[frozenset[str], bool]] | None,
) -> Mapping[int, tuple[frozenset[str], bool]] | None:
    if not one or not other:
        return one or other
    merged = dict(one)
    for level, (texts, is_folder) in other.items():
        known, was_folder = merged.get(level, (texts, is_folder))
        merged[level] = (known & texts, is_folder or was_folder)
    return merged


def _either(alternatives: Iterable[_Facts]) -> _Facts:
    """Return what holds whichever of `alternatives` does; segments of one level stay segments."""
    facts = [alternative for alternative in alternatives if alternative != _NEVER]
    if same_level := _union_of_segments(facts):
        return same_level
    union: set[str] = set()
    for fact in facts:
        prefixes = _prefixes(fact)
        if prefixes is None:
            return _NOTHING
        union |= prefixes
    return _Facts(_shortest(union))


def _union_of_segments(facts: list[_Facts]) -> _Facts | None:
    levels = {level for fact in facts for level in fact.segments or ()}
    single = all(fact.prefixes is None and len(fact.segments or ()) == 1 for fact in facts)
    if len(levels) != 1 or not single:
        return None
    level = levels.pop()
    known = [fact.segments[level] for fact in facts if fact.segments]
    texts = frozenset[str]().union(*(texts for texts, _ in known))
    return _Facts(segments={level: (texts, all(is_folder for _, is_folder in known))})


def _prefixes(facts: _Facts) -> Prefixes:
    combined = _intersect(facts.prefixes, _path_prefixes(facts.segments or {}))
    if combined is None or len(combined) > MOST_PREFIXES or "" in combined:
        return None
    return combined


def _path_prefixes(segments: Mapping[int, tuple[frozenset[str], bool]]) -> Prefixes:
    """Return the paths that the segments from the first level on make, as far as they follow each other."""
    if not all(texts for texts, _ in segments.values()):
        return frozenset()
    depth = next(level for level in range(1, len(segments) + 2) if level not in segments) - 1
    if not depth or prod(len(segments[level][0]) for level in range(1, depth + 1)) > MOST_PREFIXES:
        return None
    end = "/" if segments[depth][1] else ""
    paths = product(*(segments[level][0] for level in range(1, depth + 1)))
    return _shortest("/".join(path) + end for path in paths)


def _intersect(one: Prefixes, other: Prefixes) -> Prefixes:
    if one is None or other is None:
        return other if one is None else one
    longer = {max(left, right, key=len) for left in one for right in other if _one_begins(left, right)}
    return _shortest(longer)


def _one_begins(left: str, right: str) -> bool:
    return left.startswith(right) or right.startswith(left)


def _shortest(prefixes: Iterable[str]) -> frozenset[str]:
    """Return `prefixes` without those that begin with another one."""
    kept: list[str] = []
    for prefix in sorted(prefixes):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    return frozenset(kept)


_PATTERNS: Mapping[str, Callable[[str], str]] = {
    "~~": like_prefix,
    "starts_with": str,
    "^@": str,
    "~": regex_prefix,
}
_RULES: Mapping[type, Callable[[Any], _Facts]] = {
    And: _and,
    Or: _or,
    Constant: _constant,
    IsTest: _is_test,
    IsDistinct: _is_distinct,
    Case: _case,
    Coalesce: _coalesce,
    Quantified: _quantified,
    Apply: _apply,
}
