"""Settings: read once at the front gate, from `AEROSTORE_*` variables and an optional TOML file.

Nothing below `app` sees this module; parts are given values in their constructors. Each setting is
described in docs/reference/settings.md.
"""

import difflib
import errno
import json
import logging
import os
import re
import secrets
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_origin, get_type_hints
from urllib.parse import urlsplit

PREFIX = "AEROSTORE_"
_DECIDES_WHERE_DATA_GOES = {"backend"}
logger = logging.getLogger("aerostore.settings")
# Which settings came from the file: worker processes read all of them from the environment.
_FROM_FILE = f"{PREFIX}FROM_FILE"
_SECRET = ("jwt_secret", "signing_keys", "jwks", "anon_key", "s3_secret_access_key", "webhook_secret")
_URLS = ("database_url", "webhook_url", "jwks_url")
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


class InvalidSettings(ValueError):
    """A setting is unknown or has a value that cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A setting as people may see it. value: None for a secret and for what is not set."""

    name: str
    variable: str
    value: str | int | bool | list[str] | None
    is_secret: bool
    source: Literal["environment", "file", "default", "generated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be configured. Sizes are bytes, times are seconds.

    jwt_secret and signing_keys are generated into `data_dir` when they are empty, never built in.
    """

    data_dir: Path = Path("aerostore-data")
    database_url: str = field(default="", repr=False)
    database_pool_size: int = 10
    database_prepared_statements: bool = True
    policies_dir: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    jwt_secret: str = field(default="", repr=False)
    jwks: Mapping[str, Any] | None = field(default=None, repr=False)
    jwks_url: str = ""
    anon_key: str = field(default="", repr=False)
    signing_keys: tuple[str, ...] = field(default=(), repr=False)
    file_size_limit: int = 50 * 1000**3
    upload_url_expires_in: int = 7200
    resumable_upload_lifetime: int = 24 * 3600
    multipart_upload_lifetime: int = 7 * 24 * 3600
    s3_region: str = "us-east-1"
    s3_access_key_id: str = ""
    s3_secret_access_key: str = field(default="", repr=False)
    s3_port: int = 0
    public_url: str = ""
    empty_bucket_max: int = 200_000
    strict_status: bool = False
    cors_origins: tuple[str, ...] = ("*",)
    webhook_url: str = ""
    webhook_secret: str = field(default="", repr=False)
    webhook_allow_private: bool = False
    event_log: bool = False
    event_retention: int = 7 * 24 * 3600
    reclaim_interval: int = 3600
    reclaim_grace: int = 24 * 3600
    reclaim_max_deletes: int = 10_000
    scrub_interval: int = 30 * 24 * 3600
    scrub_rate: int = 20 * 1024**2
    body_timeout: int = 60
    send_timeout: int = 300
    max_requests: int = 512
    shutdown_timeout: int = 30
    log_level: str = "info"

    def __post_init__(self) -> None:
        limits = {
            "port": (1, 65535),
            "s3_port": (0, 65535),
            "workers": (1, 256),
            "file_size_limit": (0, 5 * 1024**4),
            "database_pool_size": (1, 1000),
            "max_requests": (1, 100_000),
            "scrub_interval": (0, 2**53),
        }
        for name in _names_of(int):
            least, most = limits.get(name, (1, 2**53))
            if not least <= getattr(self, name) <= most:
                raise InvalidSettings(f"{PREFIX}{name.upper()} must be {least} to {most}")
        if self.database_url and not self.database_url.startswith(("postgresql://", "postgres://")):
            raise InvalidSettings(
                f"{PREFIX}DATABASE_URL must be postgresql://user:password@host:port/database;"
                " unset it for SQLite"
            )
        self._check_s3()
        self._check_public_url()
        if self.log_level not in {"debug", "info", "warning", "error"}:
            raise InvalidSettings(f"{PREFIX}LOG_LEVEL must be debug, info, warning or error")

    def _check_s3(self) -> None:
        if bool(self.s3_access_key_id) != bool(self.s3_secret_access_key):
            raise InvalidSettings(
                f"{PREFIX}S3_ACCESS_KEY_ID and {PREFIX}S3_SECRET_ACCESS_KEY belong together: set both or none"
            )
        if self.s3_secret_access_key and len(self.s3_secret_access_key) < 16:
            raise InvalidSettings(f"{PREFIX}S3_SECRET_ACCESS_KEY must have at least 16 characters")
        if self.s3_port == self.port:
            raise InvalidSettings(f"{PREFIX}S3_PORT must be another port than {PREFIX}PORT")

    def _check_public_url(self) -> None:
        url = urlsplit(self.public_url)
        is_base = url.scheme in {"http", "https"} and url.hostname and not (url.query or url.fragment)
        if self.public_url and (not is_base or url.path.rstrip("/").endswith("/storage/v1")):
            raise InvalidSettings(
                f"{PREFIX}PUBLIC_URL must be what comes before /storage/v1 in the URLs of clients,"
                " for example https://files.example.org"
            )

    @property
    def database_path(self) -> Path:
        """The SQLite file."""
        return self.data_dir / "aerostore.db"

    @property
    def blobs_path(self) -> Path:
        """The folder of the local backend."""
        return self.data_dir / "blobs"

    @property
    def jwt_secret_path(self) -> Path:
        """Where a generated JWT secret is kept."""
        return self.data_dir / "jwt_secret"

    @property
    def signing_key_path(self) -> Path:
        """Where a generated signing key is kept."""
        return self.data_dir / "signing_key"

    @property
    def local_url(self) -> str:
        """Where this machine reaches the server, without a path."""
        return self._url_of(self.port)

    @property
    def local_s3_url(self) -> str:
        """Where this machine reaches the port that only speaks S3."""
        return self._url_of(self.s3_port)

    def _url_of(self, port: int) -> str:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read `AEROSTORE_CONFIG` (a TOML file) and then the environment, which wins. Empty means not set.

        A variable that is no setting is logged and ignored: container platforms add some of their own.
        Raises: InvalidSettings naming the setting that is unusable, or unknown in the file.
        """
        given = dict(os.environ if environ is None else environ)  # noqa: TID251 -- the one place that may
        path = given.pop(f"{PREFIX}CONFIG", "")
        values = _parse_toml(Path(path)) if path else {}
        for name, text in _known(given).items():
            values[name] = _parse(name, text, called=f"{PREFIX}{name.upper()}")
        return cls(**values)

    def publish(self) -> None:
        """Put these settings into the environment, where worker processes read them."""
        names = _names_in_file(os.environ)  # noqa: TID251 -- the one place that may
        os.environ[_FROM_FILE] = ",".join(names)  # noqa: TID251 -- the one place that may
        os.environ.pop(f"{PREFIX}CONFIG", None)  # noqa: TID251 -- the one place that may
        for each in fields(self):
            text = _to_text(getattr(self, each.name))
            os.environ[f"{PREFIX}{each.name.upper()}"] = text  # noqa: TID251 -- the one place that may

    def described(self, environ: Mapping[str, str] | None = None) -> list[Described]:
        """List these settings with where they come from, without secrets.

        What has the value of its default counts as that, wherever it was set; a flag of `serve` counts as
        environment.
        """
        given = os.environ if environ is None else environ  # noqa: TID251 -- the one place that may
        in_file, defaults = _names_in_file(given), Settings()
        return [_describe(each.name, self, defaults, in_file) for each in fields(self)]

    def with_secrets(self) -> "Settings":
        """Return these settings with generated secrets filled in, kept in `data_dir` with mode 0600.

        Makes `data_dir`, with mode 0700.
        Raises: InvalidSettings when it cannot be used, or a kept secret is empty or not text.
        """
        try:
            _make_directory(self.data_dir.absolute())
            jwt_secret = self.jwt_secret or _kept_secret(self.jwt_secret_path)
            signing_keys = self.signing_keys or (_kept_secret(self.signing_key_path),)
        except OSError as exc:
            raise InvalidSettings(
                f"{PREFIX}DATA_DIR: {self.data_dir} cannot be used: {exc.strerror}."
                " Name a directory that this user may read and write, or one that can be made."
            ) from exc
        return replace(self, jwt_secret=jwt_secret, signing_keys=signing_keys)


def _hints() -> dict[str, Any]:
    return get_type_hints(Settings)


def _names_of(kind: type) -> list[str]:
    hints = _hints()
    return [each.name for each in fields(Settings) if hints[each.name] is kind]


def _known(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are settings; refuse those that would put data somewhere else."""
    given = {
        key.removeprefix(PREFIX).lower(): text
        for key, text in environ.items()
        if key.startswith(PREFIX) and text != "" and key != _FROM_FILE
    }
    for name in sorted(set(given) - set(_hints())):
        if name in _DECIDES_WHERE_DATA_GOES:
            raise InvalidSettings(
                f"{PREFIX}{name.upper()} is not available in this version:"
                " bytes are kept in the data directory. Unset it."
            )
        logger.warning("%s%s is not a setting and is ignored. %s", PREFIX, name.upper(), _suggest(name))
    return {name: text for name, text in given.items() if name in _hints()}


def _names_in_file(environ: Mapping[str, str]) -> list[str]:
    """Return the settings that the file gives and the environment does not."""
    path = environ.get(f"{PREFIX}CONFIG", "")
    if not path:
        return [name for name in environ.get(_FROM_FILE, "").split(",") if name]
    try:
        given = _parse_toml(Path(path))
    except InvalidSettings:  # it was read at the start, and is gone or broken since
        return []
    return sorted(name for name in given if not environ.get(f"{PREFIX}{name.upper()}"))


def _describe(name: str, settings: Settings, defaults: Settings, in_file: Collection[str]) -> Described:
    value, default = getattr(settings, name), getattr(defaults, name)
    source: Literal["environment", "file", "default", "generated"] = "environment"
    if _is_generated(settings, name):
        source = "generated"
    elif value == default:
        source = "default"
    elif name in in_file:
        source = "file"
    is_secret = name in _SECRET
    return Described(
        name=name,
        variable=f"{PREFIX}{name.upper()}",
        value=None if is_secret else _shown(name, value),
        is_secret=is_secret,
        source=source,
    )


def _is_generated(settings: Settings, name: str) -> bool:
    """Tell whether a secret is the one in its file: other processes have it from the environment."""
    if name == "jwt_secret":
        return settings.jwt_secret in {"", _secret_in(settings.jwt_secret_path)}
    if name == "signing_keys":
        return settings.signing_keys in {(), (_secret_in(settings.signing_key_path),)}
    return False


def _secret_in(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _shown(name: str, value: Any) -> str | int | bool | list[str] | None:
    if value is None or value == "":
        return None
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Path):
        return str(value)
    return without_credentials(value, has_path=name != "webhook_url") if name in _URLS else value


def without_credentials(url: str, *, has_path: bool = True) -> str:
    """Return scheme, host and path of a URL: user, password and query are for the server alone.

    has_path: the path is no secret, as that of a webhook may be.
    Source: PostgreSQL, libpq reads what is before the first `@` as credentials unless a `/` comes first.
    """
    scheme, _, rest = url.partition("://")
    after = re.sub(r"\A[^@/]*@", "", rest)
    shown = re.split("[?#]" if has_path else "[?#/]", after, maxsplit=1)[0]
    # Programs may take such an address differently: then nothing of it is shown.
    return f"{scheme}://{'...' if '@' in shown else shown}"


def _parse_toml(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as exc:
        raise InvalidSettings(f"{PREFIX}CONFIG: {path} cannot be read: {exc}") from exc
    return {
        key.lower(): _parse(key.lower(), value, called=f"{key} in {path}")
        for key, value in document.items()
        if value != ""
    }


def _parse(name: str, value: Any, *, called: str) -> Any:
    hint = _hints().get(name)
    if hint is None:
        raise InvalidSettings(f"{called} is not a setting. {_suggest(name)}")
    try:
        return _convert(hint, value)
    except (TypeError, ValueError) as exc:
        raise InvalidSettings(f"{called} cannot be used: {exc}") from exc


def _suggest(name: str) -> str:
    close = difflib.get_close_matches(name, _hints(), n=1)
    if close:
        return f"Did you mean {close[0]}?"
    return "docs/reference/settings.md lists them."


def _convert(hint: Any, value: Any) -> Any:
    if hint is bool:
        return _to_bool(value)
    if hint is int:
        return _to_int(value)
    if get_origin(hint) is tuple:
        return _to_texts(value)
    if hint in (str, Path):
        text = _to_str(value)
        return text if hint is str else Path(text).expanduser()
    document = json.loads(value) if isinstance(value, str) else value
    if not isinstance(document, dict):
        raise ValueError("a JSON object is needed")
    return document


def _to_bool(value: Any) -> bool:
    text = str(value).strip().lower()
    if text not in _TRUE | _FALSE:
        raise ValueError("use true or false")
    return text in _TRUE


def _to_int(value: Any) -> int:
    if isinstance(value, bool | float):
        raise ValueError("use a whole number")
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ValueError(f"{value!r:.50} is not a whole number") from None


def _to_str(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("use a text in quotes")
    if "\0" in value:
        raise ValueError("it holds a NUL character")
    return value


def _to_texts(value: Any) -> tuple[str, ...]:
    """Read a TOML list, or as a text: a JSON list, else parts with commas between them."""
    parts = value
    if isinstance(value, str):
        parts = json.loads(value) if value.lstrip().startswith("[") else value.split(",")
    if not isinstance(parts, list):
        raise ValueError("use a list of texts")
    texts = [_to_str(part).strip() for part in parts]
    return tuple(text for text in texts if text)


def _to_text(value: Any) -> str:
    """Write a value so that `_convert` reads the same one; a comma or an empty list must survive."""
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, tuple | dict) else str(value)


def _kept_secret(path: Path) -> str:
    """Return the secret in `path`, made on first use; concurrent processes agree on one."""
    if not path.exists():
        _keep_new_secret(path)
    # Also when it was there: whoever made it may not have come to this line yet, and a secret that a power
    # cut takes makes every token and link worthless.
    _sync_directory(path.parent)
    try:
        secret = path.read_text("utf-8").strip()
    except UnicodeDecodeError as exc:
        raise InvalidSettings(f"{path} holds no text; restore it, or delete it to get a new secret") from exc
    if not secret:
        raise InvalidSettings(f"{path} is empty; restore it, or delete it to get a new secret")
    return secret


def _keep_new_secret(path: Path) -> None:
    candidate = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with open(os.open(candidate, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(48))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(candidate, path)
    except FileExistsError:
        pass
    finally:
        candidate.unlink()


def _make_directory(path: Path) -> None:
    """Make `path` and what is missing above it, durably. Raises: OSError when it cannot be written to."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
        _sync_directory(each.parent)
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "it is not a directory")
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "this user may not write to it")


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
