"""Accounts of an OpenID Connect issuer, such as Auth0 or Keycloak: its access tokens are taken, and its page signs in.

Two kinds of token get in. The issuer's own access tokens are verified by its published keys; the end of one is a row
in the auth module's database until the token would have lapsed, and refreshing is between its client and the issuer.
Whoever signs in through this server, at the issuer's page or with a password an operator gave, gets this server's.
"""

import hmac
import logging
from datetime import datetime
from urllib.parse import urlencode

from attrs import evolve, frozen

from faultmaven_domain.auth import (
    AuthTransactions,
    Claims,
    InvalidGrant,
    InvalidToken,
    TokenFamily,
    TokenPair,
    User,
)
from faultmaven_domain.kernel.clock import Clock
from faultmaven_domain.kernel.errors import Misconfigured, Unavailable

from .issuer import Issuer
from .jwt import ALGORITHM, JwtIdentityProvider
from .returning import States
from .terms import Terms, family_id_of, is_guest, scopes_in, user_id_of
from .tokens import LEEWAY, Verified, Verifier, header_of, refused

log = logging.getLogger(__name__)
LONGEST_CODE = 4096


@frozen
class OidcIdentityProvider:
    """``own`` issues and knows this server's tokens; ``terms`` say which of the issuer's count."""

    own: JwtIdentityProvider
    issuer: Issuer
    terms: Terms

    async def ping(self) -> None:
        """Raises: Unavailable."""
        await self.issuer.ping()

    async def close(self) -> None:
        await self.issuer.close()

    async def create_token(
        self, user: User, *, client_id: str | None = None, scopes: tuple[str, ...] | None = None
    ) -> TokenPair:
        return await self.own.create_token(user, client_id=client_id, scopes=scopes)

    async def validate_token(self, token: str) -> Claims:
        if _is_own(token):
            return await self.own.validate_token(token)
        claims = await self._issuers(token)
        async with self._transactions.view() as unit:
            family = await unit.families.get(claims.family_id)
        if family is not None and family.revoked_at is not None:
            raise refused("end")
        return claims

    async def refresh_token(self, refresh_token: str, *, client_id: str | None = None) -> TokenPair:
        return await self.own.refresh_token(refresh_token, client_id=client_id)

    async def revoke(self, token: str) -> Claims:
        if _is_own(token):
            return await self.own.revoke(token)
        claims = await self._issuers(token)
        async with self._transactions.begin() as unit:
            family = await unit.families.get(claims.family_id) or TokenFamily(
                family_id=claims.family_id, user_id=claims.user_id, current="", expires_at=claims.expires_at
            )
            if family.revoked_at is None:
                await unit.families.save(evolve(family, revoked_at=self._clock.now()))
        return claims

    async def revoke_family(self, family_id: str) -> None:
        await self.own.revoke_family(family_id)

    async def sign_ins(self, user_id: str) -> tuple[str, ...]:
        return await self.own.sign_ins(user_id)

    async def sign_in_address(self, *, redirect_uri: str, challenge: str) -> str:
        place = (await self.issuer.published()).authorization_endpoint
        if place is None:
            raise Unavailable("The issuer publishes no page to sign in at.")
        state, errand = self._states.made(redirect_uri=redirect_uri, challenge=challenge)
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": self.terms.scopes,
            "state": state,
            "nonce": errand.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        if self.terms.audience_asked:
            asked["audience"] = self.terms.audience
        return _with(place, asked)

    async def signed_in(self, *, code: str, state: str, verifier: str, issuer: str | None = None) -> Claims:
        errand = self._states.read(state, verifier=verifier)
        if not 0 < len(code) <= LONGEST_CODE:
            raise InvalidGrant
        known = await self.issuer.published()
        if issuer != known.name and (issuer is not None or known.signs_answers):
            log.warning("somebody comes back from another issuer")
            raise InvalidGrant
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": errand.redirect_uri,
            "code_verifier": verifier,
        }
        status, said = await self.issuer.exchanged(form, client_id=self._client_id, secret=self.terms.client_secret)
        if status != 200:
            raise _refusal(status, said.get("error"))
        try:
            verified = await self._verifier.verified(str(said.get("id_token")), audience=self._client_id)
        except InvalidToken as error:
            raise InvalidGrant from error
        if not _answers(verified, self._client_id, errand.nonce):
            log.warning("the issuer's ID token is not the one that was asked for")
            raise InvalidGrant
        return self._claims(verified, str(said.get("id_token")))

    async def sign_out_address(self, user_id: str, *, back: str) -> str | None:
        """OpenID Connect RP-Initiated Logout 1.0, 2. A silent issuer keeps nobody from signing out here."""
        if self.terms.client_id is None or not is_guest(user_id):
            return None
        try:
            place = (await self.issuer.published()).end_session_endpoint
        except Unavailable:
            return None
        return place and _with(place, {"client_id": self.terms.client_id, "post_logout_redirect_uri": back})

    async def _issuers(self, token: str) -> Claims:
        """Raises: InvalidToken; Unavailable."""
        verified = await self._verifier.verified(token, audience=self.terms.audience)
        if not self.terms.takes(verified.claims):
            raise refused("client or kind")
        return evolve(self._claims(verified, token), scopes=scopes_in(verified.claims))

    def _claims(self, verified: Verified, token: str) -> Claims:
        """Good for as long as it would be taken, the leeway included, so that its end is kept that long as well."""
        zone, since = self._clock.now().tzinfo, verified.claims.get("iat")
        try:
            until = datetime.fromtimestamp(verified.claims["exp"] + LEEWAY, zone)
            issued_at = None if since is None else datetime.fromtimestamp(since, zone)
        except (ValueError, OverflowError, OSError) as error:
            raise refused("time") from error
        return Claims(
            user_id=user_id_of(verified.issuer, verified.claims["sub"]),
            family_id=family_id_of(token),
            expires_at=until,
            profile=self.terms.profile(verified.claims),
            issued_at=issued_at,
        )

    @property
    def _client_id(self) -> str:
        if self.terms.client_id is None:
            raise Misconfigured("OIDC_CLIENT_ID names no client that people could sign in with.")
        return self.terms.client_id

    @property
    def _transactions(self) -> AuthTransactions:
        return self.own.transactions

    @property
    def _clock(self) -> Clock:
        return self.own.clock

    @property
    def _states(self) -> States:
        return States(self.own.secret, self.own.clock, self.own.ids)

    @property
    def _verifier(self) -> Verifier:
        return Verifier(self.issuer, self.own.clock)


def _is_own(token: str) -> bool:
    """Whether it may be this server's, which then decides by its own key. Raises: InvalidToken."""
    return header_of(token).get("alg") == ALGORITHM


def _answers(verified: Verified, client_id: str, nonce: str) -> bool:
    """Whether an ID token is for this client and this sign-in (OpenID Connect Core 1.0, 3.1.3.7)."""
    claims, several = verified.claims, isinstance(verified.claims["aud"], list) and len(verified.claims["aud"]) > 1
    party = claims.get("azp", None if several else client_id)
    given = claims.get("nonce")
    return party == client_id and isinstance(given, str) and given.isascii() and hmac.compare_digest(given, nonce)


def _with(place: str, asked: dict[str, str]) -> str:
    return f"{place}{'&' if '?' in place else '?'}{urlencode(asked)}"


def _refusal(status: int, error: object) -> Exception:
    """What a token endpoint's refusal means (RFC 6749, 5.2)."""
    log.warning("the issuer gives no tokens: status %d", status)
    if error == "invalid_grant":
        return InvalidGrant()
    if status in (400, 401, 403):
        return Misconfigured("The issuer does not let this server sign people in; see OIDC_CLIENT_ID and its secret.")
    return Unavailable("The issuer gives no tokens right now.")
