from datetime import timedelta

import pytest

from faultmaven_domain.kernel.errors import Unavailable
from faultmaven_domain.kernel.job_desk import TryAgain
from faultmaven_domain.kernel.job_relay import AT_ONCE, RESEND_AFTER, JobRelay
from faultmaven_domain.kernel.job_runner import JobRunner
from faultmaven_domain.kernel.job_service import JobBooks
from faultmaven_domain.kernel.jobs import JobState
from tests.fakes.clock import FakeClock
from tests.fakes.queue import Postbox

from .coffee import Ask, Row
from .test_job_service import begin, fail, nothing

SECOND = timedelta(seconds=1)


async def test_sends_what_waits(relay: JobRelay, queue: Postbox, ask: Ask) -> None:
    """Every module's messages go out whole, and only once."""
    first, second = await ask("case"), await ask("agent")

    assert [await relay.run(), await relay.run()] == [2, 0]
    assert queue.ids == [first.job_id, second.job_id]
    assert queue.sent[0].job_type == "jobs.coffee"
    assert queue.sent[0].payload == {"job_id": first.job_id, "version": "1.0", "cups": 1}


async def test_sends_however_many_wait(relay: JobRelay, queue: Postbox, ask: Ask) -> None:
    """More than go in one batch are sent in one go, each once."""
    asked = [await ask() for _ in range(AT_ONCE * 2 + 1)]

    assert await relay.run() == len(asked)
    assert queue.ids == [job.job_id for job in asked]


async def test_sends_again_what_was_lost(relay: JobRelay, queue: Postbox, clock: FakeClock, ask: Ask) -> None:
    """A queue that forgot one message gets it again after a while of silence, and not before."""
    job = await ask()
    await relay.run()

    clock.advance(RESEND_AFTER)
    assert await relay.run() == 0
    clock.advance(SECOND)
    assert await relay.run() == 1
    assert queue.ids == [job.job_id, job.job_id]


async def test_sends_again_what_was_sent_by_another_clock(
    relay: JobRelay, queue: Postbox, clock: FakeClock, ask: Ask
) -> None:
    """What was lost is not forgotten until a clock that was set back an hour, or another host's, has come that far."""
    job = await ask()
    await relay.run()

    clock.advance(-RESEND_AFTER)
    assert await relay.run() == 0
    clock.advance(-SECOND)
    assert [await relay.run(), await relay.run()] == [1, 0]
    assert queue.ids == [job.job_id, job.job_id]


async def test_what_is_new_does_not_wait_for_what_is_old(
    relay: JobRelay, queue: Postbox, clock: FakeClock, ask: Ask
) -> None:
    """However much is to be sent again, a question asked now goes out first."""
    old = [await ask("case") for _ in range(AT_ONCE + 1)]
    await relay.run()
    clock.advance(RESEND_AFTER + SECOND)
    new = await ask("agent")
    queue.sent.clear()

    assert await relay.run() == AT_ONCE + 1
    assert queue.ids == [new.job_id, *[job.job_id for job in old[:AT_ONCE]]]


async def test_leaves_alone_what_is_worked_on(
    relay: JobRelay, runner: JobRunner, queue: Postbox, clock: FakeClock, ask: Ask
) -> None:
    """What a worker has is not sent beside it, whatever its last sign of life: that is for the watch to judge."""
    job = await ask()
    await relay.run()
    await begin(runner, job)
    clock.advance(RESEND_AFTER * 2)
    queue.word = "emptied"

    assert [await relay.run(), await relay.run()] == [0, 0]


async def test_sends_nothing_of_what_has_ended(
    relay: JobRelay, runner: JobRunner, queue: Postbox, clock: FakeClock, ask: Ask
) -> None:
    """A message goes with its job, or is kept where it failed; neither is sent, not even to an emptied queue."""
    await runner.run((await ask()).job_id, nothing)
    await fail(runner, await ask())
    clock.advance(RESEND_AFTER * 2)
    queue.word = "emptied"

    assert await relay.run() == 0


async def test_what_ended_while_it_was_sent_stays_ended(
    relay: JobRelay, runner: JobRunner, books: JobBooks, clock: FakeClock, ask: Ask
) -> None:
    """A worker may be quicker than the note that its job was sent: a message parked by then stays parked."""
    job = await ask()

    class Quick(Postbox):
        async def enqueue(self, *args: object, **kwargs: object) -> str:
            await fail(runner, job)
            return job.job_id

    await JobRelay(books, Quick(), clock).run()
    clock.advance(RESEND_AFTER + SECOND)

    assert await relay.run() == 0
    async with books["agent"].view() as unit:
        assert await unit.outbox.parked() == [job.job_id]


async def test_keeps_what_could_not_be_sent(relay: JobRelay, queue: Postbox, ask: Ask) -> None:
    """A queue that is away loses nothing: what it did not take goes out when it is back."""
    job = await ask()
    queue.away = True
    with pytest.raises(Unavailable):
        await relay.run()

    queue.away = False

    assert await relay.run() == 1
    assert queue.ids == [job.job_id]


@pytest.mark.parametrize("event", ["emptied", "away", "another process"])
async def test_sends_everything_to_a_queue_that_may_have_lost_it(
    relay: JobRelay, books: JobBooks, queue: Postbox, clock: FakeClock, ask: Ask, event: str
) -> None:
    """An emptied queue, one that was away, and one that this process has never sent to get all that waits, at once."""
    asked = [(await ask("case")).job_id for _ in range(AT_ONCE + 1)] + [(await ask("agent")).job_id]
    await relay.run()
    queue.sent.clear()
    clock.advance(-timedelta(hours=1))  # and were the clock set back

    if event == "emptied":
        queue.word = "second"
    elif event == "away":
        queue.away = True
        with pytest.raises(Unavailable):
            await relay.run()
        queue.away = False
    else:
        relay = JobRelay(books, queue, clock)

    assert [await relay.run(), await relay.run()] == [len(asked), 0]
    assert queue.ids == asked


async def test_takes_back_what_a_worker_may_have_held(
    relay: JobRelay, runner: JobRunner, queue: Postbox, clock: FakeClock, ask: Ask
) -> None:
    """Whatever is not sent for the first time is freed in the queue before; what is new costs no such step."""
    new, begun = await ask(), await ask()
    await relay.run()
    queue.taken_back.clear()
    await begin(runner, begun)
    assert await relay.release() == 1
    later = await ask()

    assert await relay.run() == 2
    assert (queue.taken_back, queue.ids[-2:]) == ([begun.job_id], [begun.job_id, later.job_id])
    clock.advance(RESEND_AFTER + SECOND)
    await relay.run()
    assert queue.taken_back[1:] == [new.job_id, begun.job_id, later.job_id]


async def test_release_frees_what_a_dead_server_held(
    relay: JobRelay, runner: JobRunner, queue: Postbox, ask: Ask, row: Row
) -> None:
    """Whoever starts alone waits for no lease: every running job is free, and is sent anew."""
    held, sent, done = [await ask() for _ in range(3)]
    await runner.run(done.job_id, nothing)
    await relay.run()
    await begin(runner, held)

    assert await relay.release() == 1

    freed = await row(held.job_id)
    assert (freed.state, freed.error, freed.attempts) == (JobState.QUEUED, "Its worker died while it ran.", 1)
    assert (await row(done.job_id)).state is JobState.COMPLETED
    assert await relay.run() == 1
    assert queue.ids == [held.job_id, sent.job_id, held.job_id]
    await runner.run(held.job_id, nothing)
    assert (await row(held.job_id)).state is JobState.COMPLETED


async def test_what_is_to_be_tried_again_is_still_kept(
    relay: JobRelay, runner: JobRunner, queue: Postbox, ask: Ask
) -> None:
    """A job that stumbled waits in the outbox too: an emptied queue gets it again."""
    job = await ask()
    await relay.run()

    async def stumble() -> None:
        raise Unavailable

    with pytest.raises(TryAgain):
        await runner.run(job.job_id, stumble)
    queue.word = "emptied"

    assert await relay.run() == 1
    assert queue.ids == [job.job_id, job.job_id]
