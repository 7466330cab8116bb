"""Reports on a case that has ended: ordered, written once by a job from what the case holds, learnt where they help.

Which of them are worth writing is advised from what the knowledge base holds already.
"""

from collections.abc import Iterable
from enum import StrEnum
from hashlib import sha256

from attrs import frozen

from ..case import Case, CaseMessage, CaseStatus, Investigation, Overview, Report, Role, is_default_title
from ..kernel.clock import Clock
from ..kernel.errors import Unavailable
from ..kernel.job_desk import JobDesk
from ..kernel.jobs import Job
from ..kernel.principal import Principal
from ..knowledge import SearchHit, SearchMode, SearchResult
from . import context
from .citations import hold_to
from .compression import fitted
from .errors import CaseNotEnded
from .events import ReportRequested
from .executor import Executor
from .gathering import Gathering
from .models import ModelCall, Source, Task
from .ports import AgentTransactions, Cases, Evidence, Knowledge
from .results import citation_dicts
from .router import Models

#: How alike a runbook is, as the cosine between it and the case's own words: from SAME on it is about the same, from
#: ALIKE on it may be. The API that clients were written against names these two figures.
SAME, ALIKE = 0.85, 0.70
MOST_SAID, LONGEST_TITLE = 200, 200


class ReportType(StrEnum):
    INCIDENT_REPORT = "incident_report"
    RUNBOOK = "runbook"
    POST_MORTEM = "post_mortem"


_TITLES = {
    ReportType.INCIDENT_REPORT: "Incident report",
    ReportType.RUNBOOK: "Runbook",
    ReportType.POST_MORTEM: "Post-mortem",
}
#: What is written about one incident is no runbook for the next.
_OF_ONE_INCIDENT = frozenset({ReportType.INCIDENT_REPORT, ReportType.POST_MORTEM})


@frozen(kw_only=True)
class ReportOrder:
    """Where a report stands: it is there, or ``job_id`` names the job that writes it, or ``error`` says why it did not.

    None of the three where nobody has asked for it.
    """

    report_type: ReportType
    report: Report | None = None
    job_id: str | None = None
    error: str | None = None

    @property
    def waiting(self) -> bool:
        return self.report is None and self.job_id is not None and self.error is None


class RunbookAction(StrEnum):
    REUSE = "reuse"
    REVIEW_OR_GENERATE = "review_or_generate"
    GENERATE = "generate"


@frozen(kw_only=True)
class RunbookAdvice:
    """``similarity`` from 0.0 to 1.0: the nearest runbook's, 0.0 where there is none.

    ``document_id`` and ``title`` are the runbook's that is worth a look, None where none is.
    """

    action: RunbookAction
    similarity: float
    reason: str
    document_id: str | None = None
    title: str | None = None


@frozen(kw_only=True)
class ReportAdvice:
    """``available`` are the reports that can be had now, those included that are written already."""

    case_id: str
    available: tuple[ReportType, ...]
    reason: str
    runbook: RunbookAdvice


def job_of(case_id: str, report_type: ReportType) -> str:
    """The job that writes a case's report of a type: one of each, whoever asks and however often.

    A UUID made of the two (RFC 9562, version 8).
    """
    made = sha256(f"report/{case_id}/{report_type.value}".encode()).hexdigest()
    return f"{made[:8]}-{made[8:12]}-8{made[13:16]}-8{made[17:20]}-{made[20:32]}"


@frozen
class Reports:
    transactions: AgentTransactions
    cases: Cases
    evidence: Evidence
    knowledge: Knowledge
    executor: Executor
    models: Models
    clock: Clock

    async def order(
        self, *, principal: Principal, case_id: str, report_types: Iterable[ReportType]
    ) -> tuple[ReportOrder, ...]:
        """Raises: CaseNotFound; CaseNotEnded."""
        overview = await self.cases.overview(principal=principal, case_id=case_id)
        if not overview.case.final:
            raise CaseNotEnded(_not_yet(overview.case), case_id=case_id)
        wanted = tuple(dict.fromkeys(report_types))
        orders = {one: ReportOrder(report_type=one, report=_of_type(overview, one)) for one in wanted}
        missing = [one for one in wanted if orders[one].report is None]
        if missing:
            async with self.transactions.begin() as unit:
                for one in missing:
                    message = ReportRequested(
                        job_id=job_of(case_id, one),
                        case_id=case_id,
                        user_id=principal.user_id,
                        report_type=one.value,
                    )
                    known = await unit.jobs.get(message.job_id)
                    if known is None or known.ended:  # one that failed is tried anew by whoever asks again
                        desk = JobDesk(self.transactions, self.clock)
                        await desk.ask(unit, message, owner_id=principal.user_id, subject_id=case_id)
                    orders[one] = ReportOrder(report_type=one, job_id=message.job_id)
        return tuple(orders.values())

    async def ordered(
        self, *, principal: Principal, case_id: str, report_types: Iterable[ReportType]
    ) -> tuple[ReportOrder, ...]:
        """Raises: CaseNotFound."""
        wanted = tuple(dict.fromkeys(report_types))
        async with self.transactions.view() as unit:  # before the reports: a job that is done has left its own there
            jobs = {one: await unit.jobs.get(job_of(case_id, one)) for one in wanted}
        overview = await self.cases.overview(principal=principal, case_id=case_id)
        return tuple(_standing(one, _of_type(overview, one), jobs[one]) for one in wanted)

    async def write(self, *, case_id: str, user_id: str, report_type: ReportType, job_id: str) -> None:
        """Write a report where there is none of its type yet, and teach it where it will help.

        Raises: CaseNotFound; LLMError; LLMRefused.
        """
        principal = Principal(user_id=user_id)
        overview = await self.cases.overview(principal=principal, case_id=case_id)
        report = _of_type(overview, report_type)
        if report is None:
            report = await self._written(principal, overview, report_type, job_id)
        source = _learnt_as(overview.case, report_type)
        if source is not None:
            await self.knowledge.add(
                principal=principal,
                title=report.title,
                content=report.content,  # the first one's, should this be a second delivery
                document_type=report_type.value,
                source=source,
            )

    async def advise(self, *, principal: Principal, case_id: str) -> ReportAdvice:
        """Raises: CaseNotFound; Unavailable."""
        overview = await self.cases.overview(principal=principal, case_id=case_id)
        own = _of_type(overview, ReportType.RUNBOOK)
        nearest, compared = await self._nearest(principal, overview)
        runbook = _of_its_own(own, nearest) if own is not None else _advice(_runbooks(nearest), compared)
        if not overview.case.final:
            return ReportAdvice(case_id=case_id, available=(), reason=_not_yet(overview.case), runbook=runbook)
        reason, left_out = "The case has ended.", False
        if own is None and overview.case.status is not CaseStatus.RESOLVED:
            reason, left_out = "The case has ended; a runbook of one that nobody resolved would tell no remedy.", True
        elif own is None and runbook.action is RunbookAction.REUSE:
            reason, left_out = "The case has ended; a runbook about the same is there already.", True
        available = tuple(one for one in ReportType if not (left_out and one is ReportType.RUNBOOK))
        return ReportAdvice(case_id=case_id, available=available, reason=reason, runbook=runbook)

    async def _written(self, principal: Principal, overview: Overview, report_type: ReportType, job_id: str) -> Report:
        case, task = overview.case, Task(report_type.value)
        said = (await self.cases.messages(principal=principal, case_id=case.case_id, limit=MOST_SAID)).items
        about = _about(overview, said)
        found, gathered = await Gathering(self.evidence, self.knowledge).about(
            about, principal=principal, case=case, but=lambda hit: _is_learnt_from(overview, hit)
        )
        known = [*gathered, *established(overview), *context.case_sources(case, said)]  # with it, message by message
        kept = fitted(about, known, (), budget=self.models.prompt_tokens)
        messages = context.messages_for(
            task,
            case=case,
            question=kept.question,
            found=found,
            sources=context.numbered(kept.sources),
            history=(),
            left_out=kept.left_out,
        )
        call = ModelCall(task=task, messages=messages, job_id=job_id, case_id=case.case_id, user_id=case.owner_id)
        response = await self.executor.run(call)
        content, citations = hold_to(messages[-1].sources, response.content)
        return await self.cases.record_report(
            principal=principal,
            case_id=case.case_id,
            report_id=f"rep_{job_of(case.case_id, report_type)}",  # whichever job writes it
            report_type=report_type.value,
            title=f"{_TITLES[report_type]}: {case.title}"[:LONGEST_TITLE],
            content=content,
            citations=tuple(citation_dicts(citations)),
        )

    async def _nearest(self, principal: Principal, overview: Overview) -> tuple[list[SearchHit], bool]:
        """What the knowledge base has that is most like the case, the nearest first; and whether by meaning.

        A cosine is the same measure for every query; how high a search that also goes by words ranks a document tells
        nothing of how alike it is. Raises: Unavailable.
        """
        best: dict[str, SearchHit] = {}
        by_meaning = True
        for query in _words(overview):
            result = await self._searched(principal, query)
            by_meaning = by_meaning and result.mode is SearchMode.SEMANTIC
            for hit in result.hits:
                if hit.document_id not in best or best[hit.document_id].score < hit.score:
                    best[hit.document_id] = hit
        return sorted(best.values(), key=lambda hit: -hit.score), by_meaning

    async def _searched(self, principal: Principal, query: str) -> SearchResult:
        try:
            return await self.knowledge.search(principal=principal, query=query, mode=SearchMode.SEMANTIC)
        except Unavailable:  # the model that compares; words may still be looked up
            return await self.knowledge.search(principal=principal, query=query, mode=SearchMode.KEYWORD)


def established(overview: Overview) -> list[Source]:
    """What the investigation found out, each fact with what it rests on; ``section`` says what it is a fact about."""
    return [
        context.case_source(overview.case, role="fact", section=section, text=text)
        for section, text in _facts(overview.investigation)
    ]


def _facts(found: Investigation) -> Iterable[tuple[str, str]]:
    if found.problem_statement:
        agreed = "confirmed by the user" if found.problem_confirmed else "not confirmed by the user"
        yield "problem", f"Problem ({agreed}): {found.problem_statement}"
    if found.severity:
        yield "severity", f"Severity: {found.severity.value}."
    for one in found.reached:
        name = one.milestone.value.replace("_", " ").capitalize()
        yield "milestone", f"{name} at {one.at:%Y-%m-%d %H:%M} UTC, in turn {one.turn_number}. {one.why}"
    if found.root_cause:
        yield "root cause", f"Root cause, as the user confirmed it: {found.root_cause}"
    else:
        for hypothesis in found.hypotheses[:5]:
            yield "hypothesis", f"Hypothesis, {hypothesis.status.value}: {hypothesis.text} {hypothesis.why}".strip()
    if found.solution:
        yield "solution", f"Solution: {found.solution}"
    if found.solution_applied_at:
        yield "applied", f"The user said at {found.solution_applied_at:%Y-%m-%d %H:%M} UTC that it was applied."
    if found.solution_verified_at:
        yield "verified", f"The user said at {found.solution_verified_at:%Y-%m-%d %H:%M} UTC that it works."


def _about(overview: Overview, said: Iterable[CaseMessage]) -> str:
    """What a report's sources are searched with."""
    case, found = overview.case, overview.investigation
    asked = [message.content for message in said if message.role is Role.USER]
    parts = (case.title, case.description, found.problem_statement, found.root_cause, *asked)
    return " ".join(part for part in dict.fromkeys(parts) if part)[: context.LONGEST_QUESTION]


def _words(overview: Overview) -> list[str]:
    """What a runbook would have to be about: the problem, its cause, and the case as it is named and described."""
    case, found = overview.case, overview.investigation
    named = "" if is_default_title(case.title) else case.title
    parts = (found.problem_statement, found.root_cause, f"{named}\n{case.description}".strip())
    return [part[: context.LONGEST_QUESTION] for part in dict.fromkeys(parts) if part and part.strip()]


def _of_type(overview: Overview, report_type: ReportType) -> Report | None:
    return next((one for one in overview.reports if one.report_type == report_type.value), None)


def _learnt_as(case: Case, report_type: ReportType) -> str | None:
    """The source a report is learnt under, None where it is not: an incident report says what the post-mortem says,
    and the runbook of a case that nobody resolved does not say what helps."""
    if report_type is ReportType.POST_MORTEM:
        return f"case:{case.case_id}"
    if report_type is ReportType.RUNBOOK and case.status is CaseStatus.RESOLVED:
        return f"case:{case.case_id}:runbook"
    return None


def _standing(report_type: ReportType, report: Report | None, job: Job | None) -> ReportOrder:
    if report is not None:
        return ReportOrder(report_type=report_type, report=report)
    if job is None:
        return ReportOrder(report_type=report_type)
    error = (job.error or "Its job has ended without it.") if job.ended else None
    return ReportOrder(report_type=report_type, job_id=job.job_id, error=error)


def _is_learnt_from(overview: Overview, hit: SearchHit) -> bool:
    """Whether a document is one of the case's own reports: none is a source of another."""
    return (hit.document_type, hit.title) in {(one.report_type, one.title) for one in overview.reports}


def _not_yet(case: Case) -> str:
    return f"Reports are written once a case has ended; this one is {case.status.value}."


def _runbooks(hits: Iterable[SearchHit]) -> list[SearchHit]:
    return [hit for hit in hits if hit.document_type not in _OF_ONE_INCIDENT]


def _of_its_own(own: Report, hits: Iterable[SearchHit]) -> RunbookAdvice:
    learnt = next((hit for hit in hits if (hit.document_type, hit.title) == (own.report_type, own.title)), None)
    return RunbookAdvice(
        action=RunbookAction.REUSE,
        similarity=1.0,
        reason="The runbook of this case is written already.",
        document_id=learnt.document_id if learnt else None,
        title=learnt.title if learnt else None,
    )


def _advice(runbooks: list[SearchHit], compared: bool) -> RunbookAdvice:
    """``compared`` False where the score says how many words are shared, which does not tell that two are the same."""
    if not runbooks:
        reason = "No runbook in the knowledge base is like this case."
        return RunbookAdvice(action=RunbookAction.GENERATE, similarity=0.0, reason=reason)
    nearest = runbooks[0]
    alike = round(min(1.0, max(0.0, nearest.score)), 2)
    if alike < ALIKE:
        reason = (
            f"The nearest runbook, “{nearest.title}”, is {alike:.0%} alike: it is about something else."
            if compared
            else f"The nearest runbook, “{nearest.title}”, shares few of its words."
        )
        return RunbookAdvice(action=RunbookAction.GENERATE, similarity=alike, reason=reason)
    action = RunbookAction.REUSE if compared and alike >= SAME else RunbookAction.REVIEW_OR_GENERATE
    if not compared:
        reason = f"“{nearest.title}” shares its words; without an embedding model nobody can say how alike they are."
    elif action is RunbookAction.REUSE:
        reason = f"“{nearest.title}” is {alike:.0%} alike: it is about the same."
    else:
        reason = f"“{nearest.title}” is {alike:.0%} alike: see whether it does before you have another written."
    return RunbookAdvice(
        action=action,
        similarity=alike,
        reason=reason,
        document_id=nearest.document_id,
        title=nearest.title,
    )
