from datetime import timedelta
from typing import Protocol


class Cache(Protocol):
    """What may be lost at any moment. A cache that fails behaves as an empty one."""

    async def get(self, key: str) -> bytes | None: ...

    async def set(self, key: str, value: bytes, ttl: timedelta) -> None: ...

    async def invalidate(self, pattern: str) -> None:
        """Forget every key a glob pattern matches (``*`` for any run of characters)."""
        ...
