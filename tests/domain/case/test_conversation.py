import asyncio
from datetime import timedelta

import pytest

from faultmaven_domain.case import Case, CaseMessage, CaseNotFound, CaseService, ReportNotFound, Role
from faultmaven_domain.kernel.errors import InvalidInput
from tests.fakes.clock import NOON, FakeClock
from tests.fakes.people import ANA, BOB


@pytest.fixture
async def case(cases: CaseService) -> Case:
    return await cases.create(principal=ANA, title="Checkout fails")


async def say(
    cases: CaseService, case: Case, message_id: str, role: Role = Role.USER, turn_number: int | None = None
) -> CaseMessage:
    return await cases.record_message(
        principal=ANA,
        case_id=case.case_id,
        message_id=message_id,
        role=role.value,
        content=f"content of {message_id}",
        created_at=NOON,
        turn_number=turn_number,
        metadata={"of": message_id},
    )


class TestMessages:
    async def test_turns_are_numbered(self, cases: CaseService, case: Case) -> None:
        """Each of the user's messages begins a turn; an answer is of the turn it is told, or of the last one."""
        said = [
            await say(cases, case, "q1"),
            await say(cases, case, "q2"),
            await say(cases, case, "a1", Role.AGENT, 1),
            await say(cases, case, "a2", Role.AGENT),
            await say(cases, case, "q0", Role.USER, 1),
            await say(cases, case, "q3"),
        ]

        assert [message.turn_number for message in said] == [1, 2, 1, 2, 1, 3]
        page = await cases.messages(principal=ANA, case_id=case.case_id)
        assert page.items == tuple(said)
        counted = await cases.get(principal=ANA, case_id=case.case_id)
        assert (counted.message_count, counted.current_turn, page.total) == (6, 3, 6)

    async def test_the_same_is_written_once(self, cases: CaseService, case: Case) -> None:
        """A second delivery gets the first one's message back and counts for nothing."""
        first = await say(cases, case, "q1")
        again = await cases.record_message(
            principal=ANA, case_id=case.case_id, message_id="q1", role="agent", content="other", created_at=NOON
        )

        assert again == first
        assert (await cases.get(principal=ANA, case_id=case.case_id)).message_count == 1

    async def test_at_once(self, cases: CaseService, case: Case) -> None:
        """Messages that arrive together are all kept, each in a turn of its own; doubles among them once."""
        said = await asyncio.gather(*[say(cases, case, f"q{n % 6}") for n in range(12)])

        assert sorted({message.turn_number for message in said}) == [1, 2, 3, 4, 5, 6]
        counted = await cases.get(principal=ANA, case_id=case.case_id)
        assert (counted.message_count, counted.current_turn) == (6, 6)

    async def test_a_closed_case_still_takes_what_was_acknowledged(self, cases: CaseService, case: Case) -> None:
        """An answer that was under way when the case was closed is not lost."""
        await say(cases, case, "q1")
        await cases.close(principal=ANA, case_id=case.case_id)

        await say(cases, case, "a1", Role.AGENT, 1)

        assert (await cases.messages(principal=ANA, case_id=case.case_id)).total == 2

    async def test_the_latest_with_their_case(self, cases: CaseService, case: Case) -> None:
        """A conversation is the case as it is and the last of what was said; someone else's is not there."""
        said = [await say(cases, case, f"q{number}") for number in range(5)]
        whole = await cases.conversation(principal=ANA, case_id=case.case_id)
        latest = await cases.conversation(principal=ANA, case_id=case.case_id, latest=2)

        assert (whole.messages, latest.messages) == (tuple(said), tuple(said[3:]))
        assert whole.case == await cases.get(principal=ANA, case_id=case.case_id)
        with pytest.raises(CaseNotFound):
            await cases.conversation(principal=BOB, case_id=case.case_id)
        with pytest.raises(InvalidInput):
            await cases.conversation(principal=ANA, case_id=case.case_id, latest=1001)

    async def test_in_pages(self, cases: CaseService, case: Case, clock: FakeClock) -> None:
        """In the order they were said, and each message changes when its case was last touched."""
        for number in range(5):
            await say(cases, case, f"q{number}")
            clock.advance(timedelta(minutes=1))

        page = await cases.messages(principal=ANA, case_id=case.case_id, limit=2, offset=3)

        assert [message.message_id for message in page.items] == ["q3", "q4"]
        assert (await cases.get(principal=ANA, case_id=case.case_id)).updated_at == NOON + timedelta(minutes=4)
        assert len((await cases.messages(principal=ANA, case_id=case.case_id, limit=1000)).items) == 5
        with pytest.raises(InvalidInput):
            await cases.messages(principal=ANA, case_id=case.case_id, limit=1001)


class TestReports:
    async def test_is_kept_as_it_was_first(self, cases: CaseService, case: Case, clock: FakeClock) -> None:
        """The same id is written once, with its citations."""

        async def write(content: str) -> object:
            return await cases.record_report(
                principal=ANA,
                case_id=case.case_id,
                report_id="rep_1",
                report_type="post_mortem",
                title="Post-mortem",
                content=content,
                citations=({"number": 1, "lines": [3, 4]},),
            )

        await cases.record_report(
            principal=ANA, case_id=case.case_id, report_id="rep_0", report_type="draft", title="t", content="c"
        )
        first = await write("It broke [1].")
        clock.advance(timedelta(minutes=1))

        assert await write("It did not.") == first
        assert (await cases.reports(principal=ANA, case_id=case.case_id))[1:] == (first,)
        report = await cases.report(principal=ANA, case_id=case.case_id, report_id="rep_1")
        assert (report, report.content, report.created_at) == (first, "It broke [1].", NOON)
        assert report.citations == ({"number": 1, "lines": [3, 4]},)

    async def test_is_found_in_its_own_case_only(self, cases: CaseService, case: Case) -> None:
        """A report's id says nothing in another case."""
        other = await cases.create(principal=ANA)
        await cases.record_report(
            principal=ANA, case_id=other.case_id, report_id="rep_1", report_type="x", title="t", content="c"
        )

        with pytest.raises(ReportNotFound):
            await cases.report(principal=ANA, case_id=case.case_id, report_id="rep_1")
        assert await cases.reports(principal=ANA, case_id=case.case_id) == ()
