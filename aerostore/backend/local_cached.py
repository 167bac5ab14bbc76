"""Files that the kernel has in memory: opened and read without waiting for a disk, or not at all.

What would wait is refused with None, and is for a thread then. Where the system cannot tell, all is refused.
"""

import ctypes
import os
import stat
import struct
import sys
import weakref
from collections.abc import Callable
from pathlib import Path

from aerostore.backend.key import is_draft_key, is_key
from aerostore.domain import ByteRange

# Source: Linux, include/uapi/linux/openat2.h; the number of the call is the same on every architecture.
_OPENAT2 = 437
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08
_RESOLVE_CACHED = 0x20
# O_NOATIME: to note the time of a read may wait for the journal. O_NONBLOCK: for what is no file.
_CAN_TELL = sys.platform == "linux" and hasattr(os, "RWF_NOWAIT")


class CachedFiles:
    """The files below `root` as far as they are in memory. Keys are paths; symbolic links lead nowhere.

    Its calls belong on the event loop: they take microseconds, and hold one buffer for all.
    """

    def __init__(self, root: Path) -> None:
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        self._closing = weakref.finalize(self, os.close, self._root)
        self._buffer = memoryview(bytearray())

    def open_file(self, key: str) -> tuple[int, int] | None:
        """Open the plain file `key`; return descriptor and length."""
        if not self._closing.alive or not is_key(key) or is_draft_key(key):
            return None
        descriptor = _open_cached(self._root, key.encode())
        if descriptor < 0:
            return None
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode):
            return descriptor, found.st_size
        os.close(descriptor)
        return None

    def read(self, descriptor: int, block: ByteRange) -> bytes | None:
        """Return all of `block` from a file."""
        if not _CAN_TELL:
            return None
        if len(self._buffer) < block.length:
            self._buffer = memoryview(bytearray(block.length))
        content = self._buffer[: block.length]
        try:
            count = os.preadv(descriptor, (content,), block.first, os.RWF_NOWAIT)
        except OSError:  # not in memory; or a failure, which the thread will meet again
            return None
        return bytes(content) if count == block.length else None

    def close(self) -> None:
        """Let go of the root; may be called more than once. No file is in memory afterwards."""
        self._closing()


def _find_call() -> Callable[[int, bytes], int]:
    if not _CAN_TELL:
        return lambda _directory, _path: -1
    # PyDLL keeps the interpreter's lock: to hand it over for a microsecond costs more than the call.
    call = ctypes.PyDLL(None).syscall
    call.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t)
    call.restype = ctypes.c_long
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOATIME | os.O_NONBLOCK
    how = struct.pack("QQQ", flags, 0, _RESOLVE_NO_SYMLINKS | _RESOLVE_BENEATH | _RESOLVE_CACHED)
    return lambda directory, path: int(call(_OPENAT2, directory, path, how, len(how)))


_open_cached = _find_call()
