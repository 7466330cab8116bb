"""Kinds of work do not wait for each other, and a worker may be given to some of them alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from attrs import asdict, evolve

import faultmaven_adapters
from faultmaven_adapters import FaultMaven, Role
from faultmaven_adapters.library import OPERATOR
from faultmaven_adapters.settings import Queue, load_settings
from faultmaven_domain.kernel.events import Outgoing
from faultmaven_domain.kernel.jobs import Job, JobState
from faultmaven_domain.knowledge import EmbeddingRequested
from faultmaven_worker import run_worker

MANY = 1_000
HANGS = 60


@pytest.fixture
async def fm(tmp_path: Path) -> AsyncIterator[FaultMaven]:
    settings = load_settings({"MODEL_DOWNLOAD": "false", "LLM_PROVIDER": "extractive"}, data_dir=tmp_path / "data")
    async with faultmaven_adapters.open(settings=settings, role=Role.WORKER) as opened:
        yield opened


@asynccontextmanager
async def working(fm: FaultMaven, *queues: Queue) -> AsyncIterator[None]:
    """A worker of these queues, or of all."""
    if queues:
        fm = evolve(fm, settings=evolve(fm.settings, worker_queues=queues))
    worker = asyncio.create_task(run_worker(fm))
    try:
        yield
    finally:
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker


async def documents(fm: FaultMaven) -> None:
    """Many that wait to be indexed."""
    async with fm.jobs.books["knowledge"].begin() as unit:
        for n in range(MANY):
            message = EmbeddingRequested(job_id=fm.ids.job(), document_id=f"doc_{n}", content="")
            now, topic = fm.clock.now(), message.topic
            job = Job(
                job_id=message.job_id, kind=topic, owner_id=None, subject_id="", state=JobState.QUEUED, created_at=now
            )
            await unit.jobs.save(job)
            await unit.outbox.put(Outgoing(id=job.job_id, topic=topic, payload=asdict(message)), at=now)


async def waiting(fm: FaultMaven) -> int:
    async with fm.jobs.books["knowledge"].view() as unit:
        return await unit.jobs.waiting(most=2 * MANY)


async def asked(fm: FaultMaven) -> None:
    """A question, and its answer."""
    case = await fm.cases.create(principal=OPERATOR, title="Checkout fails")
    turn = await fm.agent.submit(principal=OPERATOR, case_id=case.case_id, message="Why?")
    async with asyncio.timeout(HANGS):
        assert (await fm.wait_for(turn.job_id)).state is JobState.COMPLETED


async def test_a_question_waits_for_no_upload(fm: FaultMaven) -> None:
    """Behind a thousand documents a question is answered before most of them; and by a worker for questions alone it
    is answered while none of them moves."""
    await documents(fm)
    async with working(fm, Queue.TURNS):
        await asked(fm)
        untouched = await waiting(fm)
    async with working(fm):
        await asked(fm)
        left = await waiting(fm)

    assert untouched == MANY
    assert left > MANY / 2


async def test_a_folder_waits_for_room(tmp_path: Path) -> None:
    """Who teaches more documents than may wait at once has them all taught, one after the other."""
    given = {"MODEL_DOWNLOAD": "false", "LLM_PROVIDER": "extractive", "QUEUE_LIMIT_INGESTION": "1"}
    folder = tmp_path / "runbooks"
    folder.mkdir()
    for n in range(3):
        (folder / f"{n}.md").write_text(f"# Book {n}\n\nWhat to do about {n}.\n")

    async with faultmaven_adapters.open(settings=load_settings(given, data_dir=tmp_path / "data")) as fm:
        taught = await fm.ingest(folder)

    assert [(one.reason, one.document is not None) for one in taught] == [("", True)] * 3
