"""Errors as S3's clients read them: the true status, and a document without a namespace.

botocore finds no code in an <Error> that has one.
"""

from collections.abc import Mapping
from xml.etree.ElementTree import Element

import orjson
from starlette.requests import Request
from starlette.responses import Response

from aerostore.api.error_response import RETRY_AFTER_S, wire_error
from aerostore.api.gate import route_path
from aerostore.api.s3 import PREFIX
from aerostore.api.s3.fault import S3Fault
from aerostore.api.s3.route import HOST_ID, request_id_headers
from aerostore.api.s3.xml import add, to_xml
from aerostore.errors import InvalidRange, NoSuchBucket, NoSuchKey, StorageError


def to_response(request: Request, error: StorageError) -> Response:
    """Render `error` as S3 does; as the JSON of the REST door for who accepts that and no XML."""
    headers = {"cache-control": "no-store", **request_id_headers(request), **_headers(error)}
    status, code = status_of(error), code_of(error)
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type="application/xml")
    if request.headers.get("accept", "").strip().lower() == "application/json":
        body = _to_json(request, error, status, code)
        return Response(body, status_code=status, headers=headers, media_type="application/json")
    document = to_element(error, resource=_resource(request))
    add(document, "RequestId", request.scope.get("aerostore.request_id", ""))
    add(document, "HostId", HOST_ID)
    headers["content-type"] = "application/xml"
    return Response(to_xml(document), status_code=status, headers=headers)


def to_element(error: StorageError, *, resource: str) -> Element:
    """Return the element of an answer that says what was wrong. resource: the path that was asked for."""
    root = Element("Error")
    add(root, "Code", code_of(error))
    add(root, "Message", message_of(error))
    add(root, "Resource", resource)
    for name, value in _details(error).items():
        add(root, name, value)
    return root


def status_of(error: StorageError) -> int:
    """Return the status line of an answer with this error."""
    if isinstance(error, S3Fault):
        return error.status
    row = wire_error(type(error))
    return row.s3_status or row.status


def code_of(error: StorageError) -> str:
    """Return what S3 calls the error."""
    return error.code if isinstance(error, S3Fault) else wire_error(type(error)).s3 or error.code


def message_of(error: StorageError) -> str:
    """Return what was wrong, and what to do next."""
    return f"{error.message.rstrip('.')}. {error.hint}" if error.hint else error.message


def _details(error: StorageError) -> Mapping[str, str]:
    if isinstance(error, S3Fault):
        return error.details
    if isinstance(error, InvalidRange) and error.size_bytes is not None:
        return {"ActualObjectSize": str(error.size_bytes)}
    bucket_id, _, name = (error.resource or "").partition("/")
    if isinstance(error, NoSuchKey) and name:
        return {"Key": name}
    return {"BucketName": bucket_id} if isinstance(error, NoSuchBucket) and bucket_id else {}


def _headers(error: StorageError) -> dict[str, str]:
    headers = {}
    if error.retryable:
        headers["retry-after"] = str(RETRY_AFTER_S)
    if isinstance(error, InvalidRange) and error.size_bytes is not None:
        headers["content-range"] = f"bytes */{error.size_bytes}"  # RFC 9110 section 14.4
    return headers


def _resource(request: Request) -> str:
    return route_path(request.scope).removeprefix(PREFIX) or "/"


def _to_json(request: Request, error: StorageError, status: int, code: str) -> bytes:
    return orjson.dumps(
        {
            "statusCode": str(status),
            "error": code,
            "message": error.message,
            "code": code,
            "hint": error.hint,
            "request_id": request.scope.get("aerostore.request_id", ""),
        }
    )
