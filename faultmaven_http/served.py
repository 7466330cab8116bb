"""Files of the folder ``static`` as answers, under a policy that lets a page reach nothing but this server."""

import html
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

#: Nor may another page hold one of ours in a frame and have its buttons pressed unseen.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_TYPES = {"html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}


def served(path: str, name: str, **words: str) -> Route:
    """A file at an address. In a page ``{word}`` stands for that word's text."""

    async def answer(_: Request) -> Response:
        return Response(
            _content(name, tuple(words.items())),
            media_type=_TYPES[name.rpartition(".")[2]],
            headers={
                "Content-Security-Policy": POLICY,
                "Cache-Control": "no-cache",
                "Referrer-Policy": "no-referrer",
                "X-Frame-Options": "DENY",
            },
        )

    endpoint: Callable[[Request], Awaitable[Response]] = answer
    return Route(path, endpoint, include_in_schema=False)


@cache
def _content(name: str, words: tuple[tuple[str, str], ...]) -> bytes:
    text = (files(__package__) / "static" / name).read_text(encoding="utf-8")
    for word, meaning in words:
        text = text.replace(f"{{{word}}}", html.escape(meaning))
    return text.encode()
