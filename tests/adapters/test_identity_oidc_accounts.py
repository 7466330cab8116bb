"""Accounts of people whom another issuer vouches for, and real issuers: a public package, and one Auth0's SDK takes."""

import asyncio
import json
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import trustme
from attrs import evolve

from faultmaven_adapters.identity.issuer import Issuer
from faultmaven_adapters.identity.jwt import JwtIdentityProvider
from faultmaven_adapters.identity.oidc import OidcIdentityProvider
from faultmaven_adapters.identity.terms import Terms
from faultmaven_adapters.memory.identity import MemoryPasswordHasher
from faultmaven_adapters.memory.transactions import memory_transactions
from faultmaven_adapters.open_identity import Chosen, terms_of
from faultmaven_adapters.settings import load_settings
from faultmaven_adapters.system import RandomIds, SystemClock
from faultmaven_domain.auth import (
    AuthService,
    Clients,
    InvalidGrant,
    InvalidToken,
    OAuthRefused,
    WrongCredentials,
)
from faultmaven_domain.kernel.errors import Misconfigured
from tests.contracts.identity_provider import BACK, CHALLENGE, VERIFIER
from tests.fakes.clock import FakeClock
from tests.standins.oidc import Place, StandInIssuer, provider
from tests.standins.oidc.issuer import AUDIENCE, CLIENT, SECRET
from tests.standins.running import running

OWN_SECRET = "a secret of more than thirty-two characters"
TERMS = Terms(audience=AUDIENCE, client_id=CLIENT, client_secret=SECRET, admin_groups=("admins",))
REDIRECTS = Clients(redirects=("http://localhost:*/*",))


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    place = Place()
    with running(place) as place.url:
        yield place


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def issuer(place: Place, clock: FakeClock) -> Iterator[StandInIssuer]:
    with place.let_to(StandInIssuer(now=clock.now)) as issuer:
        yield issuer


def an_identity(issuer: Issuer, terms: Terms = TERMS) -> OidcIdentityProvider:
    transactions = memory_transactions("auth", lambda: None)
    return OidcIdentityProvider(JwtIdentityProvider(OWN_SECRET, transactions, issuer.clock, RandomIds()), issuer, terms)


def service(identity: OidcIdentityProvider) -> AuthService:
    own = identity.own
    return AuthService(own.transactions, identity, MemoryPasswordHasher(own.ids), own.clock, own.ids)


@pytest.fixture
async def auth(issuer: StandInIssuer, clock: FakeClock) -> AsyncIterator[AuthService]:
    identity = an_identity(Issuer(issuer.url, clock))
    yield service(identity)
    await identity.close()


async def come_back(address: str) -> dict[str, str]:
    async with httpx2.AsyncClient() as browser:
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
        async with auth.transactions.begin() as unit:
            user = await unit.users.get(user_id)
            assert user is not None
            await unit.users.save(evolve(user, is_active=False))

        for token in (issuer.token(), issuer.token(groups=["admins"])):
            with pytest.raises(InvalidToken):
                await auth.authenticate(token=token)
        address = await auth.sign_in_address(redirect_uri=BACK, challenge=CHALLENGE, clients=REDIRECTS)
        with pytest.raises(WrongCredentials):
            await auth.sign_in(**await come_back(address))

    async def test_scopes_go_with_the_token(self, auth: AuthService, issuer: StandInIssuer) -> None:
        """A client that was granted a part of what its user may gets that part."""
        assert (await auth.authenticate(token=issuer.token(scope="openid cases:read"))).scopes == (
            "openid",
            "cases:read",
        )

    async def test_signing_out_ends_the_token(self, auth: AuthService, issuer: StandInIssuer, clock: FakeClock) -> None:
        """An ended token opens nothing until it lapses, whatever is tidied up meanwhile; others go on."""
        one, other = issuer.token(jti="1"), issuer.token(jti="2")
        for token in (one, other):
            await auth.authenticate(token=token)
        assert not (await auth.logout(token=one)).all_ended
        clock.advance(timedelta(hours=1))
        await auth.forget_expired()

        with pytest.raises(InvalidToken):
            await auth.authenticate(token=one)
        assert await auth.authenticate(token=other)

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


class TestAPublicPackage:
    async def test_signs_in(self) -> None:
        """Discovery, keys, code and ID token of ``oidc-provider-mock``; its opaque access tokens are nobody's here."""
        with provider({"sub": "ana", "email": "ana@example.com", "name": "Ana", "groups": ["admins"]}) as url:
            identity = an_identity(Issuer(url, SystemClock()), evolve(TERMS, audience=CLIENT))
            auth = service(identity)
            address = await auth.sign_in_address(redirect_uri=BACK, challenge=CHALLENGE, clients=REDIRECTS)
            async with httpx2.AsyncClient() as browser:
                answer = await browser.post(address, data={"sub": "ana"})
            query = parse_qs(urlsplit(answer.headers["location"]).query)
            back = {"code": query["code"][0], "state": query["state"][0], "verifier": VERIFIER}
            signed_in = await auth.sign_in(**back)

            assert (signed_in.user.email, signed_in.user.full_name) == ("ana@example.com", "Ana")
            assert (await auth.authenticate(token=signed_in.tokens.access_token)).is_admin
            with pytest.raises(InvalidGrant):
                await auth.sign_in(**back)
            await identity.close()


class TestAuth0:
    @pytest.fixture
    def authority(self) -> trustme.CA:
        return trustme.CA()

    @pytest.fixture
    def certificate(self, authority: trustme.CA, tmp_path: Path) -> Path:
        path = tmp_path / "certificate.pem"
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(path)
        return path

    async def test_its_sdk_and_we_agree(self, authority: trustme.CA, certificate: Path, tmp_path: Path) -> None:
        """Auth0's own SDK signs in at the stand-in and verifies its tokens over TLS, and so does the adapter."""
        issuer, trusting = StandInIssuer(), ssl.create_default_context()
        authority.configure_trust(trusting)
        authority.cert_pem.write_to_path(tmp_path / "authority.pem")
        with running(issuer, certificate=certificate) as issuer.url:
            async with httpx2.AsyncClient(verify=trusting) as browser:
                chosen = auth0(issuer.url.removeprefix("https://"), tmp_path)
                auth = service(an_identity(Issuer(chosen.issuer, SystemClock(), http=browser), chosen.terms))

                async def visited() -> tuple[str, str, str]:
                    """Code, state and nonce."""
                    address = await auth.sign_in_address(redirect_uri=BACK, challenge=CHALLENGE, clients=REDIRECTS)
                    asked = parse_qs(urlsplit(address).query)
                    assert asked["audience"] == [AUDIENCE]
                    query = parse_qs(urlsplit((await browser.get(address)).headers["location"]).query)
                    return query["code"][0], query["state"][0], asked["nonce"][0]

                code, state, _ = await visited()
                signed_in = await auth.sign_in(code=code, state=state, verifier=VERIFIER)
                code, _, nonce = await visited()
                told = await asyncio.to_thread(
                    subprocess.run,
                    [sys.executable, "-m", "tests.standins.oidc.sdk", issuer.url[8:], code, VERIFIER, nonce],
                    env={**os.environ, "REQUESTS_CA_BUNDLE": str(tmp_path / "authority.pem")},
                    capture_output=True,
                    check=False,
                    timeout=60,
                )
                assert told.returncode == 0, told.stderr.decode()
                said = json.loads(told.stdout)

                assert said["claims"]["sub"] == "auth0|ana"
                assert said["known"]["email"] == signed_in.user.email
                assert "access_token" in said["machine"]
                assert (await auth.authenticate(token=issuer.token())).user_id == signed_in.user.user_id


def auth0(domain: str, directory: Path) -> Chosen:
    given = {
        "IDENTITY_PROVIDER": "auth0",
        "AUTH0_DOMAIN": domain,
        "AUTH0_AUDIENCE": AUDIENCE,
        "OIDC_CLIENT_ID": CLIENT,
        "OIDC_CLIENT_SECRET": SECRET,
    }
    chosen = terms_of(load_settings(given, data_dir=directory))
    assert chosen is not None
    return chosen


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
