"""Signing in at another issuer's page, and with its tokens, over HTTP."""

from collections.abc import AsyncIterator, Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from attrs import evolve
from httpx2 import AsyncClient

from faultmaven_adapters.identity.issuer import Issuer
from faultmaven_adapters.identity.jwt import JwtIdentityProvider
from faultmaven_adapters.identity.oidc import OidcIdentityProvider
from faultmaven_adapters.identity.terms import Terms
from faultmaven_adapters.library import FaultMaven
from faultmaven_adapters.settings import Identity
from faultmaven_domain.auth import AuthService
from faultmaven_http.app import create_app
from tests.contracts.identity_provider import BACK, CHALLENGE, VERIFIER
from tests.http.conftest import Clients
from tests.standins.oidc import Place, StandInIssuer
from tests.standins.oidc.issuer import AUDIENCE, CLIENT, SECRET, in_the_clear
from tests.standins.running import running

LEAVING = {"redirect_uri": BACK, "code_challenge": CHALLENGE, "code_challenge_method": "S256"}


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    place = Place()
    with running(place) as place.url:
        yield place


@pytest.fixture
def issuer(place: Place) -> Iterator[StandInIssuer]:
    with place.let_to(StandInIssuer()) as issuer:
        yield issuer


@pytest.fixture
async def person(
    fm: FaultMaven, with_settings: Callable[..., FaultMaven], issuer: StandInIssuer, clients: Clients, prefix: str
) -> AsyncIterator[AsyncClient]:
    """A caller of a server that takes the issuer's word."""
    own = JwtIdentityProvider("x" * 40, fm.auth.transactions, fm.clock, fm.ids)
    terms = Terms(audience=AUDIENCE, client_id=CLIENT, client_secret=SECRET)
    identity = OidcIdentityProvider(own, Issuer(issuer.url, fm.clock, in_the_clear()), terms)
    chosen = {"identity_provider": Identity.OIDC, "oidc_issuer": issuer.name, "oidc_client_id": CLIENT}
    settings = with_settings(**chosen, oauth_redirects=(BACK,))
    auth = evolve(fm.auth, identity=identity)
    yield await clients(create_app(evolve(settings, services={**fm.services, AuthService: auth})), prefix)
    await identity.close()


async def at_its_page(address: str) -> dict[str, str]:
    async with in_the_clear() as browser:
        query = parse_qs(urlsplit((await browser.get(address)).headers["location"]).query)
    return {"code": query["code"][0], "state": query["state"][0]}


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_browser_signs_in_elsewhere(method: str, person: AsyncClient) -> None:
    """It is told where to go, comes back with a code, and gets what every sign-in gives, once."""
    told = (await person.request(method, "/auth/login/initiate", params=LEAVING)).json()
    back = await at_its_page(told["authorization_url"])
    assert back["state"] == told["state"]
    elsewhere = {**back, "code_verifier": VERIFIER, "iss": "https://elsewhere.example/"}
    assert (await person.get("/auth/callback", params=elsewhere)).json()["error"]["code"] == "INVALID_GRANT"

    answer = await person.get("/auth/callback", params={**back, "code_verifier": VERIFIER})

    assert answer.status_code == 200
    assert answer.json()["user"]["email"] == "ana@example.com"
    assert answer.json()["session_id"]
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await person.get("/auth/me", headers=bearer)).json()["display_name"] == "Ana"
    assert (await person.get("/auth/callback", params={**back, "code_verifier": VERIFIER})).status_code in (400, 422)


async def test_its_own_page_is_one_to_come_back_to(person: AsyncClient, issuer: StandInIssuer) -> None:
    """Whatever OAUTH_REDIRECTS says; and who signs out here is told where to sign out there, and comes back to it."""
    page = f"{str(person.base_url).partition('/v1')[0].removesuffix('/api')}/login"
    leaving = {**LEAVING, "redirect_uri": page}
    back = await at_its_page((await person.post("/auth/login/initiate", params=leaving)).json()["authorization_url"])
    answer = (await person.get("/auth/callback", params={**back, "code_verifier": VERIFIER})).json()

    bearer = {"Authorization": f"Bearer {answer['access_token']}"}
    left = (await person.post("/auth/logout", headers=bearer)).json()["issuer_logout_url"]
    assert left.startswith(f"{issuer.url}/oidc/logout?")
    assert parse_qs(urlsplit(left).query)["post_logout_redirect_uri"] == [page]


async def test_its_tokens_open_the_api(person: AsyncClient, issuer: StandInIssuer) -> None:
    """An access token of the issuer's is as good as one of ours until it is signed out with; a bad one is 401."""
    bearer = {"Authorization": f"Bearer {issuer.token()}"}
    opened = await person.post("/cases", json={"title": "Checkout fails"}, headers=bearer)
    assert opened.status_code == 201
    reading = {"Authorization": f"Bearer {issuer.token(scope='cases:read')}"}
    assert (await person.post("/cases", json={"title": "Another"}, headers=reading)).status_code == 403
    assert (await person.post("/auth/logout", headers=bearer)).status_code == 200

    for token in (bearer["Authorization"][7:], issuer.token(aud="another"), "x" * 20_000):
        refused = await person.get("/auth/me", headers={"Authorization": f"Bearer {token}"})
        assert refused.status_code == 401


async def test_an_issuer_that_does_not_answer_is_503(person: AsyncClient, issuer: StandInIssuer) -> None:
    """Nobody can tell whether the token is good: try again later."""
    issuer.dead = True
    refused = await person.get("/auth/me", headers={"Authorization": f"Bearer {issuer.token()}"})

    assert refused.status_code == 503
    assert refused.headers["retry-after"]
    assert (await person.get("/auth/login/initiate", params=LEAVING)).status_code == 503


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "https://thief.example/"},
        {"code_challenge": "short"},
        {"code_challenge_method": "plain"},
    ],
)
async def test_nobody_is_sent_just_anywhere(changes: dict[str, str], person: AsyncClient) -> None:
    """An address that is not allowed, or no proper challenge, is refused with the field's name."""
    refused = await person.get("/auth/login/initiate", params={**LEAVING, **changes})

    assert refused.status_code in (400, 422)
    assert refused.json()["error"]["details"]["field"] in changes


async def test_accounts_are_the_issuers(person: AsyncClient) -> None:
    """Nobody opens one here, and clients are told so and where to go."""
    config = (await person.get("/auth/config")).json()
    account = {"email": "eve@example.org", "password": "correct horse"}

    assert config["supports_registration"] is False
    assert config["passwordless"] is False
    assert config["issuer_name"] == "127.0.0.1"
    assert config["issuer_endpoint"].endswith("/auth/login/initiate")
    assert (await person.post("/auth/register", json=account)).status_code == 404
    assert (await person.get("/meta/capabilities")).json()["features"]["sso"] is True


async def test_without_an_issuer_there_is_no_page(anyone: AsyncClient) -> None:
    """The addresses are none where this server knows people by itself."""
    for path, params in (("/auth/login/initiate", LEAVING), ("/auth/callback", {"code": "c", "state": "s"})):
        assert (await anyone.get(path, params=params)).status_code == 404
    config = (await anyone.get("/auth/config")).json()
    assert config["supports_registration"] is True
    assert config["issuer_endpoint"] is None
    assert config["issuer_name"] is None
