import asyncio
import unicodedata
from datetime import timedelta

import pytest
from attrs import evolve

from faultmaven_adapters.identity.jwt import JwtIdentityProvider
from faultmaven_adapters.memory.identity import MemoryIdentityProvider
from faultmaven_domain.auth import (
    AuthService,
    AuthTransactions,
    IdentityProvider,
    InvalidToken,
    PasswordHasher,
    User,
    WrongCredentials,
)
from tests.fakes.clock import FakeClock
from tests.fakes.hasher import WatchedHasher
from tests.fakes.ids import FakeIds
from tests.fakes.reach import Reach

PASSWORD = "correct horse"
SECRET = "a secret of more than thirty-two characters"


@pytest.fixture(params=["memory", "jwt"])
def identity(
    request: pytest.FixtureRequest, transactions: AuthTransactions, clock: FakeClock, ids: FakeIds
) -> IdentityProvider:
    if request.param == "jwt":
        return JwtIdentityProvider(SECRET, transactions, clock, ids)
    return MemoryIdentityProvider(clock, ids)


@pytest.fixture
def hasher(ids: FakeIds) -> WatchedHasher:
    return WatchedHasher(ids)


@pytest.fixture
async def ana(auth: AuthService) -> User:
    return await auth.register(email="ana@example.com", username="ana", password=PASSWORD)


@pytest.mark.parametrize("name", ["ana@example.com", "ANA", "  Ana@Example.com "])
async def test_by_address_or_username(auth: AuthService, ana: User, name: str) -> None:
    """However it is spelled; the token then speaks for the account."""
    signed_in = await auth.login(name=name, password=PASSWORD)

    assert signed_in.user == ana
    assert signed_in.tokens.expires_in == 1800
    assert await auth.authenticate(token=signed_in.tokens.access_token) == ana.principal()


async def test_by_the_same_letters_typed_otherwise(auth: AuthService) -> None:
    """A letter and its accent may come as one character or as two."""
    user = await auth.register(email="ren\u00e9e@example.com", password=PASSWORD)

    decomposed = unicodedata.normalize("NFD", "Ren\u00e9e@example.com")

    assert (await auth.login(name=decomposed, password=PASSWORD)).user == user


async def test_a_wrong_name_and_a_wrong_password_look_alike(
    auth: AuthService, ana: User, hasher: WatchedHasher
) -> None:
    """The same error after the same work, so that nobody can learn who has an account."""
    hasher.verified.clear()
    errors = []
    for name, password in (("ana", "wrong horse"), ("nobody", PASSWORD)):
        with pytest.raises(WrongCredentials) as refused:
            await auth.login(name=name, password=password)
        errors.append((refused.value.message, refused.value.details))

    assert errors[0] == errors[1]
    assert [password for password, _ in hasher.verified] == ["wrong horse", PASSWORD]
    assert [hash is None for _, hash in hasher.verified] == [False, True]


async def test_a_role_counts_from_the_next_request_on(auth: AuthService, ana: User) -> None:
    """A token says who asks, the account says what they may."""
    bob = await auth.register(email="bob@example.com", password=PASSWORD)
    token = (await auth.login(name="bob@example.com", password=PASSWORD)).tokens.access_token
    assert not (await auth.authenticate(token=token)).is_admin

    await auth.grant(name=bob.user_id)

    assert (await auth.authenticate(token=token)).is_admin


async def test_a_refresh_rotates(auth: AuthService, ana: User, clock: FakeClock) -> None:
    """Each refresh gives a new pair, and the new one goes on where the old one ends."""
    tokens = (await auth.login(name="ana", password=PASSWORD)).tokens
    for _ in range(3):
        clock.advance(timedelta(minutes=31))
        with pytest.raises(InvalidToken):
            await auth.authenticate(token=tokens.access_token)
        tokens = await auth.refresh(refresh_token=tokens.refresh_token)
        assert (await auth.authenticate(token=tokens.access_token)).user_id == ana.user_id


async def test_a_refresh_token_used_twice_ends_the_family(auth: AuthService, ana: User) -> None:
    """One of the two is stolen and nobody can tell which, so both have to sign in again; another sign-in goes on."""
    other = (await auth.login(name="ana", password=PASSWORD)).tokens
    stolen = (await auth.login(name="ana", password=PASSWORD)).tokens
    fresh = await auth.refresh(refresh_token=stolen.refresh_token)

    with pytest.raises(InvalidToken):
        await auth.refresh(refresh_token=stolen.refresh_token)

    for call in (auth.authenticate(token=fresh.access_token), auth.refresh(refresh_token=fresh.refresh_token)):
        with pytest.raises(InvalidToken):
            await call
    assert (await auth.authenticate(token=other.access_token)).user_id == ana.user_id


async def test_two_refreshes_at_once_have_one_winner_at_most(auth: AuthService, ana: User) -> None:
    """A race for the next pair never gives two."""
    tokens = (await auth.login(name="ana", password=PASSWORD)).tokens

    outcomes = await asyncio.gather(
        *[auth.refresh(refresh_token=tokens.refresh_token) for _ in range(2)], return_exceptions=True
    )

    assert sum(isinstance(outcome, InvalidToken) for outcome in outcomes) == 1


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_signing_out_ends_the_sign_in(auth: AuthService, ana: User, kind: str) -> None:
    """By either token; what was issued before is then worth nothing, at once and for good."""
    tokens = (await auth.login(name="ana", password=PASSWORD)).tokens

    await auth.logout(token=getattr(tokens, kind))

    for call in (auth.authenticate(token=tokens.access_token), auth.refresh(refresh_token=tokens.refresh_token)):
        with pytest.raises(InvalidToken):
            await call


async def test_a_refresh_token_lapses(auth: AuthService, ana: User, clock: FakeClock) -> None:
    """After a week away one signs in again."""
    tokens = (await auth.login(name="ana", password=PASSWORD)).tokens
    clock.advance(timedelta(days=8))

    with pytest.raises(InvalidToken):
        await auth.refresh(refresh_token=tokens.refresh_token)


async def test_what_is_no_token(auth: AuthService, ana: User) -> None:
    """Nonsense is refused by each door alike."""
    for call in (
        auth.authenticate(token="nonsense"),
        auth.refresh(refresh_token="nonsense"),
        auth.logout(token="nonsense"),
    ):
        with pytest.raises(InvalidToken):
            await call


async def test_a_deactivated_user_is_out(auth: AuthService, ana: User, transactions: AuthTransactions) -> None:
    """Neither the password nor a token that was still good lets them in; the refusal says no more than to others."""
    token = (await auth.login(name="ana", password=PASSWORD)).tokens.access_token
    async with transactions.begin() as unit:
        await unit.users.save(evolve(ana, is_active=False))

    with pytest.raises(WrongCredentials):
        await auth.login(name="ana", password=PASSWORD)
    with pytest.raises(InvalidToken):
        await auth.authenticate(token=token)


async def test_a_deleted_user_is_out(auth: AuthService, ana: User, transactions: AuthTransactions) -> None:
    """A token for nobody is no token."""
    token = (await auth.login(name="ana", password=PASSWORD)).tokens.access_token
    async with transactions.begin() as unit:
        await unit.users.delete(ana.user_id)

    with pytest.raises(InvalidToken):
        await auth.authenticate(token=token)


class TestDurable:
    """What the room's own database keeps of a sign-in."""

    @pytest.fixture
    def identity(self, transactions: AuthTransactions, clock: FakeClock, ids: FakeIds) -> IdentityProvider:
        return JwtIdentityProvider(SECRET, transactions, clock, ids)

    async def test_signing_out_outlives_a_restart(
        self, auth: AuthService, ana: User, transactions: AuthTransactions, hasher: PasswordHasher, reach: Reach,
        clock: FakeClock, ids: FakeIds,
    ) -> None:  # fmt: skip
        """A server that starts anew still knows who signed out, and who did not."""
        out, still_in = [(await auth.login(name="ana", password=PASSWORD)).tokens for _ in range(2)]
        await auth.logout(token=out.access_token)

        identity = JwtIdentityProvider(SECRET, transactions, clock, ids)
        restarted = reach(AuthService(transactions, identity, hasher, clock, ids))

        with pytest.raises(InvalidToken):
            await restarted.authenticate(token=out.access_token)
        assert (await restarted.authenticate(token=still_in.access_token)).user_id == ana.user_id

    async def test_what_nobody_can_use_is_forgotten(self, auth: AuthService, ana: User, clock: FakeClock) -> None:
        """Families of tokens a day past their end are dropped, and only those: other hosts' clocks may be behind."""
        await auth.login(name="ana", password=PASSWORD)
        clock.advance(timedelta(days=5))
        kept = (await auth.login(name="ana", password=PASSWORD)).tokens
        clock.advance(timedelta(days=2, hours=23))
        assert await auth.forget_expired() == 0
        clock.advance(timedelta(hours=2))

        assert [await auth.forget_expired(), await auth.forget_expired()] == [1, 0]
        assert await auth.refresh(refresh_token=kept.refresh_token)
