from datetime import datetime
from typing import Protocol

from ..kernel.data import DataProvider
from ..kernel.unit_of_work import Transactions, UnitOfWork
from .models import Claims, TokenFamily, TokenPair, User


class UserRepository(DataProvider[User], Protocol):
    """Raises UserExists when another user has the same e-mail address or name."""

    async def named(self, email_or_username: str) -> User | None: ...

    async def count(self) -> int: ...


class PasswordRepository(Protocol):
    """Hashes by user id."""

    async def get(self, user_id: str) -> str | None: ...

    async def set(self, user_id: str, hash: str) -> None: ...


class FamilyRepository(DataProvider[TokenFamily], Protocol):
    async def delete_expired(self, *, before: datetime) -> int: ...


class AuthUnitOfWork(UnitOfWork, Protocol):
    @property
    def users(self) -> UserRepository: ...

    @property
    def passwords(self) -> PasswordRepository: ...

    @property
    def families(self) -> FamilyRepository: ...


class AuthTransactions(Transactions[AuthUnitOfWork], Protocol): ...


class PasswordHasher(Protocol):
    """Slow on purpose, and so never on the event loop."""

    async def hash(self, password: str) -> str: ...

    async def verify(self, password: str, hash: str | None) -> bool:
        """False for a wrong one. Takes as long where there is no hash, so that its absence does not show."""
        ...


class IdentityProvider(Protocol):
    """Issues and verifies tokens. One that cannot tell whether a token was revoked refuses it: Unavailable."""

    async def create_token(self, user: User) -> TokenPair:
        """Begin a family of tokens for a sign-in."""
        ...

    async def validate_token(self, token: str) -> Claims:
        """Raises: InvalidToken; Unavailable."""
        ...

    async def refresh_token(self, refresh_token: str) -> TokenPair:
        """The next pair of the family. One used before revokes its family. Raises: InvalidToken; Unavailable."""
        ...

    async def revoke(self, token: str) -> None:
        """End the family an access or refresh token belongs to, for good. Raises: InvalidToken; Unavailable."""
        ...
