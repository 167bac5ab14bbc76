"""Tokens made by hand, with whatever in them."""

import base64
import hmac
import json
import time
from typing import Any

from tests.contract.conftest import SECRET

HS256 = {"alg": "HS256", "typ": "JWT"}


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header: object, payload: object, *, secret: str = SECRET, digest: str = "sha256") -> str:
    """Sign any header and payload: texts are taken as they are, everything else as JSON."""
    parts = [each if isinstance(each, str) else json.dumps(each) for each in (header, payload)]
    message = ".".join(encoded(part.encode()) for part in parts)
    return f"{message}.{encoded(hmac.new(secret.encode(), message.encode(), digest).digest())}"


def service_claims(**claims: Any) -> dict[str, Any]:
    return {"role": "service_role", "exp": int(time.time()) + 3600} | claims
