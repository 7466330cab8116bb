"""What a worker does while a job runs, whatever becomes of what the job is written down in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from faultmaven_adapters.jobs import JobHandler
from faultmaven_adapters.memory.transactions import memory_transactions
from faultmaven_domain.evidence import EvidenceService, ExtractionRequested
from faultmaven_domain.kernel.errors import Unavailable
from faultmaven_domain.kernel.job_desk import JobDesk, TryAgain
from faultmaven_domain.kernel.job_runner import JobRunner
from faultmaven_domain.kernel.job_service import JobBooks, JobService
from faultmaven_domain.kernel.jobs import BEAT, MAX_ATTEMPTS, JobState
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds

MESSAGE = ExtractionRequested(job_id=FakeIds().job(), evidence_id="ev_1")


class Striking:
    """A module's book in a database that goes away while ``away``."""

    def __init__(self) -> None:
        self.book = memory_transactions("evidence")
        self.away, self.in_vain = False, asyncio.Event()

    @asynccontextmanager
    async def begin(self, *, lasting: bool = True) -> AsyncIterator[Any]:
        if self.away:
            self.in_vain.set()
            raise Unavailable
        async with self.book.begin(lasting=lasting) as unit:
            yield unit

    @asynccontextmanager
    async def view(self) -> AsyncIterator[Any]:
        async with self.book.view() as unit:
            yield unit


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def striking(clock: FakeClock) -> Striking:
    """With a job in it."""
    book = Striking()
    async with book.begin() as unit:
        await JobDesk(book, clock).ask(unit, MESSAGE, owner_id="usr_ana", subject_id="ev_1")  # type: ignore[arg-type]
    return book


def handler(book: Striking, clock: FakeClock, **more: Any) -> JobHandler:
    books = JobBooks(evidence=book)  # type: ignore[arg-type]
    return JobHandler(runner=JobRunner(books, clock), jobs=JobService(books, clock), **more)


async def row(book: Striking) -> Any:
    async with book.view() as unit:
        return await unit.jobs.get(MESSAGE.job_id)


async def test_a_heartbeat_in_vain_stops_no_work(striking: Striking, clock: FakeClock) -> None:
    """A database that is away for a beat costs the job nothing: its work goes on, and ends in the first try."""

    async def work(_: dict[str, Any]) -> None:
        striking.away = True
        await striking.in_vain.wait()
        striking.away = False

    does = handler(striking, clock, services={}, own={MESSAGE.topic: (work, 10 * BEAT)})
    await does(MESSAGE.topic, {}, MESSAGE.job_id)

    job = await row(striking)
    assert (job.state, job.attempts) == (JobState.COMPLETED, 1)


@pytest.mark.parametrize(("patient", "state"), [(True, JobState.QUEUED), (False, JobState.FAILED)])
async def test_a_worker_outlasts_an_outage_and_a_command_does_not(
    striking: Striking, clock: FakeClock, patient: bool, state: JobState
) -> None:
    """A worker tries a file for as long as the store may be away; who does its jobs itself hears of it soon."""

    class Away:
        async def extract(self, *, request: ExtractionRequested) -> None:
            raise Unavailable("The files are away.")

    does = handler(striking, clock, services={EvidenceService: Away()}, patient=patient)
    for _ in range(MAX_ATTEMPTS):
        with suppress(TryAgain):
            await does(MESSAGE.topic, {"job_id": MESSAGE.job_id, "evidence_id": "ev_1"}, MESSAGE.job_id)

    assert ((await row(striking)).state, (await row(striking)).error) == (state, "The files are away.")
