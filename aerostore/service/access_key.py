"""Access keys of the S3 protocol: made, listed, revoked, and found for whoever signs with one.

No secret is kept: it follows from the key's id and one of the server's signing keys, and is made anew
whenever it is needed.
"""

import base64
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aerostore.domain import SYSTEM, AccessKey, Clock, JsonObject, RlsContext
from aerostore.errors import InvalidAccessKey
from aerostore.executor import Executor, Work
from aerostore.executor import statements as sql
from aerostore.executor.row import to_access_key

REVOKED_WITHIN_S = 5
"""How long a key may still work that another process revoked."""

WORKS = "works"
"""The state of a key that lets in who signs with it."""

_PREFIX = "AERO"
_CACHED_KEYS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatory:
    """Who signs with an access key: the secret that proves it, and as whom they act."""

    secret: str = field(repr=False)
    context: RlsContext


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    key: AccessKey
    read_at: datetime


class AccessKeys:
    """The keys in the rows, and the one of the settings.

    signing_keys: newest first; new keys are made with the first one. configured: id and secret of a key
    that acts as the service role, None for no such key.
    """

    def __init__(
        self,
        executor: Executor,
        signing_keys: Sequence[str],
        *,
        clock: Clock,
        configured: tuple[str, str] | None = None,
    ) -> None:
        self._executor = executor
        self._signing_keys = {_fingerprint(key): key for key in signing_keys}
        self._newest = _fingerprint(signing_keys[0])
        self._clock = clock
        self._configured = configured
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def create(
        self, *, role: str, claims: JsonObject, description: str = "", expires_in_s: int | None = None
    ) -> tuple[AccessKey, str]:
        """Make a key that acts with `role` and `claims`; return it with its secret."""
        now = self._clock()
        key = AccessKey(
            id=_PREFIX + base64.b32encode(secrets.token_bytes(10)).decode(),
            role=role,
            claims=claims,
            description=description,
            signing_key_id=self._newest,
            created_at=now,
            expires_at=None if expires_in_s is None else now + timedelta(seconds=expires_in_s),
        )

        def work() -> Work[None]:
            yield sql.access_key.insert_access_key(key)

        # As the system, here and below: keys are the operator's, no policy speaks of them.
        await self._executor.write(SYSTEM, work)
        return key, _secret(self._signing_keys[self._newest], key.id)

    async def list_all(self) -> Sequence[AccessKey]:
        """Return every key that was ever made, oldest first."""

        def work() -> Work[Sequence[AccessKey]]:
            return [to_access_key(row) for row in (yield sql.access_key.list_access_keys()).rows]

        return await self._executor.read(SYSTEM, work)

    async def revoke(self, key_id: str) -> None:
        """End a key, for every process within `REVOKED_WITHIN_S`.

        Raises: InvalidAccessKey when there is none with this id.
        """
        now = self._clock()

        def work() -> Work[bool]:
            yield sql.access_key.revoke_access_key(key_id, now)
            return bool((yield sql.access_key.find_access_key(key_id)).rows)

        found = await self._executor.write(SYSTEM, work)
        self._kept.pop(key_id, None)
        if not found:
            raise InvalidAccessKey(hint="'aerostore keys list' shows which there are.")

    def state_of(self, key: AccessKey) -> str:
        """Return `works`, or in a few words why who signs with `key` is refused now."""
        if key.revoked_at is not None:
            return "revoked"
        if key.expires_at is not None and key.expires_at <= self._clock():
            return "expired"
        return WORKS if key.signing_key_id in self._signing_keys else "its signing key is gone"

    async def find(self, key_id: str) -> Signatory | None:
        """Return who signs with `key_id`; None for a key that is unknown or does not work any more."""
        if self._configured is not None and key_id == self._configured[0]:
            context = RlsContext(role="service_role", claims={"role": "service_role"}, can_bypass_rls=True)
            return Signatory(secret=self._configured[1], context=context)
        key = await self._read(key_id)
        if key is None or self.state_of(key) != WORKS:
            return None
        return Signatory(
            secret=_secret(self._signing_keys[key.signing_key_id], key.id), context=_context_of(key)
        )

    async def _read(self, key_id: str) -> AccessKey | None:
        now = self._clock()
        kept = self._kept.get(key_id)
        # A clock that was put back must not make a revoked key live for longer.
        if kept is not None and timedelta() <= now - kept.read_at < timedelta(seconds=REVOKED_WITHIN_S):
            return kept.key

        def work() -> Work[AccessKey | None]:
            rows = (yield sql.access_key.find_access_key(key_id)).rows
            return to_access_key(rows[0]) if rows else None

        key = await self._executor.read(SYSTEM, work) if _may_be_key(key_id) else None
        self._keep(key_id, key, now)
        return key

    def _keep(self, key_id: str, key: AccessKey | None, now: datetime) -> None:
        self._kept.pop(key_id, None)
        if key is None:  # it may be made the next moment
            return
        self._kept[key_id] = _Kept(key=key, read_at=now)
        if len(self._kept) > _CACHED_KEYS:
            self._kept.popitem(last=False)


def _context_of(key: AccessKey) -> RlsContext:
    return RlsContext(
        role=key.role,
        user_id=key.claims.get("sub"),
        claims={**key.claims, "role": key.role},
        can_bypass_rls=key.role == "service_role",
    )


def _may_be_key(key_id: str) -> bool:
    return len(key_id) == 20 and key_id.startswith(_PREFIX) and key_id.isascii() and key_id.isalnum()


def _secret(signing_key: str, key_id: str) -> str:
    digest = hmac.digest(signing_key.encode(), f"aerostore access key {key_id}".encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _fingerprint(signing_key: str) -> str:
    """Return what names a signing key without telling anything about it."""
    return hmac.digest(signing_key.encode(), b"aerostore signing key id", "sha256").hex()[:16]
