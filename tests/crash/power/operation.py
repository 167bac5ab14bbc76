"""What can be done to a disk. A list of operations is the whole history of one: trees and disks replay it."""

from dataclasses import dataclass, field

ROOT = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """A name in a folder and the inode that it leads to from now on; None when it leads nowhere."""

    folder: int
    name: str
    inode: int | None


@dataclass(frozen=True, slots=True)
class NameChange:
    """Changes of names that happen together or not at all. verb: create, mkdir, link, unlink or rename."""

    verb: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes that went into a file at `offset`."""

    inode: int
    offset: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Truncate:
    """A file got another length: cut, or with zeros behind it."""

    inode: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Sync:
    """A successful fsync of a file or a folder."""

    inode: int


@dataclass(frozen=True, slots=True)
class FailedSync:
    """An fsync that failed: the bytes that it should have written are called clean, and no later one does."""

    inode: int


Operation = NameChange | Write | Truncate | Sync | FailedSync


def describe(operation: Operation) -> str:
    """Return `operation` in a line."""
    match operation:
        case NameChange(verb, entries):
            return f"{verb} {', '.join(f'{entry.folder}/{entry.name} = {entry.inode}' for entry in entries)}"
        case Write(inode, offset, data):
            return f"write {len(data)} bytes at {offset} of {inode}"
        case _:
            return str(operation)


def overwrite(content: bytearray, offset: int, data: bytes | memoryview) -> None:
    """Put `data` into `content`; a gap before it reads as zeros."""
    if offset > len(content):
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def resize(content: bytearray, size_bytes: int) -> None:
    """Cut `content` to `size_bytes`, or fill it up with zeros."""
    del content[size_bytes:]
    content.extend(bytes(size_bytes - len(content)))
