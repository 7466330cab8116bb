"""Results under ``fm:result:{job_id}``, as JSON, for a while."""

import json
from datetime import timedelta
from typing import cast

from attrs import frozen
from redis.asyncio import Redis

from .connection import calling

DEFAULT_TTL = timedelta(hours=1)


@frozen
class RedisResultStore:
    _redis: Redis

    async def get(self, job_id: str) -> dict[str, object] | None:
        """Raises: Unavailable."""
        async with calling(self._redis):
            data = await self._redis.get(f"fm:result:{job_id}")
        return None if data is None else cast("dict[str, object]", json.loads(data))

    async def set(self, job_id: str, result: dict[str, object], ttl: timedelta | None = None) -> None:
        """Raises: Unavailable; TypeError for what JSON cannot say."""
        data = json.dumps(result, separators=(",", ":"))
        async with calling(self._redis):
            await self._redis.set(f"fm:result:{job_id}", data, px=DEFAULT_TTL if ttl is None else ttl)
