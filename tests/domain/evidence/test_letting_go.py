from datetime import timedelta

import pytest

from faultmaven_domain.case import CaseDeleted
from faultmaven_domain.evidence import EvidenceNotFound
from tests.fakes.people import ANA

from .room import Room


class TestDeleting:
    async def test_the_record_at_once_its_files_soon(self, room: Room) -> None:
        """Record and report go with the request; file and text with the job it asks for, which may come twice."""
        evidence = await room.added(await room.case())
        kept = await room.added(await room.case(), "other.log")

        await room.service.delete(principal=ANA, evidence_id=evidence.evidence_id)

        for call in (room.service.get, room.service.report, room.service.delete):
            with pytest.raises(EvidenceNotFound):
                await call(principal=ANA, evidence_id=evidence.evidence_id)
        [request] = await room.dropped()
        for _ in range(2):
            await room.service.drop_files(request=request)
        assert await room.keys() == [kept.file_key, kept.text_key]

    async def test_a_whole_case(self, room: Room) -> None:
        """A deleted case lets go of all its evidence, in one request, once."""
        case_id, other_id = await room.case(), await room.case()
        gone = [await room.added(case_id, name) for name in ("a.log", "b.log")]
        kept = await room.added(other_id)
        request = CaseDeleted(job_id="1", case_id=case_id)

        for _ in range(2):
            await room.service.forget_case(request=request)

        assert (await room.service.list(principal=ANA)).items == (kept,)
        [dropped] = await room.dropped()
        assert set(dropped.keys) == {key for one in gone for key in (one.file_key, one.text_key)}

    async def test_a_case_without_any(self, room: Room) -> None:
        """Nothing to let go of asks for nothing."""
        await room.service.forget_case(request=CaseDeleted(job_id="1", case_id=await room.case()))

        assert await room.dropped() == []


async def test_uploads_that_never_became_evidence_are_swept(room: Room) -> None:
    """After a day, files without a record go; younger ones, those in use and other rooms' stay."""
    case_id = await room.case()
    used = await room.added(case_id)
    orphan = await room.stored("never added")
    await room.files.upload(f"{orphan.key}.txt", b"text of nothing", "text/plain")
    await room.files.upload("knowledge/f_9", b"another room's", "text/plain")
    room.clock.advance(timedelta(hours=23))
    young = await room.stored("just now")
    room.clock.advance(timedelta(hours=2))

    assert [await room.service.sweep(), await room.service.sweep()] == [2, 0]

    assert await room.keys() == sorted([used.file_key, used.text_key, young.key, "knowledge/f_9"])
