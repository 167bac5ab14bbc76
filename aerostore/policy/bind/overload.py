"""Which of several functions or operators of one name a call means.

Source: func_select_candidate and oper in PostgreSQL; "Functions" and "Operators" under "Type Conversion"
in its documentation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from aerostore.policy.bind.type import category, is_preferred, turns_into
from aerostore.policy.value import ANYARRAY, ANYELEMENT, TEXT, UNKNOWN, Type, array_of

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Candidate(Generic[T_co]):
    """A function that a call may mean. parameters: one for each argument. subject: the function itself."""

    parameters: tuple[Type, ...]
    subject: T_co


class Ambiguous(Exception):
    """More than one candidate fits, none better than the others."""


def choose_operator(candidates: Sequence[Candidate[T]], types: tuple[Type, ...]) -> Candidate[T] | None:
    """Return the operator for operands of `types`: one of just these types, or else the best that fits.

    A literal of no type is first taken to be of the other operand's.
    Raises: Ambiguous.
    """
    known = next((type_ for type_ in types if type_ != UNKNOWN), UNKNOWN)
    assumed = tuple(known if type_ == UNKNOWN else type_ for type_ in types)
    return _exact(candidates, assumed) or choose(candidates, types)


def choose(candidates: Sequence[Candidate[T]], types: tuple[Type, ...]) -> Candidate[T] | None:
    """Return the candidate that takes arguments of `types`, or None when none does.

    Raises: Ambiguous.
    """
    if exact := _exact(candidates, types):
        return exact
    fitting = [candidate for candidate in candidates if _fits(candidate, types)]
    if len(fitting) <= 1:
        return fitting[0] if fitting else None
    return _best(fitting, types)


def elements_of(parameters: Sequence[Type], types: Sequence[Type]) -> set[Type | None]:
    """Return what arguments of `types` make of `anyelement`: one type, unless they disagree or none tells.

    None stands for an argument that should be an array and is not.
    """
    pairs = zip(parameters, types, strict=True)
    return {
        type_.element if parameter == ANYARRAY else type_
        for parameter, type_ in pairs
        if parameter in (ANYARRAY, ANYELEMENT) and type_ != UNKNOWN
    }


def concrete(type_: Type, element: Type) -> Type:
    """Return the type of a parameter or result when `anyelement` is `element`."""
    if type_ == ANYARRAY:
        return array_of(element)
    return element if type_ == ANYELEMENT else type_


def _exact(candidates: Sequence[Candidate[T]], types: tuple[Type, ...]) -> Candidate[T] | None:
    return next((candidate for candidate in candidates if candidate.parameters == types), None)


def _fits(candidate: Candidate[T], types: tuple[Type, ...]) -> bool:
    pairs = zip(types, candidate.parameters, strict=True)
    if not all(turns_into(type_, parameter) for type_, parameter in pairs):
        return False
    elements = elements_of(candidate.parameters, types)
    return len(elements) <= 1 and None not in elements


def _best(candidates: list[Candidate[T]], types: tuple[Type, ...]) -> Candidate[T] | None:
    for count in (_count_exact, _count_exact_or_preferred):
        most = max(count(candidate, types) for candidate in candidates)
        candidates = [candidate for candidate in candidates if count(candidate, types) == most]
        if len(candidates) == 1:
            return candidates[0]
    if UNKNOWN not in types:
        raise Ambiguous
    candidates = _of_likely_category(candidates, types)
    if len(candidates) == 1:
        return candidates[0]
    return _as_if_all_alike(candidates, types)


def _count_exact(candidate: Candidate[T], types: tuple[Type, ...]) -> int:
    return sum(type_ == parameter for type_, parameter in _known(candidate, types))


def _count_exact_or_preferred(candidate: Candidate[T], types: tuple[Type, ...]) -> int:
    return sum(
        type_ == parameter or (is_preferred(parameter) and category(parameter) == category(type_))
        for type_, parameter in _known(candidate, types)
    )


def _known(candidate: Candidate[T], types: tuple[Type, ...]) -> list[tuple[Type, Type]]:
    pairs = zip(types, candidate.parameters, strict=True)
    return [(type_, parameter) for type_, parameter in pairs if type_ != UNKNOWN]


def _of_likely_category(candidates: list[Candidate[T]], types: tuple[Type, ...]) -> list[Candidate[T]]:
    """Keep what takes literals of no type as strings, or as the one category that all candidates agree on."""
    kept = candidates
    for position, type_ in enumerate(types):
        if type_ != UNKNOWN:
            continue
        offered = [candidate.parameters[position] for candidate in candidates]
        likely = _likely(offered)
        if likely is None:
            return candidates
        kept = [candidate for candidate in kept if candidate.parameters[position] in likely]
    return kept or candidates


def _likely(offered: list[Type]) -> list[Type] | None:
    categories = {category(type_) for type_ in offered}
    if len(categories) > 1 and category(TEXT) not in categories:
        return None
    wanted = category(TEXT) if len(categories) > 1 else category(offered[0])
    matching = [type_ for type_ in offered if category(type_) == wanted]
    return [type_ for type_ in matching if is_preferred(type_)] or matching


def _as_if_all_alike(candidates: list[Candidate[T]], types: tuple[Type, ...]) -> Candidate[T]:
    """Return the only candidate that fits when the literals of no type have the type of all the others."""
    known = {type_ for type_ in types if type_ != UNKNOWN}
    if len(known) == 1:
        alike = tuple(known) * len(types)
        fitting = [candidate for candidate in candidates if _fits(candidate, alike)]
        if len(fitting) == 1:
            return fitting[0]
    raise Ambiguous
