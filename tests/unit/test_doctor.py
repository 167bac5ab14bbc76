import errno
import socket
from pathlib import Path

import pytest

from aerostore.doctor import clock, database, disk, limit, network, secret
from aerostore.doctor.disk import Mount, find_mount
from aerostore.doctor.finding import Verdict
from aerostore.errors import Unavailable
from aerostore.executor.migrations import due_migrations
from aerostore.settings import Settings

SECRET = "doctor-secret-that-is-long-enough-for-hs256"
OK, WARN, FAIL = Verdict.OK, Verdict.WARN, Verdict.FAIL


@pytest.mark.parametrize(
    ("value", "verdict"),
    [("15-bytes-secret", FAIL), ("16-bytes-secret-", WARN), (SECRET, OK), ("", OK)],
    ids=["15 bytes", "16 bytes", "long", "to be generated"],
)
def test_jwt_secret_is_judged_by_its_length(tmp_path: Path, value: str, verdict: Verdict) -> None:
    found = secret.check_jwt_secret(Settings(data_dir=tmp_path, jwt_secret=value))
    assert found.verdict is verdict
    assert not value or value not in f"{found.message} {found.advice}"


def test_kept_secret_is_judged_like_a_given_one(tmp_path: Path) -> None:
    (tmp_path / "jwt_secret").write_text("short\n")
    assert secret.check_jwt_secret(Settings(data_dir=tmp_path)).verdict is FAIL


@pytest.mark.parametrize(
    ("keys", "verdict"),
    [((), OK), ((SECRET[::-1],), OK), ((SECRET[::-1], "short"), WARN), ((SECRET[::-1], SECRET), FAIL)],
    ids=["to be generated", "separate", "short", "the JWT secret"],
)
def test_signing_keys_are_long_and_not_the_jwt_secret(
    tmp_path: Path, keys: tuple[str, ...], verdict: Verdict
) -> None:
    settings = Settings(data_dir=tmp_path, jwt_secret=SECRET, signing_keys=keys)
    assert secret.check_signing_keys(settings).verdict is verdict


def test_kept_secrets_that_are_the_same_are_noticed(tmp_path: Path) -> None:
    for name in ("jwt_secret", "signing_key"):
        (tmp_path / name).write_text(SECRET)
    assert secret.check_signing_keys(Settings(data_dir=tmp_path)).verdict is FAIL


@pytest.mark.parametrize(("mode", "verdict"), [(0o600, OK), (0o400, OK), (0o640, FAIL), (0o604, FAIL)])
def test_key_file_is_for_its_owner_only(tmp_path: Path, mode: int, verdict: Verdict) -> None:
    settings = Settings(data_dir=tmp_path).with_secrets()
    settings.signing_key_path.chmod(mode)
    assert secret.check_key_files(settings).verdict is verdict


@pytest.mark.parametrize(("mode", "verdict"), [(0o700, OK), (0o710, WARN), (0o755, WARN)])
def test_data_directory_is_for_its_owner_only(tmp_path: Path, mode: int, verdict: Verdict) -> None:
    tmp_path.chmod(mode)
    assert disk.check_permissions(Settings(data_dir=tmp_path)).verdict is verdict


def test_data_directory_may_be_missing_but_not_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert disk.check_directory(Settings(data_dir=tmp_path / "a" / "b")).verdict is OK
    assert disk.check_directory(Settings(data_dir=tmp_path / "file")).verdict is FAIL


def test_mount_is_the_deepest_and_of_those_the_last(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    inner = str(tmp_path).replace("/", "\\057")
    mounts.write_text(
        f"/dev/a / ext4 rw 0 0\nserver:/b {tmp_path} nfs4 rw 0 0\nnone {inner} tmpfs rw 0 0\n"
        f"none {tmp_path}/deeper overlay rw 0 0\n"
    )
    assert find_mount(tmp_path, mounts) == Mount(tmp_path, "tmpfs")
    assert find_mount(Path("/"), mounts) == Mount(Path("/"), "ext4")


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [("ext4", OK), ("xfs", OK), ("tmpfs", WARN), ("overlay", WARN), ("nfs4", WARN), ("fuse.sshfs", WARN)],
)
def test_file_system_that_does_not_stay_or_is_remote_is_noticed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, verdict: Verdict
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"device / {kind} rw 0 0\n")
    monkeypatch.setattr(disk, "_MOUNTS", mounts)
    assert disk.check_file_system(Settings(data_dir=tmp_path)).verdict is verdict


def test_probes_leave_nothing_behind(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    assert disk.check_durable_files(settings).verdict is not FAIL
    assert database.check_sqlite(settings).verdict is not FAIL
    assert list(tmp_path.iterdir()) == []


def test_old_sqlite_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 36, 0))
    assert database.check_sqlite(Settings(data_dir=tmp_path)).verdict is FAIL


def test_file_that_is_no_database_cannot_be_migrated(tmp_path: Path) -> None:
    path = tmp_path / "aerostore.db"
    path.write_text("this is a text, and longer than the header of a database" * 20)
    with pytest.raises(Unavailable, match="cannot be read"):
        due_migrations(path)


@pytest.mark.parametrize(
    ("wall", "steady", "verdict"),
    [(0.0, 0.0, OK), (0.4, 0.0, OK), (3.0, 0.0, WARN), (-3.0, 0.0, WARN), (3.0, 3.0, OK), (-2e9, 0.0, FAIL)],
    ids=["still", "slewed", "jumped back", "jumped ahead", "busy for 3 s", "wrong century"],
)
def test_clock_is_compared_with_one_that_never_jumps(
    tmp_path: Path, wall: float, steady: float, verdict: Verdict
) -> None:
    now = clock.read_clocks()
    started = clock.Clocks(now.wall + wall, now.steady + steady)
    assert clock.check_clock(Settings(data_dir=tmp_path), started=started).verdict is verdict


def test_upload_larger_than_the_free_space_is_noticed(tmp_path: Path) -> None:
    assert limit.check_upload_size(Settings(data_dir=tmp_path, file_size_limit=1)).verdict is OK
    assert limit.check_upload_size(Settings(data_dir=tmp_path, file_size_limit=5 * 1024**4)).verdict is WARN


@pytest.mark.parametrize(("soft", "verdict"), [(64, FAIL), (512, WARN), (8192, OK)])
def test_few_open_files_are_noticed(monkeypatch: pytest.MonkeyPatch, soft: int, verdict: Verdict) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _kind: (soft, 8192))
    assert limit.check_open_files(Settings()).verdict is verdict


@pytest.mark.parametrize(
    ("host", "verdict"),
    [("127.0.0.1", OK), ("::1", OK), ("0.0.0.0", WARN), ("192.0.2.1", WARN), ("a..b", WARN)],
)
def test_reach_beyond_this_machine_is_noticed(host: str, verdict: Verdict) -> None:
    assert network.check_exposure(Settings(host=host)).verdict is verdict


@pytest.mark.parametrize(
    ("url", "secret", "allow_private", "verdict"),
    [
        ("", "", False, OK),
        ("https://9.9.9.9/hook", "s", False, OK),
        ("https://9.9.9.9/hook", "", False, WARN),
        ("http://9.9.9.9/hook", "s", False, WARN),
        ("https://no..host/", "s", False, WARN),
        ("https://10.0.0.7/hook", "s", False, FAIL),
        ("http://10.0.0.7/hook", "s", True, OK),
        ("https://127.0.0.1:99999/", "s", True, FAIL),
        ("https://user:word@9.9.9.9/", "s", False, FAIL),
        ("gopher://9.9.9.9/", "s", False, FAIL),
        ("9.9.9.9", "s", False, FAIL),
    ],
)
def test_webhook_is_judged_by_its_url_and_address(
    url: str, secret: str, allow_private: bool, verdict: Verdict
) -> None:
    settings = Settings(webhook_url=url, webhook_secret=secret, webhook_allow_private=allow_private)
    found = network.check_webhook(settings)
    assert found.verdict is verdict
    assert "word" not in f"{found.message}"


def test_address_of_a_port_that_somebody_listens_on_is_refused() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(OSError, match="in use") as refused:
            network.find_address("127.0.0.1", port)
    assert refused.value.errno == errno.EADDRINUSE
    assert network.find_address("127.0.0.1", port) == "127.0.0.1"


def test_host_that_is_no_name_is_refused() -> None:
    with pytest.raises(OSError, match="not a host name"):
        network.find_address("no..host", 8000)
