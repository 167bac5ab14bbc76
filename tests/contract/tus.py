"""A tus client of a few lines: each request as a test wants it, and nothing done behind its back."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin

import httpx

ENDPOINT = "/upload/resumable"
SIGNED_ENDPOINT = f"{ENDPOINT}/sign"
OFFSET_TYPE = "application/offset+octet-stream"
VERSION = {"tus-resumable": "1.0.0"}
NO_SUCH_ID = "00000000-0000-4000-8000-000000000000"


def encode(**values: str | bytes) -> str:
    """Write Upload-Metadata."""
    return ",".join(
        f"{key} {base64.b64encode(value.encode() if isinstance(value, str) else value).decode()}".rstrip()
        for key, value in values.items()
    )


def decode(header: str) -> dict[str, str]:
    """Read Upload-Metadata."""
    pairs = (pair.partition(" ") for pair in header.split(","))
    return {key: base64.b64decode(value).decode() for key, _space, value in pairs}


def create(
    caller: httpx.Client,
    bucket: str,
    name: str,
    size_bytes: int | None,
    *,
    endpoint: str = ENDPOINT,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    **metadata: str,
) -> httpx.Response:
    """Begin an upload; size_bytes None defers the length, a body is sent with the creation."""
    told = encode(bucketName=bucket, objectName=name, **metadata)
    return _post(caller, endpoint, told, size_bytes, body, headers or {})


def _post(
    caller: httpx.Client,
    endpoint: str,
    metadata: str,
    size_bytes: int | None,
    body: bytes | None,
    headers: Mapping[str, str],
) -> httpx.Response:
    length = {"upload-defer-length": "1"} if size_bytes is None else {"upload-length": str(size_bytes)}
    type_ = {} if body is None else {"content-type": OFFSET_TYPE}
    given = {**VERSION, **length, **type_, "upload-metadata": metadata, **headers}
    return caller.post(endpoint, headers=given, content=body)


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload that was begun: whoever knows its URL can try to go on with it."""

    caller: httpx.Client
    url: str

    def by(self, caller: httpx.Client) -> "Upload":
        return Upload(caller, self.url)

    def head(self, **headers: str) -> httpx.Response:
        return self.caller.head(self.url, headers=VERSION | headers)

    def offset(self) -> int:
        answer = self.head()
        assert answer.status_code == 200, answer.headers
        return int(answer.headers["upload-offset"])

    def patch(
        self, offset: int | str, content: bytes | Iterator[bytes], headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        given = {"content-type": OFFSET_TYPE, "upload-offset": str(offset)}
        return self.caller.patch(self.url, headers={**VERSION, **given, **(headers or {})}, content=content)

    def delete(self) -> httpx.Response:
        return self.caller.delete(self.url, headers=VERSION)


def begin(
    caller: httpx.Client,
    bucket: str,
    name: str = "a.bin",
    size_bytes: int | None = 10,
    *,
    endpoint: str = ENDPOINT,
    headers: Mapping[str, str] | None = None,
    **metadata: str,
) -> Upload:
    """Begin an upload that must be possible to begin."""
    told = encode(bucketName=bucket, objectName=name, **metadata)
    answer = _post(caller, endpoint, told, size_bytes, None, headers or {})
    assert answer.status_code == 201, answer.text
    return Upload(caller, url_of(answer))


def url_of(answer: httpx.Response) -> str:
    """Return the address of a new upload, as clients resolve it."""
    return urljoin(str(answer.request.url), answer.headers["location"])


def error_of(answer: httpx.Response) -> tuple[int, str]:
    """Return status and text of an error, which must look as the tus door's do."""
    assert answer.headers["tus-resumable"] == "1.0.0"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    return answer.status_code, answer.text
