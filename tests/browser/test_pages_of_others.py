import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx2
import pytest

from tests.browser.place import fetched
from tests.e2e.server import Server

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Page, Playwright

JSON = {"Content-Type": "application/json"}
REFUSED = {"failed": "TypeError"}


def bearer(url: str) -> dict[str, str]:
    account = {"email": f"{uuid4().hex}@example.org", "full_name": "Lea", "password": "correct horse"}
    answer = httpx2.post(f"{url}/v1/auth/register", json=account)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def works(page: "Page", local: str) -> None:
    """A client's way from nothing to a case, with the headers that make a browser ask first."""
    told = await fetched(page, f"{local}/v1/meta/capabilities")
    signed_in = await fetched(
        page, f"{local}/api/v1/auth/dev-login", method="POST", headers=JSON, body=json.dumps({"username": "mona"})
    )
    user = signed_in["body"]["user"]
    headers = {
        "Authorization": f"Bearer {signed_in['body']['access_token']}",
        "X-Session-Id": "ses_gone",
        "X-User-ID": user["user_id"],
        "X-User-Roles": "admin",
        "Idempotency-Key": uuid4().hex,
    }
    case = await fetched(page, f"{local}/api/v1/cases", method="POST", headers={**JSON, **headers}, body="{}")
    gone = await fetched(page, f"{local}/api/v1/cases/{case['body']['case_id']}", method="DELETE", headers=headers)
    unknown = await fetched(page, f"{local}/api/v1/cases/none", headers=headers)
    unsigned = await fetched(page, f"{local}/api/v1/cases")

    assert [answer["status"] for answer in (told, signed_in, case, gone)] == [200, 200, 201, 204]
    assert [answer["status"] for answer in (unknown, unsigned)] == [404, 401]
    assert {type(answer["body"]["detail"]) for answer in (unknown, unsigned)} == {str}


async def fails(page: "Page", local: str) -> None:
    """Neither an answer nor an error, asked first or not, is for the page to read."""
    assert await fetched(page, f"{local}/v1/meta/capabilities") == REFUSED
    assert await fetched(page, f"{local}/api/v1/cases") == REFUSED
    assert await fetched(page, f"{local}/api/v1/auth/dev-login", method="POST", headers=JSON, body="{}") == REFUSED


async def test_dashboards_may_call_by_default(page: "Page", local: str, dashboards: list[str]) -> None:
    """Pages on the usual ports do, by name and by address."""
    for place in dashboards:
        for origin in (place, place.replace("127.0.0.1", "localhost")):
            await page.goto(origin)
            await works(page, local)


async def test_other_pages_may_not(page: "Page", local: str, place: str) -> None:
    """A page on another port of this very machine gets nothing, nor does one without an origin."""
    await page.goto(place)
    await fails(page, local)
    await page.goto("data:text/html,<p>null")
    await fails(page, local)


async def test_what_went_wrong_is_for_an_allowed_page_to_read(page: "Page", strict: Server, place: str) -> None:
    """Errors early and late, with the headers that clients go by."""
    await page.goto(place)
    headers = bearer(strict.url)
    api = f"{strict.url}/api/v1"

    invalid = await fetched(page, f"{api}/cases", method="POST", headers={**JSON, **headers}, body='{"priority": 1}')
    large = await fetched(page, f"{api}/cases", method="POST", headers={**JSON, **headers}, body="x" * 5_000_000)
    unknown = await fetched(page, f"{api}/nothing", headers=headers)
    over = {"status": 0}
    for _ in range(30):
        if over["status"] != 429:
            over = await fetched(page, f"{api}/auth/me", headers=headers)

    assert [answer["status"] for answer in (invalid, large, unknown, over)] == [422, 413, 404, 429]
    assert int(over["headers"]["retry-after"]) > 0
    assert over["headers"]["x-ratelimit-remaining"] == "0"
    assert over["body"]["detail"]


async def test_what_an_answer_says_in_its_headers(page: "Page", local: str, dashboards: list[str]) -> None:
    """Where to look next is readable."""
    await page.goto(dashboards[0])
    headers = {**JSON, **bearer(local)}
    case = await fetched(page, f"{local}/v1/cases", method="POST", headers=headers, body="{}")
    question = json.dumps({"case_id": case["body"]["case_id"], "message": "Why?"})

    turn = await fetched(page, f"{local}/v1/agent/chat", method="POST", headers=headers, body=question)

    assert turn["status"] == 202
    assert turn["headers"]["location"].startswith(f"{local}/v1/agent/chat/")


MANIFEST = {
    "manifest_version": 3,
    "name": "A bridge",
    "version": "1.0",
    "permissions": ["storage"],
    "background": {"service_worker": "worker.js"},
    "content_scripts": [{"matches": ["http://localhost/*"], "js": ["bridge.js"]}],
}
BRIDGE = """window.addEventListener("message", (event) => {
  if (event.source !== window || event.origin !== location.origin || event.data?.type !== "FM_AUTH_SUCCESS") return;
  chrome.runtime.sendMessage({ action: "storeAuth", payload: event.data.payload });
});"""
WORKER = """chrome.runtime.onMessage.addListener((message) => {
  if (message.action === "storeAuth") chrome.storage.local.set({ authState: message.payload });
});"""


@pytest.fixture
async def extended(driver: "Playwright", chromium: str, tmp_path: Path) -> "AsyncIterator[BrowserContext]":
    """A browser with an extension that may reach no host but by CORS, and hears what pages of localhost post."""
    extension = tmp_path / "extension"
    extension.mkdir()
    files = {"manifest.json": json.dumps(MANIFEST), "bridge.js": BRIDGE, "worker.js": WORKER, "panel.html": "<p>Panel"}
    for name, text in files.items():
        (extension / name).write_text(text)
    context = await driver.chromium.launch_persistent_context(
        tmp_path / "profile",
        executable_path=chromium,
        args=[f"--disable-extensions-except={extension}", f"--load-extension={extension}"],
    )
    yield context
    await context.close()


async def test_an_extension_signs_in_and_works(extended: "BrowserContext", server: Server) -> None:
    """From the page it opens to its own requests, which have no right but their origin's."""
    # They go to the address: whoever has a script in the pages of localhost may read there without being let in.
    workers = extended.service_workers
    worker = workers[0] if workers else await extended.wait_for_event("serviceworker")
    panel, page = await extended.new_page(), await extended.new_page()
    await panel.goto(worker.url.replace("worker.js", "panel.html"))
    origin = await panel.evaluate("location.origin")

    told = await fetched(panel, f"{server.url}/v1/meta/capabilities")
    await page.goto(f"{told['body']['dashboardUrl']}/login?source=extension")
    await page.get_by_label("Name or e-mail").fill("nora")
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("heading", name="Sign in successful").wait_for()
    await panel.wait_for_function("async () => (await chrome.storage.local.get()).authState !== undefined")

    state = (await panel.evaluate("chrome.storage.local.get()"))["authState"]
    me = await fetched(
        panel, f"{server.url}/api/v1/auth/me", headers={"Authorization": f"Bearer {state['access_token']}"}
    )
    assert origin.startswith("chrome-extension://")
    assert (me["status"], me["body"]["username"]) == (200, "nora")
    await works(panel, server.url)


async def test_an_extension_that_is_not_named_is_kept_out(extended: "BrowserContext", strict: Server) -> None:
    """Where others are named, it reads nothing."""
    workers = extended.service_workers
    worker = workers[0] if workers else await extended.wait_for_event("serviceworker")
    panel = await extended.new_page()
    await panel.goto(worker.url.replace("worker.js", "panel.html"))

    await fails(panel, strict.url)
