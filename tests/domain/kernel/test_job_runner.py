import asyncio
from datetime import timedelta

import pytest

from faultmaven_adapters.extraction import WorkerDied
from faultmaven_domain.kernel.errors import InvalidInput, Unavailable
from faultmaven_domain.kernel.job_desk import JobDesk, TryAgain, WorkCancelled
from faultmaven_domain.kernel.job_runner import JobRunner
from faultmaven_domain.kernel.job_service import JobBooks, JobService
from faultmaven_domain.kernel.jobs import LEASE, MAX_ATTEMPTS, MAX_DEATHS, MAX_OUTAGES, Job, JobNotFound, JobState
from tests.fakes.clock import FakeClock
from tests.fakes.death import Killed
from tests.fakes.people import ANA

from .coffee import Ask, CoffeeRequested, Row


async def waiting(books: JobBooks, clock: FakeClock) -> list[str]:
    """The messages the outboxes still hold."""
    held = []
    for transactions in books.values():
        async with transactions.view() as unit:
            held += await unit.outbox.due(sent_before=clock.now() + timedelta(days=1))
    return [message.id for message in held]


async def parked(books: JobBooks) -> list[str]:
    """The messages that are kept for a retry."""
    kept = []
    for transactions in books.values():
        async with transactions.view() as unit:
            kept += await unit.outbox.parked()
    return kept


async def taken_over(runner: JobRunner, clock: FakeClock, job: Job) -> Job:
    """Another worker begins the job, a lease later."""
    clock.advance(LEASE)
    async with runner.books["agent"].begin() as unit:
        current = await unit.jobs.get(job.job_id)
        assert current is not None
        return await unit.jobs.save(current.begun(at=clock.now()))


class Work:
    """A use-case that counts its runs and fails as it is told, each time with the next of ``errors``."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.runs = 0

    async def __call__(self) -> None:
        self.runs += 1
        if self.errors:
            raise self.errors.pop(0)


@pytest.mark.parametrize("module", ["case", "agent"])
async def test_done_once(runner: JobRunner, books: JobBooks, clock: FakeClock, ask: Ask, row: Row, module: str) -> None:
    """A job of any module is begun, done, ended and leaves the outbox; delivered again, it is not done again."""
    job, work = await ask(module), Work()

    await runner.run(job.job_id, work)
    await runner.run(job.job_id, work)

    ended = await row(job.job_id)
    assert (ended.state, ended.attempts, ended.progress, ended.finished_at) == (JobState.COMPLETED, 1, 1.0, clock.now())
    assert work.runs == 1
    assert await waiting(books, clock) == []


async def test_a_job_without_a_row_is_let_go(runner: JobRunner) -> None:
    """A message of a job nobody knows is not worked on."""
    work = Work()

    await runner.run("00000000-0000-0000-0000-000000000099", work)

    assert work.runs == 0


async def test_a_held_job_is_left_to_its_worker(runner: JobRunner, clock: FakeClock, ask: Ask, row: Row) -> None:
    """A second delivery waits until the first worker's lease could end, and does nothing meanwhile."""
    job, second = await ask(), Work()

    async def first() -> None:
        clock.advance(LEASE / 4)
        with pytest.raises(TryAgain) as later:
            await runner.run(job.job_id, second)
        assert later.value.delay == LEASE * 3 / 4

    await runner.run(job.job_id, first)

    assert second.runs == 0
    assert (await row(job.job_id)).state is JobState.COMPLETED


async def test_a_dead_workers_job_is_taken_over(runner: JobRunner, clock: FakeClock, ask: Ask, row: Row) -> None:
    """After a lease of silence another worker begins it anew."""
    job, work = await ask(), Work(Killed())
    with pytest.raises(Killed):
        await runner.run(job.job_id, work)
    assert (await row(job.job_id)).state is JobState.RUNNING

    clock.advance(LEASE)
    await runner.run(job.job_id, work)

    ended = await row(job.job_id)
    assert (ended.state, ended.attempts, work.runs) == (JobState.COMPLETED, 2, 2)


async def test_a_job_that_kills_its_workers_is_parked(
    runner: JobRunner, books: JobBooks, clock: FakeClock, ask: Ask, row: Row
) -> None:
    """What no worker survives is not begun for ever; its message is kept, also when it is delivered once more."""
    job, work = await ask(), Work(*[Killed() for _ in range(MAX_DEATHS)])
    for _ in range(MAX_DEATHS):
        with pytest.raises(Killed):
            await runner.run(job.job_id, work)
        clock.advance(LEASE)

    for _ in range(2):
        await runner.run(job.job_id, work)

        given_up = await row(job.job_id)
        assert (given_up.state, given_up.error) == (
            JobState.FAILED,
            "Given up after 10 tries. Its worker died while it ran.",
        )
        assert (await waiting(books, clock), await parked(books)) == ([], [job.job_id])
    assert work.runs == MAX_DEATHS


async def test_a_worker_that_is_told_to_stop_hands_its_job_back(
    runner: JobRunner, books: JobBooks, clock: FakeClock, ask: Ask, row: Row
) -> None:
    """However often the server is stopped while a job runs, the job is begun again and that try does not count."""
    job, work = await ask(), Work(*[asyncio.CancelledError() for _ in range(2 * MAX_ATTEMPTS)])
    for _ in range(2 * MAX_ATTEMPTS):
        with pytest.raises(asyncio.CancelledError):
            await runner.run(job.job_id, work)
        assert ((await row(job.job_id)).state, (await row(job.job_id)).attempts) == (JobState.QUEUED, 0)
    assert await waiting(books, clock) == [job.job_id]

    await runner.run(job.job_id, work)

    assert ((await row(job.job_id)).state, (await row(job.job_id)).attempts) == (JobState.COMPLETED, 1)


async def test_what_waits_for_something_is_handed_back(
    runner: JobRunner, books: JobBooks, clock: FakeClock, ask: Ask, row: Row
) -> None:
    """A use-case that says TryAgain holds no job: however often it does, it is begun again, and no try of it counts."""
    delay = timedelta(milliseconds=100)
    job, work = await ask(), Work(*[TryAgain(delay) for _ in range(2 * MAX_ATTEMPTS)])
    for _ in range(2 * MAX_ATTEMPTS):
        with pytest.raises(TryAgain) as later:
            await runner.run(job.job_id, work)
        assert later.value.delay == delay
        waits = await row(job.job_id)
        assert (waits.state, waits.attempts, waits.heartbeat_at) == (JobState.QUEUED, 0, None)
        assert await waiting(books, clock) == [job.job_id]

    await runner.run(job.job_id, work)

    assert ((await row(job.job_id)).state, (await row(job.job_id)).attempts) == (JobState.COMPLETED, 1)


async def test_waiting_uses_up_no_try(runner: JobRunner, ask: Ask, row: Row) -> None:
    """What waits after it failed once has as many tries left as before."""
    job = await ask()
    for error, attempts in ((Unavailable(), 1), (TryAgain(timedelta(0)), 1), (Unavailable(), 2)):
        with pytest.raises(TryAgain):
            await runner.run(job.job_id, Work(error))
        assert (await row(job.job_id)).attempts == attempts


async def test_called_off_while_it_looked(
    runner: JobRunner, books: JobBooks, jobs: JobService, clock: FakeClock, ask: Ask, row: Row
) -> None:
    """Work that would wait and was called off meanwhile does not come back, and its message is gone."""
    job = await ask()

    async def work() -> None:
        await jobs.cancel(principal=ANA, job_id=job.job_id)
        raise TryAgain(timedelta(0))

    await runner.run(job.job_id, work)

    assert (await row(job.job_id)).state is JobState.CANCELLED
    assert await waiting(books, clock) == []


async def test_what_may_pass_is_tried_again(
    runner: JobRunner, books: JobBooks, clock: FakeClock, ask: Ask, row: Row
) -> None:
    """An outage puts the job back, each time for longer; its owner reads why; the third parks job and message."""
    job, work = await ask(), Work(*[Unavailable("No coffee.") for _ in range(MAX_ATTEMPTS)])
    delays = []
    for _ in range(MAX_ATTEMPTS - 1):
        with pytest.raises(TryAgain) as later:
            await runner.run(job.job_id, work)
        delays.append(later.value.delay.total_seconds())
        put_back = await row(job.job_id)
        assert (put_back.state, put_back.error) == (JobState.QUEUED, "No coffee.")
        assert await waiting(books, clock) == [job.job_id]

    await runner.run(job.job_id, work)

    failed = await row(job.job_id)
    assert (failed.state, failed.attempts, failed.error) == (JobState.FAILED, MAX_ATTEMPTS, "No coffee.")
    assert delays == [2, 4]
    assert (await waiting(books, clock), await parked(books)) == ([], [job.job_id])


async def test_an_outage_is_outlasted(runner: JobRunner, ask: Ask, row: Row) -> None:
    """Where nobody sits and waits, what is away may stay away for a while, and is asked for again every few seconds."""
    job, delays = await ask(), []
    for _ in range(MAX_OUTAGES - 1):
        with pytest.raises(TryAgain) as later:
            await runner.run(job.job_id, Work(Unavailable("No coffee.")), patient=True)
        delays.append(later.value.delay)
        assert (await row(job.job_id)).state is JobState.QUEUED

    await runner.run(job.job_id, Work(Unavailable("No coffee.")), patient=True)

    assert ((await row(job.job_id)).state, (await row(job.job_id)).error) == (JobState.FAILED, "No coffee.")
    assert timedelta(minutes=10) < sum(delays, timedelta(0)) < timedelta(minutes=20)
    assert max(delays) == 1.5 * LEASE


@pytest.mark.parametrize("error", [WorkerDied(), RuntimeError("a bug")])
async def test_patience_is_for_outages_alone(runner: JobRunner, ask: Ask, row: Row, error: Exception) -> None:
    """Work that brings down whatever does it is not tried for a quarter of an hour, nor what nobody expected."""
    job, work = await ask(), Work(*[error] * MAX_ATTEMPTS)
    for _ in range(MAX_ATTEMPTS - 1):
        with pytest.raises(TryAgain):
            await runner.run(job.job_id, work, patient=True)

    await runner.run(job.job_id, work, patient=True)

    assert (await row(job.job_id)).state is JobState.FAILED


async def test_outages_use_up_no_tries(runner: JobRunner, ask: Ask, row: Row) -> None:
    """What goes wrong while something comes back is the first that goes wrong."""
    job = await ask()
    for error in (*[Unavailable()] * 5, RuntimeError("a bug"), Unavailable(), WorkerDied()):
        with pytest.raises(TryAgain):
            await runner.run(job.job_id, Work(error), patient=True)

    await runner.run(job.job_id, Work())

    ended = await row(job.job_id)
    assert (ended.state, ended.outages, ended.attempts) == (JobState.COMPLETED, 6, 9)


async def test_deaths_use_up_no_tries(runner: JobRunner, clock: FakeClock, ask: Ask, row: Row) -> None:
    """A job whose workers died has as many tries left for what goes wrong as any other."""
    job = await ask()
    for _ in range(MAX_DEATHS - 1):
        with pytest.raises(Killed):
            await runner.run(job.job_id, Work(Killed()))
        clock.advance(LEASE)
    delays = []
    for _ in range(MAX_ATTEMPTS - 1):
        with pytest.raises(TryAgain) as later:
            await runner.run(job.job_id, Work(Unavailable()))
        delays.append(later.value.delay.total_seconds())

    await runner.run(job.job_id, Work())

    ended = await row(job.job_id)
    assert (ended.state, ended.deaths, ended.attempts) == (JobState.COMPLETED, 9, 12)
    assert delays == [2, 4]


async def test_what_cannot_pass_fails_at_once(
    runner: JobRunner, books: JobBooks, clock: FakeClock, ask: Ask, row: Row
) -> None:
    """A wrong request is not tried three times."""
    job, work = await ask(), Work(InvalidInput("No such cup."))

    await runner.run(job.job_id, work)

    failed = await row(job.job_id)
    assert (failed.state, failed.attempts, failed.error) == (JobState.FAILED, 1, "No such cup.")
    assert (await waiting(books, clock), await parked(books)) == ([], [job.job_id])


async def test_an_inner_error_is_not_told(runner: JobRunner, ask: Ask, row: Row) -> None:
    """What nobody expected is logged; the owner reads that it happened, and nothing of how we are built."""
    job = await ask()

    with pytest.raises(TryAgain):
        await runner.run(job.job_id, Work(RuntimeError("password=hunter2")))

    assert (await row(job.job_id)).error == "An internal error; the server's log says more."


@pytest.mark.parametrize("late", [None, Unavailable(), InvalidInput()])
async def test_a_worker_that_lost_its_lease_spoils_nothing(
    runner: JobRunner, clock: FakeClock, ask: Ask, row: Row, late: Exception | None
) -> None:
    """Whatever becomes of a worker that was silent too long, the one that took over decides how the job ends."""
    job = await ask()

    async def silent() -> None:
        clock.advance(LEASE)
        await runner.run(job.job_id, second)
        if late is not None:
            raise late

    async def second() -> None:
        pass

    await runner.run(job.job_id, silent)

    assert (await row(job.job_id)).state is JobState.COMPLETED


@pytest.mark.parametrize("late", [None, Unavailable(), InvalidInput(), RuntimeError(), TryAgain(timedelta(0))])
async def test_what_was_taken_over_is_the_new_workers(
    runner: JobRunner, books: JobBooks, clock: FakeClock, ask: Ask, row: Row, late: Exception | None
) -> None:
    """However a worker that lost its lease ends, it changes nothing, and the queue is told to keep the message."""
    job = await ask()
    new: list[Job] = []

    async def paused() -> None:
        new.append(await taken_over(runner, clock, job))
        if late is not None:
            raise late

    with pytest.raises(TryAgain) as later:
        await runner.run(job.job_id, paused)

    assert later.value.delay == LEASE
    assert await row(job.job_id) == new[0]
    assert await waiting(books, clock) == [job.job_id]


async def test_a_worker_that_lost_its_job_and_is_stopped_hands_nothing_back(
    runner: JobRunner, clock: FakeClock, ask: Ask, row: Row
) -> None:
    """The attempt that is not its own any more goes on elsewhere."""
    job = await ask()
    new: list[Job] = []

    async def paused() -> None:
        new.append(await taken_over(runner, clock, job))
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await runner.run(job.job_id, paused)

    assert await row(job.job_id) == new[0]


async def test_a_paused_workers_signs_of_life_are_not_taken_down(
    runner: JobRunner, jobs: JobService, clock: FakeClock, ask: Ask, row: Row
) -> None:
    """It neither keeps the new worker's lease up nor moves its progress, and its own heartbeat tells it to stop."""
    job = await ask()
    new: list[Job] = []

    async def paused() -> None:
        new.append(await taken_over(runner, clock, job))
        clock.advance(LEASE / 2)
        await JobDesk(runner.books["agent"], clock).progress(job.job_id, 0.9)
        await jobs.beat(job_id=job.job_id)
        raise AssertionError("it was not told")

    with pytest.raises(TryAgain):
        await runner.run(job.job_id, paused)

    assert await row(job.job_id) == new[0]


async def test_a_paused_worker_hears_that_its_job_has_ended(
    runner: JobRunner, jobs: JobService, clock: FakeClock, ask: Ask, row: Row
) -> None:
    """When the other one is done already there is nothing more to deliver."""
    job = await ask()
    ended: list[Job] = []

    async def paused() -> None:
        clock.advance(LEASE)
        await runner.run(job.job_id, Work())
        ended.append(await row(job.job_id))
        await jobs.beat(job_id=job.job_id)

    await runner.run(job.job_id, paused)

    assert await row(job.job_id) == ended[0]
    assert (ended[0].state, ended[0].attempts) == (JobState.COMPLETED, 2)


async def test_signs_of_life_of_a_worker_that_holds_its_job(
    runner: JobRunner, jobs: JobService, clock: FakeClock, ask: Ask, row: Row
) -> None:
    """They are taken down, each at its time."""
    job = await ask()
    seen: list[Job] = []

    async def work() -> None:
        clock.advance(LEASE / 2)
        await JobDesk(runner.books["agent"], clock).progress(job.job_id, 0.5)
        clock.advance(LEASE / 4)
        seen.append(await jobs.beat(job_id=job.job_id))

    await runner.run(job.job_id, work)

    assert (seen[0].heartbeat_at, seen[0].progress, seen[0].attempts) == (clock.now(), 0.5, 1)
    assert (await row(job.job_id)).state is JobState.COMPLETED


async def test_called_off_while_it_ran(runner: JobRunner, jobs: JobService, ask: Ask, row: Row) -> None:
    """Work that hears of it stops; the job stays called off and is not begun again."""
    job = await ask()

    async def work() -> None:
        await jobs.cancel(principal=ANA, job_id=job.job_id)
        await JobDesk(runner.books["agent"], runner.clock).progress(job.job_id, 0.5)
        raise AssertionError("it went on")

    await runner.run(job.job_id, work)
    again = Work()
    await runner.run(job.job_id, again)

    assert ((await row(job.job_id)).state, again.runs) == (JobState.CANCELLED, 0)


async def test_called_off_too_late(runner: JobRunner, jobs: JobService, ask: Ask, row: Row) -> None:
    """Work that never asked is done all the same, and the job stays called off."""
    job = await ask()

    async def work() -> None:
        await jobs.cancel(principal=ANA, job_id=job.job_id)

    await runner.run(job.job_id, work)

    assert (await row(job.job_id)).state is JobState.CANCELLED


@pytest.mark.parametrize("error", [None, Unavailable()])
async def test_a_row_that_vanished(runner: JobRunner, jobs: JobService, ask: Ask, error: Exception | None) -> None:
    """A job whose row is gone when its work ends has nothing to end."""
    job = await ask()

    async def work() -> None:
        async with runner.books["agent"].begin() as unit:
            await unit.jobs.delete(job.job_id)
        if error is not None:
            raise error

    await runner.run(job.job_id, work)

    assert await jobs.list(principal=ANA) == ()


class TestDesk:
    async def test_progress_is_a_sign_of_life(self, runner: JobRunner, clock: FakeClock, ask: Ask, row: Row) -> None:
        """A share done is stored with its time, and never taken back."""
        job = await ask()
        desk = JobDesk(runner.books["agent"], clock)

        await desk.progress(job.job_id, 0.7)
        at = clock.advance(timedelta(seconds=3))
        await desk.progress(job.job_id, 0.2)

        stored = await row(job.job_id)
        assert (stored.progress, stored.heartbeat_at) == (0.7, at)

    async def test_progress_of_no_job(self, runner: JobRunner, clock: FakeClock) -> None:
        """Nobody can be told how far a job is that is not there."""
        with pytest.raises(JobNotFound):
            await JobDesk(runner.books["agent"], clock).progress("none", 0.5)

    async def test_a_rolled_back_use_case_asks_for_nothing(
        self, books: JobBooks, clock: FakeClock, ask: Ask, jobs: JobService
    ) -> None:
        """The job and its message are of the transaction that makes them necessary."""

        async def use_case() -> None:
            async with books["agent"].begin() as unit:
                await JobDesk(books["agent"], clock).ask(
                    unit, CoffeeRequested(job_id="1"), owner_id=ANA.user_id, subject_id="cup"
                )
                raise WorkCancelled

        with pytest.raises(WorkCancelled):
            await use_case()

        assert await jobs.list(principal=ANA) == ()
        assert await waiting(books, clock) == []
