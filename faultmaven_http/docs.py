"""The document at ``/openapi.json`` and a page at ``/docs`` to read it and to try it, with nothing from elsewhere."""

import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

_TYPES = {"html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'"
)


def routes(document: Callable[[], dict[str, Any]]) -> list[BaseRoute]:
    """``document`` is called once, when it is first asked for."""

    @cache
    def written() -> bytes:
        return json.dumps(document(), ensure_ascii=False, separators=(",", ":")).encode()

    async def openapi(_: Request) -> Response:
        return Response(written(), media_type="application/json")

    return [
        Route("/openapi.json", openapi, include_in_schema=False),
        *(
            Route(path, _static(name), include_in_schema=False)
            for path, name in (("/docs", "docs.html"), ("/docs/docs.css", "docs.css"), ("/docs/docs.js", "docs.js"))
        ),
    ]


def _static(name: str) -> Callable[[Request], Any]:
    async def page(_: Request) -> Response:
        return Response(
            _content(name),
            media_type=_TYPES[name.rpartition(".")[2]],
            headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"},
        )

    return page


@cache
def _content(name: str) -> bytes:
    return (files(__package__) / "static" / name).read_bytes()
