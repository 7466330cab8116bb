"""Accounts of people whom another issuer vouches for."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from attrs import evolve

from faultmaven_adapters.identity.issuer import Issuer
from faultmaven_adapters.identity.jwt import JwtIdentityProvider
from faultmaven_adapters.identity.oidc import OidcIdentityProvider
from faultmaven_adapters.identity.terms import Terms, user_id_of
from faultmaven_adapters.memory.identity import MemoryPasswordHasher
from faultmaven_adapters.memory.transactions import memory_transactions
from faultmaven_adapters.open_identity import terms_of
from faultmaven_adapters.settings import load_settings
from faultmaven_adapters.sql import open_sql
from faultmaven_adapters.system import RandomIds, SystemClock
from faultmaven_domain.auth import (
    AuthService,
    Clients,
    InvalidToken,
    OAuthRefused,
    WrongCredentials,
)
from faultmaven_domain.auth.arriving import signed_in
from faultmaven_domain.kernel.errors import InvalidInput, Misconfigured
from tests.adapters.oidc_place import OWN_SECRET, TERMS, clock, issuer, place
from tests.adapters.sql_engines import url
from tests.contracts.identity_provider import BACK, CHALLENGE, VERIFIER
from tests.fakes.clock import FakeClock
from tests.standins.oidc import StandInIssuer
from tests.standins.oidc.issuer import in_the_clear

__all__ = ["clock", "issuer", "place", "url"]

REDIRECTS = Clients(redirects=("http://localhost:*/*",))


def an_identity(issuer: Issuer, terms: Terms = TERMS) -> OidcIdentityProvider:
    transactions = memory_transactions("auth", lambda: None)
    return OidcIdentityProvider(JwtIdentityProvider(OWN_SECRET, transactions, issuer.clock, RandomIds()), issuer, terms)


def service(identity: OidcIdentityProvider) -> AuthService:
    own = identity.own
    return AuthService(own.transactions, identity, MemoryPasswordHasher(own.ids), own.clock, own.ids)


@pytest.fixture
async def auth(issuer: StandInIssuer, clock: FakeClock) -> AsyncIterator[AuthService]:
    identity = an_identity(Issuer(issuer.url, clock, in_the_clear()))
    yield service(identity)
    await identity.close()


async def come_back(address: str) -> dict[str, str]:
    async with in_the_clear() as browser:
        answer = await browser.get(address)
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    return {"code": query["code"][0], "state": query["state"][0], "verifier": VERIFIER}


class TestAccounts:
    async def test_the_first_token_opens_one(self, auth: AuthService, issuer: StandInIssuer) -> None:
        """Who comes with a good token has an account from then on, with what the token says."""
        principal = await auth.authenticate(token=issuer.token())
        user = await auth.get_user(user_id=principal.user_id)

        assert (user.email, user.username, user.full_name) == ("ana@example.com", "ana", "Ana")
        assert principal.roles == ("user",)
        assert principal.scopes is None
        assert not user.is_dev_user

    async def test_many_at_once_open_one(self, auth: AuthService, issuer: StandInIssuer) -> None:
        """Several requests with a new user's token make one account."""
        tokens = [issuer.token(jti=str(n % 3)) for n in range(12)]
        principals = await asyncio.gather(*[auth.authenticate(token=token) for token in tokens])

        assert len({principal.user_id for principal in principals}) == 1
        assert len(await auth.list_users()) == 1

    async def test_groups_decide_roles_at_each_sign_in(self, auth: AuthService, issuer: StandInIssuer) -> None:
        """A new token's groups make an admin, and the next one's no more; an old one changes nothing on the way."""
        plain = issuer.token()
        assert not (await auth.authenticate(token=plain)).is_admin
        assert (await auth.authenticate(token=issuer.token(groups=["admins"]))).is_admin
        assert (await auth.authenticate(token=plain)).is_admin

        assert not (await auth.authenticate(token=issuer.token(groups=[], jti="2"))).is_admin

    async def test_without_groups_what_is_ours_stays(
        self, issuer: StandInIssuer, auth: AuthService, clock: FakeClock
    ) -> None:
        """Where no group makes admins, one who was made an admin here is one after the next sign-in, since as long."""
        identity = an_identity(Issuer(issuer.url, clock, in_the_clear()), evolve(TERMS, admin_groups=()))
        silent = service(identity)
        first = await silent.get_user(user_id=(await silent.authenticate(token=issuer.token())).user_id)
        for attempt in (silent.grant, silent.issue):  # whoever calls themselves ana there: an operator looks first
            with pytest.raises(InvalidInput) as refused:
                await attempt(name="ana")
            assert first.user_id in refused.value.message
        await silent.grant(name=first.user_id)
        clock.advance(timedelta(minutes=1))

        assert (await silent.authenticate(token=issuer.token(name="Ana Lima"))).is_admin
        known = await silent.get_user(user_id=first.user_id)
        assert (known.created_at, known.full_name) == (first.created_at, "Ana Lima")
        await identity.close()

    async def test_an_older_word_changes_nothing(self, auth: AuthService, issuer: StandInIssuer) -> None:
        """A token that was kept back while its holder was an admin makes nobody one again, whichever way it comes."""
        now = int(auth.clock.now().timestamp())
        kept_back = issuer.token(groups=["admins"], name="Old", iat=now - 60)
        issuer.id_changes = {"groups": ["admins"], "iat": now - 60}
        address = await auth.sign_in_address(redirect_uri=BACK, challenge=CHALLENGE, clients=REDIRECTS)
        back = await come_back(address)
        await auth.authenticate(token=issuer.token(groups=[]))

        principal = await auth.authenticate(token=kept_back)
        assert not principal.is_admin
        assert not (await auth.sign_in(**back)).user.principal().is_admin
        assert (await auth.get_user(user_id=principal.user_id)).full_name == "Ana"

    async def test_a_word_lasts_only_so_long(self, auth: AuthService, issuer: StandInIssuer, clock: FakeClock) -> None:
        """Refreshing does not put off that an issuer's user signs in there again; it does for this server's own."""
        hers = await auth.register(email="own@example.com", password="correct horse")
        address = await auth.sign_in_address(redirect_uri=BACK, challenge=CHALLENGE, clients=REDIRECTS)
        pairs = [(await auth.sign_in(**await come_back(address))).tokens, (await auth.issue(name=hers.user_id)).tokens]
        for _ in range(2):
            clock.advance(timedelta(days=3))
            pairs = [await auth.refresh(refresh_token=pair.refresh_token) for pair in pairs]
        assert [pair.refresh_expires_in for pair in pairs] == [24 * 3600, 7 * 24 * 3600]
        clock.advance(timedelta(days=2))

        assert await auth.refresh(refresh_token=pairs[1].refresh_token)
        with pytest.raises(InvalidToken):
            await auth.refresh(refresh_token=pairs[0].refresh_token)

    async def test_no_name_alone_opens_it(self, auth: AuthService, issuer: StandInIssuer) -> None:
        """Where names sign in without a password, an issuer's user's does not, and gets no role that way."""
        await auth.authenticate(token=issuer.token(nickname="admin"))

        for name in ("admin", "ana@example.com"):
            with pytest.raises(WrongCredentials):
                await auth.login_by_name(name=name, admins=("admin",))
        assert [user.roles for user in await auth.list_users()] == [("user",)]

    async def test_nobody_is_called_what_means_another(self, auth: AuthService, issuer: StandInIssuer) -> None:
        """An id for a name, somebody's address for a name, an address of nowhere: none is taken from an issuer."""
        bob = user_id_of(issuer.name, "auth0|bob")
        for claims in (
            {"nickname": bob, "email": f"{bob}@localhost"},
            {"nickname": "bob@example.com"},
            {"nickname": "x", "email": "no address"},
        ):
            user_id = (await auth.authenticate(token=issuer.token(sub="auth0|eve", **claims))).user_id
        eve = await auth.get_user(user_id=user_id)
        assert (eve.username, eve.email) == (user_id, "ana@example.com")
        await auth.authenticate(token=issuer.token(sub="auth0|bob", email="bob@example.com", nickname=None))

        await auth.register(email="mallory@example.com", username=bob, password="correct horse")
        assert (await auth.grant(name=bob)).user_id == bob
        assert (await auth.close(name="bob@example.com")).user_id == bob
        unsaid = await auth.authenticate(token=issuer.token(sub="auth0|zoe", email="zoe@example.com", nickname=None))
        assert (await auth.get_user(user_id=unsaid.user_id)).username == "zoe@example.com"

    async def test_names_follow_the_issuer(self, auth: AuthService, issuer: StandInIssuer) -> None:
        """Another name or address there is the account's; what a token leaves out stays."""
        user_id = (await auth.authenticate(token=issuer.token())).user_id
        await auth.authenticate(token=issuer.token(email="ana@example.org", name="Ana Lima"))
        await auth.authenticate(token=issuer.token(email=None, name=None, nickname=None))

        user = await auth.get_user(user_id=user_id)
        assert (user.email, user.full_name, user.username) == ("ana@example.org", "Ana Lima", "ana")

    async def test_nobodys_account_is_taken_over(self, auth: AuthService, issuer: StandInIssuer) -> None:
        """An address or name that an account here has is not the newcomer's; both go on by themselves."""
        local = await auth.register(email="ana@example.com", password="correct horse", username="ana", full_name="A")
        principal = await auth.authenticate(token=issuer.token())
        user = await auth.get_user(user_id=principal.user_id)

        assert user.user_id != local.user_id
        assert user.email == f"{user.user_id}@localhost"
        assert user.username == user.user_id
        assert not principal.is_admin
        assert (await auth.login(name="ana", password="correct horse")).user == local

    async def test_no_password_opens_it(self, auth: AuthService, issuer: StandInIssuer) -> None:
        """An account of the issuer's has no password here."""
        await auth.authenticate(token=issuer.token())

        for password in ("", "x", "correct horse"):
            with pytest.raises(WrongCredentials):
                await auth.login(name="ana@example.com", password=password)

    async def test_a_closed_one_stays_closed(self, auth: AuthService, issuer: StandInIssuer) -> None:
        """No token of the issuer's opens it again."""
        user_id = (await auth.authenticate(token=issuer.token())).user_id
        closed = await auth.close(name="ana@example.com")
        assert (closed.user_id, closed.is_active) == (user_id, False)

        for token in (issuer.token(), issuer.token(groups=["admins"])):
            with pytest.raises(InvalidToken):
                await auth.authenticate(token=token)
        address = await auth.sign_in_address(redirect_uri=BACK, challenge=CHALLENGE, clients=REDIRECTS)
        with pytest.raises(WrongCredentials):
            await auth.sign_in(**await come_back(address))
        await auth.reopen(name=user_id)
        assert (await auth.authenticate(token=issuer.token())).user_id == user_id

    async def test_scopes_go_with_the_token(self, auth: AuthService, issuer: StandInIssuer) -> None:
        """A client that was granted a part of what its user may gets that part."""
        assert (await auth.authenticate(token=issuer.token(scope="openid cases:read"))).scopes == (
            "openid",
            "cases:read",
        )

    async def test_signing_out_ends_the_token(self, auth: AuthService, issuer: StandInIssuer, clock: FakeClock) -> None:
        """An ended token opens nothing until it lapses, though a host whose clock is ahead tidies up; others go on."""
        one, other = issuer.token(jti="1"), issuer.token(jti="2")
        for token in (one, other):
            await auth.authenticate(token=token)
        assert not (await auth.logout(token=one)).all_ended
        clock.advance(timedelta(hours=2))
        await auth.forget_expired()
        clock.advance(timedelta(hours=-1))

        with pytest.raises(InvalidToken):
            await auth.authenticate(token=one)
        assert await auth.authenticate(token=other)

    async def test_an_end_that_comes_first_counts(self, auth: AuthService, issuer: StandInIssuer) -> None:
        """A token that was ended between the look at it and its first sign-in is ended."""
        token = issuer.token()
        claims = await auth.identity.validate_token(token)
        await auth.revoke(token=token)

        async with auth.transactions.begin() as unit:
            with pytest.raises(InvalidToken):
                await signed_in(unit, claims)

    async def test_signing_out_everywhere(self, auth: AuthService, issuer: StandInIssuer) -> None:
        """All that is known of a user ends: the issuer's tokens, and this server's own."""
        token = issuer.token()
        await auth.authenticate(token=token)
        address = await auth.sign_in_address(redirect_uri=BACK, challenge=CHALLENGE, clients=REDIRECTS)
        own = (await auth.sign_in(**await come_back(address))).tokens.access_token

        assert (await auth.logout(token=own, everywhere=True)).all_ended
        for ended in (token, own):
            with pytest.raises(InvalidToken):
                await auth.authenticate(token=ended)

    async def test_the_page_gives_tokens_of_our_own(self, auth: AuthService, issuer: StandInIssuer) -> None:
        """Who signs in at the issuer's page is who its tokens name, and refreshes here."""
        address = await auth.sign_in_address(redirect_uri=BACK, challenge=CHALLENGE, clients=REDIRECTS)
        signed_in = await auth.sign_in(**await come_back(address))
        renewed = await auth.refresh(refresh_token=signed_in.tokens.refresh_token)

        assert (await auth.authenticate(token=renewed.access_token)).user_id == signed_in.user.user_id
        assert (await auth.authenticate(token=issuer.token())).user_id == signed_in.user.user_id

    @pytest.mark.parametrize(
        ("redirect_uri", "challenge"),
        [("https://thief.example/", CHALLENGE), (BACK, "short"), (BACK, CHALLENGE + "=")],
    )
    async def test_where_to_is_looked_at(self, redirect_uri: str, challenge: str, auth: AuthService) -> None:
        """Nobody is sent to an address that was not allowed, or without a challenge."""
        with pytest.raises(OAuthRefused):
            await auth.sign_in_address(redirect_uri=redirect_uri, challenge=challenge, clients=REDIRECTS)


async def test_in_a_database(url: str, issuer: StandInIssuer) -> None:
    """On either engine many who come at once get an account each, one of them the address that two claim; it lasts."""
    clock = SystemClock()
    issuer.now = clock.now
    async with open_sql({"auth": url}, lambda: None) as opened:
        own = JwtIdentityProvider(OWN_SECRET, opened["auth"], clock, RandomIds())
        identity = OidcIdentityProvider(own, Issuer(issuer.url, clock, in_the_clear()), TERMS)
        auth = service(identity)
        tokens = [issuer.token(sub=f"auth0|{n % 2}", jti=str(n), groups=["admins"]) for n in range(8)]
        principals = await asyncio.gather(*[auth.authenticate(token=token) for token in tokens])
        users = await auth.list_users()
        assert {principal.user_id for principal in principals} == {user.user_id for user in users}
        assert len(users) == 2
        assert sum(user.email == "ana@example.com" for user in users) == 1
        assert all(principal.is_admin for principal in principals)

        await auth.logout(token=tokens[0])
        assert not (
            await auth.authenticate(token=issuer.token(sub="auth0|0", iat=int(clock.now().timestamp()) + 9))
        ).is_admin
        assert not (await auth.authenticate(token=tokens[2])).is_admin
        with pytest.raises(InvalidToken):
            await auth.authenticate(token=tokens[0])
        await identity.close()


class TestSettings:
    @pytest.mark.parametrize(
        ("given", "named"),
        [
            ({"IDENTITY_PROVIDER": "oidc"}, "OIDC_ISSUER"),
            ({"IDENTITY_PROVIDER": "oidc", "OIDC_ISSUER": "http://issuer.example", "OIDC_AUDIENCE": "a"}, "https"),
            ({"IDENTITY_PROVIDER": "oidc", "OIDC_ISSUER": "https://issuer.example"}, "OIDC_AUDIENCE"),
            ({"IDENTITY_PROVIDER": "auth0"}, "AUTH0_DOMAIN"),
            ({"IDENTITY_PROVIDER": "auth0", "AUTH0_DOMAIN": "t.auth0.example"}, "AUTH0_AUDIENCE"),
        ],
    )
    def test_what_is_missing_is_named(self, given: dict[str, str], named: str, tmp_path: Path) -> None:
        """A start without an issuer or an audience stops, and says which variable tells it."""
        with pytest.raises(Misconfigured, match=named):
            terms_of(load_settings(given, data_dir=tmp_path))

    def test_auth0_is_an_issuer(self, tmp_path: Path) -> None:
        """A tenant's domain is its issuer's address; by itself this server asks nobody."""
        given = {"IDENTITY_PROVIDER": "auth0", "AUTH0_DOMAIN": "t.auth0.example", "AUTH0_AUDIENCE": "api"}
        chosen = terms_of(load_settings(given, data_dir=tmp_path))

        assert chosen is not None
        assert (chosen.issuer, chosen.terms.audience) == ("https://t.auth0.example/", "api")
        assert chosen.terms.audience_asked
        assert terms_of(load_settings({}, data_dir=tmp_path)) is None

    def test_a_client_is_an_audience(self, tmp_path: Path) -> None:
        """Where no audience is named, tokens are for the client."""
        given = {"IDENTITY_PROVIDER": "oidc", "OIDC_ISSUER": "https://issuer.example", "OIDC_CLIENT_ID": "panel"}
        chosen = terms_of(load_settings(given, data_dir=tmp_path))

        assert chosen is not None
        assert (chosen.terms.audience, chosen.terms.client_id) == ("panel", "panel")
