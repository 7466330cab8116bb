"""OAuth's own shapes: RFC 6749 for grants and errors. Tokens are written as every sign-in is."""

from typing import NotRequired, TypedDict

from attrs import frozen

from faultmaven_domain.auth import Consent, Grant


class AskedOut(TypedDict):
    user_id: str
    username: str
    display_name: str
    email: str


class ConsentOut(TypedDict):
    """What the user is asked for. ``scope`` and ``scopes`` are one list: those of the client's that are known here."""

    client_id: str
    redirect_uri: str
    response_type: str
    scope: str
    scopes: list[str]
    state: str | None
    code_challenge: str
    code_challenge_method: str
    user: AskedOut


class GrantOut(TypedDict):
    code: str
    state: str | None
    redirect_uri: str


class DenialOut(TypedDict):
    error: str
    error_description: str
    state: str | None


class OAuthErrorOut(TypedDict):
    """``error`` is a word of RFC 6749, 6750 or 7009; ``detail`` repeats the description."""

    error: str
    error_description: str
    detail: str
    retry_after: NotRequired[int]


@frozen(kw_only=True)
class Denial:
    """A user's no."""

    state: str | None


def consent_out(value: Consent) -> ConsentOut:
    request, user = value.request, value.user
    return ConsentOut(
        client_id=request.client_id,
        redirect_uri=request.redirect_uri,
        response_type="code",
        scope=request.scope,
        scopes=request.scope.split(),
        state=request.state,
        code_challenge=request.code_challenge,
        code_challenge_method=request.code_challenge_method,
        user=AskedOut(user_id=user.user_id, username=user.username, display_name=user.full_name, email=user.email),
    )


def grant_out(value: Grant) -> GrantOut:
    return GrantOut(code=value.code, state=value.state, redirect_uri=value.redirect_uri)


def denial_out(value: Denial) -> DenialOut:
    return DenialOut(error="access_denied", error_description="The user said no.", state=value.state)
