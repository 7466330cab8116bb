"""The auth room: accounts, signing in, who a token speaks for."""

from .errors import InvalidToken, UserExists, UserNotFound, WrongCredentials
from .models import Claims, SignedIn, TokenFamily, TokenPair, User
from .ports import (
    AuthTransactions,
    AuthUnitOfWork,
    FamilyRepository,
    IdentityProvider,
    PasswordHasher,
    PasswordRepository,
    UserRepository,
)
from .service import AuthService

__all__ = [
    "AuthService",
    "AuthTransactions",
    "AuthUnitOfWork",
    "Claims",
    "FamilyRepository",
    "IdentityProvider",
    "InvalidToken",
    "PasswordHasher",
    "PasswordRepository",
    "SignedIn",
    "TokenFamily",
    "TokenPair",
    "User",
    "UserExists",
    "UserNotFound",
    "UserRepository",
    "WrongCredentials",
]
