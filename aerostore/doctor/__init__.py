"""Doctor: looks at the machine and the settings for what would hurt later, and says what to do about it.

`examine` runs every check. The checks only look: what they try out, they try in a directory that they remove.
"""

import sqlite3
from collections.abc import Callable
from functools import partial

from aerostore.doctor import clock, database, disk, limit, network, postgres, secret
from aerostore.doctor.finding import Finding, fail
from aerostore.errors import StorageError
from aerostore.settings import Settings

Check = Callable[[Settings], Finding]

_ON_DISK: dict[str, Check] = {
    "data directory": disk.check_directory,
    "permissions": disk.check_permissions,
    "file system": disk.check_file_system,
    "durable files": disk.check_durable_files,
    "free space": disk.check_free_space,
    "free inodes": disk.check_free_inodes,
}
_IN_SQLITE: dict[str, Check] = {
    "SQLite": database.check_sqlite,
    "database": database.check_database,
}
_ELSEWHERE: dict[str, Check] = {
    "JWT secret": secret.check_jwt_secret,
    "signing keys": secret.check_signing_keys,
    "key files": secret.check_key_files,
    "open files": limit.check_open_files,
    "upload size": limit.check_upload_size,
    "exposure": network.check_exposure,
    "webhook": network.check_webhook,
}


def examine(settings: Settings, *, server_url: str) -> dict[str, Finding]:
    """Run every check; return what each found, by its name. Makes neither secrets nor the data directory.

    server_url: where a running server would answer, with the base path of its routes.
    """
    last: dict[str, Check] = {
        "port": partial(network.check_port, server_url=server_url),
        "clock": partial(clock.check_clock, started=clock.read_clocks()),
    }
    return (
        _run_all(_ON_DISK, settings)
        | (postgres.check_postgres(settings) if settings.database_url else _run_all(_IN_SQLITE, settings))
        | _run_all(_ELSEWHERE | last, settings)
    )


def _run_all(checks: dict[str, Check], settings: Settings) -> dict[str, Finding]:
    return {name: _run(check, settings) for name, check in checks.items()}


def _run(check: Check, settings: Settings) -> Finding:
    try:
        return check(settings)
    except (OSError, sqlite3.Error) as exc:
        return fail(str(exc), "Check that it exists and that this user may read and write it.")
    except StorageError as exc:
        return fail(exc.message, exc.hint or "")
