"""Keys as directory entries: the directories and files below one root. What is in the files is `local`'s."""

import errno
import os
import stat
import uuid
import weakref
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from aerostore.backend import StoredBlob
from aerostore.backend.key import is_draft_key, is_key
from aerostore.errors import Corrupted

# What SQLite needs to go on deleting when nothing else fits; less on small file systems.
RESERVE_BYTES = 64 * 1024 * 1024
# Of a file that is being written this much stays in memory: the disk needs time, and some read at once.
RECENT_BYTES = 16 * 1024 * 1024
_KEY_TOPS = ("sha256", "meta", "draft")
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_ABSENT = (FileNotFoundError, NotADirectoryError)


class LocalTree:
    """The files below `root`: every call blocks, and none follows a symbolic link.

    A text that does not have the shape of a key is treated as the key of a file that does not exist.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._durable: set[tuple[str, ...]] = set()
        # These stay open: to walk down from the root each time costs small writes a sixth of their speed.
        self._tops: dict[str, int] = {}
        self._closing = weakref.finalize(self, _close_all, self._tops)
        self._make_root()
        self._open_tops()
        self.has_unnamed_files = _can_link_unnamed_files(self._tops["tmp"])

    def create_temporary(self) -> tuple[int, Path | None]:
        """Open a new file in `tmp/` for writing; return its descriptor, and its path when it has one."""
        directory = self._tops["tmp"]
        if self.has_unnamed_files:
            return os.open(".", os.O_TMPFILE | os.O_WRONLY, 0o600, dir_fd=directory), None
        name = uuid.uuid4().hex
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
        return os.open(name, flags, 0o600, dir_fd=directory), self.root / "tmp" / name

    def require_room(self, size_bytes: int) -> None:
        """Refuse bytes that would leave the file system without the room that deletes need.

        Raises: OSError with ENOSPC.
        """
        found = os.fstatvfs(self._tops["tmp"])
        reserve = min(RESERVE_BYTES, found.f_blocks * found.f_frsize // 20)
        if found.f_bavail * found.f_frsize - size_bytes < reserve:
            raise OSError(errno.ENOSPC, "the rest of the disk is kept for the database")

    def open_file(self, key: str) -> tuple[int, int]:
        """Open the bytes of `key`; return descriptor and length. Raises: Corrupted when there are none."""
        if is_draft_key(key):
            raise Corrupted
        with suppress(*_ABSENT), self.place(key) as (directory, name):
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if stat.S_ISREG(found.st_mode):
                return os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=directory), found.st_size
        raise Corrupted

    def find_size(self, key: str) -> int | None:
        """Return the length of the file of `key`, None when there is no plain file."""
        with suppress(*_ABSENT), self.place(key) as (directory, name):
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            return found.st_size if stat.S_ISREG(found.st_mode) else None
        return None

    def link(self, descriptor: int, path: Path | None, key: str) -> None:
        """Give a file whose bytes are durable the name `key`; durable when this returns, or undone.

        path: where the file is; None to find it by its descriptor. Raises: FileExistsError.
        """
        with self.linked(descriptor, path, key) as directory:
            try:
                os.fsync(directory)
            except BaseException:
                self.delete(key)  # a name in doubt must not come back
                raise

    @contextmanager
    def linked(self, descriptor: int, path: Path | None, key: str) -> Iterator[int]:
        """Give a file the name `key`, as `link` does; yield the directory, which is to be synced."""
        with self.place(key, make=True) as (directory, name):
            # dst_dir_fd also makes Python ask linkat to follow the link that /proc shows.
            os.link(path or f"/proc/self/fd/{descriptor}", name, dst_dir_fd=directory)
            yield directory

    def delete(self, key: str) -> None:
        """Remove the file of `key`; durable when this returns."""
        with suppress(*_ABSENT), self.place(key) as (directory, name):
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=directory)
            os.fsync(directory)  # also when it was gone: an earlier delete may have died before this line

    def walk(self, prefix: str) -> Generator[StoredBlob, None, None]:
        """Yield the files whose keys start with `prefix`."""
        for top in _KEY_TOPS:
            yield from self._walk_directory((top,), prefix)

    def sweep(self, older_than: datetime) -> int:
        """Remove temporary files last written before `older_than`; return how many.

        A write that is under way for so long, and whose file has a name, then fails as a whole.
        """
        removed = 0
        with os.scandir(self._tops["tmp"]) as entries:
            for entry in entries:
                if (found := _find_file(entry)) and found.st_mtime < older_than.timestamp():
                    with suppress(FileNotFoundError):  # a write that has just ended removed it
                        os.unlink(entry.name, dir_fd=self._tops["tmp"])
                        removed += 1
        return removed

    def close(self) -> None:
        """Let go of the directories; may be called more than once. Nothing else may be called afterwards."""
        self._closing()

    @contextmanager
    def place(self, key: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """Yield the descriptor of the directory where `key` belongs, and the file's name in it.

        make: make missing directories. Raises: FileNotFoundError when no file can have this key.
        """
        if not is_key(key):
            raise FileNotFoundError(errno.ENOENT, "not a key", key)
        *names, name = key.split("/")
        with self._directory(tuple(names), make=make) as directory:
            yield directory, name

    @contextmanager
    def _directory(self, names: tuple[str, ...], *, make: bool = False) -> Iterator[int]:
        """Go down step by step: O_NOFOLLOW looks at the last step only."""
        descriptor, opened = self._tops[names[0]], list[int]()
        try:
            for depth in range(1, len(names)):
                descriptor = self._enter(descriptor, names[: depth + 1], make=make)
                opened.append(descriptor)
            yield descriptor
        finally:
            for descriptor in opened:
                os.close(descriptor)

    def _enter(self, parent: int, path: tuple[str, ...], *, make: bool) -> int:
        if make and path not in self._durable:
            self._make_directory(parent, path)
        try:
            return os.open(path[-1], _DIRECTORY, dir_fd=parent)
        except FileNotFoundError:
            if not make:
                raise
        self._make_directory(parent, path)  # it was there once: somebody removed it
        return os.open(path[-1], _DIRECTORY, dir_fd=parent)

    def _make_directory(self, parent: int, path: tuple[str, ...]) -> None:
        with suppress(FileExistsError):
            os.mkdir(path[-1], 0o700, dir_fd=parent)
        try:
            os.fsync(parent)  # also when it was there: whoever made it may not have come to this line yet
        except OSError:
            # A second fsync would prove nothing about this directory; made anew it is in doubt no longer.
            with suppress(OSError):
                os.rmdir(path[-1], dir_fd=parent)
            raise
        self._durable.add(path)

    def _make_root(self) -> None:
        """Make the root and what is missing above it; durable, also when somebody died while making it."""
        above = (self.root, *self.root.parents)
        missing = [path for path in above if not path.exists()]
        found = above[len(missing)]
        # Whoever may not write above it has not made it.
        if found != found.parent and os.access(found.parent, os.R_OK | os.W_OK | os.X_OK):
            _sync(found.parent)
        for path in reversed(missing):
            path.mkdir(0o700, exist_ok=True)
            _sync(path.parent)

    def _open_tops(self) -> None:
        """Make and open the directories right below the root, which itself may be a symbolic link."""
        with _opened(self.root) as root:
            for name in (*_KEY_TOPS, "tmp"):
                with suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=root)
                self._tops[name] = os.open(name, _DIRECTORY, dir_fd=root)
            os.fsync(root)

    def _walk_directory(self, names: tuple[str, ...], prefix: str) -> Generator[StoredBlob, None, None]:
        with suppress(*_ABSENT), self._directory(names) as directory, os.scandir(directory) as entries:
            for entry in entries:
                path = "/".join((*names, entry.name))
                if entry.is_dir(follow_symlinks=False) and f"{path}/".startswith(prefix[: len(path) + 1]):
                    yield from self._walk_directory((*names, entry.name), prefix)
                elif path.startswith(prefix) and is_key(path) and (found := _find_file(entry)):
                    modified_at = datetime.fromtimestamp(found.st_mtime, UTC)
                    yield StoredBlob(key=path, size_bytes=found.st_size, modified_at=modified_at)


def start_writing_back(descriptor: int, offset: int, length: int) -> None:
    """Let the disk start on bytes that were written, while more of them come.

    What lies `RECENT_BYTES` further back is on the disk by now and leaves memory: a long file pushes nothing
    out that others read, and needs few fresh pages, which a virtual machine gives more slowly than it writes.
    """
    if not hasattr(os, "posix_fadvise"):  # macOS has none
        return
    # On Linux this starts writing back, waits for nothing and drops only pages that are clean.
    os.posix_fadvise(descriptor, offset, length, os.POSIX_FADV_DONTNEED)
    if offset >= RECENT_BYTES:
        os.posix_fadvise(descriptor, offset - RECENT_BYTES, length, os.POSIX_FADV_DONTNEED)


def _find_file(entry: os.DirEntry[str]) -> os.stat_result | None:
    """Return what is known of a plain file; None for anything else, and when it is gone by now."""
    with suppress(FileNotFoundError):
        found = entry.stat(follow_symlinks=False)
        return found if stat.S_ISREG(found.st_mode) else None
    return None


def _can_link_unnamed_files(directory: int) -> bool:
    """Try it: macOS and some file systems have no O_TMPFILE, some containers no /proc."""
    name = uuid.uuid4().hex
    with suppress(OSError, AttributeError):
        descriptor = os.open(".", os.O_TMPFILE | os.O_WRONLY, 0o600, dir_fd=directory)
        try:
            os.link(f"/proc/self/fd/{descriptor}", name, dst_dir_fd=directory)
        finally:
            os.close(descriptor)
        os.unlink(name, dir_fd=directory)
        return True
    return False


def _sync(directory: Path) -> None:
    with _opened(directory) as descriptor:
        os.fsync(descriptor)


@contextmanager
def _opened(directory: Path) -> Iterator[int]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _close_all(descriptors: dict[str, int]) -> None:
    while descriptors:
        os.close(descriptors.popitem()[1])
