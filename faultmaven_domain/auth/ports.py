from datetime import datetime
from typing import Protocol

from ..kernel.data import DataProvider
from ..kernel.unit_of_work import Transactions, UnitOfWork
from .models import Claims, TokenFamily, TokenPair, User
from .oauth import AuthorizationCode


class UserRepository(DataProvider[User], Protocol):
    """Raises UserExists when another user has the same e-mail address or name."""

    async def named(self, email_or_username: str) -> User | None: ...


class PasswordRepository(Protocol):
    """Hashes by user id."""

    async def get(self, user_id: str) -> str | None: ...

    async def set(self, user_id: str, hash: str) -> None: ...

    async def any(self) -> bool:
        """Whether anybody has one."""
        ...


class FamilyRepository(DataProvider[TokenFamily], Protocol):
    async def live_of(self, user_id: str, *, at: datetime) -> list[TokenFamily]:
        """Those of a user that are neither revoked nor past their end, oldest first."""
        ...

    async def delete_expired(self, *, before: datetime) -> int: ...


class CodeRepository(DataProvider[AuthorizationCode], Protocol):
    """Codes by their hash."""

    async def delete_expired(self, *, before: datetime) -> int: ...


class AuthUnitOfWork(UnitOfWork, Protocol):
    @property
    def users(self) -> UserRepository: ...

    @property
    def passwords(self) -> PasswordRepository: ...

    @property
    def families(self) -> FamilyRepository: ...

    @property
    def codes(self) -> CodeRepository: ...


class AuthTransactions(Transactions[AuthUnitOfWork], Protocol): ...


class PasswordHasher(Protocol):
    """Slow on purpose, and so never on the event loop."""

    async def hash(self, password: str) -> str: ...

    async def verify(self, password: str, hash: str | None) -> bool:
        """False for a wrong one. Takes as long where there is no hash, so that its absence does not show."""
        ...


class IdentityProvider(Protocol):
    """Issues and verifies tokens. One that cannot tell whether a token was revoked refuses it: Unavailable.

    It may take another issuer's access tokens as well. Those carry a Profile, each is a family of its own, and only
    their issuer refreshes them.
    """

    async def create_token(
        self, user: User, *, client_id: str | None = None, scopes: tuple[str, ...] | None = None
    ) -> TokenPair:
        """Begin a family of tokens for a sign-in; with ``client_id`` it is that client's alone."""
        ...

    async def validate_token(self, token: str) -> Claims:
        """Raises: InvalidToken; Unavailable."""
        ...

    async def refresh_token(self, refresh_token: str, *, client_id: str | None = None) -> TokenPair:
        """The next pair of the family. One used before revokes its family; one of another client's is refused.

        Raises: InvalidToken; Unavailable.
        """
        ...

    async def revoke(self, token: str) -> Claims:
        """End the family an access or refresh token belongs to, for good, and say what the token did.

        Raises: InvalidToken; Unavailable.
        """
        ...

    async def revoke_family(self, family_id: str) -> None:
        """End a family by its id; one that is not there needs no ending. Raises: Unavailable."""
        ...

    async def sign_ins(self, user_id: str) -> tuple[str, ...]:
        """The ids of a user's live families, oldest first. Raises: Unavailable."""
        ...

    async def sign_in_address(self, *, redirect_uri: str, challenge: str) -> str:
        """Where a browser goes to sign in at the issuer, which sends it on to ``redirect_uri`` with a code and a state.

        ``challenge`` is S256 of a verifier that the asker keeps (RFC 7636). Raises: NoIssuer; Unavailable.
        """
        ...

    async def signed_in(self, *, code: str, state: str, verifier: str, issuer: str | None = None) -> Claims:
        """Who comes back from there, with a profile; ``issuer`` is who sent them back, where that was said (RFC 9207).

        Raises: InvalidGrant; NoIssuer; Unavailable; Misconfigured.
        """
        ...

    async def sign_out_address(self, user_id: str, *, back: str) -> str | None:
        """Where a browser signs out at the issuer, which sends it on to ``back``; None where there is no such page."""
        ...
