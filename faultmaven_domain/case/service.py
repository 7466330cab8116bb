from datetime import datetime

from attrs import evolve, frozen

from ..kernel.clock import Clock
from ..kernel.ids import IdSource
from ..kernel.job_desk import JobDesk
from ..kernel.paging import Page, check_paging
from ..kernel.principal import Principal
from .deciding import Outcome, decided, decision_of, followed, may_decide, progress_of
from .errors import CaseNotFound, CaseVersionConflict, ReportNotFound
from .events import CaseDeleted, PostMortemRequested
from .investigation import Decided, Decision, Intent, Investigation, Observed, Overview, Seen, Titled, TurnProgress
from .models import (
    Case,
    CaseMessage,
    CaseStatus,
    CaseWithOwner,
    ClosureReason,
    Conversation,
    Owner,
    Priority,
    Report,
    Role,
    checked_description,
    checked_title,
    default_title,
)
from .naming import checked_words, is_given, subject_of, title_from
from .observing import observed_by
from .ports import CaseTransactions, CaseUnitOfWork, Users

#: For so many of the latest turns it is remembered what they decided and what they were told: one that is delivered
#: twice is delivered again soon.
REMEMBERED = 4
#: A title is made of what was said first.
FIRST_MESSAGES = 10


@frozen
class CaseService:
    transactions: CaseTransactions
    users: Users
    clock: Clock
    ids: IdSource

    async def create(
        self,
        *,
        principal: Principal,
        title: str | None = None,
        description: str = "",
        priority: Priority = Priority.MEDIUM,
        metadata: dict[str, object] | None = None,
        case_id: str | None = None,
    ) -> Case:
        """Open a case; one without a title is named Case-MMDD-N. The same ``case_id`` is opened once, and given again
        as it is by now.

        Raises: InvalidInput naming the field; CaseVersionConflict for another user's ``case_id``.
        """
        now = self.clock.now()
        description = checked_description(description)
        async with self.transactions.begin() as unit:
            known = await unit.cases.get(case_id) if case_id is not None else None
            if known is not None and known.owner_id == principal.user_id:
                return known
            if title is None or not title.strip():
                number = await unit.cases.count(principal.user_id, status=None) + 1
                title = default_title(at=now, number=number)
            case = Case(
                case_id=self.ids.new("case") if case_id is None else case_id,
                owner_id=principal.user_id,
                title=checked_title(title),
                description=description,
                status=CaseStatus.CONSULTING,
                priority=priority,
                created_at=now,
                updated_at=now,
                metadata=metadata or {},
            )
            return await unit.cases.save(case)

    async def get(self, *, principal: Principal, case_id: str) -> Case:
        """Raises: CaseNotFound, also for another user's, even to an admin."""
        async with self.transactions.view() as unit:
            return await self._own(unit, principal, case_id)

    async def get_case_with_owner(self, *, principal: Principal, case_id: str) -> CaseWithOwner:
        """Raises: CaseNotFound; UserNotFound when the account is gone."""
        case = await self.get(principal=principal, case_id=case_id)
        user = await self.users.get_user(user_id=case.owner_id)
        return CaseWithOwner(case=case, owner=Owner(user_id=user.user_id, name=user.full_name, email=user.email))

    async def list(
        self, *, principal: Principal, status: CaseStatus | None = None, limit: int = 50, offset: int = 0
    ) -> Page[Case]:
        """The caller's cases, last changed first. Raises: InvalidInput for limit or offset."""
        check_paging(limit, offset)
        async with self.transactions.view() as unit:
            cases = await unit.cases.of_owner(principal.user_id, status=status, limit=limit, offset=offset)
            total = await unit.cases.count(principal.user_id, status=status)
        return Page(items=tuple(cases), total=total, limit=limit, offset=offset)

    async def update(
        self,
        *,
        principal: Principal,
        case_id: str,
        title: str | None = None,
        description: str | None = None,
        priority: Priority | None = None,
        metadata: dict[str, object] | None = None,
        status: CaseStatus | None = None,
        expected_version: int | None = None,
    ) -> Case:
        """Change what is given. Raises: CaseNotFound; InvalidInput; WrongTransition; CaseVersionConflict."""
        async with self.transactions.begin() as unit:
            case = await self._own(unit, principal, case_id)
            changed = evolve(
                case,
                title=case.title if title is None else checked_title(title),
                description=case.description if description is None else checked_description(description),
                priority=case.priority if priority is None else priority,
                metadata=case.metadata if metadata is None else metadata,
                updated_at=self.clock.now(),
            )
            if status is not None:
                changed = changed.moved(status, at=self.clock.now())
            saved = await self._save(unit, case, changed, expected_version)
            if title is not None:
                investigation = await self._investigation(unit, case_id)
                await unit.investigations.save(evolve(investigation, title_given=True))
            return saved

    async def change_status(
        self,
        *,
        principal: Principal,
        case_id: str,
        status: CaseStatus,
        reason: ClosureReason | None = None,
        notes: str | None = None,
        expected_version: int | None = None,
    ) -> Case:
        """Move a case on; one that ends asks for its post-mortem.

        Raises: CaseNotFound; WrongTransition; CaseVersionConflict.
        """
        async with self.transactions.begin() as unit:
            case = await self._own(unit, principal, case_id)
            moved = case.moved(status, at=self.clock.now(), reason=reason, notes=notes)
            return await self._save(unit, case, moved, expected_version)

    async def close(
        self,
        *,
        principal: Principal,
        case_id: str,
        reason: ClosureReason | None = None,
        notes: str | None = None,
    ) -> Case:
        """End a case: resolved where the reason says so and it was investigated, else closed. Closing twice is closed.

        Raises: CaseNotFound.
        """
        async with self.transactions.begin() as unit:
            case = await self._own(unit, principal, case_id)
            if case.final:
                return case
            resolved = reason is ClosureReason.RESOLVED and case.status is CaseStatus.INVESTIGATING
            status = CaseStatus.RESOLVED if resolved else CaseStatus.CLOSED
            return await self._save(
                unit, case, case.moved(status, at=self.clock.now(), reason=reason, notes=notes), None
            )

    async def overview(self, *, principal: Principal, case_id: str) -> Overview:
        """A case, how far its investigation is, and its reports, oldest first. Raises: CaseNotFound."""
        async with self.transactions.view() as unit:
            case = await self._own(unit, principal, case_id)
            investigation = await self._investigation(unit, case_id)
            reports = await unit.reports.query(case_id=case_id)
        return Overview(case=case, investigation=investigation, reports=tuple(reports))

    async def decide(
        self, *, principal: Principal, case_id: str, turn_number: int, message: str, intent: Intent | None
    ) -> Decision:
        """Do what the user's word or click means, once for a turn however often it is asked.

        A reply of None leaves the message to the model. What is impossible is answered in words and no error. A case
        that ends by it asks for its post-mortem. Raises: CaseNotFound.
        """
        if not may_decide(message, intent):
            await self.get(principal=principal, case_id=case_id)
            return Decision()
        async with self.transactions.begin() as unit:
            case = await self._own(unit, principal, case_id)
            investigation = await self._investigation(unit, case_id)
            kept = investigation.decided
            for known in kept:
                if known.turn_number == turn_number:
                    return known.decision
            if len(kept) == REMEMBERED and turn_number < kept[0].turn_number:
                return Decision()  # one of long ago, whose word was for a question of then
            before = Outcome(case=case, investigation=investigation)
            after = decided(
                case, investigation, message=message, intent=intent, turn_number=turn_number, at=self.clock.now()
            )
            decision = decision_of(before, after)
            kept = (*kept, Decided(turn_number=turn_number, decision=decision))[-REMEMBERED:]
            await unit.investigations.save(evolve(after.investigation, decided=kept))
            await self._put(unit, case, after.case)
            return decision

    async def observe(self, *, principal: Principal, case_id: str, observed: Observed) -> TurnProgress:
        """Take in what a turn's evidence and answer show, once for a turn however often it is told.

        It is lasting once the turn's answer is recorded; before that, the turn comes again. Raises: CaseNotFound.
        """
        async with self.transactions.begin(lasting=False) as unit:
            case = await self._own(unit, principal, case_id)
            investigation = await self._investigation(unit, case_id)
            kept = investigation.seen
            for known in kept:
                if known.turn_number == observed.turn_number:
                    return known.progress
            before = Outcome(case=case, investigation=investigation)
            if len(kept) == REMEMBERED and observed.turn_number < kept[0].turn_number:
                return progress_of(before, before)  # one of long ago: later ones have told all of it
            after = observed_by(case, investigation, observed, at=self.clock.now())
            progress = progress_of(before, after)
            kept = (*kept, Seen(turn_number=observed.turn_number, progress=progress))[-REMEMBERED:]
            await unit.investigations.save(evolve(after.investigation, seen=kept))
            await self._put(unit, case, after.case)
            return progress

    async def entitle(self, *, principal: Principal, case_id: str, max_words: int = 8) -> Titled:
        """Name a case after its problem, in at most ``max_words`` words, 1 to 30, unless somebody has named it.

        Raises: CaseNotFound; InvalidInput.
        """
        checked_words(max_words)
        async with self.transactions.begin() as unit:
            case = await self._own(unit, principal, case_id)
            investigation = await self._investigation(unit, case_id)
            if is_given(case, investigation):
                return Titled(title=case.title, generated=False)
            messages = await unit.messages.of_case(case_id, limit=FIRST_MESSAGES, offset=0)
            title = title_from(subject_of(investigation, messages), max_words=max_words)
            if title and title != case.title:
                await self._put(unit, case, evolve(case, title=title, updated_at=self.clock.now()))
            if title and investigation.title_given is None:
                await unit.investigations.save(evolve(investigation, title_given=False))
            return Titled(title=title, generated=True)

    async def delete(self, *, principal: Principal, case_id: str) -> None:
        """The case, its investigation, messages and reports; evidence and turns follow. Raises: CaseNotFound."""
        async with self.transactions.begin() as unit:
            await self._own(unit, principal, case_id)
            await unit.messages.delete_of_case(case_id)
            await unit.reports.delete_of_case(case_id)
            await unit.investigations.delete(case_id)
            await unit.cases.delete(case_id)
            message = CaseDeleted(job_id=self.ids.job(), case_id=case_id)
            await self._desk().ask(unit, message, owner_id=principal.user_id, subject_id=case_id)

    async def messages(
        self, *, principal: Principal, case_id: str, limit: int = 50, offset: int = 0
    ) -> Page[CaseMessage]:
        """In the order they were said. Raises: CaseNotFound; InvalidInput."""
        check_paging(limit, offset, largest=1000)
        async with self.transactions.view() as unit:
            case = await self._own(unit, principal, case_id)
            messages = await unit.messages.of_case(case_id, limit=limit, offset=offset)
        return Page(items=tuple(messages), total=case.message_count, limit=limit, offset=offset)

    async def conversation(self, *, principal: Principal, case_id: str, latest: int = 1000) -> Conversation:
        """A case and the latest of what was said, in its order. Raises: CaseNotFound; InvalidInput."""
        check_paging(latest, 0, largest=1000)
        async with self.transactions.view() as unit:
            case = await self._own(unit, principal, case_id)
            offset = max(0, case.message_count - latest)
            messages = await unit.messages.of_case(case_id, limit=latest, offset=offset)
        return Conversation(case=case, messages=tuple(messages))

    async def record_message(
        self,
        *,
        principal: Principal,
        case_id: str,
        message_id: str,
        role: str,
        content: str,
        created_at: datetime,
        metadata: dict[str, object] | None = None,
        turn_number: int | None = None,
    ) -> CaseMessage:
        """Write what was said; the same id is written once. The user's begins a turn unless told which it belongs to.

        A message to a case that was closed meanwhile is still kept: it was acknowledged before. Raises: CaseNotFound.
        """
        async with self.transactions.begin() as unit:
            case = await self._own(unit, principal, case_id)
            known = await unit.messages.get(message_id)
            if known is not None:
                return known
            begins = turn_number is None and role == Role.USER
            current = case.current_turn + begins
            message = CaseMessage(
                message_id=message_id,
                case_id=case_id,
                role=Role(role),
                content=content,
                turn_number=current if turn_number is None else turn_number,
                created_at=created_at,
                metadata=metadata or {},
            )
            await unit.messages.save(message)
            counted = evolve(
                case,
                message_count=case.message_count + 1,
                current_turn=current,
                updated_at=self.clock.now(),
                version=case.version + 1,
            )
            await unit.cases.save(counted)
            return message

    async def record_report(
        self,
        *,
        principal: Principal,
        case_id: str,
        report_id: str,
        report_type: str,
        title: str,
        content: str,
        citations: tuple[dict[str, object], ...] = (),
    ) -> Report:
        """Keep a report; the same id is kept once, as it was first. Raises: CaseNotFound."""
        async with self.transactions.begin() as unit:
            await self._own(unit, principal, case_id)
            known = await unit.reports.get(report_id)
            return known or await unit.reports.save(
                Report(
                    report_id=report_id,
                    case_id=case_id,
                    report_type=report_type,
                    title=title,
                    content=content,
                    created_at=self.clock.now(),
                    citations=citations,
                )
            )

    async def reports(self, *, principal: Principal, case_id: str) -> tuple[Report, ...]:
        """Oldest first. Raises: CaseNotFound."""
        async with self.transactions.view() as unit:
            await self._own(unit, principal, case_id)
            return tuple(await unit.reports.query(case_id=case_id))

    async def report(self, *, principal: Principal, case_id: str, report_id: str) -> Report:
        """Raises: CaseNotFound; ReportNotFound."""
        for report in await self.reports(principal=principal, case_id=case_id):
            if report.report_id == report_id:
                return report
        raise ReportNotFound(report_id=report_id)

    async def _save(self, unit: CaseUnitOfWork, before: Case, after: Case, expected_version: int | None) -> Case:
        if expected_version is not None and expected_version != before.version:
            raise CaseVersionConflict(expected_version=expected_version, actual_version=before.version)
        saved = await self._put(unit, before, after)
        if saved.status is not before.status:
            investigation = await self._investigation(unit, saved.case_id)
            turn, now = saved.current_turn, self.clock.now()
            await unit.investigations.save(followed(investigation, before, saved, turn_number=turn, at=now))
        return saved

    async def _put(self, unit: CaseUnitOfWork, before: Case, after: Case) -> Case:
        """Where it was changed; one that has ended by it asks for its post-mortem."""
        if after == before:
            return before
        saved = await unit.cases.save(evolve(after, version=before.version + 1))
        if saved.final and not before.final:
            message = PostMortemRequested(job_id=self.ids.job(), case_id=saved.case_id, owner_id=saved.owner_id)
            await self._desk().ask(unit, message, owner_id=saved.owner_id, subject_id=saved.case_id)
        return saved

    async def _investigation(self, unit: CaseUnitOfWork, case_id: str) -> Investigation:
        return await unit.investigations.get(case_id) or Investigation(case_id=case_id)

    async def _own(self, unit: CaseUnitOfWork, principal: Principal, case_id: str) -> Case:
        case = await unit.cases.get(case_id)
        if case is None or case.owner_id != principal.user_id:
            raise CaseNotFound(case_id=case_id)
        return case

    def _desk(self) -> JobDesk:
        return JobDesk(self.transactions, self.clock)
