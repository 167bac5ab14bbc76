"""What an S3 request says about its signature, in its headers or its query, before any of it is proven."""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from starlette.requests import Request

from aerostore.api.s3.fault import S3Fault
from aerostore.api.s3.sigv4 import (
    ALGORITHM,
    Claim,
    header_claim,
    query_claim,
)
from aerostore.domain import printable
from aerostore.errors import NotSupported

Parameters = Sequence[tuple[str, str]]

_COPY_SOURCE = "x-amz-copy-source"
# What the query says about the signature itself.
_OF_SIGNATURE = {
    "x-amz-algorithm",
    "x-amz-content-sha256",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
}
# A URL is signed before there is a body: what libraries put here is the checksum of nothing.
_OF_BODY = ("x-amz-checksum-", "x-amz-sdk-checksum-")


def read_claim(request: Request, headers: Mapping[str, bytes]) -> Claim | None:
    """Return what a request says about its signature; None when it says nothing.

    headers: those of the request, as signatures have them.
    Raises: S3Fault for anything but one AWS4-HMAC-SHA256 signature; NotSupported for an asymmetric one. A
    bearer token beside a presigned URL is ignored: clients send it with every request.
    """
    parameters = query_parameters(request)
    names = {name for name, _value in parameters}
    given = request.headers.getlist("authorization")
    if "X-Amz-Algorithm" in names or "X-Amz-Signature" in names:
        if any(each[:7].lower() != "bearer " for each in given):
            raise _two_mechanisms()
        require_algorithm(dict(parameters).get("X-Amz-Algorithm", ""), "AuthorizationQueryParametersError")
        return query_claim(parameters)
    if {"AWSAccessKeyId", "Signature"} <= names:
        raise old_signature()
    if not any(given):
        return None
    if len(given) > 1:
        raise _two_mechanisms()
    return _header_claim(given[0], headers)


def query_parameters(request: Request) -> Parameters:
    """Return the query's parameters, in order."""
    return parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)


def take_hoisted_headers(request: Request) -> None:
    """Make headers of the x-amz-* parameters of a presigned URL: clients that sign one move them there.

    A header that was sent stays as it is. Raises: NotSupported for a copy, which another route would serve.
    """
    headers = request.scope["headers"]
    sent = {name.lower() for name, _value in headers}
    for name, value in query_parameters(request):
        name = name.lower()
        if not name.startswith("x-amz-") or name in _OF_SIGNATURE or name.startswith(_OF_BODY):
            continue
        if name == _COPY_SOURCE:
            raise NotSupported("A presigned URL cannot have its copy source in the query")
        if name.encode() not in sent:
            headers.append((name.encode(), value.encode()))


def require_signed_headers(claim: Claim, headers: Mapping[str, bytes]) -> None:
    """Refuse headers that steer S3 and that anybody on the way may have added. Raises: S3Fault."""
    unsigned = sorted(
        name
        for name in headers
        if name.startswith("x-amz-") and name not in {*claim.signed_headers, "x-amz-content-sha256"}
    )
    if unsigned:
        raise S3Fault(
            "AccessDenied",
            "There were headers present in the request which were not signed",
            details={"HeadersNotSigned": printable(", ".join(unsigned), 500)},
        )


def declared_payload(claim: Claim, headers: Mapping[str, bytes]) -> str:
    """Return what is said of the body's hash. Raises: S3Fault when it must be said and is not."""
    declared = headers.get("x-amz-content-sha256", b"").decode("latin-1") or claim.payload
    if not declared:
        raise S3Fault("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    return declared


def require_algorithm(name: str, code: str) -> None:
    """Refuse every algorithm but one. Raises: S3Fault `code`, NotSupported."""
    if name.startswith("AWS4-ECDSA"):
        raise NotSupported(
            "Asymmetric signatures (SigV4A) are not implemented", hint=f"Sign with {ALGORITHM}."
        )
    if name != ALGORITHM:
        raise S3Fault(code, f'The algorithm must be "{ALGORITHM}"')


def old_signature() -> S3Fault:
    """Return the refusal of signature version 2."""
    return S3Fault(
        "InvalidRequest",
        f"The authorization mechanism you have provided is not supported. Please use {ALGORITHM}.",
        hint="Switch the client to signature version 4; boto3: Config(signature_version='s3v4').",
    )


def _header_claim(authorization: str, headers: Mapping[str, bytes]) -> Claim:
    scheme = authorization.partition(" ")[0]
    if scheme == "AWS":
        raise old_signature()
    if not scheme.startswith("AWS4-"):
        raise S3Fault(
            "InvalidArgument",
            "Unsupported Authorization Type",
            hint="Sign the request with an access key (AWS4-HMAC-SHA256); tokens are for the REST protocol.",
        )
    require_algorithm(scheme, "AuthorizationHeaderMalformed")
    return header_claim(authorization, headers)


def _two_mechanisms() -> S3Fault:
    return S3Fault(
        "InvalidArgument",
        "Only one auth mechanism allowed; the X-Amz-Algorithm query parameter or one Authorization header"
        " should be specified",
    )
