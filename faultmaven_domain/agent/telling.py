"""A turn told while it is answered. Whoever watches may be late or away: nothing here holds the answer up."""

import asyncio
import logging
from contextlib import suppress
from typing import Self

from attrs import define, field

from ..kernel.errors import Unavailable
from .executor import Listener
from .models import EventKind
from .ports import TurnEvents

log = logging.getLogger(__name__)
#: Pieces that come within this time are told as one, in seconds; the first is told at once.
TOGETHER = 0.04
#: How long the end of a turn waits for its last pieces to be told, in seconds.
LAST_WORDS = 2.0


@define
class Telling(Listener):
    """Adds a turn's events in the order they are said, for as long as its block lasts."""

    events: TurnEvents
    job_id: str
    _waiting: list[tuple[EventKind, dict[str, object]]] = field(factory=list, init=False)
    _said: asyncio.Event = field(factory=asyncio.Event, init=False)
    _over: asyncio.Event = field(factory=asyncio.Event, init=False)
    _task: "asyncio.Task[None] | None" = field(default=None, init=False)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name=f"telling {self.job_id}")
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._task is not None
        self._over.set()
        self._said.set()
        _, late = await asyncio.wait({self._task}, timeout=LAST_WORDS)
        for task in late:
            task.cancel()

    def stage(self, name: str) -> None:
        self._say(EventKind.PROGRESS, {"stage": name})

    def piece(self, text: str) -> None:
        if self._waiting and self._waiting[-1][0] is EventKind.TOKEN:
            self._waiting[-1] = EventKind.TOKEN, {"text": f"{self._waiting[-1][1]['text']}{text}"}
        else:
            self._say(EventKind.TOKEN, {"text": text})

    def restart(self) -> None:
        self._say(EventKind.RESTART, {})

    def _say(self, kind: EventKind, data: dict[str, object]) -> None:
        self._waiting.append((kind, data))
        self._said.set()

    async def _run(self) -> None:
        try:
            while self._waiting or not self._over.is_set():
                await self._said.wait()
                self._said.clear()
                kind = None
                while self._waiting:
                    kind, data = self._waiting.pop(0)
                    await self.events.add(self.job_id, kind, data)
                if kind is EventKind.TOKEN:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(TOGETHER):
                            await self._over.wait()
        except Unavailable as error:
            log.warning("turn %s goes on untold: %s", self.job_id, error.message)
