"""Signing in at another issuer's page, and consenting to a client on the way."""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import httpx2
import pytest

from tests.browser.conftest import up
from tests.browser.test_authorize import VERIFIER, answer_of, asked
from tests.browser.test_login import LISTENING, heard
from tests.e2e.server import Server
from tests.standins.oidc import StandInIssuer
from tests.standins.oidc.issuer import AUDIENCE, CLIENT, SECRET
from tests.standins.running import running

if TYPE_CHECKING:
    from playwright.async_api import Page


@pytest.fixture(scope="module")
def issuer(chromium: str) -> Iterator[StandInIssuer]:
    issuer = StandInIssuer()
    with running(issuer) as issuer.url:
        yield issuer


@pytest.fixture(scope="module")
def guarded(issuer: StandInIssuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose people are the issuer's."""
    settings = {
        "IDENTITY_PROVIDER": "oidc",
        "OIDC_ISSUER": issuer.name,
        "OIDC_AUDIENCE": AUDIENCE,
        "OIDC_CLIENT_ID": CLIENT,
        "OIDC_CLIENT_SECRET": SECRET,
    }
    yield from up(tmp_path_factory.mktemp("guarded"), settings)


@pytest.fixture
def local(guarded: Server) -> str:
    return guarded.url.replace("127.0.0.1", "localhost")


async def test_the_extension_is_signed_in_through_the_issuer(page: "Page", local: str) -> None:
    """One button leads there and back; nothing of the way stays in the address, and nobody opens an account here."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    await page.add_init_script(LISTENING)
    await page.goto(f"{local}/login?source=extension")
    button = page.get_by_role("button", name="Sign in with 127.0.0.1")
    await button.wait_for()
    assert not await page.get_by_role("button", name="Open one").is_visible()

    await button.click()
    await page.get_by_text("You are signed in as Ana.").wait_for()

    [message] = await heard(page)
    assert message["data"]["payload"]["user"]["email"] == "ana@example.com"
    assert page.url == f"{local}/login?source=extension"
    assert said == []


async def test_a_client_is_let_in_by_who_signs_in_elsewhere(page: "Page", local: str, place: str) -> None:
    """Its request leads to the sign-in, from there to the issuer, back to the consent, and to its tokens."""
    request = asked(place)
    await page.goto(f"{local}/auth/authorize?{urlencode(request)}")
    await page.get_by_role("button", name="Sign in with 127.0.0.1").click()
    await page.get_by_text("You are signed in as Ana (ana@example.com)").wait_for()
    await page.get_by_role("button", name="Approve").click()
    await page.wait_for_url(f"{place}/back?*")

    exchange = {
        "grant_type": "authorization_code",
        "code": answer_of(page, place)["code"][0],
        "code_verifier": VERIFIER,
        "client_id": request["client_id"],
        "redirect_uri": request["redirect_uri"],
    }
    tokens = httpx2.post(f"{local}/api/v1/auth/oauth/token", json=exchange)
    assert (tokens.status_code, tokens.json()["username"]) == (200, "ana")


@pytest.mark.parametrize(
    ("back", "words"),
    [
        ({"code": "stolen", "state": "somebody else's"}, "not begun here"),
        ({"error": "access_denied", "state": "somebody else's"}, "not begun here"),
    ],
)
async def test_who_did_not_leave_does_not_come_back(page: "Page", local: str, back: dict[str, str], words: str) -> None:
    """A link that pretends to come from the issuer signs nobody in, and leaves the page as it is."""
    await page.goto(f"{local}/login?{urlencode(back)}")
    await page.get_by_role("alert").filter(has_text=words).wait_for()

    await page.get_by_role("button", name="Sign in with 127.0.0.1").wait_for()
    assert page.url == f"{local}/login"


async def test_the_issuers_no_is_told(page: "Page", local: str, issuer: StandInIssuer) -> None:
    """Whom the issuer lets not in reads why, and may try again."""
    issuer.refuses = "Ana is on holiday."
    try:
        await page.goto(f"{local}/login")
        await page.get_by_role("button", name="Sign in with 127.0.0.1").click()
        await page.get_by_role("alert").filter(has_text="Ana is on holiday.").wait_for()
    finally:
        issuer.refuses = None
