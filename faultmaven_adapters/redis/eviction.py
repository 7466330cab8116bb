"""Whether the Redis that keeps the jobs may throw them away when its memory is full."""

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from .connection import calling


async def evicts(redis: Redis) -> str | None:
    """The ``maxmemory-policy`` by which it would; None where it would not, or does not say, as those that are managed
    by others may not. Raises: Unavailable."""
    async with calling(redis):
        try:
            said = await redis.config_get("maxmemory*")
        except ResponseError:  # not permitted to this user, or to any
            return None
    policy = str(said.get("maxmemory-policy", "noeviction"))
    return None if policy == "noeviction" or said.get("maxmemory", "0") == "0" else policy
