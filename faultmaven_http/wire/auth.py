from datetime import timedelta
from typing import Literal, TypedDict

from attrs import frozen

from faultmaven_domain.auth import SCOPES, SignedIn, SignedOut, TokenPair, User

from .common import Time, utc


class OrganizationOut(TypedDict):
    name: str


class UserOut(TypedDict):
    """``full_name`` and ``display_name`` are one name. ``is_dev_user``: it signs in by its name alone."""

    user_id: str
    email: str
    username: str
    full_name: str
    display_name: str
    roles: list[str]
    is_admin: bool
    is_active: bool
    is_dev_user: bool
    created_at: Time
    organization: OrganizationOut | None


class TokensOut(TypedDict):
    """``expires_in`` and ``refresh_expires_in`` in seconds, ``expires_at`` in milliseconds since 1970."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"]
    expires_in: int
    expires_at: int
    refresh_expires_in: int
    scope: str


class SignedInOut(TokensOut):
    """The account is under ``user``, and what clients look for beside it once more.

    ``session_id`` is the session that was opened for it; null when sessions cannot be kept right now.
    """

    session_id: str | None
    user: UserOut
    user_id: str
    email: str
    username: str
    full_name: str
    display_name: str
    roles: list[str]


class LoggedOut(TypedDict):
    """``all_sessions_ended``: whether this user is signed in nowhere any more.

    ``issuer_logout_url`` is where a browser goes to sign out at the user's issuer as well; null where there is none.
    """

    message: str
    all_sessions_ended: bool
    issuer_logout_url: str | None


class AuthConfigOut(TypedDict):
    """``passwordless``: whether a name alone signs in here. Addresses are absolute.

    ``issuer_endpoint`` tells where to sign in with an account of another issuer, and ``issuer_name`` its host; null
    where there is none.
    """

    auth_mode: Literal["local", "oauth"]
    supports_registration: bool
    passwordless: bool
    login_endpoint: str
    register_endpoint: str
    issuer_endpoint: str | None
    issuer_name: str | None
    refresh_endpoint: str
    logout_endpoint: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str
    code_challenge_methods_supported: list[str]
    scopes_supported: list[str]


@frozen(kw_only=True)
class Entered:
    """A sign-in and the session that was opened for it."""

    signed_in: SignedIn
    session_id: str | None


def user_out(user: User) -> UserOut:
    return UserOut(
        user_id=user.user_id,
        email=user.email,
        username=user.username,
        full_name=user.full_name,
        display_name=user.full_name,
        roles=list(user.roles),
        is_admin=user.principal().is_admin,
        is_active=user.is_active,
        is_dev_user=user.is_dev_user,
        created_at=utc(user.created_at),
        organization=None,
    )


def tokens_out(tokens: TokenPair) -> TokensOut:
    expires_at = tokens.issued_at + timedelta(seconds=tokens.expires_in)
    return TokensOut(
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        token_type="bearer",
        expires_in=tokens.expires_in,
        expires_at=int(expires_at.timestamp() * 1000),
        refresh_expires_in=tokens.refresh_expires_in,
        scope=" ".join(SCOPES if tokens.scopes is None else tokens.scopes),
    )


def entered_out(value: Entered) -> SignedInOut:
    user = user_out(value.signed_in.user)
    return SignedInOut(
        **tokens_out(value.signed_in.tokens),
        session_id=value.session_id,
        user=user,
        user_id=user["user_id"],
        email=user["email"],
        username=user["username"],
        full_name=user["full_name"],
        display_name=user["display_name"],
        roles=user["roles"],
    )


def logged_out(value: SignedOut) -> LoggedOut:
    said = "Signed out everywhere." if value.all_ended else "Signed out here; another sign-in of yours goes on."
    return LoggedOut(message=said, all_sessions_ended=value.all_ended, issuer_logout_url=value.elsewhere)
