import logging

import pytest
from arq.connections import ArqRedis

from faultmaven_adapters.memory.session_store import MemorySessionStore
from faultmaven_adapters.redis.session_store import RedisSessionStore
from tests.contracts.session_store import MINUTE, NOON, SessionStoreContract, a_session


class TestMemorySessionStore(SessionStoreContract):
    @pytest.fixture
    def store(self) -> MemorySessionStore:
        return MemorySessionStore()


class TestRedisSessionStore(SessionStoreContract):
    @pytest.fixture
    def store(self, redis: ArqRedis) -> RedisSessionStore:
        return RedisSessionStore(redis)

    async def test_a_session_no_version_can_read_has_lapsed(
        self, store: RedisSessionStore, redis: ArqRedis, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What an accident left under a session's key is absent, with a warning that does not repeat it."""
        await store.put(a_session(user_id="ana"), now=NOON)
        for damaged in (b"\xff", b"{}", b'{"session_id": "secret"', b"[1]", b'{"timeout": "x"}'):
            await redis.set("fm:session:ses_1", damaged)

            with caplog.at_level(logging.WARNING):
                assert await store.get("ses_1", now=NOON) is None
            assert await store.of_user("ana", now=NOON) == []
        assert caplog.text.count("cannot be read by this version") == 10
        assert "secret" not in caplog.text

    async def test_a_newer_versions_field_is_ignored(self, store: RedisSessionStore, redis: ArqRedis) -> None:
        """Two versions may share a server: a field this one does not know costs nothing."""
        await store.put(a_session(), now=NOON)
        written = await redis.get("fm:session:ses_1")
        assert written is not None
        await redis.set("fm:session:ses_1", written[:-1] + b',"mood":"fine"}')

        assert a_session() == await store.get("ses_1", now=NOON)

    async def test_everything_lapses_by_itself(self, store: RedisSessionStore, redis: ArqRedis) -> None:
        """Redis itself drops a session at its timeout, and its indexes not before it."""
        await store.put(a_session(user_id="ana"), now=NOON + 10 * MINUTE)

        left = {key: await redis.ttl(key) for key in await redis.keys("*")}

        assert 49 * 60 < left.pop(b"fm:session:ses_1") <= 50 * 60
        assert {b"fm:sessions:client:c1", b"fm:sessions:user:ana"} == set(left)
        assert all(seconds > 50 * 60 for seconds in left.values())

    async def test_indexes_do_not_grow_for_ever(self, store: RedisSessionStore, redis: ArqRedis) -> None:
        """A client that opens a session a day for a month is remembered by its live ones only."""
        for day in range(30):
            at = NOON + day * 24 * 60 * MINUTE
            await store.put(a_session(f"ses_{day}", user_id="ana", at=at), now=at)

        assert await redis.zcard("fm:sessions:client:c1") == 1
        assert await redis.zcard("fm:sessions:user:ana") == 1


async def test_the_memory_store_drops_what_lapsed() -> None:
    """A long-lived process does not collect sessions."""
    store = MemorySessionStore()
    for hour in range(100):
        at = NOON + hour * 60 * MINUTE
        await store.put(a_session(f"ses_{hour}", at=at), now=at)

    assert sum([not await store.delete(f"ses_{hour}") for hour in range(100)]) == 99
