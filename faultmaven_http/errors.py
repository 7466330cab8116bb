"""The one table from the domain's errors to statuses, and the one shape every error has."""

import json
import re
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from faultmaven_domain.auth import InsufficientScope, OAuthRefused
from faultmaven_domain.case import CaseClosed
from faultmaven_domain.kernel.errors import (
    Busy,
    Conflict,
    FaultMavenError,
    Forbidden,
    InvalidInput,
    Misconfigured,
    NotFound,
    RateLimited,
    StorageFull,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedFile,
)
from faultmaven_domain.kernel.idempotency import KeyInUse

from .incoming import SlowBody
from .wire import Dialect, ErrorOut
from .wire.oauth import OAuthErrorOut

#: Seconds after which it is worth asking again, where nobody knows better.
TRY_AGAIN = 5
#: The same where somebody has to mend something first.
TRY_LATER = 60
_STATUS: dict[type[FaultMavenError], int] = {
    SlowBody: 408,
    TooLarge: 413,
    UnsupportedFile: 415,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    RateLimited: 429,
    Unavailable: 503,
    StorageFull: 507,
    Misconfigured: 503,
    FaultMavenError: 500,
}
#: OAuth's words for errors of ours (RFC 6749, 4.1.2.1 and 5.2; RFC 6750, 3.1); its own say theirs in their code.
_OAUTH_WORD: dict[type[FaultMavenError], str] = {
    InvalidInput: "invalid_request",
    SlowBody: "invalid_request",
    Unauthenticated: "invalid_token",
    InsufficientScope: "insufficient_scope",
    Forbidden: "access_denied",
    RateLimited: "temporarily_unavailable",
    Unavailable: "temporarily_unavailable",
    FaultMavenError: "server_error",
}
#: What RFC 6749 lets a description hold.
_NOT_DESCRIBING = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")
NOWHERE = "There is nothing at this address."
_ROUTER = {
    404: ("NOT_FOUND", NOWHERE),
    405: ("METHOD_NOT_ALLOWED", "This address does not take that method."),
}


class ErrorResponse(Response):
    """An error in its one shape."""

    media_type = "application/json"

    def __init__(self, status: int, body: ErrorOut | OAuthErrorOut, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(json.dumps(body, default=str, ensure_ascii=False).encode(), status, headers)


def status_of(error: FaultMavenError, *, invalid: int) -> int:
    table = {**_STATUS, InvalidInput: invalid}
    return next(table[kind] for kind in type(error).__mro__ if kind in table)


def refused(error: FaultMavenError, dialect: Dialect, *, oauth: bool = False) -> ErrorResponse:
    """The answer to a request the domain refused; with ``oauth`` in the words of RFC 6749."""
    headers: dict[str, str] = {}
    body = oauth_body_of(error) if oauth else body_of(error)
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, InsufficientScope):
        headers["WWW-Authenticate"] = 'Bearer error="insufficient_scope"'
    if "retry_after" in body:
        headers["Retry-After"] = str(body["retry_after"])
    if isinstance(error, Conflict) and not isinstance(error, CaseClosed):  # callers tell a closed case by its absence
        headers["X-Error-Code"] = error.code
        for name in ("expected_version", "actual_version"):
            if name in error.details:
                headers[f"X-{name.replace('_', '-').title()}"] = str(error.details[name])
    return ErrorResponse(status_of(error, invalid=400 if oauth else dialect.invalid_status), body, headers)


def oauth_body_of(error: FaultMavenError) -> OAuthErrorOut:
    plain = body_of(error)
    word = next(_OAUTH_WORD[kind] for kind in type(error).__mro__ if kind in _OAUTH_WORD)
    body = OAuthErrorOut(
        error=error.code.lower() if isinstance(error, OAuthRefused) else word,
        error_description=_NOT_DESCRIBING.sub("'", error.message),
        detail=error.message,
    )
    if "retry_after" in plain:
        body["retry_after"] = plain["retry_after"]
    return body


def body_of(error: FaultMavenError) -> ErrorOut:
    retry_after: int | None = None
    if isinstance(error, RateLimited | KeyInUse | Busy):
        retry_after = error.retry_after
    elif isinstance(error, Unavailable) and not isinstance(error, StorageFull):
        retry_after = TRY_AGAIN
    elif isinstance(error, Misconfigured):
        retry_after = TRY_LATER
    return error_body(error.code, error.message, error.details, retry_after)


def error_body(
    code: str, message: str, details: Mapping[str, Any] | None = None, retry_after: int | None = None
) -> ErrorOut:
    body = ErrorOut(error={"code": code, "message": message, "details": dict(details or {})}, detail=message)
    if retry_after is not None:
        body["retry_after"] = retry_after
    return body


async def not_routed(_: Request, error: Exception) -> Response:
    """What the router itself refuses: unknown addresses and methods."""
    assert isinstance(error, HTTPException)
    code, message = _ROUTER.get(error.status_code, ("ERROR", str(error.detail)))
    return ErrorResponse(error.status_code, error_body(code, message), error.headers)


def broken(request_id: str) -> ErrorResponse:
    """Our own fault: nothing of it but the id under which the log tells more."""
    message = "Something went wrong on the server; its log says more under the request id."
    return ErrorResponse(500, error_body("INTERNAL_ERROR", message, {"request_id": request_id}))
