import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import pytest

from aerostore.settings import PREFIX, InvalidSettings, Settings
from tests.unit.backend_local.system_calls import trace_system_calls

SECRET = "settings-secret-that-is-long-enough-for-hs256"


def config(directory: Path, text: str) -> dict[str, str]:
    """Write a configuration file; return the environment that names it."""
    path = directory / "aerostore.toml"
    path.write_text(text, "utf-8")
    return {"AEROSTORE_CONFIG": str(path)}


def test_nothing_given_means_the_defaults() -> None:
    assert Settings.from_env({}) == Settings()


def test_statements_are_prepared_unless_somebody_says_no() -> None:
    switched_off = Settings.from_env({"AEROSTORE_DATABASE_PREPARED_STATEMENTS": "off"})
    assert Settings().database_prepared_statements
    assert not switched_off.database_prepared_statements


def test_other_variables_are_not_looked_at() -> None:
    assert Settings.from_env({"PORT": "9", "XAEROSTORE_PORT": "9", "aerostore_port": "9"}) == Settings()


def test_variables_become_values_of_their_type() -> None:
    settings = Settings.from_env(
        {
            "AEROSTORE_PORT": "9000",
            "AEROSTORE_STRICT_STATUS": "Yes",
            "AEROSTORE_DATA_DIR": "/srv/objects",
            "AEROSTORE_SIGNING_KEYS": "new, old,",
            "AEROSTORE_JWKS": '{"keys": []}',
        }
    )
    assert settings == Settings(
        port=9000,
        strict_status=True,
        data_dir=Path("/srv/objects"),
        signing_keys=("new", "old"),
        jwks={"keys": []},
    )


def test_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    given = config(tmp_path, "port = 9001") | {"AEROSTORE_PORT": "", "AEROSTORE_WORKERS": ""}
    assert Settings.from_env(given) == Settings(port=9001)


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    given = config(tmp_path, 'port = 9001\nHost = "::1"') | {"AEROSTORE_PORT": "9002"}
    assert Settings.from_env(given) == Settings(port=9002, host="::1")


def test_file_holds_lists_tables_and_numbers(tmp_path: Path) -> None:
    given = config(
        tmp_path, 'cors_origins = ["https://a.example"]\nevent_log = true\nworkers = 2\n[jwks]\nkeys = []'
    )
    assert Settings.from_env(given) == Settings(
        cors_origins=("https://a.example",), event_log=True, workers=2, jwks={"keys": []}
    )


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("PORT", "tcp://10.0.0.7:80", "not a whole number"),
        ("PORT", "0", "must be 1 to 65535"),
        ("PORT", "65536", "must be 1 to 65535"),
        ("WORKERS", "0", "must be 1 to 256"),
        ("RECLAIM_GRACE", "-1", "must be 1 to"),
        ("BODY_TIMEOUT", "1.5", "not a whole number"),
        ("EVENT_LOG", "maybe", "use true or false"),
        ("LOG_LEVEL", "loud", "debug, info, warning or error"),
        ("JWKS", "[]", "a JSON object is needed"),
        ("JWKS", "{", "cannot be used"),
        ("SIGNING_KEYS", "[1]", "use a text in quotes"),
        ("BACKEND", "s3", "not available"),
        ("CONFIG", "/nowhere/aerostore.toml", "/nowhere/aerostore.toml cannot be read"),
    ],
)
def test_unusable_variable_is_refused_by_name(name: str, value: str, reason: str) -> None:
    with pytest.raises(InvalidSettings, match=reason) as refused:
        Settings.from_env({f"AEROSTORE_{name}": value})
    assert f"AEROSTORE_{name}" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("prot = 9000", r"prot in .*aerostore\.toml is not a setting. Did you mean port\?"),
        ("port = true", "port in .* cannot be used: use a whole number"),
        ("port = 80.5", "use a whole number"),
        ("host = 7", "use a text in quotes"),
        ('host = "a\\u0000b"', "NUL"),
        ("data_dir = 2026-01-01", "use a text in quotes"),
        ("cors_origins = {a = 1}", "use a list of texts"),
        ("port = ", r"AEROSTORE_CONFIG: .*aerostore\.toml cannot be read"),
    ],
)
def test_unusable_line_of_the_file_is_refused_by_name(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(InvalidSettings, match=reason):
        Settings.from_env(config(tmp_path, text))


def test_unknown_variable_is_told_and_ignored(caplog: pytest.LogCaptureFixture) -> None:
    assert Settings.from_env({"AEROSTORE_PROT": "9000"}) == Settings()
    assert caplog.messages == ["AEROSTORE_PROT is not a setting and is ignored. Did you mean port?"]


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(cors_origins=()),
        Settings(signing_keys=("one,with a comma", "[another", "ключ")),
        Settings(jwks={"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}),
        Settings(
            strict_status=True, port=9000, data_dir=Path("/srv/ a b"), webhook_url="https://a.example/$HOME"
        ),
    ],
    ids=["defaults", "no origins", "odd keys", "jwks", "scalars"],
)
def test_published_settings_are_read_back_unchanged(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr("os.environ", {"AEROSTORE_CONFIG": "/nowhere"})
    settings.publish()
    assert Settings.from_env() == settings


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("2001:db8::7", "http://[2001:db8::7]:8000"),
        ("storage.example", "http://storage.example:8000"),
    ],
)
def test_local_url_is_one_that_this_machine_can_open(host: str, url: str) -> None:
    assert Settings(host=host).local_url == url


def test_secrets_are_generated_once_and_for_this_user_only(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "a" / "data")
    first = settings.with_secrets()
    assert settings.with_secrets() == first
    assert len(first.jwt_secret) >= 32
    assert first.jwt_secret not in first.signing_keys
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in settings.data_dir.iterdir()}
    assert modes == {"jwt_secret": 0o600, "signing_key": 0o600}
    assert stat.S_IMODE(settings.data_dir.stat().st_mode) == 0o700


def test_processes_that_start_together_agree_on_the_secrets(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: settings.with_secrets().jwt_secret, range(32)))
    assert len(found) == 1


def test_secrets_are_durable_before_anybody_uses_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    calls = trace_system_calls(monkeypatch)
    first = settings.with_secrets()
    each = [f"fsync file of {len(first.jwt_secret)} bytes", "link", "fsync data/"]
    assert calls == [f"fsync {tmp_path.name}/", *each, *each]


def test_a_secret_that_another_process_made_is_not_trusted_to_be_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    settings.with_secrets()
    calls = trace_system_calls(monkeypatch)
    settings.with_secrets()
    assert calls == ["fsync data/"] * 2


def test_given_secrets_are_kept_and_not_written_down(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, jwt_secret=SECRET, signing_keys=("key",))
    assert settings.with_secrets() == settings
    assert list(tmp_path.iterdir()) == []


def test_secrets_are_not_shown() -> None:
    settings = Settings(
        jwt_secret="hush-1", signing_keys=("hush-2",), webhook_secret="hush-3", jwks={"k": "hush-4"}
    )
    assert "hush" not in repr(settings)


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe"])
def test_damaged_secret_is_not_replaced_in_silence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "jwt_secret"
    path.write_bytes(content)
    with pytest.raises(InvalidSettings, match="restore it, or delete it"):
        Settings(data_dir=tmp_path).with_secrets()
    assert path.read_bytes() == content


def test_data_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.touch()
    with pytest.raises(InvalidSettings, match=r"AEROSTORE_DATA_DIR.*not a directory"):
        Settings(data_dir=path, jwt_secret=SECRET, signing_keys=("key",)).with_secrets()


def test_data_directory_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="AEROSTORE_DATA_DIR: /proc/nowhere cannot be used"):
        Settings(data_dir=Path("/proc/nowhere")).with_secrets()


@pytest.mark.parametrize(
    "url",
    [
        *("files.example", "/api", "ftp://files.example", "https://", "https://files.example?a=b"),
        *(
            "https://files.example/#a",
            "https://files.example/storage/v1",
            "https://files.example/storage/v1/",
        ),
    ],
)
def test_public_url_must_be_what_comes_before_the_storage_base(url: str) -> None:
    with pytest.raises(InvalidSettings, match="AEROSTORE_PUBLIC_URL must be"):
        Settings(public_url=url)


@pytest.mark.parametrize("url", ["", "https://files.example", "http://[::1]:8000", "https://a.example/api/"])
def test_public_url_may_have_a_path_of_its_own(url: str) -> None:
    assert Settings(public_url=url).public_url == url


def test_described_settings_tell_where_each_comes_from(tmp_path: Path) -> None:
    path = tmp_path / "aerostore.toml"
    path.write_text('workers = 3\nmax_requests = 7\nhost = "::1"')
    given = {
        "AEROSTORE_CONFIG": str(path),
        "AEROSTORE_MAX_REQUESTS": "9",
        "AEROSTORE_DATA_DIR": str(tmp_path / "data"),
    }
    settings = Settings.from_env(given).with_secrets()
    shown = {each.name: each for each in settings.described(given)}
    assert (shown["workers"].value, shown["workers"].source) == (3, "file")
    assert (shown["max_requests"].value, shown["max_requests"].source) == (9, "environment")
    assert (shown["port"].value, shown["port"].source) == (8000, "default")
    assert shown["signing_keys"].source == shown["jwt_secret"].source == "generated"
    assert shown["data_dir"].variable == "AEROSTORE_DATA_DIR"


def test_described_settings_hold_no_secret(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        database_url="postgresql://user:hidden-password@db.example/rows?password=hidden",
        jwt_secret="hidden-jwt-secret-that-is-long-enough",
        jwks={"keys": [{"k": "hidden"}]},
        anon_key="hidden",
        signing_keys=("hidden",),
        s3_access_key_id="shown",
        s3_secret_access_key="hidden-s3-secret",
        webhook_url="https://user:hidden@app.example/hook?token=hidden",
        webhook_secret="hidden",
        jwks_url="https://keys.example/jwks?key=hidden",
    )
    shown = {each.name: each for each in settings.described({})}
    assert "hidden" not in str(shown)
    assert shown["database_url"].value == "postgresql://db.example/rows"
    assert shown["webhook_url"].value == "https://app.example"
    assert [name for name, each in shown.items() if each.is_secret] == [
        "jwt_secret",
        "jwks",
        "anon_key",
        "signing_keys",
        "s3_secret_access_key",
        "webhook_secret",
    ]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        *[
            (f"postgresql://user:{password}@db.example/rows", "postgresql://db.example/rows")
            for password in ("a#hidden", "a?hidden", "a:hidden", "hidden")
        ],
        ("postgresql://user:a@hidden@db.example/rows", "postgresql://..."),
        ("postgresql://user:a/hidden@db.example/rows", "postgresql://..."),
        ("postgresql://db.example/rows?password=a@hidden/b", "postgresql://db.example/rows"),
        ("postgresql:///rows?host=/run/db&password=hidden", "postgresql:///rows"),
        ("postgresql://one:5432,two:5433/rows", "postgresql://one:5432,two:5433/rows"),
    ],
)
def test_no_part_of_a_password_is_shown_whatever_signs_it_has(tmp_path: Path, url: str, shown: str) -> None:
    settings = Settings(data_dir=tmp_path, database_url=url)
    assert [each.value for each in settings.described({}) if each.name == "database_url"] == [shown]


def test_workers_know_what_came_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "aerostore.toml"
    path.write_text("workers = 3")
    monkeypatch.setenv("AEROSTORE_CONFIG", str(path))
    monkeypatch.setenv("AEROSTORE_FROM_FILE", "")
    for each in fields(Settings):
        monkeypatch.setenv(f"{PREFIX}{each.name.upper()}", "")
    Settings.from_env().publish()
    shown = {each.name: each.source for each in Settings.from_env().described()}
    assert (shown["workers"], shown["port"]) == ("file", "default")
