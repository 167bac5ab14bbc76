"""Requests of the S3 protocol, signed by the library that its own clients sign with."""

from collections.abc import Mapping

import httpx
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

REGION = "us-east-1"
# Signed by the server's own proxies and clients again and again: not part of what is signed here.
_UNSIGNED = {"connection", "accept", "accept-encoding", "user-agent", "content-length", "transfer-encoding"}


def sign(
    request: httpx.Request, key_id: str, secret: str, *, session_token: str | None = None
) -> httpx.Request:
    """Sign `request`, whose body is in memory, in its Authorization header; return it."""
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _UNSIGNED}
    to_sign = AWSRequest(request.method, str(request.url), headers=headers, data=request.content)
    S3SigV4Auth(Credentials(key_id, secret, session_token), "s3", REGION).add_auth(to_sign)
    signed: Mapping[str, str] = dict(to_sign.headers.items())
    request.headers.update(signed)
    return request
