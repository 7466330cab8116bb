"""Addresses that give a file to whoever has them, until they expire: HMAC-SHA256 over the key and the time."""

import hashlib
import hmac
import json
from datetime import timedelta
from urllib.parse import quote, urlencode

from attrs import field, frozen

from faultmaven_domain.kernel.clock import Clock


@frozen
class UrlSigner:
    """``base`` is the address of the files route; ``secret`` never leaves the process."""

    base: str
    secret: bytes = field(repr=False)
    clock: Clock

    def url(self, key: str, expires_in: int) -> str:
        expires = int((self.clock.now() + timedelta(seconds=expires_in)).timestamp())
        query = urlencode({"expires": expires, "signature": self._sign(key, expires)})
        return f"{self.base}/{quote(key)}?{query}"

    def verify(self, key: str, expires: int, signature: str) -> bool:
        """False for a wrong or an expired one."""
        fresh = self.clock.now().timestamp() < expires
        return hmac.compare_digest(self._sign(key, expires).encode(), signature.encode()) and fresh

    def name(self, *parts: str) -> bytes:
        """32 bytes, always the same for the same parts, that nobody can tell without the secret."""
        # JSON of a list begins with a bracket and what is signed for a URL does not: neither passes for the other.
        return hmac.new(self.secret, json.dumps(parts).encode(), hashlib.sha256).digest()

    def _sign(self, key: str, expires: int) -> str:
        return hmac.new(self.secret, f"file\n{expires}\n{key}".encode(), hashlib.sha256).hexdigest()
