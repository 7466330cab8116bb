"""The document at ``/openapi.json`` and a page at ``/docs`` to read it and to try it, with nothing from elsewhere."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from .served import served


def routes(document: Callable[[], dict[str, Any]]) -> list[BaseRoute]:
    """``document`` is called once, when it is first asked for."""

    @cache
    def written() -> bytes:
        return json.dumps(document(), ensure_ascii=False, separators=(",", ":")).encode()

    async def openapi(_: Request) -> Response:
        return Response(written(), media_type="application/json")

    return [
        Route("/openapi.json", openapi, include_in_schema=False),
        served("/docs", "docs.html"),
        served("/docs/docs.css", "docs.css"),
        served("/docs/docs.js", "docs.js"),
    ]
