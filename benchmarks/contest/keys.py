"""The tokens of a server that a benchmark starts: a secret for this run, a service key and one user."""

import secrets
import time
import uuid
from dataclasses import dataclass, field

import jwt

_LIFETIME_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Keys:
    """A secret, and tokens made with it."""

    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    user_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def service(self) -> str:
        """The token that may do everything."""
        return self._sign({"role": "service_role"})

    @property
    def user(self) -> str:
        """The token of a signed-in user, with claims as they are in everyday life."""
        metadata = {"provider": "email", "providers": ["email"], "teams": ["red", "green"]}
        claims = {"role": "authenticated", "sub": self.user_id, "aud": "authenticated"}
        return self._sign({**claims, "email": "alice@example.org", "app_metadata": metadata})

    def _sign(self, claims: dict[str, object]) -> str:
        times = {"iat": int(time.time()), "exp": int(time.time()) + _LIFETIME_S}
        return jwt.encode(claims | times, self.secret, algorithm="HS256")
