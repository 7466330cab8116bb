import asyncio
from datetime import timedelta
from typing import Any

import pytest

from faultmaven_domain.case import CaseClosed, CaseNotFound
from faultmaven_domain.evidence import (
    ALLOWED_EXTENSIONS,
    EvidenceNotFound,
    EvidenceStatus,
    EvidenceType,
    ExtractionRequested,
)
from faultmaven_domain.kernel.errors import FaultMavenError, InvalidInput, UnsupportedFile
from faultmaven_domain.kernel.files import StoredFile
from faultmaven_domain.kernel.principal import Principal
from tests.fakes.clock import NOON
from tests.fakes.people import ANA, BOB, ROOT

from .room import Room, requested


class TestAdding:
    async def test_keeps_the_record_and_asks_for_it_to_be_read(self, room: Room) -> None:
        """What was uploaded is told at once; reading it is a job of its owner's."""
        case_id = await room.case()
        stored = await room.stored("cpu: 3\n")

        evidence = await room.service.add(
            principal=ANA,
            case_id=case_id,
            filename="limits.yaml",
            stored=stored,
            media_type="application/yaml",
            description="As deployed.",
        )

        assert (evidence.case_id, evidence.owner_id, evidence.filename) == (case_id, "usr_ana", "limits.yaml")
        assert (evidence.file_key, evidence.file_size, evidence.sha256) == (stored.key, 7, stored.sha256)
        assert (evidence.file_type, evidence.description) == ("application/yaml", "As deployed.")
        assert (evidence.status, evidence.uploaded_at) == (EvidenceStatus.PROCESSING, NOON)
        assert (evidence.kind, evidence.line_count, evidence.notes) == (None, None, ())
        assert await room.service.get(principal=ANA, evidence_id=evidence.evidence_id) == evidence
        [message] = await room.waiting(ExtractionRequested.topic)
        assert ExtractionRequested(**message.payload) == requested(evidence)  # type: ignore[arg-type]
        async with room.transactions.view() as unit:
            job = await unit.jobs.get(evidence.job_id)
        assert job is not None
        assert (job.owner_id, job.subject_id) == ("usr_ana", evidence.evidence_id)

    @pytest.mark.parametrize(
        ("filename", "name", "kind"),
        [
            ("app.log", "app.log", EvidenceType.LOG),
            ("SHOT.PNG", "SHOT.PNG", EvidenceType.SCREENSHOT),
            ("cpu.csv", "cpu.csv", EvidenceType.METRIC),
            ("README", "README", EvidenceType.DOCUMENT),
            ("../../etc/ngi\nnx.conf", "nginx.conf", EvidenceType.DOCUMENT),
            ("C:\\logs\\app.log", "app.log", EvidenceType.LOG),
            (".env", ".env", EvidenceType.DOCUMENT),
            ("журнал.log", "журнал.log", EvidenceType.LOG),
        ],
    )
    async def test_a_name_without_its_path(self, room: Room, filename: str, name: str, kind: EvidenceType) -> None:
        """Only the name itself is kept, and what the file most likely is follows from it."""
        evidence = await room.add(await room.case(), filename)

        assert (evidence.filename, evidence.evidence_type) == (name, kind)

    async def test_who_knows_better_says_what_it_is(self, room: Room) -> None:
        """A type that is given is not guessed."""
        assert (await room.add(await room.case(), evidence_type=EvidenceType.OTHER)).evidence_type == "other"

    @pytest.mark.parametrize("extension", ALLOWED_EXTENSIONS)
    async def test_every_extension_of_the_list_is_taken(self, room: Room, extension: str) -> None:
        """In capitals too."""
        assert await room.add(await room.case(), f"FILE{extension.upper()}")

    @pytest.mark.parametrize(
        ("filename", "error"),
        [
            ("virus.exe", UnsupportedFile),
            ("app.log.gz", UnsupportedFile),
            ("", InvalidInput),
            ("..", InvalidInput),
            ("logs/", InvalidInput),
            ("\x00\x1f", InvalidInput),
            ("é" * 126 + ".log", InvalidInput),
        ],
    )
    async def test_what_is_not_taken(self, room: Room, filename: str, error: type[FaultMavenError]) -> None:
        """A wrong name or extension is refused by the field that has it, and nothing is kept."""
        with pytest.raises(error) as refused:
            await room.add(await room.case(), filename)

        assert refused.value.details["field"] == "file"
        assert (await room.service.list(principal=ANA)).total == 0

    async def test_an_unsupported_file_says_what_is_taken(self, room: Room) -> None:
        """The list goes with the refusal."""
        with pytest.raises(UnsupportedFile, match=r"\.exe") as refused:
            await room.add(await room.case(), "virus.exe")
        assert refused.value.details["allowed"] == list(ALLOWED_EXTENSIONS)

    async def test_nothing_and_too_much(self, room: Room) -> None:
        """An empty file and an endless description are refused."""
        case_id = await room.case()
        with pytest.raises(InvalidInput, match="empty"):
            await room.add(case_id, data="")
        with pytest.raises(InvalidInput) as refused:
            await room.add(case_id, description="x" * 5_001)
        assert refused.value.details == {"field": "description"}
        assert (await room.add(case_id, description="x" * 5_000)).description == "x" * 5_000

    async def test_only_to_an_open_case_of_ones_own(self, room: Room) -> None:
        """Neither to another's, nor to one that has ended."""
        case_id = await room.case()
        for principal in (BOB, ROOT):
            with pytest.raises(CaseNotFound):
                await room.add(case_id, by=principal)
        await room.cases.close(principal=ANA, case_id=case_id)
        with pytest.raises(CaseClosed):
            await room.add(case_id)
        assert await room.waiting(ExtractionRequested.topic) == []


class TestReadingTheRecords:
    @pytest.mark.parametrize("stranger", [BOB, ROOT], ids=["another user", "an admin"])
    async def test_nobody_elses(self, room: Room, stranger: Principal) -> None:
        """Another's evidence is absent to every use-case, for admins too."""
        case_id = await room.case()
        evidence = await room.add(case_id)
        asked: dict[str, Any] = {"principal": stranger, "evidence_id": evidence.evidence_id}

        for call in (room.service.get(**asked), room.service.report(**asked), room.service.delete(**asked)):
            with pytest.raises(EvidenceNotFound):
                await call
        for of_case in (
            room.service.of_case(principal=stranger, case_id=case_id),
            room.service.findings(principal=stranger, case_id=case_id, query="timeout"),
            room.service.passages(principal=stranger, case_id=case_id, query="timeout"),
        ):
            with pytest.raises(CaseNotFound):
                await of_case
        assert (await room.service.list(principal=stranger)).items == ()

    async def test_newest_first(self, room: Room) -> None:
        """Of one case, and of all in pages."""
        case_id, other_id = await room.case(), await room.case()
        made = []
        for place in (case_id, other_id, case_id):
            made.append(await room.add(place))
            room.clock.advance(timedelta(minutes=1))

        assert await room.service.of_case(principal=ANA, case_id=case_id) == (made[2], made[0])
        page = await room.service.list(principal=ANA, limit=2, offset=1)
        assert (page.items, page.total) == ((made[1], made[0]), 3)
        with pytest.raises(InvalidInput):
            await room.service.list(principal=ANA, limit=0)

    async def test_a_file_is_in_its_bucket_as_it_came(self, room: Room) -> None:
        """What is stored can be had again, byte for byte."""
        evidence = await room.add(await room.case(), data=b"\xff\x00raw")
        stored = StoredFile(key=evidence.file_key, size=evidence.file_size, sha256=evidence.sha256)

        assert await room.files.download(stored.key) == b"\xff\x00raw"


async def test_the_same_id_is_added_once(room: Room) -> None:
    """Whoever adds under an id again gets what is there, with the file it came with, also once the case has ended."""
    case_id = await room.case()
    first = await room.add(case_id, evidence_id="ev_1", metadata={"source_type": "text_paste", "turn_number": 2})
    await room.extract(first)
    await room.cases.close(principal=ANA, case_id=case_id)

    again = await room.add(case_id, "other.log", evidence_id="ev_1")

    assert (first.evidence_id, first.metadata) == ("ev_1", {"source_type": "text_paste", "turn_number": 2})
    assert again == await room.service.get(principal=ANA, evidence_id="ev_1")
    assert (again.file_key, again.status) == (first.file_key, EvidenceStatus.READY)
    assert len(await room.waiting(ExtractionRequested.topic)) == 1


async def test_many_who_add_under_one_id_get_one(room: Room) -> None:
    """At the same moment too: one is added, and read once."""
    case_id = await room.case()

    added = await asyncio.gather(*[room.add(case_id, evidence_id="ev_1") for _ in range(8)])

    assert {evidence.file_key for evidence in added} == {added[0].file_key}
    assert len(await room.waiting(ExtractionRequested.topic)) == 1


async def test_an_id_is_its_owners_and_its_cases(room: Room) -> None:
    """What is under an id already is given to nobody else, and through no other case."""
    case_id, other = await room.case(), await room.case()
    await room.add(case_id, evidence_id="ev_1")

    with pytest.raises(EvidenceNotFound):
        await room.add(other, evidence_id="ev_1")
    with pytest.raises(EvidenceNotFound):
        await room.add(await room.case(BOB), by=BOB, evidence_id="ev_1")
