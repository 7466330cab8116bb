import json
import time
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from tests.e2e.server import Server

if TYPE_CHECKING:
    from playwright.async_api import Page

PASSWORD = "correct horse"
#: What the bridge of an extension does: it listens in the page's window.
LISTENING = """window.heard = [];
window.addEventListener("message", (event) => {
  window.heard.push({ origin: event.origin, own: event.source === window, data: event.data });
});"""


def an_account(url: str, name: str) -> str:
    account = {"email": f"{name}@example.org", "full_name": name.title(), "password": PASSWORD}
    answer = httpx2.post(f"{url}/v1/auth/register", json=account)
    assert answer.status_code == 201, answer.text
    return account["email"]


async def filled(page: "Page", name: str, password: str = "") -> None:
    await page.get_by_label("Name or e-mail").fill(name)
    await page.get_by_label("Password", exact=True).fill(password)
    await page.get_by_role("button", name="Sign in").click()


async def heard(page: "Page") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await page.evaluate("window.heard")
    return found


@pytest.mark.parametrize("password", ["", PASSWORD])
async def test_a_sign_in_is_handed_to_the_extension(page: "Page", local: str, password: str) -> None:
    """By name alone or with a password: the answer of the sign-in, to the page's own window and into its storage."""
    name = an_account(local, "carla") if password else "dora"
    await page.add_init_script(LISTENING)
    await page.goto(f"{local}/login?source=extension")

    await filled(page, name, password)
    await page.get_by_role("heading", name="Sign in successful").wait_for()

    [message] = await heard(page)
    assert (message["origin"], message["own"], message["data"]["type"]) == (local, True, "FM_AUTH_SUCCESS")
    payload = message["data"]["payload"]
    assert payload["user"]["user_id"]
    assert payload["user"]["roles"] == ["user"] if not password else "user" in payload["user"]["roles"]
    assert time.time() * 1000 < payload["expires_at"] < (time.time() + 24 * 3600) * 1000
    assert json.loads(await page.evaluate("localStorage.fm_auth_state")) == payload
    token = {"Authorization": f"Bearer {payload['access_token']}"}
    assert httpx2.get(f"{local}/v1/auth/me", headers=token).json()["user_id"] == payload["user"]["user_id"]
    assert page.url == f"{local}/login?source=extension"


async def test_a_refusal_is_said_in_its_own_words(page: "Page", local: str) -> None:
    """A wrong password hands nothing over; what is wrong is announced, and the field is to be filled again."""
    name = an_account(local, "emil")
    await page.add_init_script(LISTENING)
    await page.goto(f"{local}/login?source=extension")

    await filled(page, name, "wrong horse")
    said = page.get_by_role("alert").filter(has_text="password")
    await said.wait_for()

    refused = httpx2.post(f"{local}/api/v1/auth/login", json={"username": name, "password": "wrong horse"})
    assert await said.inner_text() == refused.json()["detail"]
    assert await heard(page) == []
    assert await page.evaluate("localStorage.fm_auth_state ?? null") is None
    assert await page.evaluate("document.activeElement.name") == "username"


async def test_an_account_with_a_password_is_not_opened_by_its_name(page: "Page", local: str) -> None:
    """The page says that there is one."""
    name = an_account(local, "fritz")
    await page.goto(f"{local}/login?source=extension")

    await filled(page, name)

    await page.get_by_role("alert").filter(has_text="has a password").wait_for()


async def test_a_sign_in_of_before_is_not_handed_over_again(page: "Page", local: str) -> None:
    """Whoever comes to sign in anew leaves nothing behind that may have ended."""
    await page.goto(f"{local}/login?source=extension")
    await page.evaluate("localStorage.fm_auth_state = '{}'")
    await page.reload()
    await page.get_by_label("Name or e-mail").wait_for()

    assert await page.evaluate("localStorage.fm_auth_state ?? null") is None


async def test_the_address_is_left_for_its_name(page: "Page", server: Server, local: str) -> None:
    """An extension hears pages of localhost alone, so 127.0.0.1 leads there, with all that was asked."""
    await page.goto(f"{server.url}/login?source=extension")
    await page.wait_for_url(f"{local}/login?source=extension")

    await page.get_by_label("Name or e-mail").wait_for()


@pytest.mark.parametrize(
    ("where", "taken_on"),
    [
        ("/docs?x=1%2F2#y", True),
        ("https://evil.example.org/", False),
        ("//evil.example.org/", False),
        ("/\\evil.example.org/", False),
        ("javascript:alert(1)", False),
        ("docs", False),
    ],
)
async def test_only_this_server_is_gone_on_to(page: "Page", local: str, where: str, taken_on: bool) -> None:
    """After signing in the page goes where it was told to if that is here, and nowhere else."""
    await page.goto(f"{local}/login")
    await page.evaluate("where => location.search = new URLSearchParams({ next: where })", where)
    await page.wait_for_url("**/login?next=*")

    await filled(page, "gabi")

    if taken_on:
        await page.wait_for_url(local + where)
    else:
        await page.get_by_role("heading", name="Sign in successful").wait_for()
        assert page.url.startswith(f"{local}/login?next=")
        assert await page.get_by_role("link", name="API").get_attribute("href") == "/docs"
    assert await page.evaluate("localStorage.fm_auth_state ?? null") is None


async def test_an_account_is_opened_on_the_page(page: "Page", local: str) -> None:
    """The second form opens it, and is signed in."""
    await page.add_init_script(LISTENING)
    await page.goto(f"{local}/login?source=extension")

    await page.get_by_role("button", name="Open one").click()
    await page.get_by_label("E-mail", exact=True).fill("hanna@example.org")
    await page.get_by_label("Your name").fill("Hanna")
    await page.get_by_label("New password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.get_by_text("You are signed in as Hanna.").wait_for()

    [message] = await heard(page)
    assert message["data"]["payload"]["user"]["email"] == "hanna@example.org"


async def test_what_a_name_holds_is_text(page: "Page", local: str) -> None:
    """Markup in it is shown and not made."""
    await page.goto(f"{local}/login?source=extension")

    await filled(page, "<img src=x>")

    await page.get_by_text("You are signed in as <img src=x>.").wait_for()
    assert await page.locator("img").count() == 0


async def test_the_keyboard_is_enough(page: "Page", local: str) -> None:
    """The first field is ready to be typed in, and Enter signs in."""
    await page.goto(f"{local}/login?source=extension")

    await page.keyboard.type("ines")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="Sign in successful").wait_for()

    assert await page.evaluate("document.activeElement.id") == "title"


async def test_a_password_is_asked_for_where_it_is_needed(page: "Page", strict: Server) -> None:
    """Where a name is not enough the form does not pretend that it were."""
    name = an_account(strict.url, "jan")
    local = strict.url.replace("127.0.0.1", "localhost")
    await page.goto(f"{local}/login?source=extension")
    await page.locator("#offer").wait_for()

    assert await page.get_by_label("Password", exact=True).evaluate("input => input.required")
    await filled(page, name)
    assert not await page.get_by_role("heading", name="Sign in successful").is_visible()
    await filled(page, name, PASSWORD)
    await page.get_by_role("heading", name="Sign in successful").wait_for()


async def test_nothing_of_the_page_is_refused_by_its_own_policy(page: "Page", local: str) -> None:
    """A browser that holds the pages to their policy has nothing to say about them."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))

    for path in ("/login", "/login?source=extension", "/docs"):
        await page.goto(local + path, wait_until="networkidle")

    assert said == []
