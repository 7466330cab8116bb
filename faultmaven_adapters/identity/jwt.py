"""Tokens of our own: JSON Web Tokens (RFC 7519) signed with HS256, and rotating refresh tokens (RFC 9700, 4.14.2).

A sign-in begins a family. Each refresh replaces the family's one usable refresh token; one that was used before ends
the family, for both the thief and the owner. Refreshing prolongs it, unless another issuer vouched for its user: the
word of that one is as old as the sign-in, however often it is refreshed. Every access token names its family, and a
family's end is a row in the auth module's database: whoever cannot read it refuses the token.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from attrs import Factory, evolve, field, frozen
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from faultmaven_domain.auth import AuthTransactions, Claims, InvalidToken, NoIssuer, TokenFamily, TokenPair, User
from faultmaven_domain.kernel.clock import Clock
from faultmaven_domain.kernel.ids import IdSource

from .terms import is_guest

ISSUER = AUDIENCE = "faultmaven"
ALGORITHM = "HS256"
LONGEST_TOKEN = 4096
LEEWAY = 5
#: How many tokens' signatures are remembered as good; whether one has expired or was revoked is asked each time.
REMEMBERED = 1024


@frozen
class JwtIdentityProvider:
    """``access`` and ``refresh`` are how long the tokens are good for."""

    secret: str = field(repr=False)
    transactions: AuthTransactions
    clock: Clock
    ids: IdSource
    access: timedelta = timedelta(minutes=30)
    refresh: timedelta = timedelta(days=7)
    _signed_by_us: Callable[[str], dict[str, Any]] = field(
        init=False, repr=False, eq=False, default=Factory(lambda self: _reader(self._key()), takes_self=True)
    )

    async def ping(self) -> None:
        """Raises: Unavailable when revocations cannot be read."""
        async with self.transactions.view() as unit:
            await unit.families.get("")

    async def close(self) -> None:
        """Nothing is held open."""

    async def create_token(
        self, user: User, *, client_id: str | None = None, scopes: tuple[str, ...] | None = None
    ) -> TokenPair:
        now = self.clock.now()
        family = TokenFamily(
            family_id=self.ids.new("fam"),
            user_id=user.user_id,
            current=self.ids.new("rt"),
            expires_at=now + self.refresh,
            client_id=client_id,
            scopes=scopes,
        )
        async with self.transactions.begin() as unit:
            await unit.families.save(family)
        return self._pair(family, now)

    async def validate_token(self, token: str) -> Claims:
        claims = self._decoded(token, use="access")
        async with self.transactions.view() as unit:
            family = await unit.families.get(claims.family_id)
        if family is None or family.revoked_at is not None or family.user_id != claims.user_id:
            raise InvalidToken
        return evolve(claims, scopes=family.scopes)

    async def refresh_token(self, refresh_token: str, *, client_id: str | None = None) -> TokenPair:
        claims = self._decoded(refresh_token, use="refresh")
        now = self.clock.now()
        async with self.transactions.begin() as unit:
            family = await unit.families.get(claims.family_id)
            if family is None or not family.may_be_refreshed(by=client_id, at=now):
                raise InvalidToken
            stolen = family.current != claims.token_id
            if stolen:
                family = evolve(family, revoked_at=now)
            else:
                until = family.expires_at if is_guest(family.user_id) else now + self.refresh
                family = evolve(family, current=self.ids.new("rt"), expires_at=until)
            await unit.families.save(family)
        if stolen:
            raise InvalidToken("The refresh token was used before; sign in again.")
        return self._pair(family, now)

    async def revoke(self, token: str) -> Claims:
        claims = self._decoded(token, use=None)
        await self.revoke_family(claims.family_id)
        return claims

    async def revoke_family(self, family_id: str) -> None:
        async with self.transactions.begin() as unit:
            family = await unit.families.get(family_id)
            if family is not None and family.revoked_at is None:
                await unit.families.save(evolve(family, revoked_at=self.clock.now()))

    async def sign_ins(self, user_id: str) -> tuple[str, ...]:
        async with self.transactions.view() as unit:
            families = await unit.families.live_of(user_id, at=self.clock.now())
        return tuple(family.family_id for family in families)

    async def sign_in_address(self, *, redirect_uri: str, challenge: str) -> str:
        raise NoIssuer

    async def signed_in(self, *, code: str, state: str, verifier: str, issuer: str | None = None) -> Claims:
        raise NoIssuer

    async def sign_out_address(self, user_id: str, *, back: str) -> str | None:
        return None

    def _pair(self, family: TokenFamily, now: datetime) -> TokenPair:
        left = family.expires_at - now
        return TokenPair(
            access_token=self._signed(family, now, use="access", token_id=self.ids.new("at"), lives=self.access),
            refresh_token=self._signed(family, now, use="refresh", token_id=family.current, lives=left),
            issued_at=now,
            expires_in=int(self.access.total_seconds()),
            refresh_expires_in=int(left.total_seconds()),
            family_id=family.family_id,
            scopes=family.scopes,
        )

    def _signed(self, family: TokenFamily, now: datetime, *, use: str, token_id: str, lives: timedelta) -> str:
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": family.user_id,
            "iat": int(now.timestamp()),
            "exp": int((now + lives).timestamp()),
            "jti": token_id,
            "fam": family.family_id,
            "use": use,
        }
        return jwt.encode({"alg": ALGORITHM, "typ": "JWT"}, claims, self._key(), algorithms=[ALGORITHM])

    def _decoded(self, token: str, *, use: str | None) -> "_Claims":
        """Decode **and** validate; ``use`` None takes both kinds. Raises: InvalidToken, without saying why.

        When it was issued is not asked: the hosts of a fleet have clocks of their own, the key says that it was one of
        them, and its end and its family decide.
        """
        if len(token) > LONGEST_TOKEN:
            raise InvalidToken
        now = int(self.clock.now().timestamp())
        required = jwt.JWTClaimsRegistry(
            now=now,
            leeway=LEEWAY,
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            sub={"essential": True},
            exp={"essential": True},
            jti={"essential": True},
            fam={"essential": True},
            use={"essential": True, **({"value": use} if use else {})},
        )
        try:
            claims = self._signed_by_us(token)
            required.validate({name: value for name, value in claims.items() if name != "iat"})
            texts = [claims["sub"], claims["fam"], claims["jti"]]
            expires_at = datetime.fromtimestamp(claims["exp"], self.clock.now().tzinfo)
        except (JoseError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise InvalidToken from error
        if not all(isinstance(text, str) for text in texts):
            raise InvalidToken
        return _Claims(user_id=texts[0], family_id=texts[1], token_id=texts[2], expires_at=expires_at)

    def _key(self) -> OctKey:
        return OctKey.import_key(self.secret)


def _reader(key: OctKey) -> Callable[[str], dict[str, Any]]:
    """Gives a token's claims, which nobody may change. Raises: JoseError for one that this key did not sign."""

    @lru_cache(maxsize=REMEMBERED)
    def read(token: str) -> dict[str, Any]:
        return jwt.decode(token, key, algorithms=[ALGORITHM]).claims

    return read


@frozen(kw_only=True)
class _Claims(Claims):
    token_id: str
