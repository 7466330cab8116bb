from datetime import timedelta

import pytest

from faultmaven_domain.kernel.errors import Conflict, Forbidden, InvalidInput
from faultmaven_domain.kernel.job_relay import JobRelay
from faultmaven_domain.kernel.job_runner import JobRunner
from faultmaven_domain.kernel.job_service import PARKED_FOR, JobService
from faultmaven_domain.kernel.jobs import Job, JobNotFound, JobState
from tests.fakes.clock import FakeClock
from tests.fakes.death import Killed
from tests.fakes.people import ANA, BOB, ROOT
from tests.fakes.queue import Postbox

from .coffee import Ask, Row


async def nothing() -> None:
    pass


async def die() -> None:
    raise Killed


async def fail(runner: JobRunner, job: Job) -> None:
    """Have the job fail for good."""

    async def wrong() -> None:
        raise InvalidInput("No such cup.")

    await runner.run(job.job_id, wrong)


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
    async def test_off(self, jobs: JobService, relay: JobRelay, clock: FakeClock, ask: Ask) -> None:
        """A job that is called off ends there and is never sent; calling it off twice is no error."""
        job = await ask()

        off = await jobs.cancel(principal=ANA, job_id=job.job_id)

        assert (off.state, off.finished_at) == (JobState.CANCELLED, clock.now())
        assert await jobs.cancel(principal=ANA, job_id=job.job_id) == off
        assert await relay.run() == 0

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


class TestRetrying:
    async def test_a_failed_job(
        self, jobs: JobService, runner: JobRunner, relay: JobRelay, queue: Postbox, ask: Ask, row: Row
    ) -> None:
        """It is as it was when it was asked for, its message is due at once and whole, and it can be done."""
        job = await ask()
        await relay.run()
        await fail(runner, job)
        assert (await relay.run(), queue.ids) == (0, [job.job_id])

        retried = await jobs.retry(principal=ANA, job_id=job.job_id)

        assert retried == job == await row(job.job_id)
        assert await relay.run() == 1
        assert queue.sent[0] == queue.sent[1]
        await runner.run(job.job_id, nothing)
        assert ((await row(job.job_id)).state, (await row(job.job_id)).attempts) == (JobState.COMPLETED, 1)

    async def test_by_whom(self, jobs: JobService, runner: JobRunner, ask: Ask) -> None:
        """Its owner may and an admin may; to another it is not there."""
        job = await ask()
        await fail(runner, job)

        with pytest.raises(JobNotFound):
            await jobs.retry(principal=BOB, job_id=job.job_id)
        assert (await jobs.retry(principal=ROOT, job_id=job.job_id)).state is JobState.QUEUED

    async def test_only_what_failed(self, jobs: JobService, runner: JobRunner, ask: Ask) -> None:
        """What waits, runs, is done or was called off is left as it is, and the refusal says which it is."""
        queued, running, done, off = [await ask() for _ in range(4)]
        await begin(runner, running)
        await runner.run(done.job_id, nothing)
        await jobs.cancel(principal=ANA, job_id=off.job_id)

        for job, word in ((queued, "queued"), (running, "running"), (done, "completed"), (off, "cancelled")):
            before = await jobs.get(principal=ANA, job_id=job.job_id)
            with pytest.raises(Conflict, match=word):
                await jobs.retry(principal=ANA, job_id=job.job_id)
            assert await jobs.get(principal=ANA, job_id=job.job_id) == before
        with pytest.raises(JobNotFound):
            await jobs.retry(principal=ROOT, job_id="none")

    async def test_what_failed_too_long_ago(
        self, jobs: JobService, runner: JobRunner, clock: FakeClock, ask: Ask, row: Row
    ) -> None:
        """Messages of failed jobs are kept for thirty days; those that wait are never let go."""
        old, waiting = await ask(), await ask("case")
        await fail(runner, old)
        clock.advance(PARKED_FOR)
        young = await ask()
        await fail(runner, young)
        assert await jobs.forget_parked() == 0
        clock.advance(timedelta(seconds=1))

        assert await jobs.forget_parked() == 1

        failed = await row(old.job_id)
        with pytest.raises(Conflict, match="not kept"):
            await jobs.retry(principal=ANA, job_id=old.job_id)
        assert await row(old.job_id) == failed
        assert [job.job_id for job in await jobs.retry_failed(principal=ROOT)] == [young.job_id]
        assert (await row(waiting.job_id)).state is JobState.QUEUED

    async def test_all_that_failed(
        self, jobs: JobService, runner: JobRunner, relay: JobRelay, clock: FakeClock, ask: Ask
    ) -> None:
        """Every owner's, of every module, however many; what has not failed stays as it is."""
        failed = [await ask("case") for _ in range(130)] + [await ask(owner_id=None)]
        for job in failed:
            await fail(runner, job)
        done, off = await ask(), await ask()
        await runner.run(done.job_id, nothing)
        await jobs.cancel(principal=ANA, job_id=off.job_id)

        retried = await jobs.retry_failed(principal=ROOT)

        assert sorted(job.job_id for job in retried) == sorted(job.job_id for job in failed)
        assert {job.state for job in retried} == {JobState.QUEUED}
        assert await relay.run() == len(failed)
        assert await jobs.retry_failed(principal=ROOT) == ()

    async def test_all_is_for_admins(self, jobs: JobService) -> None:
        """Nobody else has other people's work done again."""
        with pytest.raises(Forbidden):
            await jobs.retry_failed(principal=ANA)

    async def test_what_failed_cannot_be_called_off(
        self, jobs: JobService, runner: JobRunner, ask: Ask, row: Row
    ) -> None:
        """The refusal leaves its message where it is."""
        job = await ask()
        await fail(runner, job)

        with pytest.raises(Conflict):
            await jobs.cancel(principal=ANA, job_id=job.job_id)
        assert (await jobs.retry(principal=ANA, job_id=job.job_id)).state is JobState.QUEUED


async def test_a_sign_of_life_tells_of_a_call_off(jobs: JobService, runner: JobRunner, ask: Ask) -> None:
    """A worker learns from its own heartbeat that it may stop."""
    job = await ask()
    await begin(runner, job)
    await jobs.cancel(principal=ANA, job_id=job.job_id)

    assert (await jobs.beat(job_id=job.job_id)).state is JobState.CANCELLED
