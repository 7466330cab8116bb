from attrs import frozen

from ..kernel.clock import Clock
from ..kernel.ids import IdSource
from ..kernel.principal import ADMIN, USER, Principal
from .errors import InvalidToken, UserNotFound, WrongCredentials
from .models import SignedIn, TokenPair, User, checked_email, checked_password, checked_username, folded
from .ports import AuthTransactions, IdentityProvider, PasswordHasher


@frozen
class AuthService:
    transactions: AuthTransactions
    identity: IdentityProvider
    hasher: PasswordHasher
    clock: Clock
    ids: IdSource

    async def register(
        self, *, email: str, password: str, full_name: str = "", username: str | None = None, admin: bool = False
    ) -> User:
        """Open an account; the very first one is an admin's.

        Raises: InvalidInput naming the field; UserExists.
        """
        email = checked_email(email)
        username = checked_username(username or email, email=email)
        hash = await self.hasher.hash(checked_password(password))
        async with self.transactions.begin() as unit:
            first = await unit.users.count() == 0
            user = User(
                user_id=self.ids.new("usr"),
                email=email,
                username=username,
                full_name=full_name.strip()[:200] or username,
                roles=(USER, ADMIN) if first or admin else (USER,),
                created_at=self.clock.now(),
            )
            await unit.users.save(user)
            await unit.passwords.set(user.user_id, hash)
        return user

    async def login(self, *, name: str, password: str) -> SignedIn:
        """Sign in by e-mail address or username. Raises: WrongCredentials, whichever of the two is wrong."""
        async with self.transactions.view() as unit:
            user = await unit.users.named(folded(name))
            hash = await unit.passwords.get(user.user_id) if user else None
        if not await self.hasher.verify(password, hash) or user is None or not user.is_active:
            raise WrongCredentials
        return SignedIn(user=user, tokens=await self.identity.create_token(user))

    async def authenticate(self, *, token: str) -> Principal:
        """Who a token speaks for, with today's roles. Raises: InvalidToken; Unavailable."""
        claims = await self.identity.validate_token(token)
        async with self.transactions.view() as unit:
            user = await unit.users.get(claims.user_id)
        if user is None or not user.is_active:
            raise InvalidToken
        return user.principal()

    async def refresh(self, *, refresh_token: str) -> TokenPair:
        """Raises: InvalidToken; a token used twice ends its whole family."""
        return await self.identity.refresh_token(refresh_token)

    async def logout(self, *, token: str) -> None:
        """End the sign-in a token belongs to. Raises: InvalidToken."""
        await self.identity.revoke(token)

    async def get_user(self, *, user_id: str) -> User:
        """Raises: UserNotFound."""
        async with self.transactions.view() as unit:
            user = await unit.users.get(user_id)
        if user is None:
            raise UserNotFound(user_id=user_id)
        return user

    async def list_users(self) -> tuple[User, ...]:
        """Oldest first. For the server's own operator; no route gives it away."""
        async with self.transactions.view() as unit:
            return tuple(await unit.users.query())

    async def grant(self, *, name: str, role: str = ADMIN) -> User:
        """Give an account a role, from its next request on. Raises: UserNotFound; InvalidInput."""
        async with self.transactions.begin() as unit:
            user = await unit.users.named(folded(name)) or await unit.users.get(name)
            if user is None:
                raise UserNotFound(user=name)
            return await unit.users.save(user.granted(role))

    async def forget_expired(self) -> int:
        """Drop token families nobody can use any more; gives how many."""
        async with self.transactions.begin() as unit:
            return await unit.families.delete_expired(before=self.clock.now())
