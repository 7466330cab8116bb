"""An OpenID Connect issuer over HTTP: what it publishes (OpenID Connect Discovery 1.0; RFC 7517), and what it gives.

Keys are kept for FRESH. An issuer that does not answer is asked again no sooner than RETRY later, and meanwhile its
last keys serve until they are STALE; a key id nobody knows makes it be asked at once, but not twice within COOLDOWN.
Each answer replaces all keys, so one that the issuer withdrew verifies nothing any more.
"""

import asyncio
import json
import logging
import ssl
from collections.abc import Mapping
from contextlib import aclosing
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote_plus, urlsplit

import httpx2
from attrs import define, field, frozen
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from faultmaven_domain.kernel.clock import Clock
from faultmaven_domain.kernel.errors import Unavailable

from ..settings import is_private

log = logging.getLogger(__name__)
Client = httpx2.AsyncClient
Key = RSAKey | ECKey | OKPKey

FRESH, STALE = timedelta(minutes=10), timedelta(hours=4)
COOLDOWN, RETRY = timedelta(seconds=30), timedelta(seconds=5)
#: Seconds for one answer, from connecting to its last byte, and for the two that make up what is published.
PATIENCE = 3.0
LONGEST_ANSWER = 256 * 1024
MOST_KEYS = 100
SMALLEST_RSA, LARGEST_RSA = 2048, 16_384


@frozen(kw_only=True)
class Published:
    """``name`` is how the issuer calls itself in its tokens; keys by their id, those without one under their place."""

    name: str
    keys: Mapping[str, Key]
    authorization_endpoint: str | None
    token_endpoint: str | None
    end_session_endpoint: str | None
    basic: bool  # whether a client says its secret in a header (RFC 6749, 2.3.1), or in the form
    signs_answers: bool  # whether its page sends people back with its name (RFC 9207)

    def key(self, kid: str | None) -> Key | None:
        """The one of that id; without an id the only one there is (OpenID Connect Core 1.0, 10.1)."""
        if kid is not None:
            return self.keys.get(kid)
        return next(iter(self.keys.values())) if len(self.keys) == 1 else None


def is_as_safe(url: str, issuer: str) -> bool:
    """Whether an address is one that an issuer may send this server to.

    That is https under a name, or the issuer's own host: nothing that an issuer elsewhere publishes makes this server
    call its own machine or a neighbour by number, or speak in the clear.
    """
    if not is_private(url):
        return False
    parts, own = urlsplit(url), urlsplit(issuer)
    if parts.hostname == own.hostname:
        return parts.scheme in ("https", own.scheme)
    return parts.scheme == "https" and not _is_inside(parts.hostname or "")


def _is_inside(host: str) -> bool:
    try:
        return not ip_address(host).is_global
    except ValueError:
        last = host.lower().rstrip(".").rpartition(".")[2]
        return last == "localhost" or last.isdecimal() or last.startswith("0x")  # as browsers know a number


def new_client(trusting: ssl.SSLContext | bool = True) -> Client:
    """One that takes certificates of this machine's authorities, or of those that ``trusting`` has."""
    return Client(timeout=httpx2.Timeout(PATIENCE), follow_redirects=False, verify=trusting)


@define(eq=False)
class Issuer:
    """The one at ``url``, which is https unless it is on this machine."""

    url: str
    clock: Clock
    http: Client = field(factory=new_client, repr=False)
    patience: float = PATIENCE
    _published: Published | None = field(default=None, init=False, repr=False)
    _read_at: datetime | None = field(default=None, init=False, repr=False)
    _asked_at: datetime | None = field(default=None, init=False, repr=False)
    _failed: bool = field(default=False, init=False, repr=False)
    _turn: asyncio.Lock = field(factory=asyncio.Lock, init=False, repr=False)

    async def close(self) -> None:
        await self.http.aclose()

    async def ping(self) -> None:
        """Raises: Unavailable where the issuer does not answer, even while its last keys still serve."""
        await self.published()
        if self._failed:
            raise self._silent()

    async def key(self, kid: str | None, *, not_this: Key | None = None) -> Key | None:
        """A key by its id, asked for once more where it is unknown, or where the one known is ``not_this``.

        Raises: Unavailable where nobody can tell.
        """
        found = (await self.published()).key(kid)
        if found is not None and found is not not_this:
            return found
        found = (await self._renewed()).key(kid)
        if found is None and self._failed:
            raise self._silent()
        return found if found is not not_this else None

    async def published(self) -> Published:
        """What the issuer says of itself, no older than FRESH where it answers. Raises: Unavailable."""
        if self._published is not None and (self._younger(self._read_at, FRESH) or self._turn.locked()):
            return self._lasting()
        return await self._renewed()

    async def exchanged(self, form: Mapping[str, str], *, client_id: str, secret: str | None) -> tuple[int, Any]:
        """The status and JSON that the token endpoint answers. Raises: Unavailable."""
        known = await self.published()
        if known.token_endpoint is None:
            raise Unavailable("The issuer publishes no token endpoint.")
        data, basic = {**form, "client_id": client_id}, None
        if secret is not None and known.basic:
            basic = httpx2.BasicAuth(_quoted(client_id), _quoted(secret))
        elif secret is not None:
            data["client_secret"] = secret
        return await self._answer("POST", known.token_endpoint, data=data, auth=basic)

    def _lasting(self) -> Published:
        """What is known, until it is too old. Raises: Unavailable."""
        if self._published is None or not self._younger(self._read_at, STALE):
            raise self._silent()
        return self._published

    async def _renewed(self) -> Published:
        """Ask, unless that was done a moment ago, or by somebody else while this waited. Raises: Unavailable."""
        async with self._turn:
            if not self._younger(self._asked_at, RETRY if self._failed else COOLDOWN):
                before, self._asked_at = self._asked_at, self.clock.now()
                try:
                    async with asyncio.timeout(self.patience):
                        self._published = await self._read()
                    self._read_at, self._failed = self.clock.now(), False
                except (Unavailable, TimeoutError) as error:
                    self._failed = True
                    log.warning("the issuer %s gives no keys: %s", self.url, str(error) or type(error).__name__)
                except asyncio.CancelledError:
                    self._asked_at = before  # who waits behind this one asks instead
                    raise
        return self._lasting()

    def _younger(self, moment: datetime | None, age: timedelta) -> bool:
        """Of a moment that the clock has gone back before nobody knows the age."""
        return moment is not None and timedelta(0) <= self.clock.now() - moment < age

    async def _read(self) -> Published:
        """Raises: Unavailable."""
        status, said = await self._answer("GET", f"{self.url.rstrip('/')}/.well-known/openid-configuration")
        name = said.get("issuer")
        if status != 200 or not isinstance(name, str) or name.rstrip("/") != self.url.rstrip("/"):
            raise Unavailable("It does not publish its configuration under its own name.")
        place = self._place(said, "jwks_uri")
        if place is None:
            raise Unavailable("It names no keys.")
        status, held = await self._answer("GET", place)
        keys = _keys(held.get("keys"))
        if status != 200 or not keys:
            raise Unavailable("It publishes no key that can be used.")
        ways = said.get("token_endpoint_auth_methods_supported")
        return Published(
            name=name,
            keys=keys,
            authorization_endpoint=self._place(said, "authorization_endpoint"),
            token_endpoint=self._place(said, "token_endpoint"),
            end_session_endpoint=self._place(said, "end_session_endpoint"),
            basic=not isinstance(ways, list) or "client_secret_basic" in ways or "client_secret_post" not in ways,
            signs_answers=said.get("authorization_response_iss_parameter_supported") is True,
        )

    def _place(self, said: Mapping[str, Any], name: str) -> str | None:
        """An address it names, which is as safe as its own. Raises: Unavailable."""
        place = said.get(name)
        if place is None:
            return None
        if not isinstance(place, str) or not is_as_safe(place, self.url):
            raise Unavailable(f"Its {name} is no address to trust.")
        return place

    async def _answer(
        self, method: str, place: str, *, data: Mapping[str, str] | None = None, auth: httpx2.BasicAuth | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Raises: Unavailable for none within ``patience``, one that is too long, or no JSON object."""
        body = bytearray()
        try:
            async with asyncio.timeout(self.patience), self._stream(method, place, data, auth) as response:
                async with aclosing(response.aiter_raw()) as pieces:  # raw: what is packed is not unpacked, and no JSON
                    async for piece in pieces:
                        body += piece
                        if len(body) > LONGEST_ANSWER:
                            raise Unavailable("Its answer is too long.")
            said = json.loads(bytes(body))
        except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError, TimeoutError) as error:
            raise Unavailable(f"It does not answer: {type(error).__name__}.") from error
        except (ValueError, RecursionError) as error:
            raise Unavailable("Its answer is no JSON.") from error
        if not isinstance(said, dict):
            raise Unavailable("Its answer is no JSON object.")
        return response.status_code, said

    def _stream(self, method: str, place: str, data: Mapping[str, str] | None, auth: httpx2.BasicAuth | None) -> Any:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        return self.http.stream(method, place, data=data, auth=auth, headers=headers)

    def _silent(self) -> Unavailable:
        return Unavailable("The issuer of tokens does not answer.")


def _keys(listed: object) -> dict[str, Key]:
    """Those that can verify a signature; what is meant for something else, weak or not understood is left out."""
    found: dict[str, Key] = {}
    for place, one in enumerate(listed[:MOST_KEYS] if isinstance(listed, list) else ()):
        if not isinstance(one, dict) or one.get("use", "sig") != "sig" or one.get("kty") not in ("RSA", "EC", "OKP"):
            continue
        if one["kty"] == "RSA" and not SMALLEST_RSA <= len(str(one.get("n"))) * 6 <= LARGEST_RSA + 6:
            continue
        try:
            key = import_key(one)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            log.info("a key of the issuer's is not understood")
            continue
        if isinstance(key, RSAKey | ECKey | OKPKey):
            kid = one.get("kid")
            found[kid if isinstance(kid, str) else f"\0{place}"] = key
    return found


def _quoted(text: str) -> str:
    """As RFC 6749 (2.3.1) has both halves of the header."""
    return quote_plus(text)
