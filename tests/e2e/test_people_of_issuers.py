"""A server whose people are an issuer's: a public package's, and one that Auth0's own SDK takes for Auth0, over TLS."""

import asyncio
import json
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import trustme
from click.testing import CliRunner

from faultmaven_adapters.identity.argon2 import Argon2Hasher
from faultmaven_adapters.memory.identity import MemoryIdentityProvider
from faultmaven_adapters.sql import open_sql, sqlite_url
from faultmaven_adapters.system import RandomIds, SystemClock
from faultmaven_domain.auth import AuthService
from faultmaven_http.cli.commands import faultmaven
from tests.contracts.identity_provider import BACK, CHALLENGE, VERIFIER
from tests.e2e.server import Server
from tests.standins.oidc import StandInIssuer, provider
from tests.standins.oidc.issuer import AUDIENCE, CLIENT, SECRET, a_key
from tests.standins.running import running

PLAIN = {"MODEL_DOWNLOAD": "false", "LLM_PROVIDER": "extractive", "OIDC_ADMIN_GROUPS": "admins"}
ANA = {"sub": "ana", "email": "ana@example.com", "name": "Ana", "groups": ["admins"]}
SDK = Path(__file__).parents[1] / "standins" / "oidc" / "sdk.py"
PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def package() -> Iterator[str]:
    with provider(ANA) as url:
        yield url


@pytest.fixture(scope="module")
def beside_package(package: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    named = {"IDENTITY_PROVIDER": "oidc", "OIDC_ISSUER": package, "OIDC_CLIENT_ID": CLIENT}
    named["OIDC_CLIENT_SECRET"] = SECRET
    alone = ("--modules", "auth,session")
    server = Server(tmp_path_factory.mktemp("package") / "data", {**PLAIN, **named}, alone)
    try:
        yield server.start()
    finally:
        server.kill()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[StandInIssuer, Path]]:
    """An issuer with a certificate, and where that of its authority is."""
    folder, own, issuer = tmp_path_factory.mktemp("tls"), trustme.CA(), StandInIssuer()
    own.cert_pem.write_to_path(folder / "authority.pem")
    own.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "issuer.pem")
    with running(issuer, certificate=folder / "issuer.pem") as issuer.url:
        yield issuer, folder / "authority.pem"


@pytest.fixture(scope="module")
def beside_auth0(authority: tuple[StandInIssuer, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that was started while the issuer did not answer."""
    issuer, certificate = authority
    named = {
        "IDENTITY_PROVIDER": "auth0",
        "AUTH0_DOMAIN": issuer.url.removeprefix("https://"),
        "AUTH0_AUDIENCE": AUDIENCE,
        "OIDC_CLIENT_ID": CLIENT,
        "OIDC_CLIENT_SECRET": SECRET,
        "SSL_CERT_FILE": str(certificate),
        "LOG_LEVEL": "debug",
    }
    server = Server(tmp_path_factory.mktemp("auth0") / "data", {**PLAIN, **named})
    issuer.dead = True
    try:
        yield server.start()
    finally:
        server.kill()


@asynccontextmanager
async def accounts_of(server: Server) -> AsyncIterator[AuthService]:
    """Its accounts, as its operator's commands reach them."""
    clock, ids = SystemClock(), RandomIds()
    async with open_sql({"auth": sqlite_url(server.data / "faultmaven.db")}, lambda: None) as opened:
        yield AuthService(opened["auth"], MemoryIdentityProvider(clock, ids), Argon2Hasher(), clock, ids)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def signed_in(http: httpx2.AsyncClient, at_its_page: Callable[[str], Awaitable[str]]) -> httpx2.Response:
    """There and back, as the server's own page does it; ``at_its_page`` gives where the issuer sends the browser."""
    page = f"{str(http.base_url).rstrip('/')}/login"
    leaving = {"redirect_uri": page, "code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    told = (await http.post("/v1/auth/login/initiate", params=leaving)).json()
    assert "authorization_url" in told, told
    location = await at_its_page(told["authorization_url"])
    assert location.startswith(f"{page}?")
    back = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
    assert back["state"] == told["state"]
    answer = await http.get("/v1/auth/callback", params={**back, "code_verifier": VERIFIER})
    assert answer.status_code in (200, 401), answer.text
    return answer


async def test_people_of_a_public_package(package: str, beside_package: Server) -> None:
    """Ana signs in there; groups, address and sign-out follow it, and who has her address here keeps their account."""
    local = beside_package.url.replace("127.0.0.1", "localhost")

    async def at_its_page(address: str) -> str:
        async with httpx2.AsyncClient() as browser:
            return str((await browser.post(address, data={"sub": "ana"})).headers["location"])

    async with accounts_of(beside_package) as accounts, httpx2.AsyncClient(base_url=local) as http:
        hers = await accounts.register(email="ana@example.com", password=PASSWORD, username="ana", full_name="Old Ana")
        first = (await signed_in(http, at_its_page)).json()
        user = (await http.get("/v1/auth/me", headers=bearer(first["access_token"]))).json()
        assert (user["display_name"], user["is_admin"], user["user_id"] != hers.user_id) == ("Ana", True, True)
        assert user["email"] == f"{user['user_id']}@localhost"  # the other is taken, and not hers to take
        by_password = await http.post("/v1/auth/login", json={"email": "ana@example.com", "password": PASSWORD})
        assert by_password.json()["user_id"] == hers.user_id

        httpx2.put(f"{package}/users/ana", json={**ANA, "email": "ana@example.org", "groups": []}).raise_for_status()
        second = (await signed_in(http, at_its_page)).json()
        assert (second["user_id"], second["email"]) == (user["user_id"], "ana@example.org")
        for token in (first["access_token"], second["access_token"]):
            assert (await http.get("/v1/auth/me", headers=bearer(token))).json()["is_admin"] is False

        renewed = await http.post("/v1/auth/refresh", json={"refresh_token": second["refresh_token"]})
        token = renewed.json()["access_token"]
        ended = (await http.post("/v1/auth/logout", headers=bearer(token))).json()
        assert ended["issuer_logout_url"].startswith(f"{package}/oauth2/end_session?")
        assert f"{local}/login" in httpx2.get(ended["issuer_logout_url"]).text
        assert (await http.get("/v1/auth/me", headers=bearer(token))).status_code == 401
        assert (await http.post("/v1/auth/dev-login", json={"username": "ana"})).status_code == 404


async def test_people_of_auth0(authority: tuple[StandInIssuer, Path], beside_auth0: Server) -> None:
    """From a start without it to its end: what the SDK gets opens the API, and nothing else does."""
    issuer, certificate = authority
    local, trusting = beside_auth0.url.replace("127.0.0.1", "localhost"), ssl.create_default_context(cafile=certificate)
    secrets: list[str] = []

    async def at_its_page(address: str) -> str:
        async with httpx2.AsyncClient(verify=trusting) as browser:
            return str((await browser.get(address)).headers["location"])

    async with accounts_of(beside_auth0) as accounts, httpx2.AsyncClient(base_url=local) as http:

        async def answer(token: str) -> int:
            secrets.append(token)
            return (await http.get("/v1/auth/me", headers=bearer(token))).status_code

        # nobody can tell what its tokens are worth; accounts of this server's own are as ever
        await accounts.register(email="root@example.com", password=PASSWORD)
        assert await answer(issuer.token()) == 503
        own = await http.post("/v1/auth/login", json={"email": "root@example.com", "password": PASSWORD})
        assert await answer(own.json()["access_token"]) == 200
        assert (await http.get("/health/ready")).status_code == 200
        assert (await http.get("/health")).json()["status"] == "degraded"
        assert "issuer" in beside_auth0.log.read_text()

        issuer.dead = False
        async with asyncio.timeout(30):
            while await answer(issuer.token()) == 503:  # noqa: ASYNC110 (it is asked again after a while)
                await asyncio.sleep(0.2)
        entered = await signed_in(http, at_its_page)
        assert entered.status_code == 200
        user_id = entered.json()["user_id"]
        secrets += [entered.json()["access_token"], entered.json()["refresh_token"]]
        said = await asyncio.to_thread(its_sdk, issuer, str(certificate))
        assert await answer(said["token"]) == 200
        assert said["claims"]["sub"] == "auth0|ana"
        assert said["known"]["email"] == "ana@example.com"

        # what its own people hold may still be wrong
        header, payload, signature = issuer.token(jti="tried").split(".")
        for wrong in (
            issuer.token(aud="another"),
            issuer.token(exp=1),
            issuer.token(iss="https://elsewhere.example/"),
            issuer.token(key=a_key("first", "RSA", 3072)),
            issuer.token(header={"kid": "../../etc/passwd"}),
            issuer.token(header={"kid": "' OR 1=1 --"}),
            f"{header}.{payload}.",
            f"{header}.{payload}.{signature[:-4]}AAAA",
            f"{header}.e30.{payload}.e30.{signature}",
            issuer.token(padding="x" * 20_000),
        ):
            assert await answer(wrong) == 401
        assert (await http.get("/v1/auth/me", headers=bearer("x" * 1_000_000))).status_code in (400, 431)

        # closed here, whatever the issuer says
        closing = ["users", "close", user_id, "--data-dir", str(beside_auth0.data)]
        closed = await asyncio.to_thread(CliRunner().invoke, faultmaven, closing)
        assert closed.exit_code == 0, closed.output
        assert await answer(issuer.token(jti="closed", groups=["admins"])) == 401
        assert (await signed_in(http, at_its_page)).status_code == 401
        assert await answer(entered.json()["access_token"]) == 401
        await accounts.reopen(name=user_id)

        # gone: what is known goes on, who is new cannot be let in
        issuer.dead = True
        assert await answer(issuer.token(jti="later")) == 200
        leaving = {"redirect_uri": f"{local}/login", "code_challenge": CHALLENGE}
        assert (await http.get("/v1/auth/login/initiate", params=leaving)).status_code == 200
        issuer.dead = False

    log = beside_auth0.log.read_text()
    for secret in (SECRET, VERIFIER, *secrets):
        for part in (secret, *secret.split(".")):
            assert len(part) < 8 or part not in log


def its_sdk(issuer: StandInIssuer, certificate: str) -> dict[str, Any]:
    """What Auth0's own SDK gets there and finds right."""
    command = [sys.executable, str(SDK), issuer.url.removeprefix("https://"), CLIENT, SECRET, AUDIENCE, BACK, VERIFIER]
    environment = {**os.environ, "REQUESTS_CA_BUNDLE": certificate}
    told = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)
    assert told.returncode == 0, told.stderr.decode()
    found: dict[str, Any] = json.loads(told.stdout)
    return found
