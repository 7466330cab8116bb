import re
import time
from collections import OrderedDict
from datetime import timedelta

from attrs import field, frozen


@frozen
class MemoryCache:
    """Holds at most ``size`` entries; the one not asked for the longest makes room."""

    size: int = 10_000
    #: Values with the moment, on this machine's running clock, from which they are no longer there.
    _entries: OrderedDict[str, tuple[bytes, float]] = field(factory=OrderedDict, init=False)

    async def get(self, key: str) -> bytes | None:
        value, until = self._entries.get(key, (None, 0.0))
        if value is None:
            return None
        if until <= time.monotonic():
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return value

    async def set(self, key: str, value: bytes, ttl: timedelta) -> None:
        """Nothing is kept for a ``ttl`` of zero or less."""
        self._entries.pop(key, None)
        if ttl > timedelta(0):
            self._entries[key] = (value, time.monotonic() + ttl.total_seconds())
        while len(self._entries) > self.size:
            self._entries.popitem(last=False)

    async def invalidate(self, pattern: str) -> None:
        doomed = re.compile(".*".join(re.escape(part) for part in pattern.split("*")), re.DOTALL)
        for key in [key for key in self._entries if doomed.fullmatch(key)]:
            del self._entries[key]
