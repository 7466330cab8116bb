"""An event stream (WHATWG HTML, 9.2) as an answer: signs of life, and an end when its reader or the server goes."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .pushing import Pushing
from .wire.events import Happening, frame

log = logging.getLogger("faultmaven.http")
MEDIA_TYPE = "text/event-stream"
#: Milliseconds after which a reader whose stream broke is to come again.
RETRY = 1000
_ALIVE = b":\n\n"


class EventStream(Response):
    """``happenings`` are asked for one at a time, each when the one before was sent. Holds one of its user's seats."""

    media_type = MEDIA_TYPE

    def __init__(self, happenings: AsyncGenerator[Happening, None], *, pushing: Pushing, user_id: str) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers({"X-Accel-Buffering": "no"})  # or nginx would hold the events back
        self._happenings, self._pushing, self._user_id = happenings, pushing, user_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._pushing.seat(self._user_id):
            async with aclosing(self._happenings):
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                if scope["method"] != "HEAD" and not await self._streamed(receive, send):
                    return
                await self._sent(send, b"", more_body=False)

    async def _streamed(self, receive: Receive, send: Send) -> bool:
        """Until it is over, was open long enough or has no reader; False where that one takes nothing any more."""
        streaming = asyncio.create_task(self._stream(send))
        gone, stopping = asyncio.create_task(_gone(receive)), asyncio.create_task(self._pushing.stopping.wait())
        tasks: set[asyncio.Task[Any]] = {streaming, gone, stopping}
        try:
            await asyncio.wait(tasks, timeout=self._pushing.longest_stream, return_when=asyncio.FIRST_COMPLETED)
            return not streaming.done() or streaming.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _stream(self, send: Send) -> bool:
        """Until everything has happened; False where its reader takes nothing any more."""
        coming: asyncio.Task[Happening | None] | None = None
        try:
            if not await self._sent(send, b"retry: %d\n\n" % RETRY):
                return False
            while True:
                coming = asyncio.create_task(self._next())
                while not (await asyncio.wait({coming}, timeout=self._pushing.heartbeat))[0]:
                    if not await self._sent(send, _ALIVE):
                        return False
                happening = coming.result()
                if happening is None:
                    return True
                if not await self._sent(send, frame(happening)):
                    return False
        finally:
            if coming is not None:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)

    async def _next(self) -> Happening | None:
        return await anext(self._happenings, None)

    async def _sent(self, send: Send, body: bytes, *, more_body: bool = True) -> bool:
        try:
            async with asyncio.timeout(self._pushing.patience):
                await send({"type": "http.response.body", "body": body, "more_body": more_body})
        except OSError:  # it went away, or it was too long
            log.info("an event stream's reader takes nothing any more")
            return False
        return True


async def _gone(receive: Receive) -> None:
    """Until the one who asked hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass
