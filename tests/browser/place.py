"""A page of another origin, and what it does with this server."""

from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from playwright.async_api import Page

BLANK = "<!doctype html><html lang=en><title>Elsewhere</title><p>A page of another origin."
#: What a page can read of an answer; ``failed`` where the browser keeps it from it.
_FETCH = """async ([url, options]) => {
  try {
    const answer = await fetch(url, { credentials: "include", ...options });
    const text = await answer.text();
    return { status: answer.status, headers: Object.fromEntries(answer.headers), body: text ? JSON.parse(text) : null };
  } catch (error) {
    return { failed: error.name };
  }
}"""


def a_place(text: str) -> Starlette:
    """The same page at every address."""

    async def page(_: Request) -> HTMLResponse:
        return HTMLResponse(text)

    return Starlette(routes=[Route("/{path:path}", page)])


async def fetched(page: "Page", url: str, **options: Any) -> dict[str, Any]:
    """What the page gets of a request that carries credentials."""
    found: dict[str, Any] = await page.evaluate(_FETCH, [url, options])
    return found
