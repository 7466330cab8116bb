import base64
import hashlib
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest

if TYPE_CHECKING:
    from playwright.async_api import Page

VERIFIER = "a-verifier-that-is-long-enough-for-the-standard"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


def asked(place: str, **changed: str) -> dict[str, str]:
    return {
        "response_type": "code",
        "client_id": "a-client",
        "redirect_uri": f"{place}/back?kept=1",
        "scope": "openid cases:read cases:write",
        "state": "a state & more",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    } | changed


async def opened(page: "Page", local: str, request: dict[str, str]) -> None:
    """The page of a consent, by way of the sign-in it asks for."""
    await page.goto(f"{local}/auth/authorize?{urlencode(request)}")
    await page.wait_for_url(f"{local}/login?next=*")
    await page.get_by_label("Name or e-mail").fill("karla")
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"{local}/auth/authorize?*")


def answer_of(page: "Page", place: str) -> dict[str, list[str]]:
    assert page.url.startswith(f"{place}/back?")
    return parse_qs(urlsplit(page.url).query)


async def test_a_yes_becomes_tokens(page: "Page", local: str, place: str) -> None:
    """Signed in, shown what is asked, approved: the code comes back with its state and is good for tokens once."""
    await opened(page, local, asked(place))
    await page.get_by_text("Open and change your cases").wait_for()
    assert await page.locator("#client").inner_text() == "a-client"
    assert await page.locator("#where").inner_text() == f"{place}/back"
    assert await page.get_by_role("listitem").count() == 3

    await page.get_by_role("button", name="Approve").click()
    await page.wait_for_url(f"{place}/back?*")

    back = answer_of(page, place)
    assert (back["state"], back["kept"], "error" in back) == (["a state & more"], ["1"], False)
    exchange = {
        "grant_type": "authorization_code",
        "code": back["code"][0],
        "code_verifier": VERIFIER,
        "client_id": "a-client",
        "redirect_uri": f"{place}/back?kept=1",
    }
    tokens = httpx2.post(f"{local}/api/v1/auth/oauth/token", json=exchange)
    assert tokens.status_code == 200, tokens.text
    token = {"Authorization": f"Bearer {tokens.json()['access_token']}"}
    assert httpx2.get(f"{local}/api/v1/auth/me", headers=token).json()["username"] == "karla"
    assert httpx2.post(f"{local}/api/v1/auth/oauth/token", json=exchange).json()["error"] == "invalid_grant"


async def test_a_no_goes_back_as_one(page: "Page", local: str, place: str) -> None:
    """The client learns that access was denied, with its state and without a code."""
    await opened(page, local, asked(place))

    await page.get_by_role("button", name="Deny").click()
    await page.wait_for_url(f"{place}/back?*")

    assert answer_of(page, place) == {"kept": ["1"], "error": ["access_denied"], "state": ["a state & more"]}


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"redirect_uri": "https://evil.example.org/"}, "redirect_uri"),
        ({"redirect_uri": "javascript:alert(1)"}, "redirect_uri"),
        ({"code_challenge_method": "plain"}, "code_challenge_method"),
        ({"response_type": "token"}, "response"),
        ({"client_id": ""}, "client_id"),
    ],
)
async def test_what_must_not_be_granted_is_not_asked(
    page: "Page", local: str, place: str, changed: dict[str, str], word: str
) -> None:
    """The server's reason is shown, there is nothing to approve, and the browser goes nowhere."""
    await opened(page, local, asked(place, **changed))

    await page.get_by_role("alert").filter(has_text=word).wait_for()
    assert not await page.get_by_role("button", name="Approve").is_visible()
    assert page.url.startswith(f"{local}/auth/authorize?")


async def test_what_a_client_calls_itself_is_text(page: "Page", local: str, place: str) -> None:
    """Markup in a client's id is shown and not made."""
    await opened(page, local, asked(place, client_id="<img/src=x>"))

    await page.get_by_text("<img/src=x>").wait_for()
    assert await page.locator("img").count() == 0


async def test_a_sign_in_that_was_ended_is_asked_for_again(page: "Page", local: str, place: str) -> None:
    """A token the server does not take any more leads to the sign-in, and from there back."""
    await opened(page, local, asked(place))
    await page.get_by_role("button", name="Approve").wait_for()
    state = await page.evaluate("JSON.parse(sessionStorage.fm_auth_state)")
    token = {"Authorization": f"Bearer {state['access_token']}"}
    assert httpx2.post(f"{local}/api/v1/auth/logout", headers=token).status_code == 200

    await page.get_by_role("button", name="Approve").click()

    await page.wait_for_url(f"{local}/login?next=*")


async def test_the_page_cannot_be_put_in_a_frame(page: "Page", local: str, place: str) -> None:
    """Another site cannot show it and have its button pressed unseen."""
    await page.goto(place)
    url = f"{local}/auth/authorize?{urlencode(asked(place))}"
    framed = "url => { document.body.append(Object.assign(document.createElement('iframe'), {src: url})) }"

    async with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
        await page.evaluate(framed, url)

    assert await page.frames[-1].locator("#title").count() == 0
