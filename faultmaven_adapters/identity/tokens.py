"""An issuer's tokens verified: JSON Web Tokens under its published keys (RFC 7519, 8725; OpenID Connect Core 1.0).

The only keys are those the issuer publishes where its configuration says so: a key, or an address of one, inside a
token is never looked at. What is wrong with a token goes to the log by the name of the mistake, never with any of it.
"""

import base64
import json
import logging
from typing import Any

from attrs import frozen
from joserfc import jws, jwt
from joserfc.errors import BadSignatureError, JoseError

from faultmaven_domain.auth import InvalidToken
from faultmaven_domain.kernel.clock import Clock

from .issuer import Issuer, Key
from .terms import LONGEST_SUBJECT, TYPES

log = logging.getLogger(__name__)
#: Signatures by keys of which the public half is known to all; none and HS* are not among them. That a key is of the
#: algorithm's kind, and published for no other, the library sees to.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
LONGEST_TOKEN = 16 * 1024
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
        if not isinstance(kid, str | None):
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
        return _object(base64.urlsafe_b64decode(parts[0] + "=" * (-len(parts[0]) % 4)))
    except (ValueError, RecursionError) as error:
        raise refused("form") from error


def _object(text: bytes) -> dict[str, Any]:
    """A JSON object that every reader reads alike: no name twice, no number that is none. Raises: ValueError."""
    said = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    if not isinstance(said, dict):
        raise ValueError("It is no object.")
    return said


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("A name is there twice.")
    return found


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number.")


def refused(why: str) -> InvalidToken:
    log.info("a token is refused for its %s", why)
    return InvalidToken()


def _decoded(token: str, algorithm: str, key: Key | None) -> dict[str, Any]:
    """Raises: BadSignatureError; InvalidToken for whatever else is wrong."""
    if key is None:
        raise refused("key id")
    try:
        return _object(jws.deserialize_compact(token, key, algorithms=[algorithm]).payload)
    except BadSignatureError:
        raise
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise refused(type(error).__name__) from error
