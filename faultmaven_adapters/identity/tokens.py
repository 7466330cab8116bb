"""An issuer's tokens verified: JSON Web Tokens under its published keys (RFC 7519, 8725; OpenID Connect Core 1.0).

The only keys are those the issuer publishes where its configuration says so: a key, or an address of one, inside a
token is never looked at. What is wrong with a token goes to the log by the name of the mistake, never with any of it.
"""

import base64
import json
import logging
from typing import Any

from attrs import frozen
from joserfc import jwt
from joserfc.errors import BadSignatureError, JoseError

from faultmaven_domain.auth import InvalidToken
from faultmaven_domain.kernel.clock import Clock

from .issuer import Issuer, Key
from .terms import LONGEST_SUBJECT, TYPES

log = logging.getLogger(__name__)
#: Signatures by keys of which the public half is known to all; none and HS* are not among them.
ALGORITHMS = {
    "RS256": "RSA",
    "RS384": "RSA",
    "RS512": "RSA",
    "PS256": "RSA",
    "PS384": "RSA",
    "PS512": "RSA",
    "ES256": "EC",
    "ES384": "EC",
    "ES512": "EC",
}
LONGEST_TOKEN = 16 * 1024
LONGEST_KEY_ID = 256
#: Seconds that the issuer's clock may be off.
LEEWAY = 30


@frozen(kw_only=True)
class Verified:
    """A token's claims, and the issuer's own name."""

    issuer: str
    claims: dict[str, Any]


@frozen
class Verifier:
    issuer: Issuer
    clock: Clock

    async def verified(self, token: str, *, audience: str) -> Verified:
        """Decode **and** validate. Raises: InvalidToken, without saying why; Unavailable."""
        header = header_of(token)
        algorithm, kid = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
            raise refused("algorithm")
        if "crit" in header or str(header.get("typ", "JWT")).lower() not in TYPES:
            raise refused("kind")
        if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= LONGEST_KEY_ID):
            raise refused("key id")
        claims = await self._signed(token, algorithm, kid)
        name = (await self.issuer.published()).name
        registry = jwt.JWTClaimsRegistry(
            now=int(self.clock.now().timestamp()),
            leeway=LEEWAY,
            iss={"essential": True, "value": name},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        try:
            registry.validate(claims)
        except (JoseError, ValueError, TypeError, OverflowError) as error:
            raise refused(type(error).__name__) from error
        if len(claims["sub"]) > LONGEST_SUBJECT or not claims["sub"].isprintable():
            raise refused("subject")
        return Verified(issuer=name, claims=claims)

    async def _signed(self, token: str, algorithm: str, kid: str | None) -> dict[str, Any]:
        """The claims, once the signature is right. Raises: InvalidToken; Unavailable."""
        key = await self.issuer.key(kid)
        try:
            return _decoded(token, algorithm, key)
        except BadSignatureError as error:
            if kid is not None:
                raise refused("signature") from error
        try:  # without an id a new key looks like the old one
            return _decoded(token, algorithm, await self.issuer.key(kid, not_this=key))
        except BadSignatureError as error:
            raise refused("signature") from error


def header_of(token: str) -> dict[str, Any]:
    """What a token says of itself, believed by nobody. Raises: InvalidToken."""
    if len(token) > LONGEST_TOKEN:
        raise refused("size")
    parts = token.split(".")
    if len(parts) != 3 or not token.isascii():
        raise refused("form")
    try:
        header = json.loads(base64.urlsafe_b64decode(parts[0] + "=" * (-len(parts[0]) % 4)))
    except (ValueError, RecursionError) as error:
        raise refused("form") from error
    if not isinstance(header, dict):
        raise refused("form")
    return header


def refused(why: str) -> InvalidToken:
    log.info("a token is refused for its %s", why)
    return InvalidToken()


def _decoded(token: str, algorithm: str, key: Key | None) -> dict[str, Any]:
    """Raises: BadSignatureError; InvalidToken for whatever else is wrong."""
    if key is None:
        raise refused("key id")
    if key.key_type != ALGORITHMS[algorithm] or key.get("alg") not in (None, algorithm):
        raise refused("algorithm")
    try:
        return jwt.decode(token, key, algorithms=[algorithm]).claims
    except BadSignatureError:
        raise
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise refused(type(error).__name__) from error
