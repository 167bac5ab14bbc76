"""What separates the policies that files define from those a database has. Pure: nothing is applied here."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from enum import StrEnum
from typing import TypeAlias

from aerostore.policy.problem import Problem
from aerostore.policy.script import Declaration, Definition, Table

Key: TypeAlias = tuple[Table, str]
_MARK = re.compile(r"aerostore:([0-9a-f]{64}):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The comment that tells our policies from others.

    defined: hash of the text that made the policy. printed: hash of how the database printed it then, so
    that a change made by hand shows.
    """

    defined: str
    printed: str

    def __str__(self) -> str:
        return f"aerostore:{self.defined}:{self.printed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A policy as a database has it. text: CREATE POLICY as `export` prints it. mark: None if not ours."""

    table: Table
    name: str
    text: str
    mark: Mark | None = None


class Action(StrEnum):
    """What has to be done to a policy. ADOPT only marks one that is the same already."""

    CREATE = "create"
    REPLACE = "replace"
    DROP = "drop"
    ADOPT = "adopt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One policy that has to change, and why. before, after: its statements, empty when there are none."""

    action: Action
    table: Table
    name: str
    reason: str
    before: str = ""
    after: str = ""
    definition: Definition | None = None

    def __str__(self) -> str:
        return f"{self.action} {describe(self.table, self.name)}: {self.reason}"

    def diff(self) -> str:
        """Return both texts as a unified diff, without a line end."""
        lines = unified_diff(
            self.before.splitlines(), self.after.splitlines(), "database", "files", lineterm=""
        )
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What applying files to a database does.

    conflicts: definitions that nothing may be done about. foreign: policies there that nobody here made.
    missing: what files declare and the database lacks.
    """

    changes: tuple[Change, ...] = ()
    conflicts: tuple[Problem, ...] = ()
    foreign: tuple[Installed, ...] = ()
    missing: tuple[Declaration, ...] = ()


def describe(table: Table, name: str) -> str:
    """Return how messages call a policy."""
    return f'policy "{name}" on {".".join(table)}'


def digest(text: str) -> str:
    """Return the hash that marks compare."""
    return hashlib.sha256(text.encode()).hexdigest()


def parse_mark(comment: str | None) -> Mark | None:
    """Return the mark that `comment` is, or None when it is anything else."""
    found = _MARK.fullmatch(comment or "")
    return Mark(defined=found[1], printed=found[2]) if found else None


def mark_of(definition: Definition, printed: str) -> Mark:
    """Return the mark of a policy made from `definition` that the database prints as `printed`."""
    return Mark(defined=digest(definition.text), printed=digest(printed))


def compare(defined: Sequence[Definition], installed: Sequence[Installed], *, adopt: bool = False) -> Changes:
    """Return what makes a database have the policies of `defined` besides those that others made there.

    adopt: policies of others that `defined` names become ours.
    """
    present = {(policy.table, policy.name): policy for policy in installed}
    wanted = {(each.table, each.name): each for each in defined}
    outcomes = [_judge(each, present.get(key), adopt=adopt) for key, each in wanted.items()]
    return Changes(
        changes=(
            *(_drop(policy) for policy in _not_in(wanted, installed) if policy.mark),
            *(each for each in outcomes if isinstance(each, Change)),
        ),
        conflicts=tuple(each for each in outcomes if isinstance(each, Problem)),
        foreign=tuple(policy for policy in _not_in(wanted, installed) if not policy.mark),
    )


def _not_in(wanted: Mapping[Key, Definition], installed: Sequence[Installed]) -> list[Installed]:
    return [policy for policy in installed if (policy.table, policy.name) not in wanted]


def _judge(definition: Definition, policy: Installed | None, *, adopt: bool) -> Change | Problem | None:
    if policy is None:
        return _change(Action.CREATE, definition, "the database does not have it")
    if policy.text == definition.text:
        return _adopt(definition, policy) if adopt and not policy.mark else None
    if policy.mark is None and not adopt:
        return _conflict(definition)
    if policy.mark is None:
        return _change(Action.REPLACE, definition, "others made it, and it is adopted", policy)
    if policy.mark.printed != digest(policy.text):
        return _change(Action.REPLACE, definition, "somebody changed it in the database", policy)
    if policy.mark.defined != digest(definition.text):
        return _change(Action.REPLACE, definition, "its text changed", policy)
    return None


def _change(action: Action, definition: Definition, reason: str, policy: Installed | None = None) -> Change:
    return Change(
        action=action,
        table=definition.table,
        name=definition.name,
        reason=reason,
        before=policy.text if policy else "",
        after=definition.text,
        definition=definition,
    )


def _adopt(definition: Definition, policy: Installed) -> Change:
    return _change(Action.ADOPT, definition, "others made it, and it is the same", policy)


def _drop(policy: Installed) -> Change:
    return Change(
        action=Action.DROP,
        table=policy.table,
        name=policy.name,
        reason="no file defines it any more",
        before=policy.text,
    )


def _conflict(definition: Definition) -> Problem:
    first = definition.passages[0]
    return Problem(
        source=first.source,
        at=first.at,
        code="42710",
        message=f"{describe(definition.table, definition.name)} exists, and these files did not make it",
        hint="give yours another name, drop the other one, or take it over with --adopt",
    )
