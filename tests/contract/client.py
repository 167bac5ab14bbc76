"""What a client knows: where the server is, how to become somebody, and how errors look on the wire."""

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import jwt

TIMEOUT_S = 30.0
WIRE_FIELDS = ["statusCode", "error", "message", "code"]
EXTRA_FIELDS = {"hint", "request_id"}
TLS = httpx.create_ssl_context()
"""For every client: to load a context takes longer than most requests do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The server under test: its base URL (ending in /storage/v1) and the secret that signs its JWTs."""

    url: str
    secret: str
    is_disposable: bool

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname or "127.0.0.1", parts.port or 80

    @property
    def base_path(self) -> str:
        return urlsplit(self.url).path

    def token(self, role: str | None, **claims: Any) -> str:
        """Mint a JWT that is good for an hour unless `claims` say otherwise; None leaves the role out."""
        payload = {"exp": int(time.time()) + 3600} | claims
        if role is not None:
            payload["role"] = role
        return jwt.encode(payload, self.secret, algorithm="HS256")

    def connect(self, token: str | None) -> httpx.Client:
        """Open a client whose requests carry `token`, or no Authorization header at all."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.Client(
            base_url=self.url,
            headers=headers,
            timeout=TIMEOUT_S,
            trust_env=False,
            follow_redirects=False,
            verify=TLS,
        )


@dataclass(frozen=True, slots=True)
class WireError:
    """The HTTP status and the four fields that every client reads from an error body."""

    status: int
    status_code: str
    error: str
    message: str
    code: str


NO_SUCH_BUCKET = WireError(400, "404", "Bucket not found", "Bucket not found", "NoSuchBucket")
NO_SUCH_KEY = WireError(400, "404", "not_found", "Object not found", "NoSuchKey")
NO_SUCH_RELATION = WireError(
    400, "404", "InvalidRequest", "The related resource does not exist", "InvalidRequest"
)
KEY_EXISTS = WireError(400, "409", "Duplicate", "The resource already exists", "KeyAlreadyExists")
BUCKET_EXISTS = WireError(400, "409", "Duplicate", "The resource already exists", "BucketAlreadyExists")
BUCKET_NOT_EMPTY = WireError(
    400, "409", "ResourceNotEmpty", "The bucket you tried to delete is not empty", "ResourceNotEmpty"
)
ROW_DENIED = WireError(
    400, "403", "Unauthorized", "new row violates row-level security policy", "AccessDenied"
)
DELETE_DENIED = WireError(400, "403", "Unauthorized", "Access denied", "AccessDenied")
ROLE_DENIED = WireError(403, "403", "Unauthorized", "Access denied: Invalid role", "AccessDenied")
TOO_LARGE = WireError(
    400, "413", "Payload too large", "The object exceeded the maximum allowed size", "EntityTooLarge"
)
INVALID_RANGE = WireError(416, "416", "invalid_range", "invalid range provided", "InvalidRange")
INVALID_BUCKET_NAME = WireError(400, "400", "Invalid Input", "Bucket name invalid", "InvalidBucketName")


def invalid_request(message: str) -> WireError:
    """Build the error of a request that fails its schema."""
    return WireError(400, "400", "Error", message, "InvalidRequest")


def invalid_key(name: str) -> WireError:
    return WireError(400, "400", "InvalidKey", f"Invalid key: {name}", "InvalidKey")


def invalid_token(message: str) -> WireError:
    """Build the error of a bearer token that is not accepted."""
    return WireError(400, "403", "Unauthorized", message, "AccessDenied")


def invalid_link(message: str) -> WireError:
    """Build the error of a signed URL whose token is malformed, forged or expired."""
    return WireError(400, "400", "InvalidJWT", message, "InvalidJWT")


def wrong_link(message: str) -> WireError:
    """Build the error of a genuine signed-URL token that is used for something else."""
    return WireError(400, "400", "InvalidSignature", message, "InvalidSignature")


def error_of(response: httpx.Response) -> WireError:
    """Read an error body; it must hold the four wire fields first, as strings, then only our additions."""
    body: dict[str, Any] = response.json()
    assert list(body)[:4] == WIRE_FIELDS, body
    assert set(body) - set(WIRE_FIELDS) <= EXTRA_FIELDS, body
    fields = [body[field] for field in WIRE_FIELDS]
    assert all(isinstance(field, str) for field in fields), body
    return WireError(response.status_code, *fields)


def comparable(response: httpx.Response) -> tuple[int, dict[str, Any]]:
    """Reduce an error answer to what a curious caller could compare: all of it but the request id."""
    body = response.json()
    body.pop("request_id", None)
    return response.status_code, body


def unique(stem: str) -> str:
    return f"{stem}-{uuid.uuid4().hex[:12]}"


def etag_of(content: bytes) -> str:
    """Give the entity tag of `content`: its quoted hex SHA-256."""
    return f'"{hashlib.sha256(content).hexdigest()}"'


def encode_metadata(metadata: object) -> str:
    """Encode user metadata as the `x-metadata` header carries it: base64 of JSON."""
    return base64.b64encode(json.dumps(metadata).encode()).decode()


def object_path(bucket: str, name: str, door: str = "") -> str:
    """Build `/object[/door]/bucket/name`, percent-encoding everything but the slashes of `name`."""
    prefix = f"/object/{door}" if door else "/object"
    return f"{prefix}/{quote(bucket, safe='')}/{quote(name, safe='/')}"


def put_object(
    caller: httpx.Client,
    bucket: str,
    name: str,
    content: bytes = b"content",
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    """Upload `content` as a raw body; content-type text/plain unless `headers` say otherwise."""
    return caller.post(
        object_path(bucket, name),
        content=content,
        headers={"content-type": "text/plain"} | dict(headers or {}),
    )


def get_object(caller: httpx.Client, bucket: str, name: str, **headers: str) -> httpx.Response:
    return caller.get(
        object_path(bucket, name), headers={key.replace("_", "-"): headers[key] for key in headers}
    )


def sign_object(caller: httpx.Client, bucket: str, name: str, expires_in_s: int = 60) -> str:
    """Create a signed URL and return it as the server gave it: relative to the storage base."""
    response = caller.post(object_path(bucket, name, "sign"), json={"expiresIn": expires_in_s})
    assert response.status_code == 200, response.text
    signed_url: str = response.json()["signedURL"]
    return signed_url


def sign_upload(
    caller: httpx.Client, bucket: str, name: str, headers: Mapping[str, str] | None = None
) -> str:
    """Create a signed upload token."""
    response = caller.post(object_path(bucket, name, "upload/sign"), headers=headers)
    assert response.status_code == 200, response.text
    token: str = response.json()["token"]
    return token
