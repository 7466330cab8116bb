"""What every ReplyStore promises. An adapter's test class inherits this and gives `store`."""

import asyncio
from datetime import timedelta

import pytest

from faultmaven_domain.kernel.idempotency import Claim, Held, KeptReply, ReplyStore

HOUR, BLINK = timedelta(hours=1), timedelta(milliseconds=20)
REPLY = KeptReply(status=201, headers=(("location", "/cases/é\n"), ("x-a", "")), body=b'{"a":"\xc3\xa9"}\n\x00\xff')


def a_claim(owner: str = "first", *, key: str = "k", fingerprint: str = "f") -> Claim:
    return Claim(key=key, fingerprint=fingerprint, owner=owner)


async def until_free(store: ReplyStore, claim: Claim) -> None:
    async with asyncio.timeout(20):  # lest a broken one hang the suite
        while await store.claim(claim, lease=HOUR) is not None:  # noqa: ASYNC110 - it goes by itself, and tells nobody
            await asyncio.sleep(0.005)


class ReplyStoreContract:
    @pytest.fixture
    def store(self) -> ReplyStore:
        raise NotImplementedError

    async def test_the_first_has_it(self, store: ReplyStore) -> None:
        """Whoever comes first may answer; others are told that someone is at it, and what was asked."""
        first = await store.claim(a_claim(), lease=HOUR)
        second = await store.claim(a_claim("second", fingerprint="another"), lease=HOUR)

        assert first is None
        assert second == Held(fingerprint="f", reply=None)

    async def test_the_same_claim_twice_is_one(self, store: ReplyStore) -> None:
        """A claim that is sent again, as after a broken connection, is not refused by itself."""
        await store.claim(a_claim(), lease=HOUR)

        assert await store.claim(a_claim(), lease=HOUR) is None

    async def test_keys_are_apart(self, store: ReplyStore) -> None:
        """One request holds up no other."""
        await store.claim(a_claim(key="a"), lease=HOUR)

        assert await store.claim(a_claim("second", key="b"), lease=HOUR) is None

    async def test_gives_back_what_was_kept(self, store: ReplyStore) -> None:
        """Status, headers and every byte of the body, to whoever asks, the first included."""
        await store.claim(a_claim(), lease=HOUR)

        assert await store.keep(a_claim(), REPLY, ttl=HOUR)

        for owner in ("first", "second"):
            assert await store.claim(a_claim(owner, fingerprint="g"), lease=HOUR) == Held(fingerprint="f", reply=REPLY)

    async def test_a_released_key_is_free(self, store: ReplyStore) -> None:
        """After a failure the next one may try, also with another request."""
        await store.claim(a_claim(), lease=HOUR)
        await store.release(a_claim())

        assert await store.claim(a_claim("second", fingerprint="g"), lease=HOUR) is None
        assert await store.claim(a_claim("third"), lease=HOUR) == Held(fingerprint="g", reply=None)

    async def test_a_lease_ends_by_itself(self, store: ReplyStore) -> None:
        """Whoever died at it holds nobody up for longer than the lease."""
        await store.claim(a_claim(), lease=BLINK)

        await until_free(store, a_claim("second"))

    async def test_a_lease_is_renewed(self, store: ReplyStore) -> None:
        """Renewed, a claim outlasts the lease it began with; and a renewal can be short, too."""
        await store.claim(a_claim(), lease=BLINK)
        assert await store.renew(a_claim(), lease=HOUR)
        await store.claim(a_claim(key="clock"), lease=2 * BLINK)
        await until_free(store, a_claim("second", key="clock"))

        assert await store.claim(a_claim("second"), lease=HOUR) == Held(fingerprint="f", reply=None)
        assert await store.renew(a_claim(), lease=BLINK)
        await until_free(store, a_claim("second"))

    async def test_a_reply_is_forgotten_in_time(self, store: ReplyStore) -> None:
        """Past its time a reply is gone, and the key means nothing any more."""
        await store.claim(a_claim(), lease=HOUR)
        await store.keep(a_claim(), REPLY, ttl=BLINK)

        await until_free(store, a_claim("second", fingerprint="g"))

    async def test_a_reply_outlasts_the_lease(self, store: ReplyStore) -> None:
        """What is kept has its own time, not what was left of the lease."""
        await store.claim(a_claim(), lease=BLINK)
        await store.keep(a_claim(), REPLY, ttl=HOUR)
        await store.claim(a_claim(key="clock"), lease=2 * BLINK)
        await until_free(store, a_claim("second", key="clock"))

        assert await store.claim(a_claim("second"), lease=HOUR) == Held(fingerprint="f", reply=REPLY)

    async def test_who_lost_the_key_touches_it_no_more(self, store: ReplyStore) -> None:
        """One that was overtaken can neither renew, nor keep, nor let go of what is another's now."""
        await store.claim(a_claim(), lease=BLINK)
        await until_free(store, a_claim("second", fingerprint="g"))

        assert not await store.renew(a_claim(), lease=HOUR)
        assert not await store.keep(a_claim(), REPLY, ttl=HOUR)
        await store.release(a_claim())

        assert await store.claim(a_claim("third"), lease=HOUR) == Held(fingerprint="g", reply=None)

    async def test_who_was_late_but_alone_is_heard(self, store: ReplyStore) -> None:
        """With nobody else at it, a reply is kept although the lease was over."""
        await store.claim(a_claim(), lease=BLINK)
        await until_free(store, a_claim("second"))
        await store.release(a_claim("second"))

        assert not await store.renew(a_claim(), lease=HOUR)
        assert await store.keep(a_claim(), REPLY, ttl=HOUR)
        assert await store.claim(a_claim("third"), lease=HOUR) == Held(fingerprint="f", reply=REPLY)

    async def test_a_kept_reply_stays(self, store: ReplyStore) -> None:
        """Neither a release, nor a renewal, nor another reply changes what was answered."""
        await store.claim(a_claim(), lease=HOUR)
        await store.keep(a_claim(), REPLY, ttl=HOUR)

        await store.release(a_claim())
        assert not await store.renew(a_claim(), lease=BLINK)
        assert not await store.keep(a_claim("second"), KeptReply(status=200, headers=(), body=b""), ttl=HOUR)

        assert await store.claim(a_claim("third"), lease=HOUR) == Held(fingerprint="f", reply=REPLY)

    async def test_the_same_reply_twice_is_one(self, store: ReplyStore) -> None:
        """A reply that is sent again, as after a broken connection, is kept all the same."""
        await store.claim(a_claim(), lease=HOUR)

        assert [await store.keep(a_claim(), REPLY, ttl=HOUR) for _ in range(2)] == [True, True]

    async def test_of_many_at_once_one_has_it(self, store: ReplyStore) -> None:
        """However many come in the same moment, one is let through, and all others are told of it."""
        claims = [a_claim(str(n), fingerprint=str(n)) for n in range(100)]
        found = await asyncio.gather(*(store.claim(claim, lease=HOUR) for claim in claims))

        winners = [claim for claim, held in zip(claims, found, strict=True) if held is None]
        assert len(winners) == 1
        assert {held for held in found if held is not None} == {Held(fingerprint=winners[0].fingerprint, reply=None)}

    async def test_of_many_who_were_let_through_one_is_heard(self, store: ReplyStore) -> None:
        """Of attempts that all lost their lease and answer in the same moment, one answer is kept."""
        claims = [a_claim(str(n)) for n in range(50)]
        replies = [KeptReply(status=200, headers=(), body=str(n).encode()) for n in range(50)]
        kept = await asyncio.gather(*(store.keep(c, r, ttl=HOUR) for c, r in zip(claims, replies, strict=True)))

        assert kept.count(True) == 1
        assert await store.claim(a_claim("last"), lease=HOUR) == Held(fingerprint="f", reply=replies[kept.index(True)])
