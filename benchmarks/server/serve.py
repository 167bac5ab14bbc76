"""Start one candidate server on the benchmark application: `python -m benchmarks.server.serve NAME PORT`.

The candidates are imported by name, so that type checking does not need all of them installed.
"""

import argparse
import logging
from collections.abc import Callable
from importlib import import_module


def uvicorn(target: str, port: int, workers: int, grace: int | None, http: object = "httptools") -> None:
    import_module("uvicorn").run(
        target,
        host="127.0.0.1",
        port=port,
        workers=workers,
        loop="uvloop",
        http=http,
        ws="none",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=grace,
    )


def uvicorn_h11(target: str, port: int, workers: int, grace: int | None) -> None:
    uvicorn(target, port, workers, grace, http="h11")


def uvicorn_guarded(target: str, port: int, workers: int, grace: int | None) -> None:
    uvicorn(target, port, workers, grace, http=import_module("benchmarks.server.guard").GuardedProtocol)


def granian(target: str, port: int, workers: int, grace: int | None) -> None:
    module = import_module("granian")
    constants = import_module("granian.constants")
    module.Granian(
        target,
        address="127.0.0.1",
        port=port,
        interface=constants.Interfaces.ASGI,
        http=constants.HTTPModes.http1,
        loop=constants.Loops.uvloop,
        workers=workers,
        websockets=False,
        workers_kill_timeout=grace,
        respawn_failed_workers=True,  # by default the death of one worker ends the server
        log_level=import_module("granian.log").LogLevels.warning,
    ).serve()


def hypercorn(target: str, port: int, workers: int, grace: int | None) -> None:
    config = import_module("hypercorn.config").Config()
    config.application_path = target
    config.bind = [f"127.0.0.1:{port}"]
    config.worker_class = "uvloop"
    config.workers = workers if workers > 1 else 0  # 0: serve in this process
    if grace is not None:
        config.graceful_timeout = grace
    config.loglevel = "WARNING"
    import_module("hypercorn.run").run(config)


SERVERS: dict[str, Callable[[str, int, int, int | None], None]] = {
    "uvicorn": uvicorn,
    "uvicorn-h11": uvicorn_h11,
    "uvicorn-guarded": uvicorn_guarded,
    "granian": granian,
    "hypercorn": hypercorn,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=SERVERS)
    parser.add_argument("port", type=int)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--grace", type=int, help="seconds for requests in flight after SIGTERM")
    parser.add_argument("--target", default="benchmarks.server.app:app")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    SERVERS[arguments.name](arguments.target, arguments.port, arguments.workers, arguments.grace)


if __name__ == "__main__":
    main()
