"""A server that takes part: where its objects are, what it runs as, and how to make room on its disk."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.contest import CannotRun, LeftOut, curl
from benchmarks.contest.launch import Server
from benchmarks.contest.process import Tree
from benchmarks.contest.site import FileSite, Request, StorageSite

Fill = Callable[[str, Sequence[str]], None]
"""Puts an object under each of the names, in a bucket that is there."""


def no_room_to_make() -> None:
    """Leave the disk as it is."""


@dataclass(kw_only=True)
class Contender:
    """A running server.

    server: None when it was running before. beside: processes that work for it, such as a database.
    facts: what a reader of its figures has to know. make_room: removes stored bytes that are no longer
    needed. fill: None where there are no lists. fill_limit: how many objects that takes bearable time for.
    """

    name: str
    site: StorageSite | FileSite
    facts: Mapping[str, object]
    server: Server | None = None
    beside: Sequence[int] = ()
    make_room: Callable[[], None] = no_room_to_make
    fill: Fill | None = None
    fill_limit: int = 0
    _done: set[str] = field(default_factory=set)

    @property
    def storage(self) -> StorageSite:
        """The site, where it is more than files. Raises: LeftOut."""
        if isinstance(self.site, FileSite):
            raise LeftOut(f"{self.name} has files only")
        return self.site

    @property
    def main_trees(self) -> list[Tree]:
        """The processes whose memory counts: not those of the database."""
        return [Tree(self.server.pid)] if self.server else list(map(Tree, self.beside))

    def cpu_by_root(self) -> dict[int, float] | None:
        """Return the CPU seconds used so far by each tree of processes; None when none is known."""
        roots = [self.server.pid, *self.beside] if self.server else self.beside
        return {root: Tree(root).cpu_seconds() for root in roots} or None

    def once(self, what: str, do: Callable[[], object]) -> None:
        """Call `do` for this contender, unless that was done under the name `what` before."""
        if what not in self._done:
            do()
            self._done.add(what)

    def ensure_filled(self, bucket: str, names: Sequence[str]) -> None:
        """Fill a bucket, the first time only. Raises: LeftOut when it is too many; CannotRun."""
        site, fill = self.storage, self.fill
        if fill is None or len(names) > self.fill_limit:
            raise LeftOut(f"{self.name} is not filled with {len(names):,} objects: it would take too long")
        self.once(f"create {bucket}", lambda: site.create_bucket(bucket))
        self.once(f"fill {bucket}", lambda: fill(bucket, names))

    def ensure_stored(self, name: str, source: Path, *, public: bool = False) -> None:
        """Store a file as an object for `download` or `public`, the first time only. Raises: CannotRun."""
        request = self.site.publish(name) if public else self.site.upload(name)
        self.once(f"store {request.url}", lambda: store(request, source))


def store(request: Request, source: Path) -> None:
    """Upload a file. Raises: CannotRun when it is refused."""
    load = curl.send([curl.Transfer(request=request, size_bytes=source.stat().st_size, source=source)])
    if load.errors:
        raise CannotRun(f"{request.method} {request.url} failed: {dict(load.errors)}")
