import logging
from collections.abc import Sequence
from datetime import timedelta

from attrs import evolve, field, frozen

from ..case import Case, CaseDeleted, CaseMessage, PostMortemRequested, Role
from ..evidence import CaseFindings, EvidenceStatus
from ..kernel.clock import Clock
from ..kernel.errors import FaultMavenError, Unavailable
from ..kernel.ids import IdSource
from ..kernel.job_desk import JobDesk
from ..kernel.jobs import JobState, ResultStore
from ..kernel.principal import Principal
from . import context
from .citations import hold_to
from .compression import fitted
from .errors import TurnNotFound
from .events import ChatTurnRequested
from .executor import Executor, Listener
from .gathering import Gathering
from .models import (
    Answer,
    ChatResponse,
    EventKind,
    ModelCall,
    Source,
    Task,
    Turn,
    TurnEvent,
    TurnStatus,
    UsageReport,
    checked_message,
)
from .ports import AgentTransactions, Cases, Evidence, Knowledge, TurnEvents
from .results import citation_dicts, turn_from_dict, turn_to_dict
from .router import Models
from .telling import Telling

log = logging.getLogger(__name__)
RESULT_KEPT = timedelta(hours=1)
HISTORY = 12
OWNERS_KNOWN = 10_000
_ENDINGS = {
    "length": "The answer was cut at the token limit.",
    "filtered": "The model's vendor held part of the answer back.",
    "refused": "The model declined to answer this.",
}


@frozen
class AgentService:
    transactions: AgentTransactions
    cases: Cases
    evidence: Evidence
    knowledge: Knowledge
    executor: Executor
    models: Models
    results: ResultStore
    events: TurnEvents
    clock: Clock
    ids: IdSource
    #: Whose a turn is never changes, and whoever watches one asks many times a second.
    _owners: dict[str, str] = field(factory=dict, init=False, repr=False, eq=False)

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

    async def follow(
        self, *, principal: Principal, job_id: str, after: str | None = None, wait: timedelta = timedelta(0)
    ) -> tuple[TurnEvent, ...]:
        """What happened to a turn after an event, waiting for the next one where there is none yet.

        Raises: TurnNotFound; Unavailable.
        """
        if self._owners.get(job_id) != principal.user_id:
            await self.result(principal=principal, job_id=job_id)
            if len(self._owners) >= OWNERS_KNOWN:
                self._owners.clear()
            self._owners[job_id] = principal.user_id
        return await self.events.read(job_id, after=after, wait=wait)

    async def usage(self, *, principal: Principal, case_id: str | None = None) -> UsageReport:
        """What the caller's turns used of language models, and those of one case. Raises: CaseNotFound."""
        spending = self.executor.spending
        if case_id is not None:
            await self.cases.get(principal=principal, case_id=case_id)
        return UsageReport(
            user=await spending.total(user_id=principal.user_id),
            today=await spending.total(user_id=principal.user_id, since=spending.today()),
            case=await spending.total(case_id=case_id) if case_id is not None else None,
        )

    async def answer(self, *, request: ChatTurnRequested) -> None:
        """Answer a turn, once: a second delivery hands on the first one's answer.

        Raises: CaseNotFound when it was deleted meanwhile; LLMError; LLMRefused.
        """
        async with self.transactions.view() as unit:
            turn = await unit.turns.get(request.job_id)
        if turn is None:
            return
        if turn.answer is None:
            turn = await self._told(turn)
        await self._deliver(turn)
        try:
            await self.events.add(turn.job_id, EventKind.ENDED, {})
        except Unavailable as error:  # whoever watches looks at the row as well
            log.warning("turn %s: its end is not told: %s", turn.job_id, error.message)

    async def write_post_mortem(self, *, request: PostMortemRequested) -> None:
        """Write an ended case's post-mortem, keep it with the case and teach it to the owner's knowledge base.

        Raises: CaseNotFound; LLMError; LLMRefused.
        """
        principal = Principal(user_id=request.owner_id)
        case = await self.cases.get(principal=principal, case_id=request.case_id)
        page = await self.cases.messages(principal=principal, case_id=case.case_id, limit=200)
        asked = " ".join(m.content for m in page.items if m.role is Role.USER)
        about = f"{case.title} {case.description} {asked}"[:2_000]
        found, gathered = await self._gathering().about(about, principal=principal, case=case)
        known = [*gathered, *context.case_sources(case, page.items)]  # where the conversation is, message by message
        call, _ = self._call(Task.POST_MORTEM, request.job_id, case, about, found, known, ())
        response = await self.executor.run(call)
        content, citations = hold_to(call.messages[-1].sources, response.content)
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
        """Let go of a deleted case's turns and remembered answers; what they cost stays on the books."""
        async with self.transactions.begin() as unit:
            await unit.turns.delete_of_case(request.case_id)
        await self.executor.optimizer.forget_case(request.case_id)

    async def _told(self, turn: Turn) -> Turn:
        """Answer it, and tell whoever watches how it goes. That it failed is told by its job's row."""
        async with Telling(self.events, turn.job_id) as telling:
            if await self._was_told(turn):
                telling.restart()
            return await self._answered(turn, telling)

    async def _answered(self, turn: Turn, listener: Listener) -> Turn:
        principal = Principal(user_id=turn.user_id)
        case = await self.cases.get(principal=principal, case_id=turn.case_id)
        question = await self._record_question(turn)
        found, known = await self._gathering().about(turn.message, principal=principal, case=case, listener=listener)
        history = await self._history(principal, case, question)
        call, left_out = self._call(Task.TURN, turn.job_id, case, turn.message, found, known, history)
        listener.stage("asking")
        response = await self.executor.run(call, listener)
        content, citations = hold_to(call.messages[-1].sources, response.content)
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
            cost=response.cost,
            cached=response.cached,
            notes=_notes(found, response, left_out),
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

    async def _history(self, principal: Principal, case: Case, question: CaseMessage) -> tuple[CaseMessage, ...]:
        offset = max(0, case.message_count - HISTORY)
        page = await self.cases.messages(principal=principal, case_id=case.case_id, limit=HISTORY + 2, offset=offset)
        return tuple(m for m in page.items if m.turn_number < question.turn_number)

    def _call(
        self,
        task: Task,
        job_id: str,
        case: Case,
        question: str,
        found: CaseFindings,
        known: Sequence[Source],
        history: Sequence[CaseMessage],
    ) -> tuple[ModelCall, tuple[str, ...]]:
        """What a model is asked, and what had to be left out of it."""
        kept = fitted(question, known, history, budget=self.models.prompt_tokens)
        messages = context.messages_for(
            task,
            case=case,
            question=kept.question,
            found=found,
            sources=context.numbered(kept.sources),
            history=kept.history,
            left_out=kept.left_out,
        )
        call = ModelCall(task=task, messages=messages, job_id=job_id, case_id=case.case_id, user_id=case.owner_id)
        return call, kept.left_out

    def _gathering(self) -> Gathering:
        return Gathering(self.evidence, self.knowledge)

    async def _was_told(self, turn: Turn) -> bool:
        """Whether an earlier try began to answer."""
        try:
            return bool(await self.events.read(turn.job_id, wait=timedelta(0)))
        except Unavailable as error:
            log.warning("turn %s: nobody can watch: %s", turn.job_id, error.message)
            return False

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


def _notes(found: CaseFindings, response: ChatResponse, left_out: tuple[str, ...]) -> tuple[str, ...]:
    reading = [f.evidence.filename for f in found.files if f.evidence.status is EvidenceStatus.PROCESSING]
    notes = [f"Still being read and not part of this answer: {', '.join(reading)}."] if reading else []
    notes += [
        f"{f.evidence.filename} could not be read: {' '.join(f.evidence.notes)}"
        for f in found.files
        if f.evidence.status is EvidenceStatus.UNREADABLE
    ]
    if left_out:
        notes.append(f"Left out to keep the question within the model's token budget: {', '.join(left_out)}.")
    if response.stop_reason in _ENDINGS:
        notes.append(_ENDINGS[response.stop_reason])
    return tuple(notes)
