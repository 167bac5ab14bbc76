"""Checks of the data directory and the file system below it.

A directory that does not exist yet is judged by the nearest one above it that does.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.filesize import decimal

from aerostore.doctor.finding import Finding, fail, ok, warn
from aerostore.settings import Settings

_MOUNTS = Path("/proc/self/mounts")
_IN_MEMORY = {"tmpfs", "ramfs"}
_IN_CONTAINER = {"overlay", "aufs"}
_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "lustre", "afs"}
_LEAST_FREE_BYTES, _LITTLE_FREE_BYTES = 100 * 1000**2, 1000**3
_LITTLE_FREE_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted file system."""

    path: Path
    type: str


def nearest_directory(path: Path) -> Path:
    """Return `path`, or what exists nearest above it."""
    absolute = path.absolute()
    return next(each for each in (absolute, *absolute.parents) if each.exists())


@contextmanager
def probe_directory(settings: Settings) -> Iterator[Path]:
    """Yield an empty directory on the data directory's file system; it is gone after the block."""
    ground = nearest_directory(settings.data_dir)
    with TemporaryDirectory(prefix=".aerostore-doctor-", dir=ground) as name:
        yield Path(name)


def check_directory(settings: Settings) -> Finding:
    """Look whether the data directory can be used, or made."""
    path = settings.data_dir.absolute()
    ground = nearest_directory(path)
    if not ground.is_dir():
        return fail(f"{ground} is a file", "Name a directory in AEROSTORE_DATA_DIR.")
    if not os.access(ground, os.R_OK | os.W_OK | os.X_OK):
        owner = f"user {os.geteuid()}"
        return fail(
            f"{ground} cannot be written by {owner}", f"Give it to {owner}: chown, or choose another."
        )
    return ok(f"{path}" if path == ground else f"{path} will be made")


def check_permissions(settings: Settings) -> Finding:
    """Look who else on this machine can get into the data directory."""
    if not settings.data_dir.exists():
        return ok("will be 0700")
    mode = settings.data_dir.stat().st_mode & 0o777
    if mode & 0o077:
        return warn(f"{mode:04o}: other users of this machine get in", f"chmod 700 {settings.data_dir}")
    return ok(f"{mode:04o}")


def check_file_system(settings: Settings) -> Finding:
    """Look whether the bytes lie on a local disk that stays."""
    mount = find_mount(nearest_directory(settings.data_dir), _MOUNTS) if _MOUNTS.exists() else None
    if mount is None:
        return ok("unknown: this system has no /proc/self/mounts")
    found = f"{mount.type} mounted on {mount.path}"
    if mount.type in _IN_MEMORY:
        return warn(f"{found}: it is memory, and empty after a restart", "Put the data directory on a disk.")
    if mount.type in _IN_CONTAINER:
        return warn(
            f"{found}: it goes with the container", "Mount a volume and put the data directory there."
        )
    if mount.type in _NETWORK or mount.type.startswith("fuse."):
        return _judge_network(found, settings)
    return ok(found)


def _judge_network(found: str, settings: Settings) -> Finding:
    if settings.database_url:
        return warn(
            f"{found}: bytes are as safe as its server",
            "It must honour fsync: for NFS, export it with sync, and mount it hard.",
        )
    return warn(
        f"{found}: SQLite's WAL is not safe over a network (sqlite.org/wal.html)",
        "Put the data directory on a local disk.",
    )


def find_mount(directory: Path, mounts: Path) -> Mount | None:
    """Return the file system that holds `directory`, from a table in the format of fstab(5)."""
    resolved, found = directory.resolve(), None
    for line in mounts.read_text("utf-8", "replace").splitlines():
        _device, path, kind, *_ = line.split(" ")
        mount = Mount(Path(_unescape(path)), kind)
        # Of two on one path the later one covers the earlier one.
        deeper = found is None or len(mount.path.parts) >= len(found.path.parts)
        if deeper and resolved.is_relative_to(mount.path):
            found = mount
    return found


def _unescape(path: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)


def check_durable_files(settings: Settings) -> Finding:
    """Publish two files with the calls that uploads use."""
    with probe_directory(settings) as path:
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _publish_named(directory)
            if _can_publish_unnamed(directory):
                return ok("fsync, link and O_TMPFILE work")
        finally:
            os.close(directory)
    return warn(
        "fsync and link work, O_TMPFILE does not",
        "Nothing must be done: what a killed upload leaves in tmp/ stays until reclaim sweeps it.",
    )


def _publish_named(directory: int) -> None:
    draft = os.open("draft", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600, dir_fd=directory)
    try:
        _write_durably(draft)
        os.link("draft", "named", src_dir_fd=directory, dst_dir_fd=directory)
        os.fsync(directory)
    finally:
        os.close(draft)


def _can_publish_unnamed(directory: int) -> bool:
    try:
        draft = os.open(".", os.O_TMPFILE | os.O_WRONLY, 0o600, dir_fd=directory)
    except (OSError, AttributeError):  # macOS has no O_TMPFILE at all
        return False
    try:
        _write_durably(draft)
        os.link(f"/proc/self/fd/{draft}", "unnamed", dst_dir_fd=directory)
        os.fsync(directory)
    except OSError:
        return False
    finally:
        os.close(draft)
    return True


def _write_durably(descriptor: int) -> None:
    os.write(descriptor, b"aerostore")
    os.fsync(descriptor)


def check_free_space(settings: Settings) -> Finding:
    """Look for room; uploads fail with InsufficientStorage when there is none."""
    free_bytes, share = free_space(settings)
    found = f"{decimal(free_bytes)} free ({share:.0%})"
    advice = "Make room, or move the data directory to a larger disk."
    if free_bytes < _LEAST_FREE_BYTES:
        return fail(found, advice)
    return warn(found, advice) if free_bytes < _LITTLE_FREE_BYTES or share < _LITTLE_FREE_SHARE else ok(found)


def free_space(settings: Settings) -> tuple[int, float]:
    """Return how many bytes this user may still write beside the data directory, and their share."""
    found = os.statvfs(nearest_directory(settings.data_dir))
    return found.f_bavail * found.f_frsize, found.f_bavail / max(found.f_blocks, 1)


def check_free_inodes(settings: Settings) -> Finding:
    """Look whether the file system can hold more files: each stored blob is one."""
    found = os.statvfs(nearest_directory(settings.data_dir))
    if found.f_files == 0:
        return ok("this file system has no fixed number")
    message = f"{found.f_favail:,} free ({found.f_favail / found.f_files:.0%})"
    advice = "Remove files, or move the data directory to a file system made with more inodes."
    if found.f_favail == 0:
        return fail(message, advice)
    return warn(message, advice) if found.f_favail < _LITTLE_FREE_SHARE * found.f_files else ok(message)
