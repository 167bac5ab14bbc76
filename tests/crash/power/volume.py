"""The operations of the file system, as FUSE asks for them: a tree behind a gate that fails on plan."""

import errno
import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from .fault import Fault, Faults
from .operation import Operation
from .tree import Node, Tree

_BLOCK_BYTES = 4096
_BLOCKS = 1 << 28
_NAME_MAX = 255


class Volume:
    """What mfusepy calls; file handles are inodes. on_change: told the length of the history after each call.

    Calls come from several threads, one after the other; an fsync that is held up lets the others pass.
    """

    use_ns = True
    # A file that is open may have lost its last name: libfuse then has no path to tell.
    flag_nopath = True
    flag_nullpath_ok = True

    def __init__(
        self, history: Iterable[Operation], faults: Faults, on_change: Callable[[int], None]
    ) -> None:
        self.tree = Tree(history)
        self._faults = faults
        self._on_change = on_change
        self._lock = threading.RLock()
        self._is_dead = False
        self._noted()

    def freeze(self) -> int:
        """Let everything fail from now on, as when the power is gone; return the length of the history."""
        with self._lock:
            self._is_dead = True
            return len(self.tree.history)

    # Reading

    def getattr(self, path: str | None, fh: int | None = None) -> dict[str, Any]:
        with self._lock:
            node = self._at(path, fh)
            self._gate("getattr", node.path)
            size_bytes = len(node.content)
            return {
                "st_mode": node.mode,
                "st_ino": node.inode,
                "st_nlink": node.links,
                "st_size": size_bytes,
                "st_blocks": -(-size_bytes // 512),
                "st_mtime": node.modified_ns,
                "st_ctime": node.modified_ns,
                "st_atime": node.modified_ns,
                "st_uid": os.getuid(),
                "st_gid": os.getgid(),
            }

    def readdir(self, path: str | None, fh: int) -> list[str]:
        with self._lock:
            node = self._at(path, fh)
            self._gate("readdir", node.path)
            return [".", "..", *node.names]

    def read(self, path: str | None, size: int, offset: int, fh: int) -> bytes:
        with self._lock:
            node = self._at(path, fh)
            self._gate("read", node.path)
            return bytes(node.content[offset : offset + size])

    def statfs(self, _path: str) -> dict[str, int]:
        names = {"f_bsize": _BLOCK_BYTES, "f_frsize": _BLOCK_BYTES, "f_namemax": _NAME_MAX}
        return names | dict.fromkeys(("f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree"), _BLOCKS)

    def open(self, path: str, _flags: int) -> int:
        with self._lock:
            self._gate("open", path.lstrip("/"))
            return self.tree.find(path).inode

    def opendir(self, path: str) -> int:
        return self.open(path, 0)

    # Bytes

    def write(self, path: str | None, data: bytes, offset: int, fh: int) -> int:
        with self._lock:
            node = self._at(path, fh)
            fault = self._gate("write", node.path)
            if fault.is_short:
                data = data[: max(1, len(data) // 2)]
            self.tree.write(node, data, offset)
            self._noted()
            return len(data)

    def truncate(self, path: str | None, length: int, fh: int | None = None) -> int:
        with self._lock:
            node = self._at(path, fh)
            self._gate("truncate", node.path)
            self.tree.truncate(node, length)
            return self._noted()

    def fsync(self, path: str | None, _datasync: int, fh: int) -> int:
        return self._sync("fsync", path, fh)

    def fsyncdir(self, path: str | None, _datasync: int, fh: int) -> int:
        return self._sync("fsyncdir", path, fh)

    # Names

    def create(self, path: str, mode: int, _flags: int) -> int:
        with self._lock:
            self._gate("create", path.lstrip("/"))
            node = self.tree.create(path, mode)
            self._noted()
            return node.inode

    def mkdir(self, path: str, mode: int) -> int:
        return self._change("mkdir", path, lambda: self.tree.make_folder(path, mode))

    def link(self, target: str, source: str) -> int:
        return self._change("link", target, lambda: self.tree.link(source, target))

    def unlink(self, path: str) -> int:
        return self._change("unlink", path, lambda: self.tree.unlink(path))

    def rmdir(self, path: str) -> int:
        return self._change("rmdir", path, lambda: self.tree.remove_folder(path))

    def rename(self, old: str, new: str) -> int:
        return self._change("rename", new, lambda: self.tree.rename(old, new))

    # What no power cut can tell apart

    def chmod(self, path: str | None, mode: int) -> int:
        with self._lock:
            node = self._at(path, None)
            node.mode = (node.mode & ~0o7777) | (mode & 0o7777)
            return 0

    def chown(self, _path: str | None, _uid: int, _gid: int) -> int:
        return 0

    def utimens(self, path: str | None, times: tuple[int, int] | None = None) -> int:
        with self._lock:
            self._at(path, None).modified_ns = time.time_ns() if times is None else times[1]
            return 0

    def _sync(self, operation: str, path: str | None, fh: int) -> int:
        node = self._at(path, fh)
        fault = self._faults.meet(operation, node.path)  # without the lock: others go on while it is held up
        with self._lock:
            self._require_power()
            if not fault.error or fault.drops:
                self.tree.sync(node, failed=bool(fault.error))
                self._noted()
        return _refuse(fault)

    def _change(self, operation: str, path: str, change: Callable[[], object]) -> int:
        with self._lock:
            self._gate(operation, path.lstrip("/"))
            change()
            return self._noted()

    def _gate(self, operation: str, path: str) -> Fault:
        self._require_power()
        fault = self._faults.meet(operation, path)
        _refuse(fault)
        return fault

    def _require_power(self) -> None:
        if self._is_dead:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def _at(self, path: str | None, fh: int | None) -> Node:
        if fh is not None:
            return self.tree.nodes[fh]
        if path is None:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return self.tree.find(path)

    def _noted(self) -> int:
        self._on_change(len(self.tree.history))
        return 0


def _refuse(fault: Fault) -> int:
    if fault.error:
        raise OSError(fault.error, os.strerror(fault.error))
    return 0
