"""Accounts and what signing in gives."""

import re
import unicodedata
from datetime import datetime

from attrs import evolve, frozen

from ..kernel.errors import InvalidInput
from ..kernel.principal import ADMIN, USER, Principal

SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 256
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)*")
_USERNAME = re.compile(r"[\w.@+-]{3,254}")
ROLES = (USER, ADMIN)


@frozen(kw_only=True)
class User:
    """An account. Its password's hash is kept apart and never part of this value."""

    user_id: str
    email: str
    username: str
    full_name: str
    roles: tuple[str, ...]
    created_at: datetime
    is_active: bool = True

    def principal(self) -> Principal:
        return Principal(user_id=self.user_id, roles=self.roles)

    def granted(self, role: str) -> "User":
        """Raises: InvalidInput for an unknown role."""
        if role not in ROLES:
            raise InvalidInput(f"role is one of {', '.join(ROLES)}.", field="role")
        return self if role in self.roles else evolve(self, roles=(*self.roles, role))


@frozen(kw_only=True)
class TokenPair:
    """``expires_in`` and ``refresh_expires_in`` in seconds from ``issued_at``."""

    access_token: str
    refresh_token: str
    issued_at: datetime
    expires_in: int
    refresh_expires_in: int


@frozen(kw_only=True)
class SignedIn:
    user: User
    tokens: TokenPair


@frozen(kw_only=True)
class Claims:
    """What a verified access token says. ``family_id`` names the sign-in it descends from."""

    user_id: str
    family_id: str
    expires_at: datetime


@frozen(kw_only=True)
class TokenFamily:
    """One sign-in and the refresh tokens that descend from it. Only the newest, ``current``, may be used."""

    family_id: str
    user_id: str
    current: str
    expires_at: datetime
    revoked_at: datetime | None = None

    def live(self, *, at: datetime) -> bool:
        return self.revoked_at is None and at < self.expires_at


def folded(name: str) -> str:
    """A name or an address as accounts are found by it, however its letters were typed.

    Capitals, accents put together or not, letters of full width and ligatures make no second account: Unicode's
    NFKC around lower case (UAX #15). The German ß is a letter of its own.
    """
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).strip().lower())


def checked_email(email: str) -> str:
    """In lower case. Raises: InvalidInput."""
    email = folded(email)
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        raise InvalidInput("email is not an e-mail address.", field="email")
    return email


def checked_username(username: str, *, email: str) -> str:
    """In lower case; the account's own address will do, whatever it is made of. Raises: InvalidInput."""
    username = folded(username)
    if username != email and not _USERNAME.fullmatch(username):
        raise InvalidInput("username has 3 to 254 letters, digits or . _ @ + - characters.", field="username")
    return username


def checked_password(password: str) -> str:
    """Raises: InvalidInput."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InvalidInput(f"password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.", field="password")
    return password
