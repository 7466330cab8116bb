"""How this server is: asked of the dependencies once a second at most, whoever asks and however often."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Literal

from attrs import define, field, frozen

from faultmaven_domain.kernel.clock import Clock

log = logging.getLogger(__name__)
FRESH = timedelta(seconds=1)
#: How long a caller waits for news, in seconds, before it is told what was known last.
PATIENCE = 0.5
#: What a module cannot do without, and what it can.
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "auth": ("database",),
    "session": ("redis",),
    "case": ("database",),
    "knowledge": ("database", "vectors"),
    "evidence": ("database", "files"),
    "agent": ("database", "redis"),
}
USED: Mapping[str, tuple[str, ...]] = {"knowledge": ("model", "files", "redis"), "agent": ("llm", "vectors", "files")}
Word = Literal["healthy", "degraded", "unhealthy"]
Asked = Callable[[], Awaitable[dict[str, str | None]]]


@frozen(kw_only=True)
class Health:
    """``down`` names the dependencies that do not answer."""

    modules: Collection[str]
    dependencies: Collection[str]
    down: frozenset[str]

    def of(self, module: str) -> Word:
        if self.down.intersection(self._required(module)):
            return "unhealthy"
        return "degraded" if self.down.intersection(USED.get(module, ())) else "healthy"

    def whole(self) -> Word:
        if self.missing():
            return "unhealthy"
        return "degraded" if self.down else "healthy"

    def missing(self) -> frozenset[str]:
        """What is down that a module here cannot do without."""
        return frozenset(name for module in self.modules for name in self._required(module) if name in self.down)

    def _required(self, module: str) -> list[str]:
        """Its own database is called ``database case``."""
        own = {name: f"{name} {module}" for name in REQUIRED[module]}
        return [own[name] if own[name] in self.dependencies else name for name in REQUIRED[module]]


@define
class Probe:
    """Knows the latest answer, and asks again in the background once that is old."""

    ask: Asked
    modules: Collection[str]
    clock: Clock
    _known: dict[str, str | None] = field(factory=dict, init=False)
    _asked_at: datetime | None = field(default=None, init=False)
    _asking: "asyncio.Task[None] | None" = field(default=None, init=False)

    async def health(self) -> Health:
        if self._asked_at is None or abs(self.clock.now() - self._asked_at) > FRESH:
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._ask(), name="health")
            patience = PATIENCE if self._asked_at is not None else None
            await asyncio.wait({self._asking}, timeout=patience)
        down = frozenset(name for name, why in self._known.items() if why is not None)
        return Health(modules=[m for m in REQUIRED if m in self.modules], dependencies=list(self._known), down=down)

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})

    async def _ask(self) -> None:
        try:
            known = await self.ask()
        except Exception:
            log.exception("the dependencies could not be asked how they are")
            known = dict.fromkeys(self._known or ("dependencies",), "They could not be asked.")
        for name, why in known.items():
            if why != self._known.get(name):
                log.warning("%s: %s", name, why or "well again")
        self._known = known
        self._asked_at = self.clock.now()
