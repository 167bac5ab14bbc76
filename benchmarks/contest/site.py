"""Where a contender keeps objects, and the requests that reach them."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

import httpx
import jwt
import orjson

from benchmarks.contest import CannotRun

PRIVATE, PUBLIC = "bench-private", "bench-public"
PAGE = 1000
_CLIENT = httpx.Client(timeout=300, trust_env=False)
"""Only for preparing and clearing: load comes from programs made for it."""
_JSON = {"content-type": "application/json"}
_BYTES = {"content-type": "application/octet-stream"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is sent, without a large body."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def target_of(url: str) -> str:
    """Return what stands in the request line: path and query."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


class Site(Protocol):
    """What every contender can do: take bytes under a name, and give them back."""

    def open(self) -> None:
        """Make what objects need to be there, such as buckets."""
        ...

    def download(self, name: str) -> Request:
        """Return the request for an object, as the one who uploaded it."""
        ...

    def public(self, name: str) -> Request:
        """Return the request for an object that everybody may read."""
        ...

    def upload(self, name: str) -> Request:
        """Return the request that stores a new object for `download`."""
        ...

    def publish(self, name: str) -> Request:
        """Return the request that stores a new object for `public`."""
        ...

    def remove(self, names: Sequence[str]) -> None:
        """Delete what `upload` stored. Raises: CannotRun."""
        ...


class FileSite:
    """A folder behind a plain web server: GET, and PUT as in WebDAV."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    def open(self) -> None:
        """Do nothing: PUT makes the folder."""

    def download(self, name: str) -> Request:
        """Return the request for a file."""
        return Request(method="GET", url=f"{self._base_url}/{name}")

    public = download

    def upload(self, name: str) -> Request:
        """Return the request that writes a file."""
        return Request(method="PUT", url=f"{self._base_url}/{name}", headers=_BYTES)

    publish = upload

    def remove(self, names: Sequence[str]) -> None:
        """Delete files."""
        for name in names:
            send(Request(method="DELETE", url=f"{self._base_url}/{name}"))


class StorageSite:
    """A server that speaks the storage interface of Supabase. base_url: what comes before `/object`.

    One run writes below a folder of its own in the user's folder, so that it finds nothing of another.
    """

    def __init__(
        self, base_url: str, *, service_key: str, user_token: str, anon_key: str | None = None
    ) -> None:
        self._base_url = base_url.rstrip("/")
        apikey = {"apikey": anon_key} if anon_key else {}
        self._user = {"authorization": f"Bearer {user_token}", **apikey}
        self._service = {"authorization": f"Bearer {service_key}", **apikey}
        self.folder = f"{_subject(user_token)}/{secrets.token_hex(4)}"

    def open(self) -> None:
        """Create the two buckets, where they are not there yet."""
        self.create_bucket(PRIVATE)
        self.create_bucket(PUBLIC, public=True)

    def create_bucket(self, name: str, *, public: bool = False) -> None:
        """Create a bucket, unless it is there."""
        known = Request(method="GET", url=f"{self._base_url}/bucket/{name}", headers=self._service)
        if not _try(known).is_success:
            body = orjson.dumps({"id": name, "name": name, "public": public})
            create = Request(
                method="POST", url=f"{self._base_url}/bucket", headers=self._service | _JSON, body=body
            )
            send(create)

    def download(self, name: str) -> Request:
        """Return the user's GET of an object of the private bucket."""
        return self._of_object("GET", f"authenticated/{PRIVATE}", name, self._user)

    def public(self, name: str) -> Request:
        """Return anybody's GET of an object of the public bucket."""
        return self._of_object("GET", f"public/{PUBLIC}", name, {})

    def upload(self, name: str, *, bucket: str = PRIVATE, upsert: bool = False) -> Request:
        """Return the user's POST of an object."""
        headers = self._user | _BYTES | ({"x-upsert": "true"} if upsert else {})
        return self._of_object("POST", bucket, name, headers)

    def publish(self, name: str) -> Request:
        """Return the POST of an object to the public bucket, by the service."""
        return self._of_object("POST", PUBLIC, name, self._service | _BYTES)

    def head(self, name: str) -> Request:
        """Return the user's HEAD of an object of the private bucket."""
        return self._of_object("HEAD", f"authenticated/{PRIVATE}", name, self._user)

    def sign(self, name: str) -> Request:
        """Return the user's POST that asks for a signed URL."""
        asked = self._of_object("POST", f"sign/{PRIVATE}", name, self._user | _JSON)
        return Request(method="POST", url=asked.url, headers=asked.headers, body=b'{"expiresIn": 3600}')

    def signed(self, name: str) -> Request:
        """Return the GET by a signed URL, which is asked for now."""
        answer = orjson.loads(send(self.sign(name)).content)
        return Request(method="GET", url=f"{self._base_url}{answer['signedURL']}")

    def delete(self, names: Sequence[str]) -> Request:
        """Return the user's DELETE of several objects of the private bucket."""
        body = orjson.dumps({"prefixes": [f"{self.folder}/{name}" for name in names]})
        url = f"{self._base_url}/object/{PRIVATE}"
        return Request(method="DELETE", url=url, headers=self._user | _JSON, body=body)

    def remove(self, names: Sequence[str]) -> None:
        """Delete objects of the private bucket."""
        send(self.delete(names))

    def list_v1(self, bucket: str, folder: str, *, offset: int) -> Request:
        """Return the user's POST for a page of a folder, by offset."""
        order = {"column": "name", "order": "asc"}
        wanted = {"prefix": f"{self.folder}/{folder}", "limit": PAGE, "offset": offset, "sortBy": order}
        return self._listing("list", bucket, wanted)

    def list_v2(
        self, bucket: str, prefix: str, *, cursor: str | None = None, folders: bool = False
    ) -> Request:
        """Return the user's POST for a page of a prefix, by cursor. folders: fold names at each slash."""
        wanted = {"prefix": f"{self.folder}/{prefix}", "limit": PAGE, "with_delimiter": folders}
        return self._listing("list-v2", bucket, wanted | ({"cursor": cursor} if cursor else {}))

    def cursors(self, bucket: str, prefix: str) -> Iterator[str]:
        """Walk a prefix to its end, and give the cursor of each page but the first."""
        cursor: str | None = None
        while True:
            answer = orjson.loads(send(self.list_v2(bucket, prefix, cursor=cursor)).content)
            cursor = answer.get("nextCursor")
            if not answer["hasNext"] or cursor is None:
                return
            yield cursor

    def _listing(self, route: str, bucket: str, wanted: Mapping[str, object]) -> Request:
        return Request(
            method="POST",
            url=f"{self._base_url}/object/{route}/{bucket}",
            headers=self._user | _JSON,
            body=orjson.dumps(wanted),
        )

    def _of_object(self, method: str, route: str, name: str, headers: Mapping[str, str]) -> Request:
        url = f"{self._base_url}/object/{route}/{self.folder}/{name}"
        return Request(method=method, url=url, headers=headers)


def send(request: Request, body: bytes = b"") -> httpx.Response:
    """Send one request of the preparation. Raises: CannotRun when it is refused."""
    answer = _try(request, body)
    if not answer.is_success:
        raise CannotRun(f"{request.method} {request.url}: {answer.status_code} {answer.text[:500]}")
    return answer


def _try(request: Request, body: bytes = b"") -> httpx.Response:
    headers, content = dict(request.headers), body or request.body
    try:
        return _CLIENT.request(request.method, request.url, headers=headers, content=content)
    except httpx.TransportError as exc:
        raise CannotRun(f"{request.method} {request.url}: {exc!r}") from exc


def _subject(token: str) -> str:
    """Return the id of the token's user. The server verifies the token; here it only names a folder."""
    try:
        return str(jwt.decode(token, options={"verify_signature": False})["sub"])
    except (jwt.InvalidTokenError, KeyError) as exc:
        raise CannotRun(f"The user token is no token of a user: {exc!r}") from exc
