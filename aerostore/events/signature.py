"""Webhook signatures: made by the sender, checked by receivers. Pure.

Source: the Standard Webhooks specification, "Signature scheme" (symmetric, `v1`).
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

SECRET_PREFIX = "whsec_"
DEFAULT_TOLERANCE_S = 300


def signing_key(secret: str) -> bytes:
    """Return the bytes to sign with: `whsec_` and base64 as in the specification, else the text in UTF-8.

    Raises: ValueError when nothing is left, or when what follows `whsec_` is not base64.
    """
    key = _decode(secret.removeprefix(SECRET_PREFIX)) if secret.startswith(SECRET_PREFIX) else secret.encode()
    if not key:
        raise ValueError("The webhook secret is empty")
    return key


def signature_headers(key: bytes, body: bytes, *, event_id: str, moment: datetime) -> dict[str, str]:
    """Return the three headers that prove who sent `body`, and when."""
    timestamp = str(int(moment.timestamp()))
    return {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": _sign(key, event_id, timestamp, body),
    }


def has_valid_signature(
    headers: Mapping[str, str],
    body: bytes,
    *,
    secret: str,
    now: datetime,
    tolerance_s: int = DEFAULT_TOLERANCE_S,
) -> bool:
    """Tell whether `body` was signed with `secret`, no more than `tolerance_s` before or after `now`.

    headers: names in lower case. body: the bytes as they arrived, before any parsing. For receivers, who
    also drop each `webhook-id` that they took within the tolerance: that is what stops a quick replay.
    """
    timestamp = headers.get("webhook-timestamp", "")
    if not _is_timely(timestamp, now, tolerance_s):
        return False
    expected = _sign(signing_key(secret), headers.get("webhook-id", ""), timestamp, body).encode()
    offered = headers.get("webhook-signature", "").encode(errors="replace").split()
    return any(hmac.compare_digest(expected, signature) for signature in offered)


def _sign(key: bytes, event_id: str, timestamp: str, body: bytes) -> str:
    signed = f"{event_id}.{timestamp}.".encode(errors="replace") + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def _is_timely(timestamp: str, now: datetime, tolerance_s: int) -> bool:
    try:
        return abs(int(now.timestamp()) - int(timestamp)) <= tolerance_s
    except ValueError:
        return False


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as exc:
        raise ValueError("The webhook secret is not base64 after 'whsec_'") from exc
