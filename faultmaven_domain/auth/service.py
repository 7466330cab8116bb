from attrs import evolve, frozen

from ..kernel.clock import Clock
from ..kernel.errors import InvalidInput
from ..kernel.ids import IdSource
from ..kernel.principal import ADMIN, USER, Principal
from .arriving import arrived, signed_in
from .errors import InsufficientScope, InvalidGrant, InvalidToken, UserExists, UserNotFound, WrongCredentials
from .models import (
    FAMILY_REMEMBERED,
    LONGEST_NAME,
    Claims,
    SignedIn,
    SignedOut,
    TokenPair,
    User,
    address_for,
    checked_bare_name,
    checked_email,
    checked_password,
    checked_username,
    folded,
)
from .oauth import (
    CODE_LIVES,
    CODE_REMEMBERED,
    AuthorizationCode,
    AuthorizationRequest,
    Clients,
    Consent,
    Grant,
    check_challenge,
    hashed,
    scopes_of,
)
from .ports import AuthTransactions, AuthUnitOfWork, IdentityProvider, PasswordHasher


@frozen
class AuthService:
    transactions: AuthTransactions
    identity: IdentityProvider
    hasher: PasswordHasher
    clock: Clock
    ids: IdSource

    async def register(
        self,
        *,
        email: str,
        password: str,
        full_name: str = "",
        username: str | None = None,
        admin: bool = False,
        user_id: str | None = None,
    ) -> User:
        """Open an account; the very first one with a password is an admin's. The same ``user_id`` is opened once, and
        given again to who has its password.

        Raises: InvalidInput naming the field; UserExists.
        """
        email = checked_email(email)
        username = checked_username(username or email, email=email)
        if user_id is not None and (known := await self._registered(user_id, email, password)) is not None:
            return known
        hash = await self.hasher.hash(checked_password(password))
        async with self.transactions.begin() as unit:
            if user_id is not None and await unit.users.get(user_id) is not None:
                raise UserExists
            first = not await unit.passwords.any()
            user = User(
                user_id=user_id or self.ids.new("usr"),
                email=email,
                username=username,
                full_name=full_name.strip()[:LONGEST_NAME] or username,
                roles=(USER, ADMIN) if first or admin else (USER,),
                created_at=self.clock.now(),
            )
            await unit.users.save(user)
            await unit.passwords.set(user.user_id, hash)
        return user

    async def _registered(self, user_id: str, email: str, password: str) -> User | None:
        """The account of this id, where it was opened with these."""
        async with self.transactions.view() as unit:
            user, hash = await unit.users.get(user_id), await unit.passwords.get(user_id)
        if user is None or user.email != email or not await self.hasher.verify(password, hash):
            return None
        return user

    async def login(self, *, name: str, password: str) -> SignedIn:
        """Sign in by e-mail address or username. Raises: WrongCredentials, whichever of the two is wrong."""
        async with self.transactions.view() as unit:
            user = await unit.users.named(folded(name))
            hash = await unit.passwords.get(user.user_id) if user else None
        if not await self.hasher.verify(password, hash) or user is None or not user.is_active:
            raise WrongCredentials
        return SignedIn(user=user, tokens=await self.identity.create_token(user))

    async def login_by_name(
        self, *, name: str, email: str | None = None, full_name: str = "", admins: tuple[str, ...] = ()
    ) -> SignedIn:
        """Sign in without a password, where whoever runs the server allows that; opens the account that is not there.

        Those named in ``admins`` are admins. Raises: WrongCredentials for an account that has a password or is closed;
        InvalidInput naming the field; UserExists when ``email`` is another account's.
        """
        name = checked_bare_name(name)
        roles = (USER, ADMIN) if name in {folded(admin) for admin in admins} else (USER,)
        user = await self._by_name(name, email, full_name, roles)
        return SignedIn(user=user, tokens=await self.identity.create_token(user))

    async def _by_name(self, name: str, email: str | None, full_name: str, roles: tuple[str, ...]) -> User:
        async with self.transactions.begin() as unit:
            user = await unit.users.named(name)
            if user is None:
                return await self._opened(unit, name, email, full_name, roles)
            if not user.is_active:
                raise WrongCredentials("This account is closed.")
            if await unit.passwords.get(user.user_id) is not None:
                raise WrongCredentials("This account has a password; sign in with it.")
            if user.vouched_at is not None:
                raise WrongCredentials("This account is another issuer's; sign in there.")
            return user if set(roles) <= set(user.roles) else await unit.users.save(user.granted(ADMIN))

    async def _opened(
        self, unit: AuthUnitOfWork, name: str, email: str | None, full_name: str, roles: tuple[str, ...]
    ) -> User:
        user_id = self.ids.new("usr")
        address = checked_email(email) if email else address_for(name, user_id)
        if not email and await unit.users.named(address) is not None:
            address = f"{user_id}@localhost"
        user = User(
            user_id=user_id,
            email=address,
            username=name,
            full_name=full_name.strip()[:LONGEST_NAME] or name,
            roles=roles,
            created_at=self.clock.now(),
            is_dev_user=True,
        )
        return await unit.users.save(user)

    async def issue(self, *, name: str, client_id: str | None = None, scope: str | None = None) -> SignedIn:
        """Sign an account in on the word of whoever calls: the server's operator, or who has just opened it.

        ``name`` is its address, username or id; an issuer's user's id alone.
        Raises: UserNotFound; WrongCredentials for a closed one; InvalidScope; InvalidInput.
        """
        scopes = None if scope is None else scopes_of(scope)
        async with self.transactions.view() as unit:
            user = await self._meant(unit, name)
        if not user.is_active:
            raise WrongCredentials("This account is closed.")
        tokens = await self.identity.create_token(user, client_id=client_id, scopes=scopes)
        return SignedIn(user=user, tokens=tokens)

    async def authenticate(self, *, token: str) -> Principal:
        """Who a token speaks for, with today's roles. Raises: InvalidToken; Unavailable."""
        claims = await self.identity.validate_token(token)
        user = await (self._active(claims.user_id) if claims.profile is None else self._vouched_for(claims))
        if user is None or not user.is_active:
            raise InvalidToken
        return user.principal(scopes=claims.scopes)

    async def _vouched_for(self, claims: Claims) -> User:
        """Whom another issuer's token is of. The first sight of a token counts as signing in."""
        async with self.transactions.view() as unit:
            user, family = await unit.users.get(claims.user_id), await unit.families.get(claims.family_id)
        if user is not None and family is not None:
            return user
        async with self.transactions.begin() as unit:
            user = await arrived(unit, claims, at=self.clock.now())
            await signed_in(unit, claims)
        return user

    async def sign_in_address(self, *, redirect_uri: str, challenge: str, clients: Clients) -> str:
        """Where to sign in at the issuer; see the port. Raises: OAuthRefused; NoIssuer; Unavailable."""
        clients.check_redirect(redirect_uri)
        check_challenge(challenge)
        return await self.identity.sign_in_address(redirect_uri=redirect_uri, challenge=challenge)

    async def sign_in(self, *, code: str, state: str, verifier: str, issuer: str | None = None) -> SignedIn:
        """Sign in who comes back from the issuer, whose account is opened where there is none.

        Raises: InvalidGrant; WrongCredentials for a closed account; NoIssuer; Unavailable; Misconfigured.
        """
        claims = await self.identity.signed_in(code=code, state=state, verifier=verifier, issuer=issuer)
        async with self.transactions.begin() as unit:
            user = await arrived(unit, claims, at=self.clock.now())
        if not user.is_active:
            raise WrongCredentials("This account is closed.")
        return SignedIn(user=user, tokens=await self.identity.create_token(user))

    async def refresh(self, *, refresh_token: str) -> TokenPair:
        """Raises: InvalidToken, also for an OAuth client's; a token used twice ends its whole family."""
        return await self.identity.refresh_token(refresh_token)

    async def logout(self, *, token: str, everywhere: bool = False, back: str | None = None) -> SignedOut:
        """End the sign-in that an access or refresh token belongs to; ``everywhere`` all of its user's.

        ``back`` is where an issuer is to send the browser on to, once its user signs out there as well.
        Raises: InvalidToken; InsufficientScope for a client that would end more than its own; Unavailable.
        """
        if everywhere:
            _check_whole((await self.identity.validate_token(token)).scopes)
        user_id = (await self.identity.revoke(token)).user_id
        left = await self.identity.sign_ins(user_id)
        if everywhere:
            for family_id in left:
                await self.identity.revoke_family(family_id)
            left = await self.identity.sign_ins(user_id)
        elsewhere = await self.identity.sign_out_address(user_id, back=back) if back else None
        return SignedOut(all_ended=not left, elsewhere=elsewhere)

    async def revoke(self, *, token: str) -> None:
        """End the sign-in a token belongs to, if it is one at all (RFC 7009). Raises: Unavailable."""
        try:
            await self.identity.revoke(token)
        except InvalidToken:
            return  # nobody can use it: that is what was asked for

    async def consent(self, *, principal: Principal, request: AuthorizationRequest, clients: Clients) -> Consent:
        """What a user is to be asked. Raises: OAuthRefused; InsufficientScope; UserNotFound."""
        _check_whole(principal.scopes)
        return Consent(request=request.checked(clients), user=await self.get_user(user_id=principal.user_id))

    async def grant_code(self, *, principal: Principal, request: AuthorizationRequest, clients: Clients) -> Grant:
        """The user's yes. Raises: OAuthRefused; InsufficientScope for a token that was itself granted to a client."""
        _check_whole(principal.scopes)
        request = request.checked(clients)
        # two ids, as one is short of the 128 bits that RFC 6749 (10.10) demands
        secret = f"{self.ids.new('code')}{self.ids.new('')}"
        code = AuthorizationCode(
            code_hash=hashed(secret),
            user_id=principal.user_id,
            client_id=request.client_id,
            redirect_uri=request.redirect_uri,
            challenge=request.code_challenge,
            scopes=tuple(request.scope.split()),
            expires_at=self.clock.now() + CODE_LIVES,
        )
        async with self.transactions.begin() as unit:
            await unit.codes.save(code)
        return Grant(code=secret, state=request.state, redirect_uri=request.redirect_uri)

    async def exchange_code(self, *, code: str, verifier: str, client_id: str, redirect_uri: str) -> SignedIn:
        """A code for the tokens it stands for, once; one shown again ends the sign-in it gave. Raises: InvalidGrant."""
        async with self.transactions.view() as unit:
            found = await unit.codes.get(hashed(code))
        if found is None:
            raise InvalidGrant
        if found.family_id is not None:
            await self.identity.revoke_family(found.family_id)
            raise InvalidGrant
        found.check(client_id=client_id, redirect_uri=redirect_uri, verifier=verifier, at=self.clock.now())
        user = await self._active(found.user_id)
        if user is None:
            raise InvalidGrant
        # The tokens come first, so that of two who show a code at once the later finds a sign-in it can end.
        tokens = await self.identity.create_token(user, client_id=client_id, scopes=found.scopes)
        async with self.transactions.begin() as unit:
            latest = await unit.codes.get(found.code_hash) or found
            if latest.family_id is None:
                await unit.codes.save(evolve(latest, family_id=tokens.family_id))
        if latest.family_id is not None:
            await self.identity.revoke_family(latest.family_id)
            await self.identity.revoke_family(tokens.family_id)
            raise InvalidGrant
        return SignedIn(user=user, tokens=tokens)

    async def refresh_grant(self, *, refresh_token: str, client_id: str | None) -> SignedIn:
        """The next pair for a client, or for any where the sign-in is no client's. Raises: InvalidGrant."""
        try:
            tokens = await self.identity.refresh_token(refresh_token, client_id=client_id)
            claims = await self.identity.validate_token(tokens.access_token)
        except InvalidToken as error:
            raise InvalidGrant(error.message) from error
        user = await self._active(claims.user_id)
        if user is None:
            await self.identity.revoke_family(claims.family_id)
            raise InvalidGrant
        return SignedIn(user=user, tokens=tokens)

    async def _active(self, user_id: str) -> User | None:
        async with self.transactions.view() as unit:
            user = await unit.users.get(user_id)
        return user if user is not None and user.is_active else None

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
        """Give an account a role, from its next request on; an issuer's user's is named by its id alone.

        Raises: UserNotFound; InvalidInput.
        """
        async with self.transactions.begin() as unit:
            return await unit.users.save((await self._meant(unit, name)).granted(role))

    async def close(self, *, name: str) -> User:
        """Let nobody in to an account any more, from the next request on. Raises: UserNotFound."""
        async with self.transactions.begin() as unit:
            return await unit.users.save(evolve(await self._found(unit, name), is_active=False))

    async def reopen(self, *, name: str) -> User:
        """Let the holder of a closed account in again. Raises: UserNotFound."""
        async with self.transactions.begin() as unit:
            return await unit.users.save(evolve(await self._found(unit, name), is_active=True))

    async def _found(self, unit: AuthUnitOfWork, name: str) -> User:
        user = await unit.users.get(name) or await unit.users.named(folded(name))  # a name may look like an id
        if user is None:
            raise UserNotFound(user=name)
        return user

    async def _meant(self, unit: AuthUnitOfWork, name: str) -> User:
        """The account a power is given to. At many an issuer people choose their own names, and addresses: what is
        meant by one of those is to be looked at first. Raises: UserNotFound; InvalidInput."""
        user = await self._found(unit, name)
        if user.vouched_at is not None and name != user.user_id:
            raise InvalidInput(
                f"This is an issuer's user, {user.full_name}, who may have chosen that name; name it by its id, "
                f"{user.user_id}.",
                field="name",
            )
        return user

    async def forget_expired(self) -> int:
        """Drop token families nobody can use any more, and codes nobody will show again; gives how many.

        Not at once: on a host whose clock is behind a token lives a little longer, and its end has to be known there.
        """
        now = self.clock.now()
        async with self.transactions.begin() as unit:
            codes = await unit.codes.delete_expired(before=now - CODE_REMEMBERED)
            return codes + await unit.families.delete_expired(before=now - FAMILY_REMEMBERED)


def _check_whole(scopes: tuple[str, ...] | None) -> None:
    """Who was granted a part of what a user may gets no more of it by asking. Raises: InsufficientScope."""
    if scopes is not None:
        raise InsufficientScope("Only the user's own sign-in may do that, not a client's.")
