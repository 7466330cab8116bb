from typing import Any

import pytest

from faultmaven_adapters.memory.transactions import memory_transactions
from faultmaven_domain.kernel.job_desk import JobDesk
from faultmaven_domain.kernel.job_relay import JobRelay
from faultmaven_domain.kernel.job_runner import JobRunner
from faultmaven_domain.kernel.job_service import JobBooks, JobService
from faultmaven_domain.kernel.jobs import Job
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.fakes.queue import Postbox

from .coffee import Ask, CoffeeRequested, Row


@pytest.fixture
def books() -> JobBooks:
    return JobBooks({module: memory_transactions(module) for module in ("case", "agent")})


@pytest.fixture
def queue() -> Postbox:
    return Postbox()


@pytest.fixture
def relay(books: JobBooks, queue: Postbox, clock: FakeClock) -> JobRelay:
    return JobRelay(books, queue, clock)


@pytest.fixture
def jobs(books: JobBooks, clock: FakeClock) -> JobService:
    return JobService(books, clock)


@pytest.fixture
def runner(books: JobBooks, clock: FakeClock) -> JobRunner:
    return JobRunner(books, clock)


@pytest.fixture
def ask(books: JobBooks, clock: FakeClock, ids: FakeIds) -> Ask:
    """Asks a module for a job, as its use-cases do."""

    async def ask(module: str = "agent", owner_id: str | None = "usr_ana", subject_id: str = "case_1") -> Job:
        async with books[module].begin() as unit:
            return await JobDesk(books[module], clock).ask(
                unit, CoffeeRequested(job_id=ids.job()), owner_id=owner_id, subject_id=subject_id
            )

    return ask


@pytest.fixture
def row(books: JobBooks) -> Row:
    """A job as it is stored."""

    async def row(job_id: str) -> Job:
        found = [await _get(transactions, job_id) for transactions in books.values()]
        return next(job for job in found if job is not None)

    return row


async def _get(transactions: Any, job_id: str) -> Job | None:
    async with transactions.view() as unit:
        job: Job | None = await unit.jobs.get(job_id)
        return job
