"""The S3 door as a client sees it: where it is, with which keys, and how a request is signed and sent."""

import http.client
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

import boto3
import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.contract.client import TIMEOUT_S, Target

ACCESS_KEY_ID = "CONTRACTKEY000000001"
SECRET_ACCESS_KEY = "contract-secret-access-key-0123456789+/"
REGION = "us-east-1"
NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
PART_BYTES = 5 * 1024**2

S3 = Any  # boto3 makes its clients' classes while it runs


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its status, its headers by lower-case name, and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def xml(self) -> ElementTree.Element:
        return ElementTree.fromstring(self.body)

    def text(self, path: str) -> str:
        """Return the text at `path` below the root; "" when it is not there. Namespaces are left out."""
        found = self.plain_xml.find(path)
        return "" if found is None else found.text or ""

    def texts(self, path: str) -> list[str]:
        """Return the texts of every element at `path`."""
        return [each.text or "" for each in self.plain_xml.findall(path)]

    @property
    def plain_xml(self) -> ElementTree.Element:
        """The body's root, without namespaces."""
        root = self.xml
        for each in root.iter():
            each.tag = each.tag.removeprefix(NAMESPACE)
        return root

    @property
    def code(self) -> str:
        """The code of an error document; "" when the body is none."""
        return self.text("Code") if self.body else ""


class _PayloadSigner(S3SigV4Auth):  # type: ignore[misc]  # botocore has no types
    """Signs with a given x-amz-content-sha256 instead of the body's own."""

    def __init__(self, credentials: Credentials, region: str, payload: str) -> None:
        super().__init__(credentials, "s3", region)
        self._given = payload

    def payload(self, request: AWSRequest) -> str:
        return self._given


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """The door of one server, and one pair of keys to it.

    session_token: a user's JWT. root_port: where the door is the whole server; 0 when there is no such port.
    """

    target: Target
    access_key_id: str = ACCESS_KEY_ID
    secret_access_key: str = field(default=SECRET_ACCESS_KEY, repr=False)
    session_token: str | None = None
    region: str = REGION
    root_port: int = 0

    @property
    def url(self) -> str:
        return f"http://{self.address[0]}:{self.root_port}" if self.root_port else f"{self.target.url}/s3"

    @property
    def address(self) -> tuple[str, int]:
        """Where to connect."""
        host, port = self.target.address
        return host, self.root_port or port

    @property
    def credentials(self) -> Credentials:
        return Credentials(self.access_key_id, self.secret_access_key, self.session_token)

    def client(self, url: str | None = None, **config: Any) -> S3:
        """Open a boto3 client that tries each request once; `config` are options of botocore's Config."""
        options: dict[str, Any] = {
            "s3": {"addressing_style": "path"},
            "signature_version": "s3v4",
            "retries": {"total_max_attempts": 1},
            "read_timeout": TIMEOUT_S,
            "proxies": {},
        }
        return boto3.session.Session().client(
            "s3",
            endpoint_url=url or self.url,
            region_name=self.region,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            aws_session_token=self.session_token,
            config=Config(**options | config),
        )

    def send(
        self,
        method: str,
        path: str = "/",
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        payload: str | None = None,
    ) -> Answer:
        """Send one signed request.

        path and query: below the door, percent-encoded as they go on the wire. payload: what
        x-amz-content-sha256 says instead of the body's own SHA-256.
        """
        request = AWSRequest(method, self._url(path, query), headers=dict(headers or {}), data=body)
        if payload is None:
            S3SigV4Auth(self.credentials, "s3", self.region).add_auth(request)
        else:
            _PayloadSigner(self.credentials, self.region, payload).add_auth(request)
        return self.send_unsigned(method, path, query=query, headers=dict(request.headers.items()), body=body)

    def send_unsigned(
        self,
        method: str,
        path: str = "/",
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """Send one request exactly as it is given."""
        parts = urlsplit(self._url(path, query))
        target = f"{parts.path}?{parts.query}" if query else parts.path
        connection = http.client.HTTPConnection(*self.address, timeout=TIMEOUT_S)
        try:
            connection.request(method, target, body=body or None, headers=dict(headers or {}))
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def presign(self, method: str, path: str, *, expires_in_s: int = 60, query: str = "") -> str:
        """Return the query of a presigned request, for `send_unsigned`."""
        request = AWSRequest(method, self._url(path, query))
        S3SigV4QueryAuth(self.credentials, "s3", self.region, expires=expires_in_s).add_auth(request)
        signed: str = urlsplit(request.url).query
        return signed

    def _url(self, path: str, query: str) -> str:
        return f"{self.url}{path}?{query}" if query else f"{self.url}{path}"


def refused(call: Callable[..., Any], **arguments: object) -> tuple[int, str]:
    """Make a boto3 call that is to fail; return the status and the code of its error."""
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    response = raised.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def names_of(page: Mapping[str, Any]) -> list[str]:
    """Return the names on a page of a list, in its order."""
    return [each["Key"] for each in page.get("Contents", [])]


def prefixes_of(page: Mapping[str, Any]) -> list[str]:
    """Return the common prefixes on a page of a list, in its order."""
    return [each["Prefix"] for each in page.get("CommonPrefixes", [])]


def path_of(bucket: str, name: str | None = None) -> str:
    """Build `/bucket` or `/bucket/name` as S3 clients spell it: all but the slashes is percent-encoded."""
    return f"/{bucket}" if name is None else f"/{bucket}/{quote(name, safe='/-_.~')}"
