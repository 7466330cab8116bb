import time
from datetime import timedelta

from attrs import evolve, field, frozen

from faultmaven_domain.kernel.idempotency import Claim, Held, KeptReply

#: From this many keys on, those that lapsed are swept out.
CROWD = 10_000


@frozen(kw_only=True)
class _Entry:
    """``until`` on this machine's running clock, in seconds."""

    claim: Claim
    until: float
    reply: KeptReply | None = None


@frozen
class MemoryReplyStore:
    _entries: dict[str, _Entry] = field(factory=dict, init=False)

    async def claim(self, claim: Claim, *, lease: timedelta) -> Held | None:
        there = self._there(claim.key)
        if there is not None and not _mine(there, claim):
            return Held(fingerprint=there.claim.fingerprint, reply=there.reply)
        if there is None and len(self._entries) >= CROWD:
            self._sweep()
        self._entries[claim.key] = _Entry(claim=claim, until=_end(lease))
        return None

    async def renew(self, claim: Claim, *, lease: timedelta) -> bool:
        there = self._there(claim.key)
        if there is None or not _mine(there, claim):
            return False
        self._entries[claim.key] = evolve(there, until=_end(lease))
        return True

    async def keep(self, claim: Claim, reply: KeptReply, *, ttl: timedelta) -> bool:
        there = self._there(claim.key)
        if there is not None and not _mine(there, claim):
            return there.reply == reply
        self._entries[claim.key] = _Entry(claim=claim, until=_end(ttl), reply=reply)
        return True

    async def release(self, claim: Claim) -> None:
        there = self._there(claim.key)
        if there is not None and _mine(there, claim):
            del self._entries[claim.key]

    def _there(self, key: str) -> _Entry | None:
        entry = self._entries.get(key)
        return entry if entry is not None and time.monotonic() < entry.until else None

    def _sweep(self) -> None:
        now = time.monotonic()
        for lapsed in [key for key, entry in self._entries.items() if entry.until <= now]:
            del self._entries[lapsed]


def _mine(entry: _Entry, claim: Claim) -> bool:
    """Whether this attempt is still at it; once it was answered, it is nobody's."""
    return entry.reply is None and entry.claim.owner == claim.owner


def _end(life: timedelta) -> float:
    return time.monotonic() + life.total_seconds()
