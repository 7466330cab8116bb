from datetime import datetime, timedelta

from attrs import field, frozen

from faultmaven_domain.kernel.limits import Allowance

#: From this many buckets on, those that are whole again are swept out.
CROWD = 10_000


@frozen
class MemoryRateLimiter:
    """The requests each bucket let through, by the moments they leave its window."""

    _leaving: dict[str, list[datetime]] = field(factory=dict, init=False)

    async def take(self, bucket: str, *, limit: int, window: timedelta, now: datetime) -> Allowance:
        if len(self._leaving) >= CROWD:
            for whole in [name for name, moments in self._leaving.items() if moments[-1] <= now]:
                del self._leaving[whole]
        moments = [moment for moment in self._leaving.get(bucket, ()) if moment > now]
        allowed = len(moments) < limit
        if allowed:
            moments = sorted([*moments, now + window])
        if moments:
            self._leaving[bucket] = moments
        remaining = max(0, limit - len(moments))
        decisive = len(moments) - (1 if remaining else limit)
        reset_at = moments[decisive] if decisive < len(moments) else now + window
        return Allowance(allowed=allowed, limit=limit, remaining=remaining, reset_at=reset_at)
