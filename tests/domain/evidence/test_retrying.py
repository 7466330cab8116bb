"""A file that could not be read is read when its job is retried."""

from faultmaven_domain.evidence import EvidenceStatus
from faultmaven_domain.kernel.job_service import JobBooks, JobService
from faultmaven_domain.kernel.jobs import JobState
from tests.fakes.people import ANA

from .room import LOG, PNG, Room


async def retried(room: Room, job_id: str) -> None:
    await JobService(JobBooks(evidence=room.transactions), room.clock).retry(principal=ANA, job_id=job_id)


async def test_a_file_that_is_there_again(room: Room) -> None:
    """What failed because its file was away is read once that is back."""
    evidence = await room.add(await room.case())
    await room.files.delete(evidence.file_key)
    failed = await room.work(evidence)
    await room.files.upload(evidence.file_key, LOG.encode(), "text/plain")

    await retried(room, evidence.job_id)
    done = await room.work(evidence)

    assert (failed.state, done.state, done.attempts) == (JobState.FAILED, JobState.COMPLETED, 1)
    assert (await room.service.get(principal=ANA, evidence_id=evidence.evidence_id)).status is EvidenceStatus.READY
    assert await room.service.report(principal=ANA, evidence_id=evidence.evidence_id) is not None


async def test_a_file_that_was_unreadable(room: Room) -> None:
    """What no reader could read is read by one that can, and nothing is left of the complaint."""
    evidence = await room.add(await room.case(), "app.log", PNG)
    await room.work(evidence)
    unread = await room.service.get(principal=ANA, evidence_id=evidence.evidence_id)
    await room.files.upload(evidence.file_key, LOG.encode(), "text/plain")

    await retried(room, evidence.job_id)
    await room.work(evidence)

    assert unread.status is EvidenceStatus.UNREADABLE
    read = await room.service.get(principal=ANA, evidence_id=evidence.evidence_id)
    assert (read.status, read.notes) == (EvidenceStatus.READY, ())
