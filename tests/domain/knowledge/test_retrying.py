"""A document whose job was given up is indexed when that is retried."""

import pytest

from faultmaven_domain.kernel.errors import Conflict, Unavailable
from faultmaven_domain.kernel.jobs import MAX_ATTEMPTS, JobState
from faultmaven_domain.knowledge import DocumentStatus
from tests.fakes.people import ANA

from .room import Room


async def given_up(room: Room, document_id: str) -> str:
    """Have the model fail as often as it is asked; gives the job."""
    room.model.failures += [Unavailable("The model is away.")] * MAX_ATTEMPTS
    for _ in range(MAX_ATTEMPTS):
        await room.work()
    document = await room.document(document_id)
    assert (document.status, document.error) == (DocumentStatus.FAILED, "The model is away.")
    assert await room.waiting() == []
    return document.job_id


async def test_a_text(room: Room) -> None:
    """It is found, and no error is left."""
    document_id = (await room.add("A", "alpha")).document.document_id
    job_id = await given_up(room, document_id)

    await room.jobs.retry(principal=ANA, job_id=job_id)
    await room.work()

    document = await room.document(document_id)
    assert (document.status, document.error, document.job_id) == (DocumentStatus.READY, None, job_id)
    assert await room.titles("alpha") == ["A"]
    assert (await room.jobs.get(principal=ANA, job_id=job_id)).state is JobState.COMPLETED


async def test_a_file_that_is_there_again(room: Room) -> None:
    """What failed at once because its file was away is read once that is back."""
    stored = await room.put(b"# A\n\nalpha")
    added = await room.knowledge.add_file(principal=ANA, filename="a.md", stored=stored, media_type="text/markdown")
    await room.here.files.delete(stored.key)
    await room.work()
    failed = await room.document(added.document.document_id)
    await room.put(b"# A\n\nalpha", stored.key)

    await room.jobs.retry(principal=ANA, job_id=failed.job_id)
    await room.work()

    assert failed.status is DocumentStatus.FAILED
    assert await room.titles("alpha") == ["A"]


async def test_one_that_has_changed_since(room: Room) -> None:
    """The retry of an older job leaves the newer one's text as it is."""
    document_id = (await room.add("A", "alpha")).document.document_id
    job_id = await given_up(room, document_id)
    await room.knowledge.update(principal=ANA, document_id=document_id, content="beta")
    await room.work()

    await room.jobs.retry(principal=ANA, job_id=job_id)
    await room.work()

    assert (await room.titles("beta"), await room.titles("alpha")) == (["A"], [])
    assert (await room.jobs.get(principal=ANA, job_id=job_id)).state is JobState.COMPLETED


async def test_one_that_was_deleted(room: Room) -> None:
    """Its text is not kept for a retry that would find nothing to do."""
    document_id = (await room.add("A", "alpha")).document.document_id
    job_id = await given_up(room, document_id)
    await room.knowledge.delete(principal=ANA, document_id=document_id)

    with pytest.raises(Conflict, match="not kept"):
        await room.jobs.retry(principal=ANA, job_id=job_id)
