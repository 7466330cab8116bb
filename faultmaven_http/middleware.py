"""Around every request, from the outside in: a name and a log line, other origins, our own faults, plain paths."""

import logging
import re
import time
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from faultmaven_domain.kernel.ids import IdSource

from .errors import ErrorResponse, broken, error_body
from .origins import AllowedOrigins

access_log = logging.getLogger("faultmaven.access")
log = logging.getLogger("faultmaven.http")
_LINE = "%s %s %d %d B %.1f ms %s %s"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

METHODS = "GET, HEAD, POST, PUT, DELETE, OPTIONS"
ALLOWED_HEADERS = (
    "Accept, Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Prefer, X-Request-ID, X-Session-Id, "
    "X-User-ID, X-User-Roles"
)
EXPOSED_HEADERS = (
    "Content-Disposition, Idempotency-Replayed, Location, Preference-Applied, Retry-After, X-Actual-Version, "
    "X-Error-Code, X-Expected-Version, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-ID, "
    "X-Title-Source"
)


class Framed:
    """Gives each request and socket an id, an answer the headers all have, and the log one line."""

    def __init__(self, app: ASGIApp, ids: IdSource) -> None:
        self.app = app
        self.ids = ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else self.ids.new("req")
        scope.setdefault("state", {})["request_id"] = request_id
        began, status, size = time.perf_counter(), 0, 0

        async def send_framed(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
                headers.setdefault("Cache-Control", "no-store")
            elif message["type"] == "http.response.body":
                size += len(message.get("body", b""))
            elif message["type"] == "websocket.http.response.start":
                status = message["status"]
            elif message["type"] == "websocket.accept":
                status = 101
            elif message["type"] == "websocket.send":
                size += len(message.get("text") or "")
            await send(message)

        try:
            await self.app(scope, receive, send_framed)
        finally:
            if access_log.isEnabledFor(logging.INFO):
                path = quote(scope["path"], safe="/:@")[:500]  # as it may hold a line end
                took = (time.perf_counter() - began) * 1000
                client = scope["client"][0] if scope.get("client") else "-"
                method = scope.get("method", "SOCKET")
                access_log.info(_LINE, method, path, status, size, took, client, request_id)


class Origins:
    """Lets the pages of the allowed origins call: preflights answered here, headers on every answer, errors too."""

    def __init__(self, app: ASGIApp, origins: AllowedOrigins) -> None:
        self.app = app
        self.origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        allowed = origin is not None and origin in self.origins

        async def send_with_origin(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer.add_vary_header("Origin")
                if allowed and origin is not None:
                    answer["Access-Control-Allow-Origin"] = origin
                    answer["Access-Control-Allow-Credentials"] = "true"
                    answer["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
            await send(message)

        if origin is not None and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            local = headers.get("access-control-request-private-network") == "true"
            await _preflight(allowed, local=local)(scope, receive, send_with_origin)
        else:
            await self.app(scope, receive, send_with_origin)


def _preflight(allowed: bool, *, local: bool) -> Response:
    """``local``: the browser asks whether a page from farther away may reach into this network."""
    if not allowed:
        return ErrorResponse(403, error_body("ORIGIN_NOT_ALLOWED", "Pages of this origin may not call this server."))
    headers = {
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": ALLOWED_HEADERS,
        "Access-Control-Max-Age": "600",
    }
    if local:
        headers["Access-Control-Allow-Private-Network"] = "true"
    return Response(status_code=204, headers=headers)


class Failures:
    """What nobody expected: logged with its request's id, and told to the caller as nothing but that."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def send_noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        request_id = scope["state"]["request_id"]
        try:
            await self.app(scope, receive, send_noting)
        except ClientDisconnect:
            log.info("request %s: its caller went away", request_id)
        except Exception:
            log.exception("request %s failed", request_id)
            if started:
                raise  # the server must break the connection: half an answer is no answer
            await broken(request_id)(scope, receive, send)


class PlainPaths:
    """A slash at the end, or several at the beginning, change nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            scope["path"] = "/" + scope["path"].strip("/")
        await self.app(scope, receive, send)
