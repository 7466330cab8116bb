"""Accounts and what signing in gives."""

import re
import unicodedata
from datetime import datetime, timedelta

from attrs import evolve, frozen

from ..kernel.errors import InvalidInput
from ..kernel.principal import ADMIN, USER, Principal

SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 256
LONGEST_NAME = 200
#: How long the family of a token that has lapsed is kept: more than the clocks of a fleet are apart.
FAMILY_REMEMBERED = timedelta(days=1)
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)*")
_USERNAME = re.compile(r"[\w.@+-]{3,254}")
_PLAIN = re.compile(r"[a-z0-9._+-]{1,64}")
ROLES = (USER, ADMIN)


@frozen(kw_only=True)
class User:
    """An account. Its password's hash is kept apart and never part of this value.

    ``is_dev_user``: it was opened by a name alone and has no password. ``vouched_at`` is when another issuer of tokens
    spoke of it last, by that issuer's clock; None for an account of this server's own.
    """

    user_id: str
    email: str
    username: str
    full_name: str
    roles: tuple[str, ...]
    created_at: datetime
    is_active: bool = True
    is_dev_user: bool = False
    vouched_at: datetime | None = None

    def principal(self, *, scopes: tuple[str, ...] | None = None) -> Principal:
        return Principal(user_id=self.user_id, roles=self.roles, scopes=scopes)

    def granted(self, role: str) -> "User":
        """Raises: InvalidInput for an unknown role."""
        if role not in ROLES:
            raise InvalidInput(f"role is one of {', '.join(ROLES)}.", field="role")
        return self if role in self.roles else evolve(self, roles=(*self.roles, role))


@frozen(kw_only=True)
class TokenPair:
    """``expires_in`` and ``refresh_expires_in`` in seconds from ``issued_at``; ``family_id`` names the sign-in."""

    access_token: str
    refresh_token: str
    issued_at: datetime
    expires_in: int
    refresh_expires_in: int
    family_id: str
    scopes: tuple[str, ...] | None = None  # all that the user may, where None


@frozen(kw_only=True)
class SignedIn:
    user: User
    tokens: TokenPair


@frozen(kw_only=True)
class SignedOut:
    """Whether none of the user's sign-ins is left, and where a browser signs out at their issuer as well."""

    all_ended: bool
    elsewhere: str | None = None


@frozen(kw_only=True)
class Profile:
    """What an issuer of tokens says of a user of its own; None where it says nothing.

    ``roles`` are all the user has, as the issuer's groups are read; None leaves them to this server.
    """

    email: str | None = None
    username: str | None = None
    full_name: str | None = None
    roles: tuple[str, ...] | None = None


@frozen(kw_only=True)
class Claims:
    """What a verified access token says. ``family_id`` names the sign-in it descends from.

    ``profile`` is there where another issuer's token vouches for its user, who may have no account here yet, and
    ``issued_at`` where it says when.
    """

    user_id: str
    family_id: str
    expires_at: datetime
    scopes: tuple[str, ...] | None = None
    profile: Profile | None = None
    issued_at: datetime | None = None


@frozen(kw_only=True)
class TokenFamily:
    """One sign-in and the refresh tokens that descend from it. Only the newest, ``current``, may be used.

    One that an OAuth client was granted is that client's and holds its ``scopes``; others may all that their user may.
    """

    family_id: str
    user_id: str
    current: str
    expires_at: datetime
    revoked_at: datetime | None = None
    client_id: str | None = None
    scopes: tuple[str, ...] | None = None

    def live(self, *, at: datetime) -> bool:
        return self.revoked_at is None and at < self.expires_at

    def may_be_refreshed(self, *, by: str | None, at: datetime) -> bool:
        """``by`` is the client's id. A sign-in without a client, with a password say, may go on in any."""
        return self.live(at=at) and self.client_id in (None, by)


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


def checked_bare_name(name: str) -> str:
    """A name that is all one signs in with, in lower case: whatever can be printed, single spaces too.

    Raises: InvalidInput.
    """
    name = folded(name)
    if not 3 <= len(name) <= 254 or not name.isprintable() or "  " in name:
        raise InvalidInput("username has 3 to 254 characters that can be read.", field="username")
    return name


def address_for(name: str, user_id: str) -> str:
    """An e-mail address for who gave only a name: it goes nowhere (RFC 6761, 6.3)."""
    if _EMAIL.fullmatch(name):
        return name
    return f"{name if _PLAIN.fullmatch(name) else user_id}@localhost"


def checked_password(password: str) -> str:
    """Raises: InvalidInput."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InvalidInput(f"password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.", field="password")
    return password
