"""An OpenID Connect issuer at the addresses Auth0 has them, which signs whatever it is told to."""

import asyncio
import base64
import hashlib
import json
import secrets
import ssl
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import Any
from urllib.parse import unquote_plus, urlencode

import httpx2
from attrs import define, field
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from faultmaven_adapters.identity.issuer import new_client

Key = RSAKey | ECKey
_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
CLIENT, SECRET, AUDIENCE = "panel", "the client's secret", "https://faultmaven.example/api"
ANA = {"sub": "auth0|ana", "name": "Ana", "nickname": "ana", "email": "ana@example.com", "groups": ["sre"]}


@cache
def a_key(kid: str, kind: str = "RSA", size: int = 2048) -> Key:
    parameters = {"kid": kid, "use": "sig"}
    if kind == "RSA":
        return RSAKey.generate_key(size, parameters)
    return ECKey.generate_key({256: "P-256", 384: "P-384", 521: "P-521"}[size], parameters)


@define(eq=False, slots=False)
class StandInIssuer:
    """``url`` is where it listens. While it is ``slow`` it answers nobody; ``asked`` counts requests by their path."""

    url: str = ""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    signing: Key = field(factory=lambda: a_key("first"))
    published: list[dict[str, Any]] = field(factory=list)
    user: dict[str, Any] = field(factory=lambda: dict(ANA))
    asked: Counter[str] = field(factory=Counter)
    slow: bool = False
    dead: bool = False
    changes: dict[str, Any] = field(factory=dict)  # to what it publishes of itself
    id_changes: dict[str, Any] = field(factory=dict)  # to its ID tokens
    garbage: bytes | None = None  # what it answers with instead
    instead: Callable[[], Response] | None = None  # a whole answer of another kind
    refuses: str | None = None  # why it lets nobody in
    _codes: dict[str, dict[str, str]] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.publish(self.signing)

    @property
    def name(self) -> str:
        return f"{self.url}/"

    def publish(self, *keys: Key) -> None:
        self.published = [key.as_dict(private=False) for key in keys]

    def rotate(self, key: Key, *, keep: bool = False) -> None:
        """Sign with another key from now on, and withdraw the one before unless it is kept."""
        self.publish(*([key, self.signing] if keep else [key]))
        self.signing = key

    def claims(self, **changes: Any) -> dict[str, Any]:
        """An access token's; None takes a claim away."""
        now = int(self.now().timestamp())
        usual = {"iss": self.name, "aud": [AUDIENCE, f"{self.url}/userinfo"], "iat": now, "exp": now + 3600}
        every = {**usual, "azp": CLIENT, "scope": "openid profile email", **self.user, **changes}
        return {name: value for name, value in every.items() if value is not None}

    def token(self, *, alg: str = "RS256", key: Key | None = None, header: object = None, **changes: Any) -> str:
        key = key or self.signing
        given = {"alg": alg, "kid": key.kid, **(header if isinstance(header, dict) else {})}
        given = {name: value for name, value in given.items() if value is not None}
        return jwt.encode(given, self.claims(**changes), key, algorithms=[alg])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    @cached_property
    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._of_itself),
                Route("/.well-known/jwks.json", self._keys),
                Route("/authorize", self._authorize),
                Route("/oauth/token", self._token, methods=["POST"]),
                Route("/userinfo", self._userinfo),
            ]
        )

    async def _of_itself(self, request: Request) -> Response:
        said = {
            "issuer": self.name,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/oauth/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/.well-known/jwks.json",
            "end_session_endpoint": f"{self.url}/oidc/logout",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["HS256", "RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            **self.changes,
        }
        return await self._answered(request, said)

    async def _keys(self, request: Request) -> Response:
        return await self._answered(request, {"keys": self.published})

    async def _authorize(self, request: Request) -> Response:
        """Its page, at which everybody is signed in already."""
        asked = dict(request.query_params)
        if self.refuses is not None:
            no = {"error": "access_denied", "error_description": self.refuses, "state": asked["state"]}
            return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(no)}", 302)
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        answer = urlencode({"code": code, "state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{answer}", 302)

    async def _token(self, request: Request) -> Response:
        if request.headers.get("content-type") == "application/json":  # as Auth0's SDK has it
            form = await request.json()
        else:
            async with request.form() as sent:
                form = {name: str(value) for name, value in sent.items()}
        if not self._is_client(request, form):
            return JSONResponse({"error": "invalid_client", "error_description": "Unauthorized"}, 401)
        if form["grant_type"] == "client_credentials":
            token = self.token(sub=f"{CLIENT}@clients", aud=form["audience"], gty="client-credentials")
            return await self._answered(request, {"access_token": token, "token_type": "Bearer", "expires_in": 86400})
        asked = self._codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proof = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or asked["code_challenge"] != proof or asked["redirect_uri"] != form.get("redirect_uri"):
            self.asked["in vain"] += 1
            return JSONResponse({"error": "invalid_grant", "error_description": "Invalid authorization code"}, 403)
        told = {"aud": CLIENT, "azp": None, "scope": None, "nonce": asked.get("nonce"), **self.id_changes}
        said = {"access_token": self.token(), "id_token": self.token(**told), "token_type": "Bearer"}
        return await self._answered(request, {**said, "expires_in": 86400, "scope": asked["scope"]})

    def _is_client(self, request: Request, form: dict[str, str]) -> bool:
        given = (form.get("client_id"), form.get("client_secret"))
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme == "Basic":
            client, _, secret = base64.b64decode(value).decode().partition(":")
            given = (unquote_plus(client), unquote_plus(secret))
        if given == (CLIENT, None):
            return "code_verifier" in form  # what a client without a secret proves itself by
        return given == (CLIENT, SECRET)

    async def _userinfo(self, request: Request) -> Response:
        return await self._answered(request, self.user)

    async def _answered(self, request: Request, said: dict[str, Any]) -> Response:
        self.asked[request.url.path] += 1
        while self.slow:  # noqa: ASYNC110 (it is told from another thread)
            await asyncio.sleep(0.01)
        if self.dead:
            return Response(b"out of order", 503)
        if self.instead is not None:
            return self.instead()
        body = json.dumps(said).encode() if self.garbage is None else self.garbage
        return Response(body, media_type="application/json")


def in_the_clear() -> httpx2.AsyncClient:
    """A client that trusts no certificate: to load those of this machine takes a tenth of a second."""
    return new_client(_NOBODY)


def dripping(drops: int = sys.maxsize, at_last: bytes = b"") -> Response:
    """A refusal of a byte at a time, fifty in a second, which as good as never comes to an end, or says it at last."""

    async def body() -> AsyncIterator[bytes]:
        for _ in range(drops):
            yield b" "
            await asyncio.sleep(0.02)
        yield at_last

    return StreamingResponse(body(), 400, media_type="application/json")


@define(eq=False)
class Place:
    """Where one issuer after the other listens, so that not each needs a server of its own."""

    url: str = ""
    holder: StandInIssuer | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.holder is not None
        await self.holder(scope, receive, send)

    @contextmanager
    def let_to(self, issuer: StandInIssuer) -> Iterator[StandInIssuer]:
        issuer.url, self.holder = self.url, issuer
        try:
            yield issuer
        finally:
            issuer.slow = False
