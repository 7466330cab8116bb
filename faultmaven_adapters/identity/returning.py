"""The ``state`` a browser takes to the issuer and brings back: it says what was asked, and nobody keeps it meanwhile.

It is signed by this server and bound to a verifier that only the asker has, so that a code and a state of somebody
else's sign-in are of no use to it (RFC 9700, 4.7).
"""

import base64
import hashlib
import hmac
import json
from datetime import datetime, timedelta

from attrs import field, frozen

from faultmaven_domain.auth import InvalidGrant, proves
from faultmaven_domain.kernel.clock import Clock
from faultmaven_domain.kernel.ids import IdSource

LIVES = timedelta(minutes=10)
LONGEST = 8192


@frozen(kw_only=True)
class Errand:
    """``nonce`` comes back in the ID token (OpenID Connect Core 1.0, 3.1.2.1)."""

    redirect_uri: str
    nonce: str


@frozen
class States:
    secret: str = field(repr=False)
    clock: Clock
    ids: IdSource

    def made(self, *, redirect_uri: str, challenge: str) -> tuple[str, Errand]:
        nonce = f"{self.ids.new('nonce')}{self.ids.new('')}"
        until = (self.clock.now() + LIVES).timestamp()
        body = _written(json.dumps([redirect_uri, challenge, nonce, until]).encode())
        return f"{body}.{self._signature(body)}", Errand(redirect_uri=redirect_uri, nonce=nonce)

    def read(self, state: str, *, verifier: str) -> Errand:
        """Raises: InvalidGrant for a state that is not ours, is old, or is somebody else's."""
        body, _, signature = state.partition(".")
        if (
            len(state) > LONGEST
            or not state.isascii()
            or not hmac.compare_digest(signature.encode(), self._signature(body).encode())
        ):
            raise InvalidGrant
        redirect_uri, challenge, nonce, until = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        if not proves(verifier, challenge) or self.clock.now() >= datetime.fromtimestamp(
            until, self.clock.now().tzinfo
        ):
            raise InvalidGrant
        return Errand(redirect_uri=redirect_uri, nonce=nonce)

    def _signature(self, body: str) -> str:
        key = hmac.digest(self.secret.encode(), b"sign-in state", "sha256")
        return _written(hmac.digest(key, body.encode(), hashlib.sha256))


def _written(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
