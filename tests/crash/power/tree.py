"""The file system as processes see it, page cache and all; every change goes into the history."""

import errno
import os
import stat
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

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


@dataclass(slots=True)
class Node:
    """A file or a folder. path: the last name that it was given."""

    inode: int
    mode: int
    path: str = ""
    links: int = 0
    modified_ns: int = 0
    content: bytearray = field(default_factory=bytearray)
    names: dict[str, int] = field(default_factory=dict)

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.mode)


class Tree:
    """Files and folders by path. history: where it begins; grows with every change."""

    def __init__(self, history: Iterable[Operation] = ()) -> None:
        self.nodes = {ROOT: Node(ROOT, stat.S_IFDIR | 0o755, links=2)}
        self.history: list[Operation] = []
        for operation in history:
            self._do(operation)

    def find(self, path: str) -> Node:
        """Return what is at `path`. Raises: FileNotFoundError, NotADirectoryError."""
        node = self.nodes[ROOT]
        for name in path.split("/"):
            if name:
                node = self._step(node, name)
        return node

    def create(self, path: str, mode: int) -> Node:
        """Make an empty file."""
        return self._make("create", path, stat.S_IFREG | stat.S_IMODE(mode))

    def make_folder(self, path: str, mode: int) -> Node:
        """Make an empty folder."""
        return self._make("mkdir", path, stat.S_IFDIR | stat.S_IMODE(mode))

    def link(self, path: str, new_path: str) -> None:
        """Give a file another name."""
        node, (folder, name) = self.find(path), self._free_place(new_path)
        self._do(NameChange("link", (Entry(folder.inode, name, node.inode),)))

    def unlink(self, path: str) -> None:
        """Take a name away. Raises: IsADirectoryError."""
        if self.find(path).is_folder:
            raise _error(errno.EISDIR)
        self._forget(path)

    def remove_folder(self, path: str) -> None:
        """Remove an empty folder. Raises: OSError when it holds something."""
        node = self.find(path)
        if not node.is_folder:
            raise _error(errno.ENOTDIR)
        if node.names:
            raise _error(errno.ENOTEMPTY)
        self._forget(path)

    def rename(self, path: str, new_path: str) -> None:
        """Give something another name, in place of a file that has it."""
        node, (folder, name), (target, new_name) = self.find(path), self._place(path), self._place(new_path)
        if node.is_folder:
            raise _error(errno.EPERM)  # nobody here renames folders, so nothing knows their new paths
        entries = (Entry(folder.inode, name, None), Entry(target.inode, new_name, node.inode))
        self._do(NameChange("rename", entries))

    def write(self, node: Node, data: bytes, offset: int) -> None:
        """Put bytes into a file."""
        self._do(Write(node.inode, offset, data))

    def truncate(self, node: Node, size_bytes: int) -> None:
        """Change the length of a file."""
        self._do(Truncate(node.inode, size_bytes))

    def sync(self, node: Node, *, failed: bool = False) -> None:
        """Note an fsync."""
        self._do(FailedSync(node.inode) if failed else Sync(node.inode))

    def _do(self, operation: Operation) -> None:
        match operation:
            case NameChange(verb, entries):
                for entry in entries:
                    self._change_name(verb, entry)
            case Write(inode, offset, data):
                overwrite(self.nodes[inode].content, offset, data)
                self.nodes[inode].modified_ns = time.time_ns()
            case Truncate(inode, size_bytes):
                resize(self.nodes[inode].content, size_bytes)
                self.nodes[inode].modified_ns = time.time_ns()
        self.history.append(operation)

    def _change_name(self, verb: str, entry: Entry) -> None:
        folder = self.nodes[entry.folder]
        before = folder.names.pop(entry.name, None)
        if before is not None:
            self.nodes[before].links -= 1
        if entry.inode is None:
            return
        kind = stat.S_IFDIR | 0o700 if verb == "mkdir" else stat.S_IFREG | 0o600
        node = self.nodes.setdefault(entry.inode, Node(entry.inode, kind, modified_ns=time.time_ns()))
        node.path = f"{folder.path}/{entry.name}".lstrip("/")
        node.links += 1
        folder.names[entry.name] = entry.inode

    def _make(self, verb: str, path: str, mode: int) -> Node:
        folder, name = self._free_place(path)
        inode = len(self.nodes) + 1
        self._do(NameChange(verb, (Entry(folder.inode, name, inode),)))
        self.nodes[inode].mode = mode
        return self.nodes[inode]

    def _forget(self, path: str) -> None:
        folder, name = self._place(path)
        self._do(NameChange("unlink", (Entry(folder.inode, name, None),)))

    def _step(self, folder: Node, name: str) -> Node:
        if not folder.is_folder:
            raise _error(errno.ENOTDIR)
        if name not in folder.names:
            raise _error(errno.ENOENT)
        return self.nodes[folder.names[name]]

    def _place(self, path: str) -> tuple[Node, str]:
        parent, _slash, name = path.rpartition("/")
        return self.find(parent), name

    def _free_place(self, path: str) -> tuple[Node, str]:
        folder, name = self._place(path)
        if name in folder.names:
            raise _error(errno.EEXIST)
        return folder, name


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
