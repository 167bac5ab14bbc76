"""Who calls: the service role, two users, a token without a user, and nobody at all."""

from dataclasses import dataclass

import jwt

SECRET = "model-secret-that-is-long-enough-for-hs256"


@dataclass(frozen=True, slots=True, repr=False)
class Caller:
    """role: None without a token. user: the token's `sub`, who owns what the caller writes."""

    name: str
    role: str | None
    user: str | None = None

    def __repr__(self) -> str:
        return self.name

    @property
    def bypasses_policies(self) -> bool:
        return self.role == "service_role"

    @property
    def headers(self) -> dict[str, str]:
        if self.role is None:
            return {}
        claims = {"role": self.role} | ({"sub": self.user} if self.user else {})
        return {"authorization": f"Bearer {jwt.encode(claims, SECRET)}"}

    def owns(self, owner: str | None) -> bool:
        """Tell whether the shipped policies give this caller the rows of `owner`."""
        return self.bypasses_policies or (self.role == "authenticated" and self.user == owner)


SERVICE = Caller("SERVICE", "service_role")
ALICE = Caller("ALICE", "authenticated", "alice")
BOB = Caller("BOB", "authenticated", "0b0b0b0b-0000-4000-8000-00000000000b")
ANON = Caller("ANON", "anon")
NOBODY = Caller("NOBODY", None)
