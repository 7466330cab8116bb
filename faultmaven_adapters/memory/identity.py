"""Identity without keys: opaque tokens kept in this process, and passwords hashed once. For tests and library users."""

import hashlib
import hmac
from datetime import timedelta

from attrs import evolve, field, frozen

from faultmaven_domain.auth import Claims, InvalidToken, TokenFamily, TokenPair, User
from faultmaven_domain.kernel.clock import Clock
from faultmaven_domain.kernel.ids import IdSource


@frozen
class MemoryIdentityProvider:
    clock: Clock
    ids: IdSource
    access: timedelta = timedelta(minutes=30)
    refresh: timedelta = timedelta(days=7)
    _families: dict[str, TokenFamily] = field(factory=dict, init=False)
    _access: dict[str, Claims] = field(factory=dict, init=False)
    _refresh: dict[str, str] = field(factory=dict, init=False)  # token to family id, used ones too

    async def ping(self) -> None:
        """Always there."""

    async def close(self) -> None:
        """Nothing is held open."""

    async def create_token(self, user: User) -> TokenPair:
        return self._next(self.ids.new("fam"), user.user_id)

    async def validate_token(self, token: str) -> Claims:
        claims = self._access.get(token)
        now = self.clock.now()
        if claims is None or now >= claims.expires_at or self._families[claims.family_id].revoked_at is not None:
            raise InvalidToken
        return claims

    async def refresh_token(self, refresh_token: str) -> TokenPair:
        family = self._families.get(self._refresh.get(refresh_token, ""))
        now = self.clock.now()
        if family is None or not family.live(at=now):
            raise InvalidToken
        if family.current != refresh_token:
            self._families[family.family_id] = evolve(family, revoked_at=now)
            raise InvalidToken("The refresh token was used before; sign in again.")
        return self._next(family.family_id, family.user_id)

    async def revoke(self, token: str) -> None:
        claims = self._access.get(token)
        family_id = claims.family_id if claims else self._refresh.get(token)
        if family_id is None:
            raise InvalidToken
        self._families[family_id] = evolve(self._families[family_id], revoked_at=self.clock.now())

    def _next(self, family_id: str, user_id: str) -> TokenPair:
        now = self.clock.now()
        access, refresh = self.ids.new("at"), self.ids.new("rt")
        self._families[family_id] = TokenFamily(
            family_id=family_id, user_id=user_id, current=refresh, expires_at=now + self.refresh
        )
        self._access[access] = Claims(user_id=user_id, family_id=family_id, expires_at=now + self.access)
        self._refresh[refresh] = family_id
        return TokenPair(
            access_token=access,
            refresh_token=refresh,
            issued_at=now,
            expires_in=int(self.access.total_seconds()),
            refresh_expires_in=int(self.refresh.total_seconds()),
        )


@frozen
class MemoryPasswordHasher:
    """One round of salted SHA-256: quick, and so not for passwords that matter."""

    ids: IdSource

    async def hash(self, password: str) -> str:
        salt = self.ids.new("salt")
        return f"{salt}${_digest(salt, password)}"

    async def verify(self, password: str, hash: str | None) -> bool:
        salt, _, digest = (hash or "$").partition("$")
        return hash is not None and hmac.compare_digest(_digest(salt, password), digest)


def _digest(salt: str, password: str) -> str:
    return hashlib.sha256(f"{salt}{password}".encode()).hexdigest()
