"""A turn as it happens. What is told on the way may be lost with Redis; how it ended is always read from the turn."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from datetime import timedelta

from attrs import define, field

from faultmaven_adapters.library import FaultMaven
from faultmaven_domain.agent import EventKind, Turn, TurnEvent, TurnStatus
from faultmaven_domain.kernel.errors import NotFound, Unavailable
from faultmaven_domain.kernel.principal import Principal

from .views import turn_view
from .wire import Dialect
from .wire.agent import NO_ANSWER
from .wire.events import END, Happening, Kind

log = logging.getLogger("faultmaven.http")
#: How often the turn itself is looked at, and how often where nothing can be heard of it.
LOOK, PAUSE = timedelta(seconds=2), timedelta(seconds=1)
#: How long after an answer its last words may come.
LAST_WORDS = timedelta(seconds=3)
LONGEST_EVENT_ID = 100
GONE = "The case was deleted, and the turn with it."
_KINDS: dict[EventKind, Kind] = {
    EventKind.PROGRESS: "progress",
    EventKind.TOKEN: "token",
    EventKind.RESTART: "restart",
}


async def happenings(
    fm: FaultMaven, dialect: Dialect, *, principal: Principal, turn: Turn, after: str | None
) -> AsyncGenerator[Happening, None]:
    """What happens to a turn after an event, and last how it ended. ``turn`` is the principal's, as it is now.

    With what is read, no more is held than one look gives: the next is taken when its reader comes back for it.
    """
    watch = _Watch(fm, principal, turn, after if after is None or len(after) <= LONGEST_EVENT_ID else None)
    try:
        while not (watch.over and (watch.told_all or watch.after == END)):
            for event in await watch.next():
                if event.kind in _KINDS:
                    yield Happening(id=event.id, kind=_KINDS[event.kind], data=event.data)
        yield await _end(watch, dialect)
    except NotFound:
        yield _failed(GONE)


@define
class _Watch:
    """Where one watcher is. ``told_all`` once the turn has ended and nothing is left that was told of it."""

    fm: FaultMaven
    principal: Principal
    turn: Turn
    after: str | None
    told_all: bool = False
    _looked: float = field(factory=time.monotonic)
    _patient_until: float | None = None
    _away: bool = False

    @property
    def over(self) -> bool:
        return self.turn.status is not TurnStatus.PROCESSING

    async def next(self) -> tuple[TurnEvent, ...]:
        """What was told since; what it waits for is over after a while. Raises: NotFound when the turn is gone."""
        was_over = self.over
        events = await self._told(self._last_words() if was_over else LOOK)
        if events:
            self.after = events[-1].id
        end_told = bool(events) and events[-1].kind is EventKind.ENDED
        if was_over:
            self.told_all = end_told or (not events and self._last_words() == timedelta(0))
        elif end_told or not events or time.monotonic() - self._looked >= LOOK.total_seconds():
            await self._look()
            self.told_all = end_told and self.over
        return events

    def _last_words(self) -> timedelta:
        """How long to wait for what was told before the end: an answer is there a moment before its last words are."""
        if self._patient_until is None:
            self._patient_until = time.monotonic()
            if self.turn.answer is not None:
                age = self.fm.clock.now() - self.turn.answer.created_at
                self._patient_until += min(LAST_WORDS, max(timedelta(0), LAST_WORDS - age)).total_seconds()
        return min(LOOK, timedelta(seconds=max(0.0, self._patient_until - time.monotonic())))

    async def _told(self, wait: timedelta) -> tuple[TurnEvent, ...]:
        try:
            return await self.fm.agent.follow(
                principal=self.principal, job_id=self.turn.job_id, after=self.after, wait=wait
            )
        except Unavailable as error:
            if not self._away:
                log.warning("turn %s cannot be followed, only looked at: %s", self.turn.job_id, error.message)
            self._away = True
            await asyncio.sleep(min(wait, PAUSE).total_seconds())
            return ()

    async def _look(self) -> None:
        self._looked = time.monotonic()
        try:
            self.turn = await self.fm.agent.result(principal=self.principal, job_id=self.turn.job_id)
        except Unavailable as error:
            log.warning("turn %s cannot be looked at: %s", self.turn.job_id, error.message)


async def _end(watch: _Watch, dialect: Dialect) -> Happening:
    """Raises: NotFound when its case is gone."""
    turn = watch.turn
    if turn.answer is None:
        return _failed(turn.error or NO_ANSWER)
    while True:
        try:
            view = await turn_view(watch.fm, principal=watch.principal, turn=turn)
        except Unavailable as error:
            log.warning("turn %s is answered, and its case cannot be looked at: %s", turn.job_id, error.message)
            await asyncio.sleep(LOOK.total_seconds())
        else:
            return Happening(id=END, kind="completed", data=dialect.written(view))


def _failed(why: str) -> Happening:
    return Happening(id=END, kind="failed", data={"error": {"message": why}})
