"""What every IdentityProvider promises. An adapter's test class inherits this and gives `identity` and `clock`.

One that takes another issuer's tokens as well gives `abroad`, too: that issuer's side of it.
"""

import asyncio
import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from faultmaven_domain.auth import IdentityProvider, InvalidGrant, InvalidToken, NoIssuer, User
from tests.fakes.clock import FakeClock

ANA = User(
    user_id="usr_ana",
    email="ana@example.com",
    username="ana",
    full_name="Ana",
    roles=("user",),
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)


VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
BACK = "http://localhost:3000/callback"


class Abroad(Protocol):
    """An issuer elsewhere, and somebody with an account there."""

    def token(self) -> str:
        """The next access token of its user."""
        ...

    async def visited(self, address: str) -> tuple[str, str]:
        """The code and the state that its user comes back with from its page."""
        ...


class IdentityProviderContract:
    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def identity(self, clock: FakeClock) -> IdentityProvider:
        raise NotImplementedError

    @pytest.fixture
    def abroad(self) -> Abroad | None:
        """None where nobody else's tokens are taken."""
        return None

    async def test_a_fresh_token_names_its_user(self, identity: IdentityProvider) -> None:
        """The access token of a sign-in speaks for its user, for half an hour."""
        pair = await identity.create_token(ANA)

        claims = await identity.validate_token(pair.access_token)

        assert claims.user_id == "usr_ana"
        assert pair.expires_in == 1800
        assert claims.expires_at == pair.issued_at + timedelta(seconds=1800)

    async def test_an_old_access_token_is_refused(self, identity: IdentityProvider, clock: FakeClock) -> None:
        """After its time an access token is worth nothing."""
        pair = await identity.create_token(ANA)
        clock.advance(timedelta(minutes=31))

        with pytest.raises(InvalidToken):
            await identity.validate_token(pair.access_token)

    async def test_refreshing_rotates(self, identity: IdentityProvider, clock: FakeClock) -> None:
        """A refresh gives a new pair of the same sign-in, long after the access token went."""
        first = await identity.create_token(ANA)
        clock.advance(timedelta(days=6))

        second = await identity.refresh_token(first.refresh_token)

        assert second.refresh_token != first.refresh_token
        assert (await identity.validate_token(second.access_token)).user_id == "usr_ana"

    async def test_an_old_refresh_token_is_refused(self, identity: IdentityProvider, clock: FakeClock) -> None:
        """After its time a refresh token is worth nothing."""
        pair = await identity.create_token(ANA)
        clock.advance(timedelta(days=8))

        with pytest.raises(InvalidToken):
            await identity.refresh_token(pair.refresh_token)

    async def test_a_refresh_token_used_twice_ends_the_sign_in(self, identity: IdentityProvider) -> None:
        """Who comes second may be a thief, so both lose: the whole family is revoked."""
        first = await identity.create_token(ANA)
        second = await identity.refresh_token(first.refresh_token)

        with pytest.raises(InvalidToken):
            await identity.refresh_token(first.refresh_token)
        with pytest.raises(InvalidToken):
            await identity.refresh_token(second.refresh_token)
        with pytest.raises(InvalidToken):
            await identity.validate_token(second.access_token)

    async def test_two_refreshes_at_once_do_not_both_succeed(self, identity: IdentityProvider) -> None:
        """A refresh token is good for one pair, however close together two ask."""
        pair = await identity.create_token(ANA)

        answers = await asyncio.gather(
            *[identity.refresh_token(pair.refresh_token) for _ in range(5)], return_exceptions=True
        )

        assert sum(not isinstance(answer, BaseException) for answer in answers) == 1
        assert sum(isinstance(answer, InvalidToken) for answer in answers) == 4

    @pytest.mark.parametrize("which", ["access_token", "refresh_token"])
    async def test_revoking_ends_the_sign_in(self, identity: IdentityProvider, which: str) -> None:
        """Signing out with either token ends both, and nothing of another sign-in."""
        pair, other = await identity.create_token(ANA), await identity.create_token(ANA)
        await identity.revoke(getattr(pair, which))

        with pytest.raises(InvalidToken):
            await identity.validate_token(pair.access_token)
        with pytest.raises(InvalidToken):
            await identity.refresh_token(pair.refresh_token)
        assert (await identity.validate_token(other.access_token)).user_id == "usr_ana"

    async def test_the_two_kinds_are_not_exchangeable(self, identity: IdentityProvider) -> None:
        """An access token refreshes nothing, a refresh token opens nothing."""
        pair = await identity.create_token(ANA)

        with pytest.raises(InvalidToken):
            await identity.refresh_token(pair.access_token)
        with pytest.raises(InvalidToken):
            await identity.validate_token(pair.refresh_token)

    async def test_a_clients_sign_in_is_its_alone(self, identity: IdentityProvider) -> None:
        """Only the client it was granted to refreshes it; who tries as another neither gets nor ends anything."""
        pair = await identity.create_token(ANA, client_id="panel", scopes=("cases:read",))
        for other in (None, "agent"):
            with pytest.raises(InvalidToken):
                await identity.refresh_token(pair.refresh_token, client_id=other)

        assert await identity.refresh_token(pair.refresh_token, client_id="panel")

    async def test_a_sign_in_of_no_client_goes_on_in_any(self, identity: IdentityProvider) -> None:
        """Who signed in with a password may go on in a client that calls itself something."""
        pair = await identity.create_token(ANA)

        for client_id in ("panel", None, "agent"):
            pair = await identity.refresh_token(pair.refresh_token, client_id=client_id)
        assert pair.scopes is None

    async def test_scopes_last_as_long_as_the_sign_in(self, identity: IdentityProvider) -> None:
        """Each access token of a family says what the family was granted, and a plain sign-in's says nothing."""
        pair = await identity.create_token(ANA, client_id="panel", scopes=("openid", "cases:read"))
        later = await identity.refresh_token(pair.refresh_token, client_id="panel")
        plain = await identity.create_token(ANA)

        assert pair.scopes == later.scopes == ("openid", "cases:read")
        assert (await identity.validate_token(later.access_token)).scopes == ("openid", "cases:read")
        assert (await identity.validate_token(plain.access_token)).scopes is None

    async def test_knows_who_is_still_signed_in(self, identity: IdentityProvider, clock: FakeClock) -> None:
        """The sign-ins of a user that go on: not those revoked, by a token or by their id, nor those that lapsed."""
        lapsing = await identity.create_token(ANA)
        clock.advance(timedelta(days=3))
        pairs = [await identity.create_token(ANA) for _ in range(3)]
        assert await identity.sign_ins("usr_ana") == (lapsing.family_id, *(pair.family_id for pair in pairs))

        clock.advance(timedelta(days=5))
        assert (await identity.revoke(pairs[0].refresh_token)).user_id == "usr_ana"
        await identity.revoke_family(pairs[1].family_id)
        await identity.revoke_family("none such")

        assert await identity.sign_ins("usr_ana") == (pairs[2].family_id,)
        assert await identity.sign_ins("usr_bob") == ()

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "\x00", "x" * 100_000, "e30.e30.", "...."])
    async def test_nonsense_is_refused(self, identity: IdentityProvider, token: str) -> None:
        """What is no token is refused by every verb."""
        for verb in (identity.validate_token, identity.refresh_token, identity.revoke):
            with pytest.raises(InvalidToken):
                await verb(token)

    async def test_another_issuers_token_is_a_sign_in_of_its_own(
        self, identity: IdentityProvider, abroad: Abroad | None
    ) -> None:
        """It names its user and says who that is, each token is ended by itself, and refreshing is not ours."""
        if abroad is None:
            return
        one, other = abroad.token(), abroad.token()
        claims = await identity.validate_token(one)
        assert claims.profile is not None
        assert (await identity.validate_token(other)).user_id == claims.user_id

        for _ in range(2):
            assert (await identity.revoke(one)).user_id == claims.user_id
        with pytest.raises(InvalidToken):
            await identity.validate_token(one)
        with pytest.raises(InvalidToken):
            await identity.refresh_token(other)
        assert (await identity.validate_token(other)).family_id != claims.family_id

    async def test_people_sign_in_where_their_account_is(
        self, identity: IdentityProvider, abroad: Abroad | None
    ) -> None:
        """Who comes back from the issuer's page is who its tokens name; without an issuer there is no such page."""
        if abroad is None:
            with pytest.raises(NoIssuer):
                await identity.sign_in_address(redirect_uri=BACK, challenge=CHALLENGE)
            with pytest.raises(NoIssuer):
                await identity.signed_in(code="c", state="s", verifier=VERIFIER)
            return
        address = await identity.sign_in_address(redirect_uri=BACK, challenge=CHALLENGE)
        code, state = await abroad.visited(address)

        claims = await identity.signed_in(code=code, state=state, verifier=VERIFIER)

        assert claims.user_id == (await identity.validate_token(abroad.token())).user_id
        assert claims.profile is not None
        with pytest.raises(InvalidGrant):
            await identity.signed_in(code=code, state=state, verifier=VERIFIER)
