"""AWS Signature Version 4: what a request says about its signature, and what the right one would be.

Pure: neither keys nor callers nor the time are known here. Source: Amazon S3 API Reference, "Authenticating
Requests (AWS Signature Version 4)".
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from aerostore.api.s3.fault import S3Fault
from aerostore.domain import printable

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
MAX_EXPIRES_S = 7 * 24 * 3600
EVERY_REGION = ("", "auto", "us-east-1")
"""Regions that clients fill in who have none; a server takes them besides its own."""

_HEADER = "AuthorizationHeaderMalformed"
_QUERY = "AuthorizationQueryParametersError"
_FORM = "InvalidArgument"
_PARTS = re.compile(r"\s*([A-Za-z]+)=([^,\s]*)\s*")
_TIMESTAMP = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_DATE = re.compile(r"\d{8}", re.ASCII)
HEX_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+", re.ASCII)
_QUERY_NAMES = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")


@dataclass(frozen=True, slots=True)
class CredentialScope:
    """What a signing key is good for: one day (YYYYMMDD) in one region."""

    date: str
    region: str

    def __str__(self) -> str:
        return f"{self.date}/{self.region}/s3/aws4_request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a request says about its own signature; nothing of it is proven.

    signed_headers: empty for a form, whose policy alone is signed. expires_in_s: how long the signature of a
    URL is good, else None. session_token: empty for none. payload: what it says of the body, empty for
    nothing.
    """

    key_id: str
    scope: CredentialScope
    signed_headers: tuple[str, ...]
    signature: str
    signed_at: datetime
    expires_in_s: int | None = None
    session_token: str = field(default="", repr=False)
    payload: str = ""

    @property
    def is_presigned(self) -> bool:
        """Whether the signature is in the query."""
        return self.expires_in_s is not None

    @property
    def is_header(self) -> bool:
        """Whether the signature is in a header: made by whoever sends the request."""
        return self.expires_in_s is None and bool(self.signed_headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """The request that a signature is about, as it may have looked to whoever signed it.

    paths, hosts: each may have been the path and the host there, the likeliest first; paths are read once.
    headers: by lower-case name, values of one name joined.
    """

    method: str
    paths: Iterable[str]
    query: bytes
    headers: Mapping[str, bytes]
    hosts: Sequence[bytes]


def header_claim(authorization: str, headers: Mapping[str, bytes]) -> Claim:
    """Read an Authorization header. Raises: S3Fault when it is malformed or has no time beside it."""
    pairs = list(_pairs(authorization.partition(" ")[2]))
    parts = dict(pairs)
    if len(pairs) != 3 or set(parts) != {"Credential", "SignedHeaders", "Signature"}:
        raise S3Fault(
            _HEADER,
            "The authorization header is malformed; it must hold Credential, SignedHeaders and Signature once"
            " each.",
        )
    key_id, scope = parse_credential(parts["Credential"], _HEADER)
    return Claim(
        key_id=key_id,
        scope=scope,
        signed_headers=_signed_headers(parts["SignedHeaders"], _HEADER),
        signature=parse_signature(parts["Signature"], _HEADER),
        signed_at=_agreeing(_header_time(headers), scope, _HEADER),
        session_token=headers.get("x-amz-security-token", b"").decode("latin-1"),
        payload=headers.get("x-amz-content-sha256", b"").decode("latin-1"),
    )


def query_claim(parameters: Sequence[tuple[str, str]]) -> Claim:
    """Read the X-Amz-* parameters of a presigned URL. Raises: S3Fault when one is malformed or missing."""
    given = _once(parameters)
    key_id, scope = parse_credential(given["Credential"], _QUERY)
    return Claim(
        key_id=key_id,
        scope=scope,
        signed_headers=_signed_headers(given["SignedHeaders"], _QUERY),
        signature=parse_signature(given["Signature"], _QUERY),
        signed_at=_agreeing(parse_timestamp(given["Date"], _QUERY), scope, _QUERY),
        expires_in_s=_expires(given["Expires"]),
        session_token=given.get("Security-Token", ""),
        # Most are made before there is a body.
        payload=given.get("Content-Sha256", UNSIGNED_PAYLOAD),
    )


def form_claim(fields: Mapping[str, str]) -> Claim:
    """Read the fields of a form that are about the signature of its policy, by lower-case name.

    Raises: S3Fault when one is malformed or missing.
    """
    for name in ("x-amz-credential", "x-amz-date", "x-amz-signature"):
        if not fields.get(name):
            raise S3Fault(
                _FORM,
                f"Bucket POST must contain a field named '{name}'. If it is specified, please check the order"
                " of the fields.",
            )
    key_id, scope = parse_credential(fields["x-amz-credential"], _FORM)
    return Claim(
        key_id=key_id,
        scope=scope,
        signed_headers=(),
        signature=parse_signature(fields["x-amz-signature"], _FORM),
        signed_at=_agreeing(parse_timestamp(fields["x-amz-date"], _FORM), scope, _FORM),
        session_token=fields.get("x-amz-security-token", ""),
    )


def parse_credential(text: str, code: str) -> tuple[str, CredentialScope]:
    """Return access key id and scope of `id/date/region/s3/aws4_request`. Raises: S3Fault `code`."""
    parts = text.rsplit("/", 4)
    if len(parts) != 5 or not parts[0]:
        raise S3Fault(
            code,
            f"The credential '{printable(text, 200)}' is malformed; expecting"
            ' "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
        )
    key_id, date, region, service, ending = parts
    if not _DATE.fullmatch(date):
        raise S3Fault(code, f'Invalid credential date "{printable(date, 50)}"; expecting YYYYMMDD.')
    if service != "s3":
        raise S3Fault(
            code, f'The credential is wrong; incorrect service "{printable(service, 50)}", expecting "s3".'
        )
    if ending != "aws4_request":
        raise S3Fault(code, f'Invalid terminal "{printable(ending, 50)}"; expecting "aws4_request".')
    return key_id, CredentialScope(date, region)


def require_region(claim: Claim, region: str) -> None:
    """Refuse a signature for another region, and name the right one: clients try again with it."""
    if claim.scope.region in {*EVERY_REGION, region}:
        return
    raise S3Fault(
        _QUERY if claim.is_presigned else _HEADER,
        f"The credential is wrong; the region '{printable(claim.scope.region, 50)}' is wrong;"
        f" expecting '{region}'",
        hint=f"Sign for the region {region}.",
        details={"Region": region},
    )


def parse_signature(text: str, code: str) -> str:
    """Return a signature in lower-case hex. Raises: S3Fault `code`."""
    if not HEX_SHA256.fullmatch(text):
        raise S3Fault(code, "The signature must be 64 lower-case hexadecimal digits.")
    return text


def parse_timestamp(text: str, code: str) -> datetime:
    """Return a time written as `20130524T000000Z`. Raises: S3Fault `code`."""
    try:
        if _TIMESTAMP.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    raise S3Fault(code, "The date must be in the ISO8601 long format \"yyyyMMdd'T'HHmmss'Z'\"")


def to_timestamp(moment: datetime) -> str:
    """Write a time as signatures have it."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def is_signed(claim: Claim, secret: str, message: Message, payload: str) -> bool:
    """Tell whether whoever has `secret` signed `message`, in one of the ways it may have looked to them.

    payload: what the signature covers of the body: its SHA-256 in hex, or a word in place of it.
    """
    key = signing_key(secret, claim.scope.date, claim.scope.region)
    return any(
        hmac.compare_digest(sign(key, _string_to_sign(claim, canonical)), claim.signature)
        for canonical in _canonical_requests(claim, message, payload)
    )


@lru_cache(maxsize=1024)
def signing_key(secret: str, date: str, region: str) -> bytes:
    """Return the key that is derived from a secret for a day and a region."""
    key = f"AWS4{secret}".encode()
    for text in (date, region, "s3", "aws4_request"):
        key = hmac.digest(key, text.encode(), "sha256")
    return key


def sign(key: bytes, text: str) -> str:
    """Return the signature of `text` in hex."""
    return hmac.digest(key, text.encode(), "sha256").hex()


def path_spellings(raw: str) -> Iterator[str]:
    """Yield how clients write a path into a signature: as they send it, or strictly encoded."""
    yield raw
    strict = quote(unquote_to_bytes(raw.encode("latin-1")), safe="/")
    if strict != raw:
        yield strict


def joined_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, bytes]:
    """Return headers by lower-case name, those of one name joined with commas, inner spaces made one."""
    joined: dict[str, bytes] = {}
    for name, value in raw:
        key = name.decode("latin-1").lower()
        value = b" ".join(value.split())
        joined[key] = joined[key] + b"," + value if key in joined else value
    return joined


def canonical_query(query: bytes) -> str:
    """Return a query in the order and the spelling of signatures, without the signature itself.

    A `+` is a space, as for whoever reads the parameters.
    """
    pairs = []
    for part in query.split(b"&"):
        name, _equals, value = part.partition(b"=")
        if part and name != b"X-Amz-Signature":
            pairs.append((_encoded(name), _encoded(value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _encoded(text: bytes) -> str:
    return quote(unquote_to_bytes(text.replace(b"+", b" ")), safe="")


def _canonical_requests(claim: Claim, message: Message, payload: str) -> Iterator[bytes]:
    query = canonical_query(message.query).encode()
    names = ";".join(claim.signed_headers).encode()
    blocks = [_header_block(claim, message, host) for host in message.hosts]
    for path in message.paths:
        for headers in blocks:
            parts = (message.method.encode(), path.encode("latin-1"), query, headers, names, payload.encode())
            yield b"\n".join(parts)


def _header_block(claim: Claim, message: Message, host: bytes) -> bytes:
    return b"".join(
        b"%s:%s\n" % (name.encode(), host if name == "host" else message.headers.get(name, b""))
        for name in claim.signed_headers
    )


def _string_to_sign(claim: Claim, canonical: bytes) -> str:
    digest = hashlib.sha256(canonical).hexdigest()
    return f"{ALGORITHM}\n{to_timestamp(claim.signed_at)}\n{claim.scope}\n{digest}"


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split(","):
        found = _PARTS.fullmatch(part)
        if found is None:
            raise S3Fault(_HEADER, "The authorization header is malformed.")
        yield found[1], found[2]


def _once(parameters: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the X-Amz-* parameters without that beginning; each may be there once."""
    given: dict[str, str] = {}
    for name, value in parameters:
        if not name.startswith("X-Amz-"):
            continue
        if name[6:] in given:
            raise S3Fault(_QUERY, f"The query parameter {printable(name, 100)} is there more than once.")
        given[name[6:]] = value
    missing = [name for name in _QUERY_NAMES if not given.get(name)]
    if missing:
        raise S3Fault(
            _QUERY,
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential,"
            " X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        )
    return given


def _expires(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise S3Fault(_QUERY, "X-Amz-Expires should be a number")
    seconds = int(text)
    if seconds > MAX_EXPIRES_S:
        raise S3Fault(
            _QUERY, f"X-Amz-Expires must be less than a week (in seconds); that is {MAX_EXPIRES_S} at most"
        )
    if seconds < 1:
        raise S3Fault(_QUERY, "X-Amz-Expires must be at least 1")
    return seconds


def _signed_headers(text: str, code: str) -> tuple[str, ...]:
    names = tuple(text.split(";"))
    if not all(_HEADER_NAME.fullmatch(name) for name in names) or list(names) != sorted(set(names)):
        raise S3Fault(
            code, "SignedHeaders must be lower-case names in order, each once, with semicolons between them."
        )
    if "host" not in names:
        raise S3Fault(code, "The Host header must be signed.")
    return names


def _header_time(headers: Mapping[str, bytes]) -> datetime:
    text = headers.get("x-amz-date", headers.get("date", b"")).decode("latin-1")
    if _TIMESTAMP.fullmatch(text):
        return parse_timestamp(text, _HEADER)
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise S3Fault(
            "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header"
        ) from None


def _agreeing(moment: datetime, scope: CredentialScope, code: str) -> datetime:
    if moment.strftime("%Y%m%d") != scope.date:
        raise S3Fault(
            code, f"Invalid credential date {scope.date}: it is not the day of the signature's own time."
        )
    return moment
