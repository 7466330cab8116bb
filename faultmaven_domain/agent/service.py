import asyncio
import logging
from datetime import timedelta

from attrs import evolve, frozen

from ..case import Case, CaseDeleted, CaseMessage, PostMortemRequested, Role
from ..evidence import CaseFindings, EvidenceStatus
from ..kernel.clock import Clock
from ..kernel.errors import FaultMavenError, Unavailable
from ..kernel.ids import IdSource
from ..kernel.job_desk import JobDesk
from ..kernel.jobs import JobState, ResultStore
from ..kernel.principal import Principal
from ..knowledge import DocumentNotFound, SearchHit, Section
from . import context
from .citations import hold_to
from .errors import TurnNotFound
from .events import ChatTurnRequested
from .executor import Executor
from .models import Answer, ChatResponse, Message, Source, Task, Turn, TurnStatus, checked_message
from .ports import AgentTransactions, Cases, Evidence, Knowledge, LLMProvider
from .results import citation_dicts, turn_from_dict, turn_to_dict
from .router import Models, Router

log = logging.getLogger(__name__)
RESULT_KEPT = timedelta(hours=1)
HISTORY = 12


@frozen
class AgentService:
    transactions: AgentTransactions
    cases: Cases
    evidence: Evidence
    knowledge: Knowledge
    llm: LLMProvider
    models: Models
    results: ResultStore
    clock: Clock
    ids: IdSource

    async def submit(
        self, *, principal: Principal, case_id: str, message: str, context: dict[str, object] | None = None
    ) -> Turn:
        """Store a turn and ask for its answer; what is returned is acknowledged and survives anything.

        Raises: InvalidInput; CaseNotFound; CaseClosed.
        """
        message = checked_message(message)
        (await self.cases.get(principal=principal, case_id=case_id)).require_open()
        turn = Turn(
            job_id=self.ids.job(),
            case_id=case_id,
            user_id=principal.user_id,
            message=message,
            status=TurnStatus.PROCESSING,
            submitted_at=self.clock.now(),
            context=context or {},
        )
        async with self.transactions.begin() as unit:
            await unit.turns.save(turn)
            request = ChatTurnRequested(job_id=turn.job_id, case_id=case_id, user_id=principal.user_id)
            await self._desk().ask(unit, request, owner_id=principal.user_id, subject_id=case_id)
        try:
            await self._record_question(turn)
        except FaultMavenError as error:  # it is acknowledged all the same: the worker records it again
            log.warning("turn %s: its question waits to be recorded: %s", turn.job_id, error.message)
        return turn

    async def result(self, *, principal: Principal, job_id: str) -> Turn:
        """A turn as it stands, from the result store or, later, from its row. Raises: TurnNotFound."""
        turn = await self._stored(job_id) or await self._turn(job_id)
        if turn.user_id != principal.user_id:
            raise TurnNotFound(job_id=job_id)
        return turn

    async def answer(self, *, request: ChatTurnRequested) -> None:
        """Answer a turn, once: a second delivery hands on the first one's answer.

        Raises: CaseNotFound when it was deleted meanwhile; LLMError; LLMRefused.
        """
        async with self.transactions.view() as unit:
            turn = await unit.turns.get(request.job_id)
        if turn is None:
            return
        if turn.answer is None:
            turn = await self._answered(turn)
        await self._deliver(turn)

    async def write_post_mortem(self, *, request: PostMortemRequested) -> None:
        """Write an ended case's post-mortem, keep it with the case and teach it to the owner's knowledge base.

        Raises: CaseNotFound; LLMError; LLMRefused.
        """
        principal = Principal(user_id=request.owner_id)
        case = await self.cases.get(principal=principal, case_id=request.case_id)
        page = await self.cases.messages(principal=principal, case_id=case.case_id, limit=200)
        asked = " ".join(m.content for m in page.items if m.role is Role.USER)
        about = f"{case.title} {case.description} {asked}"[:2_000]
        found, gathered = await self._sources(principal, case, about)
        sources = context.numbered([*gathered, *context.case_sources(case, page.items)])
        messages = context.messages_for(
            Task.POST_MORTEM, case=case, question=about, found=found, sources=sources, history=page.items
        )
        response = await self._run(Task.POST_MORTEM, messages)
        content, citations = hold_to(sources, response.content)
        title = f"Post-mortem: {case.title}"[:200]
        report = await self.cases.record_report(
            principal=principal,
            case_id=case.case_id,
            report_id=f"rep_{request.job_id}",
            report_type="post_mortem",
            title=title,
            content=content,
            citations=tuple(citation_dicts(citations)),
        )
        await self.knowledge.add(
            principal=principal,
            title=report.title,
            content=report.content,  # the first one's, should this be a second delivery
            document_type="post_mortem",
            source=f"case:{case.case_id}",
        )

    async def forget_case(self, *, request: CaseDeleted) -> None:
        """Let go of a deleted case's turns."""
        async with self.transactions.begin() as unit:
            await unit.turns.delete_of_case(request.case_id)

    async def _answered(self, turn: Turn) -> Turn:
        principal = Principal(user_id=turn.user_id)
        case = await self.cases.get(principal=principal, case_id=turn.case_id)
        question = await self._record_question(turn)
        found, gathered = await self._sources(principal, case, turn.message)
        sources = context.numbered(gathered)
        history = await self._history(principal, case, question)
        messages = context.messages_for(
            Task.TURN, case=case, question=turn.message, found=found, sources=sources, history=history
        )
        response = await self._run(Task.TURN, messages)
        content, citations = hold_to(sources, response.content)
        answer = Answer(
            message_id=f"msg_{turn.job_id}_a",
            case_id=turn.case_id,
            content=content,
            created_at=self.clock.now(),
            turn_number=question.turn_number,
            citations=citations,
            model=response.model,
            provider=response.provider,
            stop_reason=response.stop_reason,
            input_tokens=response.input_tokens,
            output_tokens=response.output_tokens,
            notes=_notes(found, response),
        )
        async with self.transactions.begin() as unit:
            stored = await unit.turns.get(turn.job_id)
            if stored is None:
                return turn  # its case was deleted while the model thought
            return await unit.turns.save(stored.answered(answer))

    async def _deliver(self, turn: Turn) -> None:
        answer = turn.answer
        if answer is None:
            return
        await self.cases.record_message(
            principal=Principal(user_id=turn.user_id),
            case_id=turn.case_id,
            message_id=answer.message_id,
            role=Role.AGENT.value,
            content=answer.content,
            created_at=answer.created_at,
            turn_number=answer.turn_number,
            metadata={
                "job_id": turn.job_id,
                "citations": citation_dicts(answer.citations),
                "model": answer.model,
                "provider": answer.provider,
                "notes": list(answer.notes),
            },
        )
        await self.results.set(turn.job_id, turn_to_dict(turn), RESULT_KEPT)

    async def _record_question(self, turn: Turn) -> CaseMessage:
        return await self.cases.record_message(
            principal=Principal(user_id=turn.user_id),
            case_id=turn.case_id,
            message_id=f"msg_{turn.job_id}_q",
            role=Role.USER.value,
            content=turn.message,
            created_at=turn.submitted_at,
            metadata={"job_id": turn.job_id},
        )

    async def _sources(self, principal: Principal, case: Case, about: str) -> tuple[CaseFindings, list[Source]]:
        found = await self.evidence.findings(principal=principal, case_id=case.case_id, query=about)
        asked = context.questions(about, found)
        results = await asyncio.gather(
            *[self.knowledge.search(principal=principal, query=query, limit=5) for query in asked]
        )
        hits = context.fused([result.hits for result in results], limit=3)
        runbooks = []
        for place, hit in enumerate(hits):
            sections = await self._sections(principal, hit) if place == 0 else ()
            runbooks.append(context.Runbook(hit=hit, sections=sections))
        found = await self._with_config(principal, case, found, runbooks)
        return found, [*context.evidence_sources(found), *context.runbook_sources(runbooks, asked)]

    async def _with_config(
        self, principal: Principal, case: Case, found: CaseFindings, runbooks: list[context.Runbook]
    ) -> CaseFindings:
        """And what the causes the best runbook names find in the configs: the question rarely has their words."""
        causes = context.causes(runbooks)
        if not causes or not found.suspects:
            return found
        more = await self.evidence.passages(principal=principal, case_id=case.case_id, query=causes, limit=2)
        known = {(f.evidence_id, f.lines) for f in found.findings}
        return evolve(found, findings=(*found.findings, *[f for f in more if (f.evidence_id, f.lines) not in known]))

    async def _sections(self, principal: Principal, hit: SearchHit) -> tuple[Section, ...]:
        """None of a document that was deleted since it was found."""
        try:
            return await self.knowledge.sections(principal=principal, document_id=hit.document_id)
        except DocumentNotFound:
            return ()

    async def _history(self, principal: Principal, case: Case, question: CaseMessage) -> tuple[CaseMessage, ...]:
        offset = max(0, case.message_count - HISTORY)
        page = await self.cases.messages(principal=principal, case_id=case.case_id, limit=HISTORY + 2, offset=offset)
        return tuple(m for m in page.items if m.turn_number < question.turn_number)

    async def _run(self, task: Task, messages: tuple[Message, ...]) -> ChatResponse:
        return await Executor(self.llm).run(messages, Router(self.models).choose(task))

    async def _stored(self, job_id: str) -> Turn | None:
        try:
            stored = await self.results.get(job_id)
            return turn_from_dict(stored) if stored else None
        except (Unavailable, KeyError, ValueError, TypeError) as error:  # lost, or another version's: the row knows
            log.warning("turn %s: no result in the store: %r", job_id, error)
            return None

    async def _turn(self, job_id: str) -> Turn:
        async with self.transactions.view() as unit:
            turn = await unit.turns.get(job_id)
            job = await unit.jobs.get(job_id)
        if turn is None:
            raise TurnNotFound(job_id=job_id)
        if turn.answer is None and job is not None and job.state in {JobState.FAILED, JobState.CANCELLED}:
            return evolve(turn, status=TurnStatus.FAILED, error=job.error)
        return turn

    def _desk(self) -> JobDesk:
        return JobDesk(self.transactions, self.clock)


def _notes(found: CaseFindings, response: ChatResponse) -> tuple[str, ...]:
    reading = [f.evidence.filename for f in found.files if f.evidence.status is EvidenceStatus.PROCESSING]
    notes = [f"Still being read and not part of this answer: {', '.join(reading)}."] if reading else []
    notes += [
        f"{f.evidence.filename} could not be read: {' '.join(f.evidence.notes)}"
        for f in found.files
        if f.evidence.status is EvidenceStatus.UNREADABLE
    ]
    if response.stop_reason == "length":
        notes.append("The answer was cut at the token limit.")
    return tuple(notes)
