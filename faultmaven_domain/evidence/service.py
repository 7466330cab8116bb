import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import aclosing
from datetime import timedelta

from attrs import evolve, frozen

from ..case import CaseDeleted
from ..kernel.backlog import UNBOUNDED, Backlog
from ..kernel.clock import Clock
from ..kernel.errors import InvalidInput
from ..kernel.extraction import Extracted, Offload, PromptOffload, TextExtractor, UnreadableFile
from ..kernel.files import Contents, FileMissing, FileProvider, StoredFile
from ..kernel.ids import IdSource
from ..kernel.job_desk import JobDesk
from ..kernel.jobs import JobState
from ..kernel.paging import Page, check_paging
from ..kernel.principal import Principal
from .analysis import LogReport, analyse_log, lines_of, looks_like_log, suspects, timeline
from .errors import EvidenceNotFound
from .events import ExtractionRequested, FilesDropped
from .models import (
    CaseFindings,
    Evidence,
    EvidenceStatus,
    EvidenceType,
    FileSummary,
    Finding,
    checked_filename,
    type_of,
)
from .ports import Cases, EvidenceTransactions, EvidenceUnitOfWork
from .reading import TextSeen
from .search import names_in, search_lines

#: Where this room's files lie in the store.
PREFIX = "evidence/"
ORPHANED_AFTER = timedelta(hours=24)


def analysed(pieces: Iterable[bytes]) -> Iterator[LogReport]:
    """The one report of a log's text."""
    yield analyse_log(lines_of(pieces))


@frozen
class EvidenceService:
    transactions: EvidenceTransactions
    cases: Cases
    files: FileProvider
    extractor: TextExtractor
    offload: Offload
    prompt: PromptOffload
    clock: Clock
    ids: IdSource
    backlog: Backlog = UNBOUNDED

    async def add(
        self,
        *,
        principal: Principal,
        case_id: str,
        filename: str,
        stored: StoredFile,
        media_type: str = "application/octet-stream",
        evidence_type: EvidenceType | None = None,
        description: str = "",
        evidence_id: str | None = None,
        metadata: dict[str, object] | None = None,
    ) -> Evidence:
        """Put a stored file into an open case and ask for it to be read.

        ``evidence_id``: evidence of this id is added once, and given again as it stands, with the file it came with.

        Raises: CaseNotFound; CaseClosed; InvalidInput; UnsupportedFile; EvidenceNotFound where ``evidence_id`` is
        another case's or user's; QueueFull. The file itself is then an orphan, swept later.
        """
        name = checked_filename(filename)
        if stored.size == 0:
            raise InvalidInput("The file is empty.", field="file")
        if len(description) > 5_000:
            raise InvalidInput("description has at most 5000 characters.", field="description")
        case = await self.cases.get(principal=principal, case_id=case_id)
        evidence = Evidence(
            evidence_id=evidence_id or self.ids.new("ev"),
            case_id=case_id,
            owner_id=principal.user_id,
            filename=name,
            file_key=stored.key,
            file_size=stored.size,
            file_type=media_type,
            sha256=stored.sha256,
            evidence_type=evidence_type or type_of(name),
            description=description,
            status=EvidenceStatus.PROCESSING,
            job_id=self.ids.job(),
            uploaded_at=self.clock.now(),
            metadata=metadata or {},
        )
        async with self.transactions.begin() as unit:
            if evidence_id is not None and (known := await _known(unit, evidence_id, principal, case_id)):
                return known
            case.require_open()
            await self.backlog.check(unit, ExtractionRequested, owner_id=principal.user_id)
            await unit.evidence.save(evidence)
            message = ExtractionRequested(job_id=evidence.job_id, evidence_id=evidence.evidence_id)
            await self._desk().ask(unit, message, owner_id=principal.user_id, subject_id=evidence.evidence_id)
        return evidence

    async def extract(self, *, request: ExtractionRequested) -> None:
        """Read and analyse what was uploaded; the same request again does no harm. A file without text stays stored.

        Raises: UnreadableFile, once the record says why.
        """
        async with self.transactions.view() as unit:
            evidence = await unit.evidence.get(request.evidence_id)
        if evidence is None or evidence.status is EvidenceStatus.READY:
            return
        try:
            read, seen = await self._read(evidence)
        except UnreadableFile as error:
            async with self.transactions.begin() as unit:
                unread = evolve(evidence, status=EvidenceStatus.UNREADABLE, notes=(error.message,))
                await self._save_if_there(unit, unread)
            raise UnreadableFile(f"{evidence.filename}: {error.message}") from error
        await self._desk().progress(request.job_id, 0.4)
        report = None
        if read.kind == "log" or looks_like_log(seen.head):
            report = await self._analysed(evidence)
            await self._desk().progress(request.job_id, 0.8)
        ready = evolve(
            evidence,
            status=EvidenceStatus.READY,
            kind="log" if report else read.kind,
            line_count=seen.lines,
            notes=read.notes,
        )
        async with self.transactions.begin() as unit:
            if await self._save_if_there(unit, ready) and report is not None:
                await unit.reports.set(evidence.evidence_id, report)

    async def get(self, *, principal: Principal, evidence_id: str) -> Evidence:
        """Raises: EvidenceNotFound, also for another user's."""
        async with self.transactions.view() as unit:
            return await _as_it_stands(unit, await self._own(unit, principal, evidence_id))

    async def report(self, *, principal: Principal, evidence_id: str) -> LogReport | None:
        """What the log shows; None for what is no log or not read yet. Raises: EvidenceNotFound."""
        async with self.transactions.view() as unit:
            await self._own(unit, principal, evidence_id)
            return await unit.reports.get(evidence_id)

    async def of_case(self, *, principal: Principal, case_id: str) -> tuple[Evidence, ...]:
        """Newest first. Raises: CaseNotFound."""
        await self.cases.get(principal=principal, case_id=case_id)
        async with self.transactions.view() as unit:
            items = await unit.evidence.of_case(case_id, owner_id=principal.user_id)
            return tuple([await _as_it_stands(unit, item) for item in items])

    async def list(self, *, principal: Principal, limit: int = 50, offset: int = 0) -> Page[Evidence]:
        """All of the caller's, newest first. Raises: InvalidInput."""
        check_paging(limit, offset)
        async with self.transactions.view() as unit:
            items = await unit.evidence.of_owner(principal.user_id, limit=limit, offset=offset)
            items = [await _as_it_stands(unit, item) for item in items]
            total = await unit.evidence.count(principal.user_id)
        return Page(items=tuple(items), total=total, limit=limit, offset=offset)

    async def delete(self, *, principal: Principal, evidence_id: str) -> None:
        """The record at once, its files soon. Raises: EvidenceNotFound."""
        async with self.transactions.begin() as unit:
            evidence = await self._own(unit, principal, evidence_id)
            await self._delete(unit, [evidence])

    async def forget_case(self, *, request: CaseDeleted) -> None:
        """Let go of a deleted case's evidence."""
        async with self.transactions.begin() as unit:
            await self._delete(unit, await unit.evidence.query(case_id=request.case_id))

    async def drop_files(self, *, request: FilesDropped) -> None:
        """Delete files no record refers to any more."""
        for key in request.keys:
            await self.files.delete(key)

    async def sweep(self) -> int:
        """Delete the files of uploads that never became evidence; gives how many."""
        old = await self.files.keys(PREFIX, older_than=self.clock.now() - ORPHANED_AFTER)
        async with self.transactions.view() as unit:
            used = await unit.evidence.keys()
        orphans = [key for key in old if key.removesuffix(".txt") not in used and key not in used]
        for key in orphans:
            await self.files.delete(key)
        return len(orphans)

    async def findings(self, *, principal: Principal, case_id: str, query: str, limit: int = 12) -> CaseFindings:
        """What the case's evidence shows: its failing patterns, what the question's words find, and how it unfolded.

        Raises: CaseNotFound.
        """
        items = await self.of_case(principal=principal, case_id=case_id)
        async with self.transactions.view() as unit:
            reports = {item.evidence_id: await unit.reports.get(item.evidence_id) for item in items}
        names = _names(items)
        named = {names[id]: report for id, report in reports.items() if report is not None}
        origins = suspects(named) if named else ()
        summaries, findings = [], []
        for item in items:
            report = reports[item.evidence_id]
            summaries.append(FileSummary(evidence=item, report=report and evolve(report, patterns=())))
            if report is not None:
                suspected = {s.pattern.template for s in origins if s.source == names[item.evidence_id]}
                findings += _patterns(item, report, limit, suspected)
        asked = [(item, (names_in(query), 2) if reports[item.evidence_id] else (query, 4)) for item in items]
        findings += await self._passages_of(asked)
        return CaseFindings(
            files=tuple(summaries),
            findings=tuple(sorted(findings, key=lambda finding: -finding.score)),
            onsets=timeline(named) if named else (),
            suspects=origins,
        )

    async def passages(self, *, principal: Principal, case_id: str, query: str, limit: int = 4) -> tuple[Finding, ...]:
        """What the words of a query find in the case's files that are no logs: configs, outputs, documents.

        Best first. Raises: CaseNotFound.
        """
        items = await self.of_case(principal=principal, case_id=case_id)
        found = await self._passages_of([(item, (query, limit)) for item in items if item.kind != "log"])
        return tuple(sorted(found, key=lambda finding: -finding.score)[:limit])

    async def _passages_of(self, asked: Sequence[tuple[Evidence, tuple[str, int]]]) -> tuple[Finding, ...]:
        """Of each file that is read, at once: those a query finds there, at most so many."""
        found = await asyncio.gather(
            *[self._passages(item, *what) for item, what in asked if item.status is EvidenceStatus.READY]
        )
        return tuple(finding for findings in found for finding in findings)

    async def _passages(self, item: Evidence, query: str, limit: int) -> tuple[Finding, ...]:
        if not query:
            return ()
        text = Contents(self.files, item.text_key)
        try:
            async with aclosing(self.prompt.pipe(search_lines, text, query, limit)) as found:
                windows = [window async for window in found]
            if not windows and item.kind != "log":
                head = (await _head_of(text)).split("\n")[:12]
                return (_passage(item, 1, len(head), "\n".join(head)[:1_200], 0.0),)
        except FileMissing:
            return ()  # deleted since it was listed
        return tuple(_passage(item, w.first, w.last, w.text, w.score / (w.score + 10)) for w in windows)

    async def _read(self, evidence: Evidence) -> tuple[Extracted, TextSeen]:
        """Put the file's text beside it, piece by piece. Raises: UnreadableFile; FileMissing; StorageFull."""
        seen = TextSeen()
        parts = self.extractor.extract(Contents(self.files, evidence.file_key), filename=evidence.filename)
        async with aclosing(parts), aclosing(seen.encoded(parts)) as pieces:
            await self.files.upload(evidence.text_key, pieces, "text/plain; charset=utf-8")
        return seen.extracted(), seen

    async def _analysed(self, evidence: Evidence) -> LogReport | None:
        text = Contents(self.files, evidence.text_key)
        async with aclosing(self.offload.pipe(analysed, text)) as reports:
            return await anext(reports, None)

    async def _save_if_there(self, unit: EvidenceUnitOfWork, evidence: Evidence) -> bool:
        """False where it was deleted while it was read."""
        if await unit.evidence.get(evidence.evidence_id) is None:
            return False
        await unit.evidence.save(evidence)
        return True

    async def _delete(self, unit: EvidenceUnitOfWork, items: Sequence[Evidence]) -> None:
        for item in items:
            await unit.reports.delete(item.evidence_id)
            await unit.evidence.delete(item.evidence_id)
        if items:
            keys = tuple(key for item in items for key in (item.file_key, item.text_key))
            message = FilesDropped(job_id=self.ids.job(), keys=keys)
            await self._desk().ask(unit, message, owner_id=items[0].owner_id, subject_id=items[0].case_id)

    async def _own(self, unit: EvidenceUnitOfWork, principal: Principal, evidence_id: str) -> Evidence:
        evidence = await unit.evidence.get(evidence_id)
        if evidence is None or evidence.owner_id != principal.user_id:
            raise EvidenceNotFound(evidence_id=evidence_id)
        return evidence

    def _desk(self) -> JobDesk:
        return JobDesk(self.transactions, self.clock)


async def _known(unit: EvidenceUnitOfWork, evidence_id: str, principal: Principal, case_id: str) -> Evidence | None:
    """What was added under an id, None where nothing was. Raises: EvidenceNotFound where it is not theirs."""
    known = await unit.evidence.get(evidence_id)
    if known is None:
        return None
    if (known.owner_id, known.case_id) != (principal.user_id, case_id):
        raise EvidenceNotFound(evidence_id=evidence_id)
    return await _as_it_stands(unit, known)


async def _head_of(text: Contents) -> str:
    """Its first piece."""
    async with aclosing(aiter(text)) as pieces:
        return (await anext(pieces, b"")).decode(errors="ignore")


async def _as_it_stands(unit: EvidenceUnitOfWork, evidence: Evidence) -> Evidence:
    """A file whose job was given up or called off will not be read any more, and says why."""
    job = await unit.jobs.get(evidence.job_id) if evidence.status is EvidenceStatus.PROCESSING else None
    if job is None or job.state not in {JobState.FAILED, JobState.CANCELLED}:
        return evidence
    return evolve(evidence, status=EvidenceStatus.UNREADABLE, notes=(job.error or "It was given up.",))


def _names(items: Sequence[Evidence]) -> dict[str, str]:
    """What each file is called among the others, by its id: two of one name are told apart by it."""
    often = Counter(item.filename for item in items)
    return {
        item.evidence_id: item.filename if often[item.filename] == 1 else f"{item.filename} ({item.evidence_id})"
        for item in items
    }


def _patterns(item: Evidence, report: LogReport, limit: int, suspected: Collection[str]) -> list[Finding]:
    """The loudest and most frequent patterns, and the suspected ones, which may be neither."""
    ranked = sorted(report.patterns, key=lambda pattern: (pattern.loudness, -pattern.count))
    chosen = [*ranked[:limit], *[pattern for pattern in ranked[limit:] if pattern.template in suspected]]
    return [
        Finding(
            evidence_id=item.evidence_id,
            filename=item.filename,
            lines=tuple(line.number for line in pattern.samples),
            text="\n".join(line.text for line in pattern.samples),
            score=1.0 / (1 + place),
            pattern=pattern,
        )
        for place, pattern in enumerate(chosen)
    ]


def _passage(item: Evidence, first: int, last: int, text: str, score: float) -> Finding:
    return Finding(
        evidence_id=item.evidence_id,
        filename=item.filename,
        lines=tuple(range(first, last + 1)),
        text=text,
        score=score,
    )
