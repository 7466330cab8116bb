from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from attrs import define

from faultmaven_domain.kernel.errors import Unavailable
from faultmaven_domain.kernel.job_relay import JobRelay
from faultmaven_domain.kernel.job_runner import JobRunner
from faultmaven_domain.kernel.job_service import JobBooks, JobService
from faultmaven_domain.kernel.job_watch import OVERSLEPT, JobWatch
from faultmaven_domain.kernel.jobs import BEAT, LEASE, Job, JobState
from tests.fakes.clock import FakeClock

from .coffee import Ask, Row
from .test_job_service import begin, nothing

SECOND = timedelta(seconds=1)


@define
class Host:
    """A machine: its own time of day, and its own count of seconds that goes on at the same pace."""

    clock: FakeClock
    seconds: float = 1_000.0

    def pass_(self, time: timedelta) -> None:
        self.clock.advance(time)
        self.seconds += time.total_seconds()


@pytest.fixture
def host(clock: FakeClock) -> Host:
    return Host(clock)


@pytest.fixture
def watch(books: JobBooks, host: Host) -> JobWatch:
    return JobWatch(books, lambda: host.seconds)


async def watched(
    watch: JobWatch, host: Host, time: timedelta, jobs: JobService | None = None, job: Job | None = None
) -> int | None:
    """Look every second for so long, while a worker beats; gives after how many seconds something was freed."""
    for second in range(int(time / SECOND) + 1):
        if jobs and job and not (second * SECOND) % BEAT:
            await jobs.beat(job_id=job.job_id)
        if await watch.look():
            return second
        host.pass_(SECOND)
    return None


async def test_a_dead_workers_job_is_freed(
    watch: JobWatch, relay: JobRelay, runner: JobRunner, host: Host, ask: Ask, row: Row
) -> None:
    """After a lease of silence, and long before a second one, the job is free and sent; another worker does it."""
    dead, other = await ask(), await ask("case")
    await relay.run()
    await begin(runner, dead)

    assert await watched(watch, host, 2 * LEASE) == 10

    freed = await row(dead.job_id)
    assert (freed.state, freed.attempts, freed.error) == (JobState.QUEUED, 1, "Its worker died while it ran.")
    assert (await row(other.job_id)).attempts == 0
    assert await relay.run() == 1
    await runner.run(dead.job_id, nothing)
    assert ((await row(dead.job_id)).state, (await row(dead.job_id)).attempts) == (JobState.COMPLETED, 2)


async def test_a_live_worker_keeps_its_job(
    watch: JobWatch, runner: JobRunner, jobs: JobService, host: Host, ask: Ask
) -> None:
    """One that beats is never disturbed, however long it takes."""
    job = await ask()
    await begin(runner, job)

    assert await watched(watch, host, 6 * LEASE, jobs, job) is None


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1), timedelta(seconds=-8)])
async def test_a_clock_that_is_set_changes_nothing(
    watch: JobWatch, runner: JobRunner, jobs: JobService, host: Host, ask: Ask, jump: timedelta
) -> None:
    """Set forward or back while a job runs, a clock neither takes it from its worker nor holds it once that died."""
    job = await ask()
    await begin(runner, job)
    assert await watched(watch, host, LEASE, jobs, job) is None

    host.clock.advance(jump)

    assert await watched(watch, host, 3 * LEASE, jobs, job) is None
    host.clock.advance(-jump)
    assert (await watched(watch, host, 2 * LEASE)) in range(1, 13)


@pytest.mark.parametrize("ahead", [timedelta(minutes=5), timedelta(minutes=-5), timedelta(seconds=8)])
async def test_hosts_need_not_agree_on_the_time(
    books: JobBooks, watch: JobWatch, host: Host, ask: Ask, row: Row, ahead: timedelta
) -> None:
    """A worker on a host whose clock is wrong keeps its job while it lives, and no longer."""
    theirs = FakeClock()
    theirs.advance(ahead)
    there = JobRunner(books, theirs)
    job = await ask()
    await begin(there, job)
    beats = JobService(books, theirs)
    for _ in range(8):
        await beats.beat(job_id=job.job_id)
        assert await watched(watch, host, timedelta(seconds=2)) is None
        theirs.advance(3 * SECOND)

    assert (await watched(watch, host, 2 * LEASE)) in range(1, 13)


@pytest.mark.parametrize("ahead", [timedelta(minutes=1), timedelta(minutes=-1)])
async def test_a_worker_whose_beats_are_late_keeps_its_job(
    books: JobBooks, watch: JobWatch, host: Host, ask: Ask, row: Row, ahead: timedelta
) -> None:
    """A beat that took long to be written is no death, whatever the worker's clock says beside the watch's."""
    theirs = FakeClock()
    theirs.advance(ahead)
    job = await ask()
    await begin(JobRunner(books, theirs), job)
    for _ in range(4):
        assert await watched(watch, host, 2 * BEAT + 3 * SECOND) is None
        theirs.advance(2 * BEAT + 4 * SECOND)
        await JobService(books, theirs).beat(job_id=job.job_id)


async def test_one_who_comes_later_waits_a_lease_too(watch: JobWatch, runner: JobRunner, host: Host, ask: Ask) -> None:
    """A server that starts long after a worker's death believes in it after a lease of silence that it heard itself."""
    await begin(runner, await ask())
    host.pass_(timedelta(minutes=1))

    assert await watched(watch, host, 2 * LEASE) == LEASE / SECOND


async def test_one_who_slept_has_seen_nobody_be_silent(
    watch: JobWatch, runner: JobRunner, jobs: JobService, host: Host, ask: Ask
) -> None:
    """A process that was stopped for a while does not take its own workers for dead, which were stopped with it."""
    job = await ask()
    await begin(runner, job)
    await jobs.beat(job_id=job.job_id)
    assert await watch.look() == 0

    host.pass_(timedelta(seconds=OVERSLEPT) * 100)

    assert await watch.look() == 0
    host.pass_(SECOND)
    assert await watched(watch, host, LEASE, jobs, job) is None


async def test_without_a_database_nobody_is_silent(
    books: JobBooks, runner: JobRunner, jobs: JobService, host: Host, ask: Ask
) -> None:
    """Whoever could not look has seen nobody be silent, as workers could not beat either; the dead are found after."""
    job = await ask()
    await begin(runner, job)

    class Struck:
        """The agent's book, in a database that is away for a while."""

        away = False

        def view(self) -> object:
            if self.away:
                raise Unavailable
            return books["agent"].view()

        def begin(self) -> object:
            return books["agent"].begin()

    struck = Struck()
    watch = JobWatch(JobBooks(agent=struck), lambda: host.seconds)  # type: ignore[arg-type]
    assert await watched(watch, host, LEASE, jobs, job) is None
    struck.away = True
    for _ in range(15):
        with pytest.raises(Unavailable):
            await watch.look()
        host.pass_(SECOND)
    struck.away = False

    assert await watch.look() == 0
    assert await watched(watch, host, LEASE, jobs, job) is None
    assert (await watched(watch, host, 2 * LEASE)) in range(1, 13)


async def test_a_sign_of_life_at_the_last_moment_counts(
    books: JobBooks, runner: JobRunner, jobs: JobService, host: Host, ask: Ask, row: Row
) -> None:
    """What is judged silent is looked at once more in the transaction that frees it."""
    job = await ask()
    await begin(runner, job)
    woken: list[Job] = []

    class Waking:
        """The agent's book, whose worker beats between the look and the verdict."""

        def view(self) -> object:
            return books["agent"].view()

        @asynccontextmanager
        async def begin(self) -> AsyncIterator[object]:
            woken.append(await jobs.beat(job_id=job.job_id))
            async with books["agent"].begin() as unit:
                yield unit

    watch = JobWatch(JobBooks(agent=Waking()), lambda: host.seconds)  # type: ignore[arg-type]
    assert await watched(watch, host, timedelta(seconds=9)) is None

    assert await watch.look() == 0
    assert len(woken) == 1
    assert await row(job.job_id) == woken[0]
