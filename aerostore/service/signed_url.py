"""Signed URLs: tokens that let whoever holds them download or upload one object for a while.

A token is signed by itsdangerous with a salt for its scope, so that one can never serve as the other.
It names the object (not only its name), who asked for it, when, and a link id, so that links can be
listed and revoked. Tokens are verified before any row is read.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from itsdangerous import BadData, BadPayload, BadSignature, URLSafeSerializer, want_bytes
from itsdangerous.encoding import base64_encode

from aerostore.domain import Clock, DownloadLink, Object, RlsContext, UploadLink, check_object_name
from aerostore.errors import InvalidLink, InvalidParameter, NoSuchKey, SignatureDoesNotMatch
from aerostore.executor import Executor, Statement, Work, together
from aerostore.executor import statements as sql
from aerostore.executor.row import to_object
from aerostore.permissions import OBJECT_SIGN, OBJECT_SIGN_MANY, OBJECT_SIGN_UPLOAD, admit
from aerostore.service.file import Files
from aerostore.service.publish import Upload

MAX_EXPIRES_IN_S = 100 * 366 * 24 * 3600
_DOWNLOAD = "download"
_UPLOAD = "upload"
_MAX_TOKEN_LENGTH = 8192
_PLAIN_AT_MOST_BYTES = 512
# A signature of 32 bytes has one spelling only: its last character holds four bits, the rest are zero.
_TOKEN = re.compile(r"\.?[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", re.ASCII)


class _Serializer(URLSafeSerializer):
    """Compresses long tokens only: it takes longer than all the rest, and a short one gains little by it."""

    def dump_payload(self, obj: Any) -> bytes:
        plain = want_bytes(self.serializer.dumps(obj))
        return base64_encode(plain) if len(plain) <= _PLAIN_AT_MOST_BYTES else super().dump_payload(obj)


class LinkSigner:
    """Turns links into tokens and back. keys: secrets, newest first; older ones still verify."""

    def __init__(self, keys: Sequence[str], *, clock: Clock) -> None:
        self._clock = clock
        self._serializers = {
            scope: _Serializer(
                list(reversed(keys)),
                salt=f"aerostore.signed-url.{scope}",
                signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
            )
            for scope in (_DOWNLOAD, _UPLOAD)
        }

    def download_token(self, found: Object, *, issuer: str | None, expires_in_s: int) -> tuple[str, datetime]:
        """Return a token to read `found`, and when it ends. Raises: InvalidParameter for an absurd time."""
        expires_at = self._expiry(expires_in_s)
        claims = {"o": found.id, "u": issuer}
        return self._sign(_DOWNLOAD, found.bucket_id, found.name, expires_at, claims), expires_at

    def upload_token(
        self, bucket_id: str, name: str, *, owner_id: str | None, upsert: bool, expires_in_s: int
    ) -> str:
        """Return a token to write `name` while nothing has it, or any number of times with `upsert`."""
        claims = {"u": owner_id, "w": upsert}
        return self._sign(_UPLOAD, bucket_id, name, self._expiry(expires_in_s), claims)

    def read_download_token(self, token: str, bucket_id: str, name: str) -> DownloadLink:
        """Verify a token for this object.

        Raises: InvalidLink when malformed, forged or expired; SignatureDoesNotMatch when it is genuine but
        for something else.
        """
        claims = self._claims(token, _DOWNLOAD, bucket_id, name)
        return DownloadLink(
            link_id=claims["l"],
            bucket_id=bucket_id,
            name=claims["n"],
            object_id=claims["o"],
            issuer=claims["u"],
            issued_at=_to_time(claims["i"]),
            expires_at=_to_time(claims["e"]),
        )

    def read_upload_token(self, token: str, bucket_id: str, name: str) -> UploadLink:
        """Verify a token for this name. Raises: as `read_download_token`."""
        claims = self._claims(token, _UPLOAD, bucket_id, name)
        return UploadLink(
            link_id=claims["l"],
            bucket_id=bucket_id,
            name=claims["n"],
            owner_id=claims["u"],
            upsert=claims["w"],
            issued_at=_to_time(claims["i"]),
            expires_at=_to_time(claims["e"]),
        )

    def open_upload_token(self, token: str) -> UploadLink:
        """Verify a token for whichever name it was issued for. Raises: as `read_download_token`."""
        claims = self._verified(token, _UPLOAD)
        return self.read_upload_token(token, claims["b"], claims["n"])

    def _expiry(self, expires_in_s: int) -> datetime:
        if not 1 <= expires_in_s <= MAX_EXPIRES_IN_S:
            raise InvalidParameter(
                "Invalid Parameter expiresIn", hint=f"Use 1 to {MAX_EXPIRES_IN_S} seconds."
            )
        return (self._clock() + timedelta(seconds=expires_in_s)).replace(microsecond=0)

    def _sign(
        self, scope: str, bucket_id: str, name: str, expires_at: datetime, claims: Mapping[str, Any]
    ) -> str:
        payload = {
            "b": bucket_id,
            "n": name,
            "e": int(expires_at.timestamp()),
            "i": int(self._clock().timestamp()),
            "l": secrets.token_urlsafe(9),
            **claims,
        }
        return want_bytes(self._serializers[scope].dumps(payload)).decode()

    def _claims(self, token: str, scope: str, bucket_id: str, name: str) -> dict[str, Any]:
        claims = self._verified(token, scope)
        if claims["e"] <= self._clock().timestamp():
            raise InvalidLink('"exp" claim timestamp check failed')
        if claims["b"] != bucket_id or not _is_spelling(name, claims["n"]):
            raise SignatureDoesNotMatch("Invalid signature")
        return claims

    def _verified(self, token: str, scope: str) -> dict[str, Any]:
        if len(token) > _MAX_TOKEN_LENGTH or not _TOKEN.fullmatch(token):
            raise InvalidLink("Invalid Compact JWS")
        try:
            claims: dict[str, Any] = self._serializers[scope].loads(token)
        except BadPayload:
            raise InvalidLink("Invalid Compact JWS") from None
        except BadSignature:
            if self._is_genuine(token, _UPLOAD if scope == _DOWNLOAD else _DOWNLOAD):
                raise SignatureDoesNotMatch(f"Token is not scoped for {scope}") from None
            raise InvalidLink("signature verification failed") from None
        return claims

    def _is_genuine(self, token: str, scope: str) -> bool:
        try:
            self._serializers[scope].loads(token)
        except BadData:
            return False
        return True


def _is_spelling(name: str, signed: str) -> bool:
    """Tell whether `name` is what a client may make of `signed` on its way into a URL and back.

    storage-js encodes the escapes of a URL once more, storage3 leaves those of a name alone. The token
    decides which object is meant, so a lenient look at the path opens nothing.
    """
    return signed in {name, unquote(name)} or name == unquote(signed)


def _to_time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class SignedUrls:
    """Issues links as far as the caller's own rights go, and verifies them."""

    def __init__(
        self, executor: Executor, files: Files, signer: LinkSigner, *, upload_expires_in_s: int
    ) -> None:
        self._executor = executor
        self._files = files
        self._signer = signer
        self._upload_expires_in_s = upload_expires_in_s

    async def sign(self, context: RlsContext, bucket_id: str, name: str, *, expires_in_s: int) -> str:
        """Return a token to read an object that the caller may select.

        Raises: NoSuchKey, InvalidKey, InvalidParameter.
        """
        context = admit(context, OBJECT_SIGN)
        check_object_name(name)
        tokens = await self._tokens(context, sql.find_visible_object(bucket_id, name), expires_in_s)
        if name not in tokens:
            raise NoSuchKey(resource=f"{bucket_id}/{name}")
        return tokens[name]

    async def sign_many(
        self, context: RlsContext, bucket_id: str, names: Sequence[str], *, expires_in_s: int
    ) -> dict[str, str]:
        """Return tokens by name for those objects among `names` that the caller may select."""
        context = admit(context, OBJECT_SIGN_MANY)
        return await self._tokens(context, sql.find_visible_objects(bucket_id, names), expires_in_s)

    async def sign_upload(self, context: RlsContext, upload: Upload) -> str:
        """Return a token to write one name without credentials, if the caller could write it now.

        Raises: NoSuchRelation, InvalidKey, AccessDenied, KeyAlreadyExists.
        """
        context = admit(context, OBJECT_SIGN_UPLOAD)
        await self._files.check_put(context, upload)
        return self._signer.upload_token(
            upload.bucket_id,
            upload.name,
            owner_id=context.user_id,
            upsert=upload.upsert,
            expires_in_s=self._upload_expires_in_s,
        )

    def verify_download(self, token: str, bucket_id: str, name: str) -> DownloadLink:
        """Verify a token to read this object. Raises: InvalidLink, SignatureDoesNotMatch."""
        return self._signer.read_download_token(token, bucket_id, name)

    def verify_upload(self, token: str, bucket_id: str, name: str) -> UploadLink:
        """Verify a token to write this name. Raises: InvalidLink, SignatureDoesNotMatch."""
        return self._signer.read_upload_token(token, bucket_id, name)

    def verify_upload_token(self, token: str) -> UploadLink:
        """Verify a token to write whatever name it is for. Raises: InvalidLink, SignatureDoesNotMatch."""
        return self._signer.open_upload_token(token)

    async def _tokens(self, context: RlsContext, find: Statement, expires_in_s: int) -> dict[str, str]:
        def work() -> Work[dict[str, str]]:
            rows = (yield together(find, ends_unit=True)).rows
            found = [to_object(row) for row in rows]
            return {each.name: self._token_for(each, context, expires_in_s) for each in found}

        return await self._executor.read(context, work)

    def _token_for(self, found: Object, context: RlsContext, expires_in_s: int) -> str:
        token, _expires_at = self._signer.download_token(
            found, issuer=context.user_id, expires_in_s=expires_in_s
        )
        return token
