"""The requests of a client of the kill rig: every way to upload, and what else changes objects."""

from collections.abc import Callable, Iterator, Sequence

import httpx

from tests.contract.client import object_path

UPSERT = {"x-upsert": "true"}
_CHUNK = 64 * 1024

Ask = Callable[[httpx.Client], httpx.Response]
Way = Callable[[str, str, bytes, bool], Ask]


def raw(bucket: str, name: str, content: bytes, upsert: bool) -> Ask:
    """Upload a body whose length is announced."""
    return lambda caller: _upload(caller, object_path(bucket, name), upsert, content=content)


def chunked(bucket: str, name: str, content: bytes, upsert: bool) -> Ask:
    """Upload a body in chunks, without a length."""
    return lambda caller: _upload(caller, object_path(bucket, name), upsert, content=_chunks(content))


def form(bucket: str, name: str, content: bytes, upsert: bool) -> Ask:
    """Upload a multipart form, as the JavaScript client does."""
    files = {"": ("blob", content, "text/plain")}
    return lambda caller: _upload(caller, object_path(bucket, name), upsert, files=files)


def signed(bucket: str, name: str, content: bytes, upsert: bool) -> Ask:
    """Get a signed upload URL and upload with it."""

    def ask(caller: httpx.Client) -> httpx.Response:
        path = object_path(bucket, name, "upload/sign")
        link = caller.post(path, headers=UPSERT if upsert else {})
        if link.status_code != 200:
            return link
        return caller.put(path, params={"token": link.json()["token"]}, content=content)

    return ask


WAYS: Sequence[Way] = (raw, raw, chunked, form, signed)


def relocate(door: str, place: tuple[str, str], new_place: tuple[str, str]) -> Ask:
    """Copy (replacing what is there) or move between buckets and names."""
    (bucket, name), (new_bucket, new_name) = place, new_place
    body = {
        "bucketId": bucket,
        "sourceKey": name,
        "destinationBucket": new_bucket,
        "destinationKey": new_name,
    }
    headers = UPSERT if door == "copy" else {}
    return lambda caller: caller.post(f"/object/{door}", json=body, headers=headers)


def delete(bucket: str, name: str) -> Ask:
    return lambda caller: caller.delete(object_path(bucket, name))


def delete_many(bucket: str, names: Sequence[str]) -> Ask:
    return lambda caller: caller.request("DELETE", f"/object/{bucket}", json={"prefixes": list(names)})


def read(bucket: str, name: str) -> Ask:
    return lambda caller: caller.get(object_path(bucket, name))


def create_bucket(bucket: str) -> Ask:
    return lambda caller: caller.post("/bucket", json={"name": bucket})


def empty_bucket(bucket: str) -> Ask:
    return lambda caller: caller.post(f"/bucket/{bucket}/empty")


def delete_bucket(bucket: str) -> Ask:
    return lambda caller: caller.delete(f"/bucket/{bucket}")


def _upload(caller: httpx.Client, path: str, upsert: bool, **body: object) -> httpx.Response:
    return caller.request("PUT" if upsert else "POST", path, **body)  # type: ignore[arg-type] # content, files


def _chunks(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), _CHUNK):
        yield content[start : start + _CHUNK]
