"""The other doors of the kill rig: objects that come by a resumable upload, or by the S3 protocol.

Each is one way to upload among others: its last answer is put as REST would put it.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from urllib.parse import quote

import httpx

from tests.signing import sign

from .asking import Ask, Way

KEY_ID, SECRET = "CRASHRIG", "the secret of the crash rig's access key"
SETTINGS = {"s3_access_key_id": KEY_ID, "s3_secret_access_key": SECRET}
_TUS = {"tus-resumable": "1.0.0"}
_PIECES = 3
_PART_BYTES = 5 * 1024 * 1024


def resumable(bucket: str, name: str, content: bytes, upsert: bool) -> Ask:
    """Begin a resumable upload and send the content in a few pieces."""

    def ask(caller: httpx.Client) -> httpx.Response:
        metadata = {"bucketName": bucket, "objectName": name, "contentType": "text/plain"}
        headers = {
            **_TUS,
            "x-upsert": str(upsert).lower(),
            "upload-length": str(len(content)),
            "upload-metadata": ",".join(f"{key} {_encoded(value)}" for key, value in metadata.items()),
        }
        answer = caller.post("/upload/resumable", headers=headers)
        offset = 0
        while answer.is_success and offset < len(content):
            piece = content[offset : offset + len(content) // _PIECES + 1]
            answer = _continue(caller, answer, piece, offset, location=_location(answer))
            offset += len(piece)
        return _as_rest(answer)

    return ask


def _continue(
    caller: httpx.Client, before: httpx.Response, piece: bytes, offset: int, *, location: str
) -> httpx.Response:
    headers = {
        **_TUS,
        "upload-offset": str(offset),
        "content-type": "application/offset+octet-stream",
    }
    answer = caller.patch(location, headers=headers, content=piece)
    answer.extensions["location"] = location
    return answer


def _location(answer: httpx.Response) -> str:
    return str(answer.headers.get("location") or answer.extensions["location"])


def s3_put(bucket: str, name: str, content: bytes, upsert: bool) -> Ask:
    """Put an object by the S3 protocol."""
    headers = {} if upsert else {"if-none-match": "*"}
    return lambda caller: _as_rest(_send(caller, "PUT", bucket, name, content=content, headers=headers))


def s3_multipart(bucket: str, name: str, content: bytes, upsert: bool) -> Ask:
    """Put an object by the S3 protocol in parts."""

    def ask(caller: httpx.Client) -> httpx.Response:
        begun = _send(caller, "POST", bucket, name, query="uploads=")
        if begun.is_error:
            return _as_rest(begun)
        found = re.search("<UploadId>(.+)</UploadId>", begun.text)
        assert found is not None, begun.text
        upload_id, listed = found[1], list[str]()
        starts = range(0, max(len(content), 1), _PART_BYTES)
        for number, start in enumerate(starts, 1):
            part = content[start : start + _PART_BYTES]
            query = f"partNumber={number}&uploadId={upload_id}"
            answer = _send(caller, "PUT", bucket, name, query=query, content=part)
            if answer.is_error:
                return _as_rest(answer)
            etag = f"<ETag>{hashlib.md5(part).hexdigest()}</ETag>"
            listed.append(f"<Part><PartNumber>{number}</PartNumber>{etag}</Part>")
        body = f"<CompleteMultipartUpload>{''.join(listed)}</CompleteMultipartUpload>".encode()
        headers = {} if upsert else {"if-none-match": "*"}
        query = f"uploadId={upload_id}"
        return _as_rest(_send(caller, "POST", bucket, name, query=query, content=body, headers=headers))

    return ask


WAYS: Sequence[Way] = (resumable, s3_put, s3_multipart)


def _send(
    caller: httpx.Client,
    method: str,
    bucket: str,
    name: str,
    *,
    query: str = "",
    content: bytes = b"",
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    path = f"/s3/{quote(bucket)}/{quote(name)}" + (f"?{query}" if query else "")
    request = caller.build_request(method, path, content=content, headers=headers)
    del request.headers["authorization"]  # the client's own is a service key
    return caller.send(sign(request, KEY_ID, SECRET))


def _as_rest(answer: httpx.Response) -> httpx.Response:
    """Return what the REST door would have answered: 200, 400, or 503 for what cannot be said now."""
    is_error = answer.is_error or "<Error>" in answer.text  # S3 can fail with 200
    status = 503 if answer.status_code == 503 else 400 if is_error else 200
    headers = {name: answer.headers[name] for name in ("retry-after",) if name in answer.headers}
    return httpx.Response(status, text=answer.text, headers=headers)


def etags_of(content: bytes) -> set[str]:
    """Return the entity tags that content can have, by the door that it came in at."""
    parts = [content[start : start + _PART_BYTES] for start in range(0, max(len(content), 1), _PART_BYTES)]
    joined = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in parts)).hexdigest()
    plain = {hashlib.sha256(content).hexdigest(), hashlib.md5(content).hexdigest(), f"{joined}-{len(parts)}"}
    return {f'"{tag}"' for tag in plain}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
