"""The port `LawBook`: which policies there are, as they are written. Decisions are the executor's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aerostore.permissions.outlook import Outlook


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenPolicy:
    """A policy in force on storage.objects or storage.buckets.

    command: all, select, insert, update or delete. roles: `public` is everybody. using, with_check: None
    when it has no such expression. text: the whole CREATE POLICY. path, line: where it was written, when
    that is known. comment: why, as its author put it. applies_to: the roles of the API that it is for.
    outlook: what it comes to beforehand; None when only the database understands it.
    """

    table: str
    name: str
    command: str
    permissive: bool
    roles: tuple[str, ...]
    using: str | None
    with_check: str | None
    text: str
    path: str | None
    line: int | None
    comment: str | None
    applies_to: frozenset[str]
    outlook: Outlook | None = None

    def covers(self, command: str) -> bool:
        """Tell whether `command` is meant."""
        return self.command in ("all", command)


class LawBook(Protocol):
    """Knows the policies in force."""

    async def policies(self) -> Sequence[WrittenPolicy]:
        """Return all policies on objects and buckets, by table and name. Raises: Unavailable."""
        ...
