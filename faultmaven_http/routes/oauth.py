"""OAuth 2 for public clients: a code with PKCE, refresh, revocation (RFC 6749, 7636, 7009, as RFC 9700 wants them)."""

from attrs import frozen

from faultmaven_domain.auth import (
    AuthorizationRequest,
    Clients,
    OAuthRefused,
    SignedIn,
    UnsupportedGrant,
    UnsupportedResponse,
)
from faultmaven_domain.kernel.principal import Principal

from ..limits import Group
from ..operation import Call, Operation, Reply
from ..wire import Said
from ..wire.auth import SignedInOut
from ..wire.oauth import ConsentOut, Denial, DenialOut, GrantOut
from .auth import entered

#: RFC 6749, 5.1; the other header it asks for is on every answer.
NOT_KEPT = {"Pragma": "no-cache"}


@frozen(kw_only=True)
class AuthorizeQuery:
    """RFC 6749, 4.1.1, and RFC 7636, 4.3; ``response_type`` is code and ``code_challenge_method`` S256."""

    response_type: str | None = None
    client_id: str | None = None
    redirect_uri: str | None = None
    scope: str | None = None
    state: str | None = None
    code_challenge: str | None = None
    code_challenge_method: str | None = None


@frozen(kw_only=True)
class Decision:
    """What the user was asked, as the consent had it, and their answer."""

    approved: bool
    client_id: str | None = None
    redirect_uri: str | None = None
    scope: str | None = None
    state: str | None = None
    code_challenge: str | None = None
    code_challenge_method: str | None = None


@frozen(kw_only=True)
class TokenRequest:
    """``code, code_verifier, redirect_uri`` with ``authorization_code``; ``refresh_token`` with ``refresh_token``."""

    grant_type: str | None = None
    client_id: str | None = None
    code: str | None = None
    code_verifier: str | None = None
    redirect_uri: str | None = None
    refresh_token: str | None = None


@frozen(kw_only=True)
class Revocation:
    """An access or a refresh token. Whoever holds it may end it, so ``client_id`` is not looked at."""

    token: str | None = None
    token_type_hint: str | None = None
    client_id: str | None = None


async def consent(call: Call, *, principal: Principal, query: AuthorizeQuery) -> Reply:
    """What the user is to be asked on behalf of a client; the answer goes to the same address."""
    if query.response_type != "code":
        raise UnsupportedResponse(field="response_type")
    asked = await call.fm.auth.consent(principal=principal, request=_request(query), clients=_clients(call))
    return Reply(value=asked)


async def decide(call: Call, *, principal: Principal, body: Decision) -> Reply:
    """The user's answer: a code for the client, good once and for a minute; or that there is none."""
    if not body.approved:
        return Reply(value=Denial(state=body.state))
    granted = await call.fm.auth.grant_code(principal=principal, request=_request(body), clients=_clients(call))
    return Reply(value=granted)


async def token(call: Call, *, body: TokenRequest) -> Reply:
    """A code, or a refresh token, for the next pair of tokens. Each is good once."""
    return Reply(value=await entered(call, await _granted(call, body)), headers=NOT_KEPT)


async def _granted(call: Call, body: TokenRequest) -> SignedIn:
    match body.grant_type:
        case "authorization_code":
            return await call.fm.auth.exchange_code(
                code=_needed(body, "code"),
                verifier=_needed(body, "code_verifier"),
                client_id=_needed(body, "client_id"),
                redirect_uri=_needed(body, "redirect_uri"),
            )
        case "refresh_token":
            return await call.fm.auth.refresh_grant(
                refresh_token=_needed(body, "refresh_token"), client_id=body.client_id or None
            )
        case None | "":
            raise OAuthRefused("grant_type is required.", field="grant_type")
        case _:
            raise UnsupportedGrant(field="grant_type")


async def revoke(call: Call, *, body: Revocation) -> Reply:
    """End the sign-in a token belongs to. One that is no token, or ended before, is no error."""
    await call.fm.auth.revoke(token=_needed(body, "token"))
    return Reply(value=Said(message="The token is good for nothing any more."))


def _clients(call: Call) -> Clients:
    settings = call.fm.settings
    return Clients(ids=settings.oauth_clients, redirects=settings.oauth_redirects)


def _request(asked: AuthorizeQuery | Decision) -> AuthorizationRequest:
    """Raises: OAuthRefused naming what is missing."""
    return AuthorizationRequest(
        client_id=_needed(asked, "client_id"),
        redirect_uri=_needed(asked, "redirect_uri"),
        code_challenge=_needed(asked, "code_challenge"),
        code_challenge_method=asked.code_challenge_method or "plain",  # as RFC 7636, 4.3, has it; and it is refused
        scope=asked.scope or "",
        state=asked.state,
    )


def _needed(body: object, name: str) -> str:
    """A parameter without a value counts as left out (RFC 6749, 3.1). Raises: OAuthRefused."""
    value: str | None = getattr(body, name)
    if not value:
        raise OAuthRefused(f"{name} is required.", field=name)
    return value


OPERATIONS = (
    Operation(
        method="GET",
        path="/auth/oauth/authorize",
        handler=consent,
        answers={200: ConsentOut},
        group=Group.READS,
        errors=(403,),
        oauth=True,
    ),
    Operation(
        method="POST",
        path="/auth/oauth/authorize",
        handler=decide,
        answers={200: (GrantOut, DenialOut)},
        group=Group.WRITES,
        errors=(403,),
        oauth=True,
    ),
    Operation(
        method="POST",
        path="/auth/oauth/token",
        handler=token,
        answers={200: SignedInOut},
        group=Group.WRITES,
        urlencoded=True,
        oauth=True,
    ),
    Operation(
        method="POST",
        path="/auth/oauth/revoke",
        handler=revoke,
        answers={200: Said},
        group=Group.WRITES,
        urlencoded=True,
        oauth=True,
    ),
)
