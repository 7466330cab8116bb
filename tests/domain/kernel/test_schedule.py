"""What is done by the clock is asked for once an hour, however many look and whatever their clocks say."""

from datetime import UTC, datetime, timedelta

import pytest

from faultmaven_domain.kernel.job_runner import JobRunner
from faultmaven_domain.kernel.job_service import JobBooks
from faultmaven_domain.kernel.jobs import JobState
from faultmaven_domain.kernel.schedule import HOUR, Hourly
from tests.fakes.clock import FakeClock

from .coffee import Row

KIND, MINUTE = "jobs.coffee_break", 17
#: When all workers are started.
NINE = datetime(2026, 3, 14, 9, tzinfo=UTC)
#: Of the workers' clocks from the right time.
WRONG = (timedelta(seconds=-30), timedelta(0), timedelta(seconds=30))


@pytest.fixture
def clocks() -> list[FakeClock]:
    return [FakeClock(NINE + wrong) for wrong in WRONG]


@pytest.fixture
def workers(books: JobBooks, clocks: list[FakeClock]) -> list[Hourly]:
    return [Hourly(books, clock, KIND, MINUTE) for clock in clocks]


async def looked(workers: list[Hourly], clocks: list[FakeClock], pass_by: timedelta) -> int:
    """Every worker looks each ten seconds of this time; how many jobs were asked for."""
    asked = 0
    for _ in range(pass_by // timedelta(seconds=10)):
        for clock in clocks:
            clock.advance(timedelta(seconds=10))
        asked += sum([await worker.look() for worker in workers])
    return asked


async def done(books: JobBooks, clock: FakeClock, worker: Hourly) -> None:
    async def at_once() -> None:
        """Nothing."""

    for module in books:
        await JobRunner(books, clock).run(worker.job_id(module), at_once)


async def test_it_is_asked_for_once(workers: list[Hourly], clocks: list[FakeClock], books: JobBooks, row: Row) -> None:
    """One of three workers with clocks a minute apart asks each module, at the time and not before, done or not."""
    before = await looked(workers, clocks, timedelta(minutes=16))
    at_its_time = await looked(workers, clocks, timedelta(minutes=2))
    await done(books, clocks[1], workers[0])
    after = await looked(workers, clocks, timedelta(minutes=58))

    assert (before, at_its_time, after) == (0, len(books), 0)
    assert (await row(workers[0].job_id("agent"))).state is JobState.COMPLETED
    assert await looked(workers, clocks, timedelta(minutes=2)) == len(books)


async def test_what_is_not_done_is_not_asked_for_twice(workers: list[Hourly], clocks: list[FakeClock]) -> None:
    """A job that still waits when its time comes again stays the one that it is."""
    assert await looked(workers, clocks, timedelta(minutes=18)) > 0
    assert await looked(workers, clocks, 3 * HOUR) == 0


async def test_a_time_nobody_looked_is_made_up_for(
    workers: list[Hourly], clocks: list[FakeClock], books: JobBooks
) -> None:
    """Workers that were all down at the time ask when they are back: once, however many times have passed."""
    await looked(workers, clocks, timedelta(minutes=18))
    await done(books, clocks[1], workers[0])
    for clock in clocks:
        clock.advance(5 * HOUR + timedelta(minutes=20))

    back = [Hourly(books, clock, KIND, MINUTE) for clock in clocks]

    assert await looked(back, clocks, timedelta(minutes=1)) == len(books)


async def test_a_clock_that_was_years_ahead_stops_nothing(
    workers: list[Hourly], clocks: list[FakeClock], books: JobBooks
) -> None:
    """What was asked for by a wrong clock does not hold up the next hours."""
    ahead = FakeClock(NINE + timedelta(days=1_000))
    broken = Hourly(books, ahead, KIND, MINUTE)
    await looked([broken], [ahead], timedelta(minutes=18))
    await done(books, clocks[1], broken)

    assert await looked(workers, clocks, HOUR) == len(books)
