"""Operations through real clients: plain HTTP, and the Python client that users of Supabase have."""

from collections.abc import Callable
from typing import Protocol, TypeVar

import httpx
from storage3 import SyncStorageClient
from storage3.exceptions import StorageApiError

from tests.contract.client import TLS, Target, object_path

from .model import DONE, EXISTS, MISSING, Answer, Operation, shows

T = TypeVar("T")
BUCKET = "history"
# What names begin with below the folder of their group: something to search for.
_STEM = "n-"
# One content in so many is streamed to disk; the others are collected in memory.
_LARGE_EVERY, _LARGE_LINES = 8, 12_000
_UPSERT = {"x-upsert": "true"}


class NotAsked(Exception):
    """No connection was made: the server never heard of it."""


class NobodyKnows(Exception):
    """The connection broke, or the server cannot say: it may have happened, or happen later, or never."""


class Caller(Protocol):
    """A client with a connection of its own."""

    label: str

    def ask(self, group: str, operation: Operation) -> Answer:
        """Ask for `operation` on the names of `group`. Raises: NotAsked, NobodyKnows."""

    def close(self) -> None: ...


def content_of(value: str) -> bytes:
    """Make the bytes that stand for `value`: its line, once or very often."""
    lines = _LARGE_LINES if value.endswith("0") else 1
    return f"{value}\n".encode() * lines


def value_in(content: bytes) -> str:
    """Return what `content` stands for; what nobody wrote is a value that nobody wrote."""
    value = content.partition(b"\n")[0].decode("utf-8", "replace")
    return value if content == content_of(value) else f"{len(content)} strange bytes"


def path_of(group: str, name: str) -> str:
    return f"{group}/{_STEM}{name}"


class HttpCaller:
    """Plain requests. Lists come from list v2, deletes name one object."""

    label = "http"

    def __init__(self, target: Target) -> None:
        self._client = target.connect(target.token("service_role"))

    def close(self) -> None:
        self._client.close()

    def ask(self, group: str, operation: Operation) -> Answer:
        response = _sent(lambda: self._send(group, operation))
        if response.status_code != 200:
            return _refusal(str(response.json()["statusCode"]), response.text)
        match operation.verb:
            case "get":
                return shows(value_in(response.content))
            case "list":
                paths = [entry["name"] for entry in response.json()["objects"]]
                return shows(*(path.removeprefix(path_of(group, "")) for path in paths))
        return DONE

    def _send(self, group: str, operation: Operation) -> httpx.Response:
        path = object_path(BUCKET, path_of(group, operation.name))
        match operation.verb:
            case "get":
                return self._client.get(path)
            case "create":
                return self._client.post(path, content=content_of(operation.value))
            case "upsert":
                return self._client.put(path, content=content_of(operation.value))
            case "delete":
                return self._client.delete(path)
            case "list":
                return self._client.post(f"/object/list-v2/{BUCKET}", json={"prefix": path_of(group, "")})
        return self._relocate(group, operation)

    def _relocate(self, group: str, operation: Operation) -> httpx.Response:
        body = {
            "bucketId": BUCKET,
            "sourceKey": path_of(group, operation.name),
            "destinationKey": path_of(group, operation.to_name),
        }
        door = "move" if operation.verb == "move" else "copy"
        headers = _UPSERT if operation.verb == "replace" else {}
        return self._client.post(f"/object/{door}", json=body, headers=headers)


class StorageCaller:
    """The unmodified storage3. Lists come from list v1 with a search, deletes name a list of one."""

    label = "storage3"

    def __init__(self, target: Target) -> None:
        headers = {"Authorization": f"Bearer {target.token('service_role')}"}
        self._session = httpx.Client(trust_env=False, timeout=20.0, verify=TLS)
        self._client = SyncStorageClient(f"{target.url}/", headers, http_client=self._session)
        self._files = self._client.from_(BUCKET)

    def close(self) -> None:
        self._session.close()

    def ask(self, group: str, operation: Operation) -> Answer:
        try:
            return _sent(lambda: self._call(group, operation))
        except StorageApiError as exc:
            return _refusal(str(exc.status), str(exc))

    def _call(self, group: str, operation: Operation) -> Answer:
        path, to_path = path_of(group, operation.name), path_of(group, operation.to_name)
        match operation.verb:
            case "get":
                return shows(value_in(self._files.download(path)))
            case "list":
                found = self._files.list(group, {"search": _STEM})
                return shows(*(entry["name"].removeprefix(_STEM) for entry in found))
            case "delete":
                return DONE if self._files.remove([path]) else MISSING
            case "create":
                self._files.upload(path, content_of(operation.value))
            case "upsert":
                self._files.upload(path, content_of(operation.value), {"upsert": "true"})
            case "copy":
                self._files.copy(path, to_path)
            case "move":
                self._files.move(path, to_path)
            case verb:
                raise ValueError(f"storage3 has no {verb}")
        return DONE


def _sent(send: Callable[[], T]) -> T:
    try:
        return send()
    except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
        raise NotAsked from exc
    except httpx.TransportError as exc:
        raise NobodyKnows from exc


def _refusal(status: str, text: str) -> Answer:
    """Return the answer that an error is. Raises: NobodyKnows, AssertionError for one that must not occur."""
    match status:
        case "404":
            return MISSING
        case "409":
            return EXISTS
        case "503":
            raise NobodyKnows(text)
    raise AssertionError(f"the server answered {status}: {text}")
