"""Programs of aerostore under strace: the real server with one worker, and its commands."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.contract.client import Target
from tests.contract.conftest import SECRET, wait_until_ready
from tests.crash.invariants import Place
from tests.crash.server import Server
from tests.port import free_port
from tests.requirement import skip_without

_REPOSITORY = Path(__file__).parents[3]
_WRITING = "write,pwrite64,writev,pwritev,pwritev2,sendfile,splice,copy_file_range,ftruncate,fallocate"
_READING = "read,pread64,readv,preadv,preadv2,recvfrom,recvmsg"
_SYNCING = "fsync,fdatasync,sync_file_range,msync,?sync,?syncfs"
# With a question mark: calls that not every architecture has.
_NAMING = "openat,?open,?link,linkat,?unlink,unlinkat,?rename,?renameat,?renameat2,?mkdir,mkdirat"
_ANSWERING = "sendto,sendmsg"
_TRACED = ",".join((_WRITING, _READING, _SYNCING, _NAMING, _ANSWERING))
# As many bytes of each text as show a request line and a key.
_SHOWN_BYTES = 160


def require_strace() -> str:
    """Return the program; skip the test where there is none."""
    if found := shutil.which("strace"):
        return found
    skip_without("strace", "no strace in PATH")


def _strace(trace: Path, *options: str) -> list[str]:
    shown = ("-f", "--seccomp-bpf", "-y", "-s", str(_SHOWN_BYTES), "-e", "signal=none")
    return [require_strace(), *shown, "-e", f"trace={_TRACED}", *options, "-o", str(trace)]


@contextmanager
def traced_server(data_dir: Path, trace: Path) -> Iterator[Server]:
    """Serve `data_dir` with one worker for the time of the block; strace writes to `trace`."""
    port = free_port()
    log = trace.with_suffix(".log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*_strace(trace), sys.executable, "-m", "aerostore", "serve"],
            cwd=_REPOSITORY,
            env=_environment(data_dir, port=str(port), workers="1"),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    target = Target(url=f"http://127.0.0.1:{port}/storage/v1", secret=SECRET, is_disposable=True)
    server = Server(target=target, place=Place(data_dir), process=process)
    try:
        wait_until_ready(process, target.url, log)
        yield server
    finally:
        server.kill()


def run_traced(
    data_dir: Path, trace: Path, *command: str, options: Sequence[str] = (), **settings: str
) -> None:
    """Run `aerostore COMMAND` on `data_dir`, whether it succeeds or not; its output goes beside `trace`.

    options: more of them for strace, to make calls fail.
    """
    with trace.with_suffix(".log").open("ab") as output:
        subprocess.run(
            [*_strace(trace, *options), sys.executable, "-m", "aerostore", *command],
            cwd=_REPOSITORY,
            env=_environment(data_dir, **settings),
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )


def run_program_traced(trace: Path, module: str, *arguments: str) -> None:
    """Run a module of the tests; its output goes beside `trace`."""
    with trace.with_suffix(".log").open("wb") as output:
        subprocess.run(
            [*_strace(trace), sys.executable, "-m", module, *arguments],
            cwd=_REPOSITORY,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )


def _environment(data_dir: Path, **settings: str) -> dict[str, str]:
    values = {"data_dir": str(data_dir), "host": "127.0.0.1", "jwt_secret": SECRET, **settings}
    return {f"AEROSTORE_{name.upper()}": value for name, value in values.items()}


def has_unnamed_files(directory: Path) -> bool:
    """Tell whether this file system makes files without a name and lets them be linked."""
    with suppress(OSError, AttributeError), _opened(directory) as folder:
        descriptor = os.open(directory, os.O_TMPFILE | os.O_WRONLY, 0o600)
        os.link(f"/proc/self/fd/{descriptor}", "linked", dst_dir_fd=folder)
        os.unlink("linked", dir_fd=folder)
        os.close(descriptor)
        return True
    return False


@contextmanager
def _opened(directory: Path) -> Iterator[int]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
