"""What every RateLimiter promises. An adapter's test class inherits this and gives `limiter`."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faultmaven_domain.kernel.limits import RateLimiter

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
#: One limiter serves all examples, each with a bucket of its own; and the suite is run by several classes.
INHERITED = (HealthCheck.function_scoped_fixture, HealthCheck.differing_executors)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


class RateLimiterContract:
    @pytest.fixture
    def limiter(self) -> RateLimiter:
        raise NotImplementedError

    async def test_counts_down_and_refuses(self, limiter: RateLimiter) -> None:
        """Up to the limit requests pass, each leaving one less; the next does not."""
        taken = [await limiter.take("b", limit=3, window=MINUTE, now=NOON + n * SECOND) for n in range(4)]

        assert [each.allowed for each in taken] == [True, True, True, False]
        assert [each.remaining for each in taken] == [2, 1, 0, 0]
        assert {3} == {each.limit for each in taken}

    async def test_says_when_the_next_can_pass(self, limiter: RateLimiter) -> None:
        """While some are left, the reset is when the bucket is whole again; then, when the first request leaves it."""
        taken = [await limiter.take("b", limit=3, window=MINUTE, now=NOON + n * SECOND) for n in range(4)]

        assert [each.reset_at for each in taken] == [
            NOON + MINUTE,
            NOON + MINUTE + SECOND,
            NOON + MINUTE,
            NOON + MINUTE,
        ]

    async def test_keeps_its_word_about_the_reset(self, limiter: RateLimiter) -> None:
        """A microsecond before the reset the request is refused, at the reset it passes."""
        start = NOON + timedelta(microseconds=123_457)
        await limiter.take("b", limit=1, window=MINUTE, now=start)
        refused = await limiter.take("b", limit=1, window=MINUTE, now=start + SECOND)

        assert refused.reset_at == start + MINUTE
        early = await limiter.take("b", limit=1, window=MINUTE, now=refused.reset_at - timedelta(microseconds=1))
        due = await limiter.take("b", limit=1, window=MINUTE, now=refused.reset_at)

        assert [refused.allowed, early.allowed, due.allowed] == [False, False, True]

    async def test_slides(self, limiter: RateLimiter) -> None:
        """No window of a minute, wherever it starts, holds more than the limit: a burst at its edge is not doubled."""
        for _ in range(5):
            await limiter.take("b", limit=5, window=MINUTE, now=NOON + 59 * SECOND)

        assert not (await limiter.take("b", limit=5, window=MINUTE, now=NOON + 61 * SECOND)).allowed
        assert (await limiter.take("b", limit=5, window=MINUTE, now=NOON + 119 * SECOND)).allowed

    async def test_a_refused_request_costs_nothing(self, limiter: RateLimiter) -> None:
        """Whoever hammers at a full bucket does not put the reset off."""
        await limiter.take("b", limit=1, window=MINUTE, now=NOON)
        for n in range(1, 60):
            await limiter.take("b", limit=1, window=MINUTE, now=NOON + n * SECOND)

        assert (await limiter.take("b", limit=1, window=MINUTE, now=NOON + MINUTE)).allowed

    async def test_keeps_buckets_apart(self, limiter: RateLimiter) -> None:
        """One looping client starves nobody else."""
        await limiter.take("ana", limit=1, window=MINUTE, now=NOON)

        assert not (await limiter.take("ana", limit=1, window=MINUTE, now=NOON)).allowed
        assert (await limiter.take("bob", limit=1, window=MINUTE, now=NOON)).allowed

    @pytest.mark.parametrize("before", [0, 2])
    async def test_a_limit_of_none_lets_none_pass(self, limiter: RateLimiter, before: int) -> None:
        """Zero is a limit like another, also for a bucket that has seen requests."""
        for _ in range(before):
            await limiter.take("b", limit=9, window=MINUTE, now=NOON)

        refused = await limiter.take("b", limit=0, window=MINUTE, now=NOON + SECOND)

        assert (refused.allowed, refused.remaining, refused.reset_at) == (False, 0, NOON + MINUTE + SECOND)

    async def test_a_lowered_limit_holds_at_once(self, limiter: RateLimiter) -> None:
        """With more used than is allowed now, the reset is when enough of them have left."""
        for n in range(4):
            await limiter.take("b", limit=4, window=MINUTE, now=NOON + n * SECOND)

        refused = await limiter.take("b", limit=2, window=MINUTE, now=NOON + 5 * SECOND)

        assert (refused.allowed, refused.reset_at) == (False, NOON + MINUTE + 2 * SECOND)

    async def test_many_at_once(self, limiter: RateLimiter) -> None:
        """However many ask in the same moment, exactly the limit passes and no two are told the same remainder."""
        taken = await asyncio.gather(*(limiter.take("b", limit=20, window=MINUTE, now=NOON) for _ in range(100)))

        assert list(range(20)) == sorted(each.remaining for each in taken if each.allowed)

    @settings(max_examples=25, deadline=None, suppress_health_check=INHERITED)
    @given(
        limit=st.integers(1, 4),
        steps=st.lists(st.integers(0, 40), min_size=1, max_size=25),
    )
    async def test_is_the_sliding_window(self, limiter: RateLimiter, limit: int, steps: list[int]) -> None:
        """However requests arrive, one passes exactly when fewer than the limit passed within the window before it."""
        at, passed, bucket = NOON, list[datetime](), str(uuid4())
        for step in steps:
            at += step * SECOND
            recent = [moment for moment in passed if at - moment < MINUTE]

            taken = await limiter.take(bucket, limit=limit, window=MINUTE, now=at)

            assert (len(recent) < limit) == taken.allowed
            if taken.allowed:
                passed.append(at)
