"""A code for a client: granted by its user, good once, and what comes of it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from attrs import define, evolve

from faultmaven_adapters.identity.jwt import JwtIdentityProvider
from faultmaven_adapters.memory.identity import MemoryIdentityProvider
from faultmaven_domain.auth import (
    AuthorizationRequest,
    AuthService,
    AuthTransactions,
    Clients,
    IdentityProvider,
    InsufficientScope,
    InvalidClient,
    InvalidGrant,
    InvalidScope,
    InvalidToken,
    OAuthRefused,
    PasswordHasher,
    SignedIn,
    TokenPair,
    User,
    UserNotFound,
    WrongCredentials,
)
from faultmaven_domain.auth.oauth import challenge_of
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds

VERIFIER = "a-verifier-of-more-than-forty-three-characters"
BACK = "http://localhost:4711/back"
CLIENTS = Clients(redirects=("http://localhost:*/*",))
ASKED = AuthorizationRequest(
    client_id="panel",
    redirect_uri=BACK,
    code_challenge=challenge_of(VERIFIER),
    code_challenge_method="S256",
    scope="openid cases:read",
    state="xyz",
)


@pytest.fixture(params=["memory", "jwt"])
def identity(
    request: pytest.FixtureRequest, transactions: AuthTransactions, clock: FakeClock, ids: FakeIds
) -> IdentityProvider:
    if request.param == "jwt":
        return JwtIdentityProvider("a secret of more than thirty-two characters", transactions, clock, ids)
    return MemoryIdentityProvider(clock, ids)


@pytest.fixture
async def ana(auth: AuthService) -> User:
    return await auth.register(email="ana@example.com", username="ana", password="correct horse")


async def a_code(auth: AuthService, ana: User, **changes: Any) -> str:
    grant = await auth.grant_code(principal=ana.principal(), request=evolve(ASKED, **changes), clients=CLIENTS)
    assert (grant.state, grant.redirect_uri) == ("xyz", BACK)
    return grant.code


async def exchanged(auth: AuthService, code: str, **changes: str) -> SignedIn:
    shown = {"code": code, "verifier": VERIFIER, "client_id": "panel", "redirect_uri": BACK, **changes}
    return await auth.exchange_code(**shown)


async def test_a_code_is_a_sign_in(auth: AuthService, ana: User) -> None:
    """Of its user and with the scopes that were granted, also after a refresh."""
    signed_in = await exchanged(auth, await a_code(auth, ana))

    assert (signed_in.user, signed_in.tokens.scopes) == (ana, ("openid", "cases:read"))
    who = await auth.authenticate(token=signed_in.tokens.access_token)
    assert who == ana.principal(scopes=("openid", "cases:read"))
    later = await auth.refresh_grant(refresh_token=signed_in.tokens.refresh_token, client_id="panel")
    assert await auth.authenticate(token=later.tokens.access_token) == who


async def test_what_the_user_is_asked(auth: AuthService, ana: User) -> None:
    """Who they are, and the scopes that are known; nothing is granted by asking."""
    asked = await auth.consent(principal=ana.principal(), request=evolve(ASKED, scope="openid all"), clients=CLIENTS)

    assert (asked.user, asked.request) == (ana, evolve(ASKED, scope="openid"))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_id": ""}, InvalidClient),
        ({"redirect_uri": "https://evil.example/"}, OAuthRefused),
        ({"code_challenge_method": "plain"}, OAuthRefused),
        ({"code_challenge": "short"}, OAuthRefused),
        ({"code_challenge": "=" * 43}, OAuthRefused),
        ({"scope": "everything"}, InvalidScope),
        ({"state": "x" * 4097}, OAuthRefused),
    ],
)
async def test_what_is_not_asked(
    auth: AuthService, ana: User, changes: dict[str, str], error: type[OAuthRefused]
) -> None:
    """What is wrong with a request is found when the user would be asked, and again when they answer."""
    request = evolve(ASKED, **changes)

    for ask in (auth.consent, auth.grant_code):
        with pytest.raises(error):
            await ask(principal=ana.principal(), request=request, clients=CLIENTS)


async def test_a_client_grants_nothing(auth: AuthService, ana: User) -> None:
    """With a part of what its user may, it cannot get the rest by asking itself; nor sign the user out elsewhere."""
    part = await exchanged(auth, await a_code(auth, ana))
    principal = await auth.authenticate(token=part.tokens.access_token)

    for ask in (auth.consent, auth.grant_code):
        with pytest.raises(InsufficientScope):
            await ask(principal=principal, request=evolve(ASKED, scope=""), clients=CLIENTS)
    with pytest.raises(InsufficientScope):
        await auth.logout(token=part.tokens.access_token, everywhere=True)
    assert await auth.authenticate(token=part.tokens.access_token)


@pytest.mark.parametrize(
    "changes",
    [
        {"verifier": "another-verifier-of-more-than-forty-three-characters"},
        {"verifier": challenge_of(VERIFIER)},
        {"verifier": ""},
        {"verifier": VERIFIER + " "},
        {"client_id": "agent"},
        {"redirect_uri": "http://localhost:4712/back"},
        {"code": "code_nonsense"},
        {"code": ""},
    ],
)
async def test_a_code_is_bound(auth: AuthService, ana: User, changes: dict[str, str]) -> None:
    """To its verifier, its client and its address; who fails does not use it up."""
    code = await a_code(auth, ana)
    with pytest.raises(InvalidGrant):
        await exchanged(auth, **{"code": code, **changes})

    assert await exchanged(auth, code)


async def test_a_code_lasts_a_minute(auth: AuthService, ana: User, clock: FakeClock) -> None:
    """By the server's clock, and no moment longer."""
    early, late = await a_code(auth, ana), await a_code(auth, ana)
    clock.advance(timedelta(seconds=59))
    assert await exchanged(auth, early)
    clock.advance(timedelta(seconds=1))

    with pytest.raises(InvalidGrant):
        await exchanged(auth, late)


async def test_a_code_that_is_shown_again_ends_what_it_gave(auth: AuthService, ana: User, clock: FakeClock) -> None:
    """Whoever stole it, nobody goes on with it; other sign-ins do."""
    other = await exchanged(auth, await a_code(auth, ana))
    code = await a_code(auth, ana)
    first = await exchanged(auth, code)
    later = await auth.refresh_grant(refresh_token=first.tokens.refresh_token, client_id="panel")
    clock.advance(timedelta(minutes=10))

    with pytest.raises(InvalidGrant):
        await exchanged(auth, code)

    for token in (first.tokens.access_token, later.tokens.access_token):
        with pytest.raises(InvalidToken):
            await auth.authenticate(token=token)
    with pytest.raises(InvalidGrant):
        await auth.refresh_grant(refresh_token=later.tokens.refresh_token, client_id="panel")
    assert await auth.authenticate(token=other.tokens.access_token)


async def test_many_who_show_a_code_at_once(auth: AuthService, ana: User) -> None:
    """One at most gets tokens, and since it was shown more than once, those are worth nothing."""
    code = await a_code(auth, ana)

    outcomes = await asyncio.gather(*[exchanged(auth, code) for _ in range(4)], return_exceptions=True)

    won = [outcome for outcome in outcomes if isinstance(outcome, SignedIn)]
    assert len(won) <= 1
    assert sum(isinstance(outcome, InvalidGrant) for outcome in outcomes) == 4 - len(won)
    for signed_in in won:
        with pytest.raises(InvalidToken):
            await auth.authenticate(token=signed_in.tokens.access_token)


@define
class Overtaken:
    """An identity provider that is slow enough for somebody else to come first, once."""

    identity: IdentityProvider
    other: Callable[[], Awaitable[object]]

    async def create_token(self, user: User, **more: Any) -> TokenPair:
        other, self.other = self.other, nothing
        await other()
        return await self.identity.create_token(user, **more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.identity, name)


async def nothing() -> None:
    """What nobody does."""


async def test_who_is_overtaken_takes_the_other_along(
    auth: AuthService, ana: User, transactions: AuthTransactions, identity: IdentityProvider, hasher: PasswordHasher,
    clock: FakeClock, ids: FakeIds,
) -> None:  # fmt: skip
    """A code that another shows while it is exchanged gives neither of them anything that lasts."""
    code = await a_code(auth, ana)
    overtaken = Overtaken(identity, lambda: exchanged(auth, code))
    slow = AuthService(transactions, overtaken, hasher, clock, ids)

    with pytest.raises(InvalidGrant):
        await exchanged(slow, code)

    assert await identity.sign_ins(ana.user_id) == ()


async def test_a_refresh_is_its_clients(auth: AuthService, ana: User) -> None:
    """Neither another client nor one that does not say who it is; a password's sign-in goes on in any."""
    granted = (await exchanged(auth, await a_code(auth, ana))).tokens.refresh_token
    plain = (await auth.login(name="ana", password="correct horse")).tokens.refresh_token

    for client_id in ("agent", None):
        with pytest.raises(InvalidGrant):
            await auth.refresh_grant(refresh_token=granted, client_id=client_id)
    with pytest.raises(InvalidToken):
        await auth.refresh(refresh_token=granted)
    assert await auth.refresh_grant(refresh_token=granted, client_id="panel")
    assert (await auth.refresh_grant(refresh_token=plain, client_id="agent")).tokens.scopes is None


async def test_who_is_out_gets_nothing(auth: AuthService, ana: User, transactions: AuthTransactions) -> None:
    """A closed account's codes and refresh tokens are worth nothing."""
    signed_in, code = await exchanged(auth, await a_code(auth, ana)), await a_code(auth, ana)
    async with transactions.begin() as unit:
        await unit.users.save(evolve(ana, is_active=False))

    with pytest.raises(InvalidGrant):
        await exchanged(auth, code)
    with pytest.raises(InvalidGrant):
        await auth.refresh_grant(refresh_token=signed_in.tokens.refresh_token, client_id="panel")
    with pytest.raises(WrongCredentials):
        await auth.issue(name="ana")


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_revoking(auth: AuthService, ana: User, kind: str) -> None:
    """Either token ends the sign-in; a second time, and what is no token, is no error."""
    tokens = (await exchanged(auth, await a_code(auth, ana))).tokens

    for token in (getattr(tokens, kind), getattr(tokens, kind), "nonsense", ""):
        await auth.revoke(token=token)

    with pytest.raises(InvalidToken):
        await auth.authenticate(token=tokens.access_token)


async def test_signing_out_says_what_is_left(auth: AuthService, ana: User) -> None:
    """Not all has ended while the user is signed in elsewhere, in a client too; everywhere ends it all."""
    first, second = [(await auth.login(name="ana", password="correct horse")).tokens for _ in range(2)]
    granted = (await exchanged(auth, await a_code(auth, ana))).tokens

    assert not (await auth.logout(token=first.access_token)).all_ended
    assert (await auth.logout(token=second.access_token, everywhere=True)).all_ended
    with pytest.raises(InvalidToken):
        await auth.authenticate(token=granted.access_token)


async def test_the_last_sign_in_ends_all(auth: AuthService, ana: User, clock: FakeClock) -> None:
    """One that has lapsed is none."""
    await auth.login(name="ana", password="correct horse")
    clock.advance(timedelta(days=8))
    tokens = (await auth.login(name="ana", password="correct horse")).tokens

    assert (await auth.logout(token=tokens.access_token)).all_ended


async def test_an_operator_signs_a_program_in(auth: AuthService, ana: User) -> None:
    """By any of the account's names, for one client and for a part of it where that is said."""
    whole = await auth.issue(name="ANA@example.com")
    part = await auth.issue(name=ana.user_id, client_id="agent", scope="cases:write cases:read")

    assert (await auth.authenticate(token=whole.tokens.access_token)).scopes is None
    assert part.tokens.scopes == ("cases:read", "cases:write")
    with pytest.raises(InvalidGrant):
        await auth.refresh_grant(refresh_token=part.tokens.refresh_token, client_id="panel")
    with pytest.raises(UserNotFound):
        await auth.issue(name="nobody")
    with pytest.raises(InvalidScope):
        await auth.issue(name="ana", scope="root")


async def test_codes_are_kept_as_hashes_and_forgotten(
    auth: AuthService, ana: User, transactions: AuthTransactions, clock: FakeClock
) -> None:
    """Whoever reads the database cannot use one; a used one is known for a day, so that its thief is noticed."""
    code = await a_code(auth, ana)
    await exchanged(auth, code)
    async with transactions.view() as unit:
        assert code not in str(await unit.codes.query())

    clock.advance(timedelta(hours=24))
    assert await auth.forget_expired() == 0
    clock.advance(timedelta(minutes=1))
    assert await auth.forget_expired() == 1
    with pytest.raises(InvalidGrant):
        await exchanged(auth, code)
