"""What every Cache promises. An adapter's test class inherits this and gives `cache`."""

import asyncio
from datetime import timedelta

import pytest

from faultmaven_domain.kernel.cache import Cache

HOUR = timedelta(hours=1)


async def until_gone(cache: Cache, key: str) -> None:
    async with asyncio.timeout(20):  # lest a broken one hang the suite
        while await cache.get(key) is not None:  # noqa: ASYNC110 - it goes by itself, and tells nobody
            await asyncio.sleep(0.005)


class CacheContract:
    @pytest.fixture
    def cache(self) -> Cache:
        raise NotImplementedError

    async def test_returns_the_bytes(self, cache: Cache) -> None:
        """Any bytes come back as they were, none at all and NULs included; an unknown key is None."""
        for value in (b"", b"\x00\xff\r\n", bytes(range(256)) * 400):
            await cache.set("k", value, HOUR)

            assert value == await cache.get("k")
        assert await cache.get("other") is None

    async def test_forgets_by_itself(self, cache: Cache) -> None:
        """A short life ends, and another key's long one goes on."""
        await cache.set("short", b"1", timedelta(milliseconds=20))
        await cache.set("long", b"2", HOUR)

        await until_gone(cache, "short")
        assert await cache.get("long") == b"2"

    async def test_a_new_value_has_its_own_life(self, cache: Cache) -> None:
        """Setting a key again replaces its value and how long it lasts."""
        await cache.set("k", b"old", timedelta(milliseconds=20))
        await cache.set("k", b"new", HOUR)
        await cache.set("clock", b"", timedelta(milliseconds=30))
        await until_gone(cache, "clock")

        assert await cache.get("k") == b"new"

    @pytest.mark.parametrize("ttl", [timedelta(0), timedelta(seconds=-1)])
    async def test_no_life_is_no_entry(self, cache: Cache, ttl: timedelta) -> None:
        """A life of zero or less stores nothing and takes away what was there."""
        await cache.set("k", b"old", HOUR)
        await cache.set("k", b"new", ttl)

        assert await cache.get("k") is None

    @pytest.mark.parametrize(
        ("pattern", "forgotten"),
        [
            ("search:*", {"search:a", "search:b:1", "search:"}),
            ("search:a", {"search:a"}),
            ("*:1", {"search:b:1", "x:1"}),
            ("s*:*1", {"search:b:1"}),
            ("*", {"search:a", "search:b:1", "search:", "x:1", "research:a", "\n[x]?\\"}),
            ("[x]*", set()),
            ("search:?", set()),
            ("*[x]?\\", {"\n[x]?\\"}),
            ("", set()),
        ],
    )
    async def test_forgets_by_pattern(self, cache: Cache, pattern: str, forgotten: set[str]) -> None:
        """A star stands for any run of characters, and every other sign for itself."""
        keys = {"search:a", "search:b:1", "search:", "x:1", "research:a", "\n[x]?\\"}
        for key in keys:
            await cache.set(key, b"v", HOUR)

        await cache.invalidate(pattern)

        assert keys - forgotten == {key for key in keys if await cache.get(key) is not None}

    async def test_forgets_only_what_was_there(self, cache: Cache) -> None:
        """What is set after an invalidation stays, though the pattern matches it."""
        await cache.set("search:a", b"old", HOUR)
        await cache.invalidate("search:*")
        await cache.set("search:a", b"new", HOUR)

        assert await cache.get("search:a") == b"new"

    async def test_forgets_thousands(self, cache: Cache) -> None:
        """Invalidating reaches every key, however many there are."""
        await asyncio.gather(*(cache.set(f"search:{n}", b"v", HOUR) for n in range(1_100)))  # more than one look
        await cache.set("kept", b"v", HOUR)

        await cache.invalidate("search:*")

        assert await asyncio.gather(*(cache.get(f"search:{n}") for n in range(0, 1_100, 7))) == [None] * 158
        assert await cache.get("kept") == b"v"
