"""nginx as a contender: the same bytes without a database. GET with sendfile, PUT into a folder."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.contest.contender import Contender
from benchmarks.contest.launch import Server, find_tool
from benchmarks.contest.site import FileSite
from benchmarks.server.harness import free_port

_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
# Bodies are written below the same folder: then the file has only to be renamed.
_CONFIGURATION = """
daemon off;
worker_processes {workers};
pid {folder}/pid;
error_log {folder}/error.log;
{user}
events {{ worker_connections 2048; }}
http {{
    access_log off;
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    {temporary}
    server {{
        listen 127.0.0.1:{port};
        root {folder}/files;
        location / {{ dav_methods PUT DELETE; create_full_put_path on; }}
    }}
}}
"""


@contextmanager
def running(folder: Path, *, workers: int) -> Iterator[Contender]:
    """Run nginx for the time of the block, with its files in `folder`. Raises: CannotRun."""
    program = find_tool("nginx")
    (folder / "files").mkdir(parents=True)
    (folder / "files" / "ready").touch()
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(to_configuration(folder, port, workers))
    base_url = f"http://127.0.0.1:{port}"
    server = Server(
        [program, "-p", str(folder), "-e", f"{folder}/error.log", "-c", str(configuration)],
        environment={},
        folder=folder,
        log=folder / "log",
        ready_url=f"{base_url}/ready",
    )
    server.start()
    try:
        yield Contender(
            name=f"nginx x{workers}",
            site=FileSite(base_url),
            server=server,
            facts={"workers": workers, "durable": "no: PUT does not call fsync", "policies": "none"},
        )
    finally:
        server.stop()


def to_configuration(folder: Path, port: int, workers: int) -> str:
    """Return the text of nginx.conf; the workers run as whoever runs this."""
    # Only root can, and must, say so: its workers would be `nobody`, who cannot write here.
    user = f"user {pwd.getpwuid(os.geteuid()).pw_name};" if os.geteuid() == 0 else ""
    temporary = " ".join(f"{name}_temp_path {folder}/{name};" for name in _TEMPORARY)
    return _CONFIGURATION.format(folder=folder, port=port, workers=workers, user=user, temporary=temporary)
