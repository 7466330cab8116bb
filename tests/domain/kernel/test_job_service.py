from datetime import timedelta

import pytest

from faultmaven_domain.kernel.errors import Conflict, InvalidInput, Unavailable
from faultmaven_domain.kernel.job_runner import JobRunner
from faultmaven_domain.kernel.job_service import RESEND_AFTER, JobBooks, JobService
from faultmaven_domain.kernel.jobs import LEASE, Job, JobNotFound, JobState
from tests.fakes.clock import FakeClock
from tests.fakes.death import Killed
from tests.fakes.people import ANA, BOB, ROOT
from tests.fakes.queue import Postbox

from .coffee import Ask, Row


@pytest.fixture
def queue() -> Postbox:
    return Postbox()


@pytest.fixture
def jobs(books: JobBooks, queue: Postbox, clock: FakeClock) -> JobService:
    return JobService(books, queue, clock)


@pytest.fixture
def runner(books: JobBooks, clock: FakeClock) -> JobRunner:
    return JobRunner(books, clock)


async def nothing() -> None:
    pass


async def die() -> None:
    raise Killed


async def begin(runner: JobRunner, job: Job) -> None:
    """Leave the job in the hands of a worker that has just died."""
    with pytest.raises(Killed):
        await runner.run(job.job_id, die)


class TestReading:
    async def test_newest_first_of_all_modules(self, jobs: JobService, clock: FakeClock, ask: Ask) -> None:
        """One list over every module's book."""
        made = []
        for module in ("case", "agent", "case"):
            made.append(await ask(module))
            clock.advance(timedelta(seconds=1))

        assert await jobs.list(principal=ANA) == tuple(reversed(made))
        assert await jobs.list(principal=ANA, limit=2) == (made[2], made[1])

    async def test_each_sees_their_own(self, jobs: JobService, ask: Ask) -> None:
        """Another user's job is absent; an admin sees everyone's, and those that are nobody's."""
        anas, nobodys = await ask(owner_id="usr_ana"), await ask("case", owner_id=None)

        assert await jobs.list(principal=ANA) == (anas,)
        assert await jobs.list(principal=BOB) == ()
        assert set(await jobs.list(principal=ROOT)) == {anas, nobodys}
        assert await jobs.get(principal=ANA, job_id=anas.job_id) == anas
        assert await jobs.get(principal=ROOT, job_id=anas.job_id) == anas
        for principal, job in ((BOB, anas), (ANA, nobodys)):
            with pytest.raises(JobNotFound):
                await jobs.get(principal=principal, job_id=job.job_id)

    async def test_by_the_contracts_words(self, jobs: JobService, runner: JobRunner, ask: Ask) -> None:
        """Processing holds what is queued and what runs; failed holds what was called off."""
        queued, running, done, off = [await ask() for _ in range(4)]
        await begin(runner, running)
        await runner.run(done.job_id, nothing)
        await jobs.cancel(principal=ANA, job_id=off.job_id)

        async def of(status: str) -> set[str]:
            return {job.job_id for job in await jobs.list(principal=ANA, status=status)}

        assert await of("processing") == {queued.job_id, running.job_id}
        assert await of("completed") == {done.job_id}
        assert await of("failed") == {off.job_id}

    @pytest.mark.parametrize(
        ("arguments", "field"), [({"status": "queued"}, "status"), ({"limit": 0}, "limit"), ({"limit": 1001}, "limit")]
    )
    async def test_what_cannot_be_asked(self, jobs: JobService, arguments: dict[str, object], field: str) -> None:
        """An unknown word or a wild limit is refused by name."""
        with pytest.raises(InvalidInput) as refused:
            await jobs.list(principal=ANA, **arguments)  # type: ignore[arg-type]
        assert refused.value.details["field"] == field


class TestCalling:
    async def test_off(self, jobs: JobService, queue: Postbox, clock: FakeClock, ask: Ask) -> None:
        """A job that is called off ends there and is never sent; calling it off twice is no error."""
        job = await ask()

        off = await jobs.cancel(principal=ANA, job_id=job.job_id)

        assert (off.state, off.finished_at) == (JobState.CANCELLED, clock.now())
        assert await jobs.cancel(principal=ANA, job_id=job.job_id) == off
        assert await jobs.relay() == 0

    async def test_off_after_its_end(self, jobs: JobService, runner: JobRunner, ask: Ask) -> None:
        """What is done cannot be called off."""
        job = await ask()
        await runner.run(job.job_id, nothing)

        with pytest.raises(Conflict, match="already completed"):
            await jobs.cancel(principal=ANA, job_id=job.job_id)

    async def test_off_by_someone_else(self, jobs: JobService, ask: Ask, row: Row) -> None:
        """Another user cannot, an admin can."""
        job = await ask()

        with pytest.raises(JobNotFound):
            await jobs.cancel(principal=BOB, job_id=job.job_id)
        assert (await row(job.job_id)).state is JobState.QUEUED
        assert (await jobs.cancel(principal=ROOT, job_id=job.job_id)).state is JobState.CANCELLED

    async def test_unknown(self, jobs: JobService) -> None:
        """There is nothing to read, to call off or to keep alive."""
        for call in (jobs.get(principal=ROOT, job_id="none"), jobs.cancel(principal=ROOT, job_id="none")):
            with pytest.raises(JobNotFound):
                await call
        with pytest.raises(JobNotFound):
            await jobs.beat(job_id="none")


class TestRelaying:
    async def test_sends_what_waits(self, jobs: JobService, queue: Postbox, ask: Ask) -> None:
        """Every module's messages go out whole, and only once."""
        first, second = await ask("case"), await ask("agent")

        assert [await jobs.relay(), await jobs.relay()] == [2, 0]
        assert queue.ids == [first.job_id, second.job_id]
        assert queue.sent[0].job_type == "jobs.coffee"
        assert queue.sent[0].payload == {"job_id": first.job_id, "version": "1.0", "cups": 1}

    async def test_sends_again_what_was_lost(
        self, jobs: JobService, queue: Postbox, clock: FakeClock, ask: Ask
    ) -> None:
        """A queue that forgot a message gets it again after a while of silence, and not before."""
        job = await ask()
        await jobs.relay()

        clock.advance(RESEND_AFTER)
        assert await jobs.relay() == 0
        clock.advance(timedelta(seconds=1))
        assert await jobs.relay() == 1
        assert queue.ids == [job.job_id, job.job_id]

    async def test_leaves_alone_what_is_worked_on(
        self, jobs: JobService, runner: JobRunner, clock: FakeClock, ask: Ask
    ) -> None:
        """A worker's sign of life keeps the message from being sent beside it; its death lets it go out again."""
        job = await ask()
        await jobs.relay()
        await begin(runner, job)
        clock.advance(RESEND_AFTER + timedelta(seconds=1))
        await jobs.beat(job_id=job.job_id)

        assert await jobs.relay() == 0
        clock.advance(RESEND_AFTER + LEASE)
        assert await jobs.relay() == 1

    async def test_sends_nothing_of_what_has_ended(
        self, jobs: JobService, runner: JobRunner, clock: FakeClock, ask: Ask
    ) -> None:
        """A message goes with its job."""
        job = await ask()
        await runner.run(job.job_id, nothing)
        clock.advance(RESEND_AFTER * 2)

        assert await jobs.relay() == 0

    async def test_keeps_what_could_not_be_sent(self, jobs: JobService, queue: Postbox, ask: Ask) -> None:
        """A queue that is away loses nothing: what it did not take goes out when it is back."""
        job = await ask()
        queue.away = True
        with pytest.raises(Unavailable):
            await jobs.relay()

        queue.away = False

        assert await jobs.relay() == 1
        assert queue.ids == [job.job_id]


async def test_release_frees_what_a_dead_server_held(
    jobs: JobService, runner: JobRunner, queue: Postbox, ask: Ask, row: Row
) -> None:
    """Whoever starts alone waits for no lease: every running job is free, and every message goes out anew."""
    held, sent, done = [await ask() for _ in range(3)]
    await runner.run(done.job_id, nothing)
    await jobs.relay()
    await begin(runner, held)

    assert await jobs.release() == 1

    freed = await row(held.job_id)
    assert (freed.state, freed.error, freed.attempts) == (JobState.QUEUED, "Its worker died while it ran.", 1)
    assert (await row(done.job_id)).state is JobState.COMPLETED
    assert await jobs.relay() == 2
    assert queue.ids == [held.job_id, sent.job_id] * 2
    await runner.run(held.job_id, nothing)
    assert (await row(held.job_id)).state is JobState.COMPLETED


async def test_a_sign_of_life_tells_of_a_call_off(jobs: JobService, runner: JobRunner, ask: Ask) -> None:
    """A worker learns from its own heartbeat that it may stop."""
    job = await ask()
    await begin(runner, job)
    await jobs.cancel(principal=ANA, job_id=job.job_id)

    assert (await jobs.beat(job_id=job.job_id)).state is JobState.CANCELLED
