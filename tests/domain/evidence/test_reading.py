import asyncio
from datetime import timedelta

import pytest

from faultmaven_domain.evidence import EvidenceNotFound, EvidenceStatus, ExtractionRequested
from faultmaven_domain.kernel.extraction import UnreadableFile
from faultmaven_domain.kernel.files import FileMissing
from faultmaven_domain.kernel.job_desk import WorkCancelled
from faultmaven_domain.kernel.job_service import JobBooks, JobService
from faultmaven_domain.kernel.jobs import JobState
from tests.fakes.people import ANA

from .room import LOG, PNG, Room, requested


def jobs(room: Room) -> JobService:
    return JobService(JobBooks(evidence=room.transactions), room.clock)


class TestReading:
    async def test_a_log(self, room: Room) -> None:
        """A log is read, counted and analysed, and its text lies beside it."""
        evidence = await room.added(await room.case())

        assert (evidence.status, evidence.kind, evidence.line_count) == (EvidenceStatus.READY, "log", 300)
        report = await room.service.report(principal=ANA, evidence_id=evidence.evidence_id)
        assert report is not None
        assert report.line_count == report.record_count == 300
        assert (report.patterns[0].count, report.patterns[0].level) == (39, "ERROR")
        assert (await room.files.download(evidence.text_key)).decode() == LOG

    async def test_a_log_by_another_name(self, room: Room) -> None:
        """What looks like a log is one, whatever it is called."""
        evidence = await room.added(await room.case(), "output.txt")

        assert evidence.kind == "log"
        assert await room.service.report(principal=ANA, evidence_id=evidence.evidence_id) is not None

    @pytest.mark.parametrize(("text", "lines"), [("pool: 10\nsize: 3\n", 2), ("pool: 10", 1), ("a: 1\n\nb: 2", 3)])
    async def test_what_is_no_log(self, room: Room, text: str, lines: int) -> None:
        """A config is read and counted; there is nothing to analyse."""
        evidence = await room.added(await room.case(), "app.yaml", text)

        assert (evidence.status, evidence.kind, evidence.line_count) == (EvidenceStatus.READY, "yaml", lines)
        assert await room.service.report(principal=ANA, evidence_id=evidence.evidence_id) is None

    async def test_as_a_job(self, room: Room) -> None:
        """The job of an upload completes once the file is read."""
        evidence = await room.add(await room.case())
        assert await room.service.report(principal=ANA, evidence_id=evidence.evidence_id) is None

        job = await room.work(evidence)

        assert (job.state, job.progress) == (JobState.COMPLETED, 1.0)
        assert await room.waiting(ExtractionRequested.topic) == []

    async def test_the_job_tells_how_far_it_is(self, room: Room) -> None:
        """Before it is analysed, a log's job is not at its beginning any more."""
        evidence = await room.add(await room.case())

        await room.extract(evidence)

        assert (await jobs(room).get(principal=ANA, job_id=evidence.job_id)).progress == pytest.approx(0.8)

    async def test_twice_does_no_harm(self, room: Room) -> None:
        """The same request again reads nothing and changes nothing."""
        evidence = await room.added(await room.case())
        await room.files.delete(evidence.file_key)

        await room.extract(evidence)

        assert await room.service.get(principal=ANA, evidence_id=evidence.evidence_id) == evidence
        assert room.extractor.read == ["app.log"]

    async def test_twice_at_once_does_no_harm(self, room: Room) -> None:
        """Two workers with the same request leave what one would."""
        case_id = await room.case()
        evidence = await room.add(case_id)

        await asyncio.gather(room.extract(evidence), room.extract(evidence))

        assert (await room.service.of_case(principal=ANA, case_id=case_id))[0].status is EvidenceStatus.READY
        assert (await room.service.list(principal=ANA)).total == 1

    async def test_what_was_never_added(self, room: Room) -> None:
        """A request for nothing is done."""
        await room.service.extract(request=ExtractionRequested(job_id="1", evidence_id="ev_none"))


class TestUnreadable:
    async def test_says_why_and_stays(self, room: Room) -> None:
        """What nothing can be read from is kept as it came; record and job, which names it, say why, after one try."""
        evidence = await room.add(await room.case(), "shot.png", PNG)

        job = await room.work(evidence)

        unread = await room.service.get(principal=ANA, evidence_id=evidence.evidence_id)
        assert unread.status is EvidenceStatus.UNREADABLE
        assert job.error == f"shot.png: {unread.notes[0]}"
        assert (job.state, job.attempts) == (JobState.FAILED, 1)
        assert "plain text" in unread.notes[0]
        assert await room.files.download(evidence.file_key) == PNG

    async def test_again_is_unreadable_again(self, room: Room) -> None:
        """A second delivery says the same."""
        evidence = await room.add(await room.case(), "shot.png", PNG)
        for _ in range(2):
            with pytest.raises(UnreadableFile):
                await room.extract(evidence)

    async def test_a_file_that_was_lost(self, room: Room) -> None:
        """Where the store has lost the file, its record does not wait for ever."""
        evidence = await room.add(await room.case())
        await room.files.delete(evidence.file_key)

        job = await room.work(evidence)

        lost = await room.service.get(principal=ANA, evidence_id=evidence.evidence_id)
        assert job.error == FileMissing().message
        assert (lost.status, lost.notes) == (EvidenceStatus.UNREADABLE, (job.error,))
        assert (await room.service.list(principal=ANA)).items == (lost,)
        assert await room.service.of_case(principal=ANA, case_id=evidence.case_id) == (lost,)

    async def test_a_job_that_was_called_off(self, room: Room) -> None:
        """Reading stops when its owner calls it off, and the record says so."""
        evidence = await room.add(await room.case())

        async def call_off() -> None:
            await jobs(room).cancel(principal=ANA, job_id=evidence.job_id)

        room.extractor.meanwhile.append(call_off)
        with pytest.raises(WorkCancelled):
            await room.extract(evidence)

        stands = await room.service.get(principal=ANA, evidence_id=evidence.evidence_id)
        assert (stands.status, stands.notes) == (EvidenceStatus.UNREADABLE, ("Cancelled.",))
        assert await room.service.report(principal=ANA, evidence_id=evidence.evidence_id) is None


class TestDeletedWhileItIsRead:
    @pytest.mark.parametrize(("filename", "data"), [("app.log", LOG.encode()), ("shot.png", PNG)])
    async def test_stays_deleted(self, room: Room, filename: str, data: bytes) -> None:
        """What was deleted does not come back with what was read of it; what was written meanwhile is swept."""
        evidence = await room.add(await room.case(), filename, data)

        async def delete() -> None:
            await room.service.delete(principal=ANA, evidence_id=evidence.evidence_id)
            [request] = await room.dropped()
            await room.service.drop_files(request=request)

        room.extractor.meanwhile.append(delete)
        await room.work(evidence)

        with pytest.raises(EvidenceNotFound):
            await room.service.get(principal=ANA, evidence_id=evidence.evidence_id)
        async with room.transactions.view() as unit:
            assert await unit.reports.get(evidence.evidence_id) is None
        room.clock.advance(timedelta(hours=25))
        await room.service.sweep()
        assert await room.keys() == []

    async def test_before_it_was_begun(self, room: Room) -> None:
        """Its job has nothing left to do."""
        evidence = await room.add(await room.case())
        await room.service.delete(principal=ANA, evidence_id=evidence.evidence_id)

        await room.service.extract(request=requested(evidence))

        assert room.extractor.read == []
