"""From a message in a queue to the use-case it asks for: the one table both the worker and the library use."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import cattrs
from attrs import field, frozen

from faultmaven_domain.agent import AgentService, ChatTurnRequested, ReportRequested
from faultmaven_domain.case import CaseDeleted, PostMortemRequested
from faultmaven_domain.evidence import EvidenceService, ExtractionRequested, FilesDropped
from faultmaven_domain.kernel.backlog import Backlog
from faultmaven_domain.kernel.errors import FaultMavenError, Unavailable
from faultmaven_domain.kernel.events import Message
from faultmaven_domain.kernel.job_desk import WorkCancelled
from faultmaven_domain.kernel.job_runner import JobRunner
from faultmaven_domain.kernel.job_service import JobService
from faultmaven_domain.kernel.jobs import BEAT, JobState
from faultmaven_domain.knowledge import DocumentDeleted, EmbeddingRequested, KnowledgeService

from .settings import LONGEST_DEADLINE, Settings

log = logging.getLogger(__name__)
#: The longest a model may be given, and time to gather what it reads and to keep what it says.
MODEL_JOB = timedelta(seconds=LONGEST_DEADLINE, minutes=5)
#: Plain errors: a message of an unknown version is to say so itself.
_converter = cattrs.Converter(detailed_validation=False)
_converter.register_structure_hook_func(lambda kind: kind is object, lambda value, _: value)


@frozen
class Job:
    """A message's type, who acts on it, and how long one try may take; ``patient`` where nobody sits and waits."""

    message: type[Message]
    use_cases: tuple[tuple[type, str], ...]
    timeout: timedelta
    patient: bool = True


JOBS: dict[str, Job] = {
    job.message.topic: job
    for job in (
        Job(EmbeddingRequested, ((KnowledgeService, "index"),), timedelta(minutes=30)),
        Job(DocumentDeleted, ((KnowledgeService, "forget"),), timedelta(minutes=2)),
        Job(ExtractionRequested, ((EvidenceService, "extract"),), timedelta(minutes=30)),
        Job(FilesDropped, ((EvidenceService, "drop_files"),), timedelta(minutes=2)),
        Job(ChatTurnRequested, ((AgentService, "answer"),), MODEL_JOB, patient=False),
        Job(PostMortemRequested, ((AgentService, "write_post_mortem"),), MODEL_JOB, patient=False),
        Job(ReportRequested, ((AgentService, "write_report"),), MODEL_JOB, patient=False),
        Job(CaseDeleted, ((EvidenceService, "forget_case"), (AgentService, "forget_case")), timedelta(minutes=5)),
    )
}


def backlog_of(settings: Settings) -> Backlog:
    """What users ask for waits in one of these queues, each with a bound of its own."""
    return Backlog(
        {
            ChatTurnRequested.topic: settings.queue_limit_turns,
            ExtractionRequested.topic: settings.queue_limit_evidence,
            EmbeddingRequested.topic: settings.queue_limit_ingestion,
        }
    )


@frozen
class JobHandler:
    """Does a job: decodes its message, claims its row, runs its use-case, beats while it lasts."""

    services: Mapping[type, object]
    runner: JobRunner
    jobs: JobService
    #: What a process does by itself, by its kind: with the payload, within a time.
    own: Mapping[str, tuple[Callable[[dict[str, Any]], Awaitable[object]], timedelta]] = field(factory=dict)
    #: A worker is there for as long as it takes; whoever ran a single command is told soon.
    patient: bool = False

    async def __call__(self, kind: str, payload: dict[str, Any], job_id: str) -> None:
        """Raises: TryAgain, for the queue."""
        patient = self.patient and kind in JOBS and JOBS[kind].patient
        await self.runner.run(job_id, lambda: self._run(kind, payload, job_id), patient=patient)

    async def _run(self, kind: str, payload: dict[str, Any], job_id: str) -> None:
        if kind in self.own:
            act, timeout = self.own[kind]
            async with asyncio.timeout(timeout.total_seconds()):
                return await self._beating(act(payload), job_id)
        job = JOBS.get(kind)
        if job is None:
            raise FaultMavenError(f"This server knows no job of the kind {kind}.")
        request = _converter.structure(payload, job.message)
        for service, method in job.use_cases:
            use_case: Callable[..., Awaitable[None]] = getattr(self.services[service], method)
            async with asyncio.timeout(job.timeout.total_seconds()):
                await self._beating(use_case(request=request), job_id)

    async def _beating(self, work: Awaitable[object], job_id: str) -> None:
        task = asyncio.ensure_future(work)
        try:
            while True:
                done, _ = await asyncio.wait({task}, timeout=BEAT.total_seconds())
                if done:
                    task.result()
                    return
                try:
                    beaten = await self.jobs.beat(job_id=job_id)
                except Unavailable as error:  # who took the job over meanwhile is noticed once it is back
                    log.warning("job %s shows no sign of life for now: %s", job_id, error.message)
                    continue
                if beaten.state is JobState.CANCELLED:  # or ClaimLost is raised
                    raise WorkCancelled
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
