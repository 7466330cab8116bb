"""People whom another issuer of tokens vouches for: their accounts follow what it says of them."""

from datetime import datetime

from ..kernel.errors import InvalidInput
from ..kernel.principal import USER
from .errors import InvalidToken
from .models import LONGEST_NAME, Claims, Profile, TokenFamily, User, checked_email, checked_username
from .ports import AuthUnitOfWork


async def arrived(unit: AuthUnitOfWork, claims: Claims, *, at: datetime) -> User:
    """The account of who signs in, opened or brought up to date; a closed one stays as it is.

    An address or a name that is another account's is never taken over: an issuer vouches for its own users alone.
    """
    said, known = claims.profile or Profile(), await unit.users.get(claims.user_id)
    if known is not None and not known.is_active:
        return known
    email = await _free(unit, claims.user_id, _email(said.email))
    email = email or (known.email if known else f"{claims.user_id}@localhost")
    name = await _free(unit, claims.user_id, _username(said.username or (None if known else email), email))
    name = name or (known.username if known else claims.user_id)
    full_name = (said.full_name or "").strip()[:LONGEST_NAME]
    user = User(
        user_id=claims.user_id,
        email=email,
        username=name,
        full_name=full_name or (known.full_name if known else name),
        roles=said.roles or (known.roles if known else (USER,)),
        created_at=known.created_at if known else at,
    )
    return user if user == known else await unit.users.save(user)


async def signed_in(unit: AuthUnitOfWork, claims: Claims) -> None:
    """Keep in mind that a token is in use, so that it can be ended. Raises: InvalidToken for one that was."""
    family = await unit.families.get(claims.family_id)
    if family is None:
        await unit.families.save(family_of(claims))
    elif family.revoked_at is not None:
        raise InvalidToken


def family_of(claims: Claims) -> TokenFamily:
    """Another issuer's token as a sign-in of its own, without a refresh token."""
    return TokenFamily(
        family_id=claims.family_id,
        user_id=claims.user_id,
        current="",
        expires_at=claims.expires_at,
        scopes=claims.scopes,
    )


async def _free(unit: AuthUnitOfWork, user_id: str, name: str | None) -> str | None:
    """The same, where it is nobody else's address or name."""
    holder = await unit.users.named(name) if name else None
    return name if holder is None or holder.user_id == user_id else None


def _email(said: str | None) -> str | None:
    try:
        return checked_email(said) if said else None
    except InvalidInput:
        return None


def _username(said: str | None, email: str) -> str | None:
    try:
        return checked_username(said, email=email) if said else None
    except InvalidInput:
        return None
