"""How often one caller may ask: one bucket per caller and group of routes, so that none starves another."""

import math
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from attrs import frozen

from faultmaven_adapters.settings import Settings
from faultmaven_domain.kernel.clock import Clock
from faultmaven_domain.kernel.errors import RateLimited
from faultmaven_domain.kernel.limits import Allowance, RateLimiter


class Group(StrEnum):
    READS = "reads"
    CASE_LIST = "case_list"
    WRITES = "writes"
    UPLOADS = "uploads"
    SEARCHES = "searches"
    TURNS = "turns"


@frozen(kw_only=True)
class Rate:
    limit: int
    window: timedelta


@frozen
class Limits:
    limiter: RateLimiter
    clock: Clock
    rates: Mapping[Group, Rate]  # what is not named is not limited

    async def take(self, group: Group | None, caller: str) -> Allowance | None:
        """Count a request; None where nothing limits it."""
        rate = self.rates.get(group) if group is not None else None
        if group is None or rate is None:
            return None
        bucket = f"{group.value}:{caller}"
        return await self.limiter.take(bucket, limit=rate.limit, window=rate.window, now=self.clock.now())

    def check(self, allowance: Allowance) -> None:
        """Raises: RateLimited when it is used up."""
        if not allowance.allowed:
            wait = (allowance.reset_at - self.clock.now()).total_seconds()
            raise RateLimited(retry_after=max(1, math.ceil(wait)), limit=allowance.limit)


def rates_of(settings: Settings) -> dict[Group, Rate]:
    """What the settings allow; empty where limits are off."""
    if not settings.rate_limits:
        return {}
    minute = timedelta(minutes=1)
    rates = {group: Rate(limit=settings.requests_per_minute, window=minute) for group in Group}
    rates[Group.UPLOADS] = Rate(limit=settings.uploads_per_hour, window=timedelta(hours=1))
    rates[Group.SEARCHES] = Rate(limit=settings.searches_per_minute, window=minute)
    return rates


def headers_of(allowance: Allowance) -> dict[str, str]:
    """``Reset`` in whole seconds since 1970."""
    return {
        "X-RateLimit-Limit": str(allowance.limit),
        "X-RateLimit-Remaining": str(allowance.remaining),
        "X-RateLimit-Reset": str(math.ceil(allowance.reset_at.timestamp())),
    }
