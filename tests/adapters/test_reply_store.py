from pathlib import Path

import pytest
from arq.connections import ArqRedis

from faultmaven_adapters.memory.reply_store import CROWD, MemoryReplyStore
from faultmaven_adapters.redis.connection import close, connect
from faultmaven_adapters.redis.reply_store import RedisReplyStore
from tests.contracts.reply_store import BLINK, HOUR, REPLY, ReplyStoreContract, a_claim, until_free


class TestMemoryReplyStore(ReplyStoreContract):
    @pytest.fixture
    def store(self) -> MemoryReplyStore:
        return MemoryReplyStore()


class TestRedisReplyStore(ReplyStoreContract):
    @pytest.fixture
    def store(self, redis: ArqRedis) -> RedisReplyStore:
        return RedisReplyStore(redis)

    async def test_keeps_nothing_for_ever(self, store: RedisReplyStore, redis: ArqRedis) -> None:
        """Claims and replies have their end in Redis itself."""
        await store.claim(a_claim(), lease=HOUR)
        assert 3590 < await redis.ttl("fm:reply:k") <= 3600

        await store.keep(a_claim(), REPLY, ttl=2 * HOUR)
        assert 7190 < await redis.ttl("fm:reply:k") <= 7200

    async def test_two_processes_share_it(self, store: RedisReplyStore, redis: ArqRedis) -> None:
        """What one keeps, another gives."""
        await store.claim(a_claim(), lease=HOUR)
        await store.keep(a_claim(), REPLY, ttl=HOUR)

        held = await RedisReplyStore(redis).claim(a_claim("second"), lease=HOUR)

        assert held is not None
        assert held.reply == REPLY

    async def test_survives_a_server_that_forgot_its_scripts(self, store: RedisReplyStore, redis: ArqRedis) -> None:
        """After a restart of Redis every step goes as ever."""
        await redis.script_flush()
        assert await store.claim(a_claim(), lease=HOUR) is None
        await redis.script_flush()
        assert await store.renew(a_claim(), lease=HOUR)
        await redis.script_flush()
        assert await store.keep(a_claim(), REPLY, ttl=HOUR)

    async def test_survives_a_broken_connection(self, store: RedisReplyStore, redis: ArqRedis) -> None:
        """A connection that Redis closed is replaced, and what is sent again is not refused by itself."""
        await store.claim(a_claim(), lease=HOUR)
        await redis.client_kill_filter(_type="normal", skipme=True)
        assert await store.claim(a_claim(), lease=HOUR) is None
        await redis.client_kill_filter(_type="normal", skipme=True)

        assert await store.keep(a_claim(), REPLY, ttl=HOUR)

    async def test_without_redis_every_request_passes(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """Nothing is held or kept, nothing fails, and the log says so once."""
        nowhere = connect(tmp_path / "nobody.sock")
        store = RedisReplyStore(nowhere)

        assert [await store.claim(a_claim(owner), lease=HOUR) for owner in "ab"] == [None, None]
        assert not await store.renew(a_claim("a"), lease=HOUR)
        assert not await store.keep(a_claim("a"), REPLY, ttl=HOUR)
        await store.release(a_claim("a"))

        assert caplog.text.count("the store of replies is away") == 1
        await close(nowhere)


async def test_the_memory_store_forgets_what_lapsed() -> None:
    """However many keys come once, those of the past do not pile up."""
    store = MemoryReplyStore()
    for n in range(CROWD):
        await store.claim(a_claim(key=str(n)), lease=BLINK)
    await until_free(store, a_claim("second", key=str(CROWD - 1)))
    for n in range(CROWD):
        await store.claim(a_claim(key=f"again {n}"), lease=HOUR)

    assert len(store._entries) <= CROWD + 1
