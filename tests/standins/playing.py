"""The part of a stand-in that is the same for every vendor: it takes a request and plays the next of its replies."""

import asyncio
import itertools
import json
import math
import re
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from attrs import define, field, frozen
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.standins.grounded import composed
from tests.standins.script import SAID, Breaks, Fails, Floods, Garbles, Reply, Says, Stalls

#: What an answer is that breaks, stalls or never ends: enough for several pieces.
_LONG = "The disk is full, and the pods that write to it are evicted one after the other [1]."
_CHUNK = "x" * 65_536


@frozen
class Frames:
    """An answer that streams, as it is sent."""

    first: list[bytes]
    pieces: list[bytes]
    last: list[bytes]


class Dialect(Protocol):
    """How one vendor's wire looks."""

    @property
    def chat_path(self) -> str: ...

    @property
    def models_path(self) -> str: ...

    @property
    def media_type(self) -> str:
        """Of a stream."""
        ...

    def admits(self, headers: Mapping[str, str]) -> bool: ...

    def wants_stream(self, body: dict[str, Any]) -> bool: ...

    def question(self, body: dict[str, Any]) -> str:
        """What was said last."""
        ...

    def models(self) -> dict[str, Any]: ...

    def whole(self, body: dict[str, Any], said: Says) -> dict[str, Any]: ...

    def frames(self, body: dict[str, Any], said: Says, pieces: list[str]) -> Frames: ...

    def failure(self, status: int, message: str) -> dict[str, Any]: ...

    def trouble(self, error: str) -> tuple[int, bytes]:
        """The status an error has where nothing was sent yet, and what it looks like in a stream."""
        ...


class Embeds(Protocol):
    """How one vendor gives vectors."""

    @property
    def path(self) -> str: ...

    def refusal(self, texts: list[str]) -> str | None:
        """What is wrong with them, if anything is."""
        ...

    def answer(self, body: dict[str, Any], vectors: list[list[float]]) -> dict[str, Any]: ...


@define
class StandIn:
    """``replies`` are taken from the front; without one it says what it was told, or with ``grounded`` what the
    prompt's sources say.

    ``first_token_after`` seconds each answer is thought about; it streams as so many ``pieces``, with ``between``
    seconds between them.
    """

    dialect: Dialect
    embeds: Embeds | None = field(default=None, kw_only=True)
    replies: list[Reply] = field(factory=list)
    requests: list[dict[str, Any]] = field(factory=list)
    #: One for each connection that was used.
    callers: set[object] = field(factory=set)
    first_token_after: float = 0.0
    between: float = 0.0
    pieces: int = 8
    grounded: bool = False
    #: Set once somebody left before the end of an answer.
    hung_up: threading.Event = field(factory=threading.Event)

    @property
    def app(self) -> Starlette:
        routes = [
            Route(self.dialect.chat_path, self._chat, methods=["POST"]),
            Route(self.dialect.models_path, self._models),
        ]
        if self.embeds is not None:
            routes.append(Route(self.embeds.path, self._embed, methods=["POST"]))
        return Starlette(routes=routes)

    async def _models(self, request: Request) -> Response:
        if not self.dialect.admits(request.headers):
            return self._failure(401)
        return JSONResponse(self.dialect.models())

    async def _embed(self, request: Request) -> Response:
        """Vectors of words, not of unit length; of the replies, failures, nonsense and waiting have a meaning here."""
        assert self.embeds is not None
        if not self.dialect.admits(request.headers):
            return self._failure(401)
        body = await request.json()
        self.requests.append(body)
        reply = self.replies.pop(0) if self.replies else None
        if isinstance(reply, Fails):
            return self._failure(reply.status, **({"retry-after": reply.retry_after} if reply.retry_after else {}))
        if isinstance(reply, Garbles):
            return Response(reply.body, media_type=reply.media_type)
        if isinstance(reply, float):
            await asyncio.sleep(reply)
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        if why := self.embeds.refusal(texts):
            return JSONResponse(self.dialect.failure(400, why), 400)
        return JSONResponse(self.embeds.answer(body, [meaning(text) for text in texts]))

    async def _chat(self, request: Request) -> ASGIApp:
        if not self.dialect.admits(request.headers):
            return self._failure(401)
        body = await request.json()
        self.requests.append(body)
        self.callers.add(request.client)
        await asyncio.sleep(self.first_token_after)
        reply = self._next(body)
        if isinstance(reply, float):
            await asyncio.sleep(reply)
            reply = self._next(body)
        if isinstance(reply, Fails):
            headers = {"retry-after": reply.retry_after, "date": reply.date}
            return self._failure(reply.status, **{name: value for name, value in headers.items() if value})
        if isinstance(reply, Garbles):
            return Response(reply.body, media_type=reply.media_type)
        if self.dialect.wants_stream(body):
            return Played(self.dialect.media_type, self._streamed(body, reply), self.hung_up.set)
        if isinstance(reply, Breaks) and reply.error:
            return self._failure(self.dialect.trouble(reply.error)[0])
        return Played("application/json", self._at_once(body, reply), self.hung_up.set)

    def _next(self, body: dict[str, Any]) -> Reply:
        if self.replies:
            return self.replies.pop(0)
        question = self.dialect.question(body)
        return composed(question) if self.grounded else f"You said: {question}"

    def _failure(self, status: int, **headers: str) -> Response:
        return JSONResponse(self.dialect.failure(status, SAID), status, headers)

    def _at_once(self, body: dict[str, Any], reply: Reply) -> "Iterator[Part]":
        text = json.dumps(self.dialect.whole(body, _said(reply))).encode()
        if isinstance(reply, Floods):
            yield from itertools.repeat(_CHUNK.encode())
        elif isinstance(reply, Breaks | Stalls):
            yield text[: len(text) // 2]
            if isinstance(reply, Breaks):
                yield None
            else:
                yield reply.seconds
                yield text[len(text) // 2 :]
        else:
            yield text

    def _streamed(self, body: dict[str, Any], reply: Reply) -> "Iterator[Part]":
        said = _said(reply)
        frames = self.dialect.frames(body, said, _split(said.text, self.pieces))
        yield from frames.first
        if isinstance(reply, Floods):
            if reply.in_one_line:
                yield frames.pieces[0].rstrip()
                yield from itertools.repeat(_CHUNK.encode())
            yield from itertools.repeat(self.dialect.frames(body, said, [_CHUNK]).pieces[0])
        for place, piece in enumerate(frames.pieces):
            if isinstance(reply, Breaks) and place == reply.after:
                yield self.dialect.trouble(reply.error)[1] if reply.error else None
                return
            if isinstance(reply, Stalls) and place == reply.after:
                yield reply.seconds
            if place:
                yield self.between
            yield piece
        yield from frames.last


#: Bytes to send, seconds to wait, or the connection's end.
Part = bytes | float | None


@frozen
class Played:
    """A response that is sent part by part, and notices when nobody listens any more."""

    media_type: str
    parts: Iterator[Part]
    left: Callable[[], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        leaving = asyncio.ensure_future(_disconnected(receive))
        try:
            headers = [(b"content-type", self.media_type.encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            for part in self.parts:
                if isinstance(part, float):
                    await asyncio.wait({leaving}, timeout=part)
                elif part is None:
                    return  # an answer that was not completed makes the server drop the connection
                else:
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                    await asyncio.sleep(0)  # sending to one who left waits for nothing, and would let nobody else run
                if leaving.done():
                    self.left()
                    return
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            leaving.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _said(reply: Reply) -> Says:
    if isinstance(reply, Says):
        return reply
    return Says(text=reply if isinstance(reply, str) else _LONG)


def _split(text: str, pieces: int) -> list[str]:
    """The text in so many pieces, or in fewer if it is short."""
    size = max(1, math.ceil(len(text) / pieces))
    return [text[start : start + size] for start in range(0, len(text), size)]


#: How long the vectors are that a stand-in gives.
DIMENSION = 64


def meaning(text: str) -> list[float]:
    """Each word counts in one place, so that texts of the same words are alike."""
    vector = [0.0] * DIMENSION
    for word in re.findall(r"\w+", text.lower()) or [text]:
        vector[zlib.crc32(word.encode()) % DIMENSION] += 3.0
    return vector
