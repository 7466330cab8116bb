import asyncio

import pytest

from faultmaven_domain.case import (
    Case,
    CaseDeleted,
    CaseNotFound,
    CaseService,
    CaseStatus,
    CaseTransactions,
    ClosureReason,
    PostMortemRequested,
    WrongTransition,
)
from faultmaven_domain.kernel.events import Outgoing
from tests.fakes.clock import NOON, FakeClock
from tests.fakes.people import ANA


@pytest.fixture
async def case(cases: CaseService) -> Case:
    return await cases.create(principal=ANA, title="Checkout fails")


async def asked_for(transactions: CaseTransactions) -> list[Outgoing]:
    async with transactions.view() as unit:
        return await unit.outbox.due(sent_before=NOON)


class TestClosing:
    async def test_asks_for_one_post_mortem(
        self, cases: CaseService, case: Case, transactions: CaseTransactions, clock: FakeClock
    ) -> None:
        """However often a case is closed, and however it is asked for, there is one job for its post-mortem."""
        closed = await cases.close(
            principal=ANA, case_id=case.case_id, reason=ClosureReason.DUPLICATE, notes="See the other one."
        )
        assert (closed.status, closed.closed_at, closed.closure_reason) == (
            CaseStatus.CLOSED,
            clock.now(),
            ClosureReason.DUPLICATE,
        )
        assert closed.resolution_notes == "See the other one."

        assert await cases.close(principal=ANA, case_id=case.case_id, reason=ClosureReason.OTHER) == closed
        assert await cases.change_status(principal=ANA, case_id=case.case_id, status=CaseStatus.CLOSED) == closed

        [message] = await asked_for(transactions)
        assert message.topic == PostMortemRequested.topic
        assert message.payload == {
            "version": "1.0",
            "job_id": message.id,
            "case_id": case.case_id,
            "owner_id": "usr_ana",
        }
        async with transactions.view() as unit:
            job = await unit.jobs.get(message.id)
        assert job is not None
        assert (job.kind, job.owner_id, job.subject_id) == (PostMortemRequested.topic, "usr_ana", case.case_id)

    async def test_at_once_asks_for_one_post_mortem(
        self, cases: CaseService, case: Case, transactions: CaseTransactions
    ) -> None:
        """Many who close a case at the same moment close it once."""
        await cases.change_status(principal=ANA, case_id=case.case_id, status=CaseStatus.INVESTIGATING)
        ended = await asyncio.gather(
            *[cases.close(principal=ANA, case_id=case.case_id, reason=ClosureReason.RESOLVED) for _ in range(4)],
            *[cases.change_status(principal=ANA, case_id=case.case_id, status=CaseStatus.RESOLVED) for _ in range(4)],
        )

        assert len({one.version for one in ended}) == 1
        assert [message.topic for message in await asked_for(transactions)] == [PostMortemRequested.topic]

    async def test_by_an_update(self, cases: CaseService, case: Case, transactions: CaseTransactions) -> None:
        """A case that ends by the way of an update asks for its post-mortem too."""
        await cases.update(principal=ANA, case_id=case.case_id, status=CaseStatus.CLOSED, title="Done")

        assert [message.topic for message in await asked_for(transactions)] == [PostMortemRequested.topic]

    async def test_investigated_and_resolved(self, cases: CaseService, case: Case) -> None:
        """The reason makes it resolved, where there was something to resolve."""
        await cases.change_status(principal=ANA, case_id=case.case_id, status=CaseStatus.INVESTIGATING)

        resolved = await cases.close(principal=ANA, case_id=case.case_id, reason=ClosureReason.RESOLVED)

        assert (resolved.status, resolved.resolved_at, resolved.closed_at) == (CaseStatus.RESOLVED, NOON, NOON)

    async def test_resolved_without_an_investigation(self, cases: CaseService, case: Case) -> None:
        """A case that was only talked about is closed, with its reason kept."""
        closed = await cases.close(principal=ANA, case_id=case.case_id, reason=ClosureReason.RESOLVED)

        assert (closed.status, closed.closure_reason) == (CaseStatus.CLOSED, ClosureReason.RESOLVED)
        assert closed.resolved_at is None

    async def test_is_the_end(self, cases: CaseService, case: Case, transactions: CaseTransactions) -> None:
        """A closed case goes nowhere; its title can still be put right, which ends nothing anew."""
        await cases.close(principal=ANA, case_id=case.case_id)

        with pytest.raises(WrongTransition):
            await cases.change_status(principal=ANA, case_id=case.case_id, status=CaseStatus.INVESTIGATING)
        renamed = await cases.update(principal=ANA, case_id=case.case_id, title="Checkout failed")
        assert (renamed.title, renamed.status) == ("Checkout failed", CaseStatus.CLOSED)
        assert len(await asked_for(transactions)) == 1


async def test_going_on_asks_for_nothing(cases: CaseService, case: Case, transactions: CaseTransactions) -> None:
    """An open case has no post-mortem."""
    moved = await cases.change_status(principal=ANA, case_id=case.case_id, status=CaseStatus.INVESTIGATING)

    assert (moved.status, moved.version, moved.closure_reason) == (CaseStatus.INVESTIGATING, 2, None)
    assert await asked_for(transactions) == []


class TestDeleting:
    async def test_takes_everything_with_it(
        self, cases: CaseService, case: Case, transactions: CaseTransactions
    ) -> None:
        """Messages and reports go with the case, and the other rooms are told once."""
        kept = await cases.create(principal=ANA)
        for case_id in (case.case_id, kept.case_id):
            await cases.record_message(
                principal=ANA, case_id=case_id, message_id=f"m_{case_id}", role="user", content="?", created_at=NOON
            )
            await cases.record_report(
                principal=ANA, case_id=case_id, report_id=f"r_{case_id}", report_type="x", title="t", content="c"
            )

        await cases.delete(principal=ANA, case_id=case.case_id)

        with pytest.raises(CaseNotFound):
            await cases.delete(principal=ANA, case_id=case.case_id)
        async with transactions.view() as unit:
            assert [message.case_id for message in await unit.messages.query()] == [kept.case_id]
            assert [report.case_id for report in await unit.reports.query()] == [kept.case_id]
        [message] = await asked_for(transactions)
        assert (message.topic, message.payload["case_id"]) == (CaseDeleted.topic, case.case_id)

    async def test_a_closed_case(self, cases: CaseService, case: Case) -> None:
        """What has ended may go too."""
        await cases.close(principal=ANA, case_id=case.case_id)
        await cases.delete(principal=ANA, case_id=case.case_id)

        assert (await cases.list(principal=ANA)).total == 0
