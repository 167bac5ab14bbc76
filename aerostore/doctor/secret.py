"""Checks of secrets. What they are never shows up in a finding."""

from pathlib import Path

from aerostore.api.jwks import MIN_SECRET_BYTES, RECOMMENDED_SECRET_BYTES
from aerostore.doctor.finding import Finding, fail, ok, warn
from aerostore.settings import Settings


def check_jwt_secret(settings: Settings) -> Finding:
    """Look how long the secret is that signs tokens, and where it comes from."""
    given = bool(settings.jwt_secret)
    secret = settings.jwt_secret or _kept(settings.jwt_secret_path)
    if secret is None:
        return ok(f"will be generated into {settings.jwt_secret_path}")
    length = len(secret.encode())
    found = f"{length} bytes, {'given' if given else f'kept in {settings.jwt_secret_path}'}"
    advice = "Use a random one: openssl rand -base64 48. Tokens made with the old one stop working."
    if length < MIN_SECRET_BYTES:
        return fail(f"{found}; at least {MIN_SECRET_BYTES} are needed", advice)
    if length < RECOMMENDED_SECRET_BYTES:
        return warn(f"{found}; HS256 needs {RECOMMENDED_SECRET_BYTES} (RFC 7518 3.2)", advice)
    return ok(found)


def check_signing_keys(settings: Settings) -> Finding:
    """Look whether signed URLs have keys of their own, long enough."""
    kept = _kept(settings.signing_key_path)
    keys = settings.signing_keys or ((kept,) if kept is not None else ())
    if not keys:
        return ok(f"will be generated into {settings.signing_key_path}")
    if (settings.jwt_secret or _kept(settings.jwt_secret_path)) in keys:
        return fail(
            "one of them is the JWT secret: whoever may make tokens may forge links, and the reverse",
            "Take a key of its own for AEROSTORE_SIGNING_KEYS, or leave it unset to get one.",
        )
    if any(len(key.encode()) < RECOMMENDED_SECRET_BYTES for key in keys):
        return warn(
            f"one has under {RECOMMENDED_SECRET_BYTES} bytes",
            "Put a longer one first and keep the old one behind it until its links have expired.",
        )
    return ok(f"{len(keys)}, separate from the JWT secret")


def check_key_files(settings: Settings) -> Finding:
    """Look whether others on this machine can read the kept secrets."""
    kept = [path for path in (settings.jwt_secret_path, settings.signing_key_path) if path.exists()]
    if not kept:
        return ok("none yet")
    exposed = [path for path in kept if path.stat().st_mode & 0o077]
    if exposed:
        names = " ".join(str(path) for path in exposed)
        return fail(
            f"others can read {names}",
            f"chmod 600 {names}, and delete what may have been read: it is made anew.",
        )
    return ok("0600")


def _kept(path: Path) -> str | None:
    return path.read_text("utf-8", "replace").strip() if path.exists() else None
