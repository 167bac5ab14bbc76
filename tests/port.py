"""Ports for the servers of tests: no two processes of one run are given the same one."""

import itertools
import os
import secrets
import socket

_FIRST, _BEYOND = 10_000, 32_768
"""Below what systems give to outgoing connections: a client could take such a port before its server does."""
_ENVIRONMENT = os.environ  # noqa: TID251 -- pytest-xdist tells here which process of the run this is


def _own_ports() -> range:
    """Return every n-th port when the run has n processes."""
    workers = int(_ENVIRONMENT.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    number = int(_ENVIRONMENT.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return range(_FIRST + number, _BEYOND, workers)


def _from_anywhere(ports: range) -> list[int]:
    """Return `ports` from a random one on: another run on this machine hardly begins there too."""
    start = secrets.randbelow(len(ports))
    return [*ports[start:], *ports[:start]]


_PORTS = itertools.cycle(_from_anywhere(_own_ports()))


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody uses; it comes again only after thousands of others."""
    return next(port for port in _PORTS if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
