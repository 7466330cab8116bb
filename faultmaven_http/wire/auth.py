from datetime import timedelta
from typing import Literal, TypedDict

from faultmaven_domain.auth import SignedIn, TokenPair, User

from .common import Time, utc


class UserOut(TypedDict):
    """``full_name`` and ``display_name`` are one name; ``organization`` is there for clients that look for it."""

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
    organization: None


class TokensOut(TypedDict):
    """``expires_in`` and ``refresh_expires_in`` in seconds, ``expires_at`` in milliseconds since 1970."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"]
    expires_in: int
    expires_at: int
    refresh_expires_in: int


class SignedInOut(TokensOut):
    session_id: None
    user: UserOut


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
        is_dev_user=False,
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
    )


def signed_in_out(value: SignedIn) -> SignedInOut:
    return SignedInOut(**tokens_out(value.tokens), session_id=None, user=user_out(value.user))
