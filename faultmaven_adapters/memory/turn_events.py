import asyncio
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import count

from attrs import define, field, frozen

from faultmaven_domain.agent import EventKind, TurnEvent

KEPT = timedelta(hours=1)
LONGEST = 10_000


@define(eq=False)
class _Story:
    """One turn's events as they are written down, and whoever waits for the next."""

    until: float  # on this machine's running clock
    events: list[tuple[str, EventKind, str]] = field(factory=list)
    waiting: set["asyncio.Future[None]"] = field(factory=set)

    def after(self, id: str | None) -> list[tuple[str, EventKind, str]]:
        known = next((n for n in range(len(self.events), 0, -1) if self.events[n - 1][0] == id), 0)
        return self.events[known:]

    def wake(self) -> None:
        for future in self.waiting:
            if not future.done():
                future.set_result(None)


@frozen
class MemoryTurnEvents:
    """``kept`` counts from a turn's last event."""

    _kept: timedelta = KEPT
    #: The one that lapses first is first.
    _stories: dict[str, _Story] = field(factory=dict, init=False)
    _ids: Iterator[int] = field(factory=count, init=False)

    async def add(self, job_id: str, kind: EventKind, data: dict[str, object]) -> None:
        """Raises: TypeError for what JSON cannot say."""
        written = json.dumps(data)
        story = self._story(job_id, time.monotonic())
        story.events.append((f"event-{next(self._ids)}", kind, written))
        del story.events[:-LONGEST]
        story.wake()

    async def read(self, job_id: str, *, after: str | None = None, wait: timedelta) -> tuple[TurnEvent, ...]:
        deadline = time.monotonic() + wait.total_seconds()
        while True:
            now = time.monotonic()
            self._forget(now)
            story = self._stories.get(job_id)
            if story is not None and (found := story.after(after)):
                return tuple(TurnEvent(id=id, kind=kind, data=json.loads(data)) for id, kind, data in found)
            if now >= deadline:
                return ()
            await self._next(job_id, deadline - now)

    async def _next(self, job_id: str, seconds: float) -> None:
        """Until something is added, or the time is up."""
        story = self._stories.get(job_id) or self._story(job_id, time.monotonic())
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        story.waiting.add(future)
        try:
            await asyncio.wait({future}, timeout=seconds)
        finally:
            story.waiting.discard(future)
            future.cancel()

    def _story(self, job_id: str, now: float) -> _Story:
        """A turn's story, with its whole life before it."""
        self._forget(now)
        until = now + self._kept.total_seconds()
        story = self._stories.pop(job_id, None) or _Story(until)
        self._stories[job_id] = story
        story.until = until
        return story

    def _forget(self, now: float) -> None:
        while self._stories:
            job_id, story = next(iter(self._stories.items()))
            if story.until > now:
                return
            del self._stories[job_id]
            story.wake()
