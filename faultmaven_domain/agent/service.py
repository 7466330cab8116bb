import logging
from datetime import timedelta

from attrs import evolve, field, frozen

from ..case import CaseDeleted, CaseMessage, Intent, PostMortemRequested, Role
from ..kernel.backlog import UNBOUNDED, Backlog
from ..kernel.clock import Clock
from ..kernel.errors import FaultMavenError, Unavailable
from ..kernel.ids import IdSource
from ..kernel.job_desk import JobDesk, TryAgain
from ..kernel.jobs import JobState, ResultStore
from ..kernel.principal import Principal
from .answering import Answering
from .errors import TurnNotFound
from .events import ChatTurnRequested, ReportRequested
from .executor import Executor, Listener
from .gathering import Gathering
from .models import EventKind, Turn, TurnEvent, TurnStatus, UsageReport, checked_message
from .ports import AgentTransactions, Cases, Evidence, Knowledge, TurnEvents
from .reports import ReportAdvice, ReportOrder, Reports, ReportType
from .results import citation_dicts, turn_from_dict, turn_to_dict
from .router import Models
from .telling import Telling
from .waiting import pause

log = logging.getLogger(__name__)
RESULT_KEPT = timedelta(hours=1)
OWNERS_KNOWN = 10_000


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
    backlog: Backlog = UNBOUNDED
    #: Whose a turn is never changes, and whoever watches one asks many times a second.
    _owners: dict[str, str] = field(factory=dict, init=False, repr=False, eq=False)

    async def submit(
        self,
        *,
        principal: Principal,
        case_id: str,
        message: str,
        context: dict[str, object] | None = None,
        intent: Intent | None = None,
        attachments: tuple[str, ...] = (),
        job_id: str | None = None,
    ) -> Turn:
        """Store a turn and ask for its answer; what is returned is acknowledged and survives anything.

        ``attachments``: ids of evidence that came with the message; its answer waits until they are read. ``job_id``:
        a turn of this id is submitted once, and given again as it stands, also when its case has ended since.

        Raises: InvalidInput; CaseNotFound; CaseClosed; TurnNotFound where ``job_id`` is another case's or user's;
        QueueFull.
        """
        message = checked_message(message)
        if job_id is not None and (known := await self._turn(job_id)) is not None:
            return _own(known, principal, case_id)
        (await self.cases.get(principal=principal, case_id=case_id)).require_open()
        turn = Turn(
            job_id=job_id or self.ids.job(),
            case_id=case_id,
            user_id=principal.user_id,
            message=message,
            status=TurnStatus.PROCESSING,
            submitted_at=self.clock.now(),
            context=context or {},
            intent=intent,
            attachments=attachments,
        )
        async with self.transactions.begin() as unit:
            if job_id is not None and (known := await unit.turns.get(job_id)) is not None:
                return _own(known, principal, case_id)
            await self.backlog.check(unit, ChatTurnRequested, owner_id=principal.user_id)
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
        if turn is None or turn.user_id != principal.user_id:
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

        Raises: TryAgain while files that came with it are being read; CaseNotFound when the case was deleted
        meanwhile; LLMError; LLMRefused.
        """
        async with self.transactions.view() as unit:
            turn = await unit.turns.get(request.job_id)
        if turn is None:
            return
        if turn.answer is None:
            if turn.attachments:
                await self._files_read(turn)
            turn = await self._told(turn)
        await self._deliver(turn)
        try:
            await self.events.add(turn.job_id, EventKind.ENDED, {})
        except Unavailable as error:  # whoever watches looks at the row as well
            log.warning("turn %s: its end is not told: %s", turn.job_id, error.message)

    async def order_reports(
        self, *, principal: Principal, case_id: str, report_types: tuple[ReportType, ...]
    ) -> tuple[ReportOrder, ...]:
        """Have reports written on a case that has ended; those that are there already are given as they are.

        Raises: CaseNotFound; CaseNotEnded.
        """
        return await self._reports().order(principal=principal, case_id=case_id, report_types=report_types)

    async def ordered_reports(
        self, *, principal: Principal, case_id: str, report_types: tuple[ReportType, ...]
    ) -> tuple[ReportOrder, ...]:
        """How far reports are that were ordered. Raises: CaseNotFound."""
        return await self._reports().ordered(principal=principal, case_id=case_id, report_types=report_types)

    async def advise_reports(self, *, principal: Principal, case_id: str) -> ReportAdvice:
        """Which reports can be had, and whether a runbook like the case is there. Raises: CaseNotFound; Unavailable."""
        return await self._reports().advise(principal=principal, case_id=case_id)

    async def write_report(self, *, request: ReportRequested) -> None:
        """Write a report that was ordered, once. Raises: CaseNotFound; LLMError; LLMRefused."""
        await self._reports().write(
            case_id=request.case_id,
            user_id=request.user_id,
            report_type=ReportType(request.report_type),
            job_id=request.job_id,
        )

    async def write_post_mortem(self, *, request: PostMortemRequested) -> None:
        """Write an ended case's post-mortem, keep it with the case and teach it to the owner's knowledge base.

        Raises: CaseNotFound; LLMError; LLMRefused.
        """
        await self._reports().write(
            case_id=request.case_id,
            user_id=request.owner_id,
            report_type=ReportType.POST_MORTEM,
            job_id=request.job_id,
        )

    async def forget_case(self, *, request: CaseDeleted) -> None:
        """Let go of a deleted case's turns and remembered answers; what they cost stays on the books."""
        async with self.transactions.begin() as unit:
            await unit.turns.delete_of_case(request.case_id)
        await self.executor.optimizer.forget_case(request.case_id)

    async def _files_read(self, turn: Turn) -> None:
        """Raises: TryAgain while they are not, and it is worth waiting; CaseNotFound."""
        principal = Principal(user_id=turn.user_id)
        files = await self.evidence.of_case(principal=principal, case_id=turn.case_id)
        delay = pause(turn, files, at=self.clock.now())
        if delay is None:
            return
        if not await self._heard(turn):
            async with Telling(self.events, turn.job_id) as telling:
                telling.stage("reading")
        raise TryAgain(delay)

    async def _told(self, turn: Turn) -> Turn:
        """Answer it, and tell whoever watches how it goes. That it failed is told by its job's row."""
        async with Telling(self.events, turn.job_id) as telling:
            if any(event.kind is EventKind.TOKEN for event in await self._heard(turn)):
                telling.restart()
            return await self._answered(turn, telling)

    async def _answered(self, turn: Turn, listener: Listener) -> Turn:
        principal = Principal(user_id=turn.user_id)
        overview = await self.cases.overview(principal=principal, case_id=turn.case_id)
        question = await self._record_question(turn)
        gathering = Gathering(self.evidence, self.knowledge)
        answering = Answering(self.cases, gathering, self.executor, self.models, self.clock)
        answer = await answering.answer(turn, overview=overview, question=question, listener=listener)
        async with self.transactions.begin() as unit:
            stored = await unit.turns.get(turn.job_id)
            if stored is None:
                return turn  # its case was deleted meanwhile
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
                "milestones": [milestone.value for milestone in answer.progress.reached] if answer.progress else [],
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

    def _reports(self) -> Reports:
        return Reports(
            self.transactions, self.cases, self.evidence, self.knowledge, self.executor, self.models, self.clock
        )

    async def _heard(self, turn: Turn) -> tuple[TurnEvent, ...]:
        """What earlier tries told."""
        try:
            return await self.events.read(turn.job_id, wait=timedelta(0))
        except Unavailable as error:
            log.warning("turn %s: nobody can watch: %s", turn.job_id, error.message)
            return ()

    async def _stored(self, job_id: str) -> Turn | None:
        try:
            stored = await self.results.get(job_id)
            return turn_from_dict(stored) if stored else None
        except (Unavailable, KeyError, ValueError, TypeError) as error:  # lost, or another version's: the row knows
            log.warning("turn %s: no result in the store: %r", job_id, error)
            return None

    async def _turn(self, job_id: str) -> Turn | None:
        async with self.transactions.view() as unit:
            turn = await unit.turns.get(job_id)
            job = await unit.jobs.get(job_id)
        given_up = job is not None and job.state in {JobState.FAILED, JobState.CANCELLED}
        if turn is not None and turn.answer is None and job is not None and given_up:
            return evolve(turn, status=TurnStatus.FAILED, error=job.error)
        return turn

    def _desk(self) -> JobDesk:
        return JobDesk(self.transactions, self.clock)


def _own(turn: Turn, principal: Principal, case_id: str) -> Turn:
    """Raises: TurnNotFound where it is another user's, or of another case."""
    if (turn.user_id, turn.case_id) != (principal.user_id, case_id):
        raise TurnNotFound(job_id=turn.job_id)
    return turn
