from datetime import datetime, timedelta
from typing import Protocol

from attrs import frozen


@frozen(kw_only=True)
class Allowance:
    """What is left of a bucket. ``reset_at`` is when the next request can pass, or when the bucket is whole again."""

    allowed: bool
    limit: int
    remaining: int
    reset_at: datetime


class RateLimiter(Protocol):
    """Counts requests over a sliding window, shared by all processes. One that fails lets the request pass."""

    async def take(self, bucket: str, *, limit: int, window: timedelta, now: datetime) -> Allowance: ...
