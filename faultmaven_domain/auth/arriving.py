"""People whom another issuer of tokens vouches for: their accounts follow what it says of them."""

from datetime import datetime

from ..kernel.errors import InvalidInput
from ..kernel.principal import USER
from .errors import InvalidToken
from .models import LONGEST_NAME, Claims, Profile, TokenFamily, User, checked_email, checked_username
from .ports import AuthUnitOfWork

#: What this server's own ids begin with, and its own addresses end in: nobody is called so by an issuer.
_ID, _NOWHERE = "usr_", "@localhost"


async def arrived(unit: AuthUnitOfWork, claims: Claims, *, at: datetime) -> User:
    """The account of who signs in, opened or brought up to date; a closed one stays as it is.

    An address or a name that is another account's is never taken over: an issuer vouches for its own users alone. What
    it said before it said something else changes nothing any more, however late that is shown.
    """
    said, known = claims.profile or Profile(), await unit.users.get(claims.user_id)
    vouched_at = claims.issued_at or at
    if known is not None and (not known.is_active or (known.vouched_at is not None and vouched_at < known.vouched_at)):
        return known
    address = _email(said.email)
    email = await _free(unit, claims.user_id, address)
    email = email or (known.email if known else f"{claims.user_id}{_NOWHERE}")
    name = await _free(unit, claims.user_id, _username(said.username, address) or (None if known else address))
    name = name or (known.username if known else claims.user_id)
    full_name = (said.full_name or "").strip()[:LONGEST_NAME]
    user = User(
        user_id=claims.user_id,
        email=email,
        username=name,
        full_name=full_name or (known.full_name if known else name),
        roles=said.roles or (known.roles if known else (USER,)),
        created_at=known.created_at if known else at,
        vouched_at=vouched_at,
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
        email = checked_email(said) if said else None
    except InvalidInput:
        return None
    return None if email is None or email.endswith(_NOWHERE) else email


def _username(said: str | None, email: str | None) -> str | None:
    """An address for a name is the one that the issuer vouches for as an address, or somebody else's."""
    try:
        name = checked_username(said, email=email or "") if said else None
    except InvalidInput:
        return None
    return None if name is None or name.startswith(_ID) or ("@" in name and name != email) else name
