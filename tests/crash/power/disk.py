"""A disk as a power cut sees it: what is durable, what is only on its way, and which of that may be left.

The rules are those of POSIX, no file system in use promises less. fsync of a file makes its bytes and length
durable, not its name; fsync of a folder makes the names in it durable. Of everything else any part may be
left, in any order, except that
- a sector holds what one moment of the page cache held: no later bytes without the earlier ones in it;
- a change of names is whole or not there, and the changes of one name keep their order.

What a failed fsync of a file should have written is lost: Linux calls those pages clean. Changes of names
stay on their way: no file system in use forgets them, though some stop altogether.
Source: Rebello et al., Can Applications Recover from fsync Failures?, USENIX ATC 2020.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field

from .image import Image, StoredFile
from .operation import (
    ROOT,
    Entry,
    FailedSync,
    NameChange,
    Operation,
    Sync,
    Truncate,
    Write,
    overwrite,
    resize,
)
from .survival import Survival


@dataclass(slots=True)
class _File:
    """Durable content, and what was done since; `doomed` is what a failed fsync dropped."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Write | Truncate] = field(default_factory=list)
    doomed: list[Write | Truncate] = field(default_factory=list)
    version: int = 0

    def sync(self) -> None:
        for operation in self.pending:
            _apply(self.durable, operation)
        self.version += 1
        self.pending.clear()

    def fail_to_sync(self) -> None:
        self.doomed += self.pending
        self.pending.clear()

    def live_size(self) -> int:
        """Return the length that a process would have seen."""
        size_bytes = len(self.durable)
        for operation in self.pending:
            if isinstance(operation, Truncate):
                size_bytes = operation.size_bytes
            else:
                size_bytes = max(size_bytes, operation.offset + len(operation.data))
        return size_bytes


class Disk:
    """Replays operations; `cut` tells at any time what would be left if the power went now."""

    def __init__(self, history: Iterable[Operation] = ()) -> None:
        self._folders: dict[int, dict[str, int]] = {ROOT: {}}
        self._files: dict[int, _File] = {}
        self._changes: list[NameChange] = []
        self._paths: dict[int, str] = {ROOT: ""}
        for operation in history:
            self.apply(operation)

    def apply(self, operation: Operation) -> None:
        """Let `operation` happen."""
        match operation:
            case NameChange():
                self._note(operation)
            case Write() | Truncate():
                self._files[operation.inode].pending.append(operation)
            case Sync(inode) if inode in self._folders:
                self._sync_folder(inode)
            case Sync(inode):
                self._files[inode].sync()
            case FailedSync(inode) if inode in self._files:
                self._files[inode].fail_to_sync()

    def _note(self, change: NameChange) -> None:
        for entry in change.entries:
            if entry.inode is None:
                continue
            self._paths[entry.inode] = f"{self._paths[entry.folder]}/{entry.name}".lstrip("/")
            if change.verb == "mkdir":
                self._folders[entry.inode] = {}
            elif entry.inode not in self._folders:
                self._files.setdefault(entry.inode, _File())
        self._changes.append(change)

    def _sync_folder(self, inode: int) -> None:
        wanted = {id(change) for change in self._changes if _touches(change, inode)}
        self._changes, durable = _divide(self._changes, wanted)
        for change in durable:
            _rename_in(self._folders, change)

    def cut(self, survival: Survival, chance: random.Random) -> Image:
        """Return what is left after a power cut now; of what is not durable, `survival` says how much."""
        lost: list[str] = []
        folders = self._surviving_names(survival, chance, lost)
        files: dict[int, StoredFile] = {}
        image = Image(lost=lost)
        waiting = [(ROOT, "")]
        while waiting:
            folder, prefix = waiting.pop()
            for name, inode in sorted(folders[folder].items()):
                path = f"{prefix}{name}"
                if inode in folders:
                    image.folders.append(path)
                    waiting.append((inode, f"{path}/"))
                    continue
                if inode not in files:
                    files[inode] = self._surviving_file(inode, survival, chance, lost)
                image.files[path] = files[inode]
        return image

    def _surviving_names(
        self, survival: Survival, chance: random.Random, lost: list[str]
    ) -> dict[int, dict[str, int]]:
        folders = {inode: dict(names) for inode, names in self._folders.items()}
        chosen = survival.choose_changes(self._changes, chance)
        dropped, kept = _divide(self._changes, {id(change) for change in chosen})
        for change in kept:
            _rename_in(folders, change)
        lost += [f"{change.verb} {self._describe(change)}" for change in dropped]
        return folders

    def _describe(self, change: NameChange) -> str:
        return ", ".join(f"{self._paths[entry.folder]}/{entry.name}" for entry in change.entries)

    def _surviving_file(
        self, inode: int, survival: Survival, chance: random.Random, lost: list[str]
    ) -> StoredFile:
        file, path = self._files[inode], self._paths[inode]
        lost += [f"{_summary(path, operation)}, by a failed fsync" for operation in file.doomed]
        if not file.pending:
            return StoredFile(file.durable, label=f"{inode}-{file.version}")
        content = bytearray(file.durable)
        kept = survival.choose_pieces(file.pending, chance)
        for operation, pieces in zip(file.pending, kept, strict=True):
            if sum(map(_length, pieces)) < _length(operation) or not pieces:
                lost.append(_summary(path, operation))
            for piece in pieces:
                _apply(content, piece)
        if survival.keeps_length(chance) and file.live_size() > len(content):
            resize(content, file.live_size())
        return StoredFile(content)


def _touches(change: NameChange, folder: int) -> bool:
    return any(entry.folder == folder for entry in change.entries)


def _divide(changes: list[NameChange], wanted: set[int]) -> tuple[list[NameChange], list[NameChange]]:
    """Return the changes left out and those taken: the wanted, and what came before to the same names."""
    names: set[tuple[int, str]] = set()
    left, taken = list[NameChange](), list[NameChange]()
    for change in reversed(changes):
        own = {(entry.folder, entry.name) for entry in change.entries}
        if id(change) in wanted or own & names:
            names |= own
            taken.append(change)
        else:
            left.append(change)
    return left[::-1], taken[::-1]


def _rename_in(folders: dict[int, dict[str, int]], change: NameChange) -> None:
    for entry in change.entries:
        _set_entry(folders[entry.folder], entry)


def _set_entry(names: dict[str, int], entry: Entry) -> None:
    if entry.inode is None:
        names.pop(entry.name, None)
    else:
        names[entry.name] = entry.inode


def _apply(content: bytearray, operation: Write | Truncate) -> None:
    if isinstance(operation, Truncate):
        resize(content, operation.size_bytes)
    else:
        overwrite(content, operation.offset, operation.data)


def _length(operation: Write | Truncate) -> int:
    return len(operation.data) if isinstance(operation, Write) else 1


def _summary(path: str, operation: Write | Truncate) -> str:
    if isinstance(operation, Truncate):
        return f"length {operation.size_bytes} of {path}"
    return f"bytes of {len(operation.data)} at {operation.offset} of {path}"
