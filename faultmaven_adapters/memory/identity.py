"""Identity without keys: opaque tokens kept in this process, and passwords hashed once. For tests and library users."""

import hashlib
import hmac
from datetime import timedelta

from attrs import evolve, field, frozen

from faultmaven_domain.auth import Claims, InvalidToken, NoIssuer, TokenFamily, TokenPair, User
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

    async def create_token(
        self, user: User, *, client_id: str | None = None, scopes: tuple[str, ...] | None = None
    ) -> TokenPair:
        family = TokenFamily(
            family_id=self.ids.new("fam"),
            user_id=user.user_id,
            current="",
            expires_at=self.clock.now(),
            client_id=client_id,
            scopes=scopes,
        )
        return self._next(family)

    async def validate_token(self, token: str) -> Claims:
        claims = self._access.get(token)
        now = self.clock.now()
        if claims is None or now >= claims.expires_at or self._families[claims.family_id].revoked_at is not None:
            raise InvalidToken
        return claims

    async def refresh_token(self, refresh_token: str, *, client_id: str | None = None) -> TokenPair:
        family = self._families.get(self._refresh.get(refresh_token, ""))
        now = self.clock.now()
        if family is None or not family.may_be_refreshed(by=client_id, at=now):
            raise InvalidToken
        if family.current != refresh_token:
            self._families[family.family_id] = evolve(family, revoked_at=now)
            raise InvalidToken("The refresh token was used before; sign in again.")
        return self._next(family)

    async def revoke(self, token: str) -> Claims:
        claims = self._access.get(token)
        family = self._families.get(claims.family_id if claims else self._refresh.get(token, ""))
        if family is None:
            raise InvalidToken
        await self.revoke_family(family.family_id)
        return Claims(user_id=family.user_id, family_id=family.family_id, expires_at=family.expires_at)

    async def revoke_family(self, family_id: str) -> None:
        family = self._families.get(family_id)
        if family is not None and family.revoked_at is None:
            self._families[family_id] = evolve(family, revoked_at=self.clock.now())

    async def sign_ins(self, user_id: str) -> tuple[str, ...]:
        now = self.clock.now()
        return tuple(f.family_id for f in self._families.values() if f.user_id == user_id and f.live(at=now))

    async def sign_in_address(self, *, redirect_uri: str, challenge: str) -> str:
        raise NoIssuer

    async def signed_in(self, *, code: str, state: str, verifier: str, issuer: str | None = None) -> Claims:
        raise NoIssuer

    async def sign_out_address(self, user_id: str, *, back: str) -> str | None:
        return None

    def _next(self, family: TokenFamily) -> TokenPair:
        now = self.clock.now()
        access, refresh = self.ids.new("at"), self.ids.new("rt")
        self._families[family.family_id] = evolve(family, current=refresh, expires_at=now + self.refresh)
        self._access[access] = Claims(
            user_id=family.user_id,
            family_id=family.family_id,
            expires_at=now + self.access,
            scopes=family.scopes,
        )
        self._refresh[refresh] = family.family_id
        return TokenPair(
            access_token=access,
            refresh_token=refresh,
            issued_at=now,
            expires_in=int(self.access.total_seconds()),
            refresh_expires_in=int(self.refresh.total_seconds()),
            family_id=family.family_id,
            scopes=family.scopes,
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
