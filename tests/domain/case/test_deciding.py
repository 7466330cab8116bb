"""What the user's word does, as the room's callers see it."""

import asyncio

import pytest

from faultmaven_domain.case import (
    ActionType,
    Case,
    CaseNotFound,
    CaseService,
    CaseStatus,
    CaseTransactions,
    ClosureReason,
    Decision,
    HypothesisStatus,
    Intent,
    IntentType,
    Milestone,
    PostMortemRequested,
    Subject,
)
from faultmaven_domain.case.suggestions import START_WORDS
from tests.domain.case.facts import DISK, FIX, POOL, PROBLEM, Talk, click
from tests.fakes.clock import NOON, FakeClock
from tests.fakes.people import ANA, BOB, ROOT

M = Milestone


@pytest.fixture
async def talk(cases: CaseService) -> Talk:
    return Talk(cases, await cases.create(principal=ANA))


async def case_of(talk: Talk) -> Case:
    return await talk.cases.get(principal=ANA, case_id=talk.case_id)


def status(to: CaseStatus | None, confirmed: bool | None = None) -> Intent:
    return Intent(type=IntentType.STATUS_TRANSITION, to=to, confirmed=confirmed)


def said(decision: Decision) -> str:
    assert decision.reply is not None
    assert decision.progress is not None
    return decision.reply


class TestTheProblem:
    async def test_a_yes_confirms_it(self, talk: Talk) -> None:
        """Who agrees with the proposed statement is asked next whether to investigate, and does so by another yes."""
        await talk.shows(PROBLEM)
        decision = await talk.says("Yes")
        assert "Noted: that is the problem." in said(decision)
        assert "Shall I start a formal investigation" in said(decision)
        overview = await talk.cases.overview(principal=ANA, case_id=talk.case_id)
        assert (overview.investigation.problem_confirmed, overview.case.status) == (True, CaseStatus.CONSULTING)

        await talk.says("yes please")
        assert (await case_of(talk)).status is CaseStatus.INVESTIGATING

    async def test_a_no_asks_anew(self, talk: Talk) -> None:
        """What was proposed is dropped; the next message is taken at its word, and is not the refused one again."""
        await talk.shows(PROBLEM)
        assert "what is wrong" in said(await talk.says("No"))
        await talk.shows(PROBLEM)
        overview = await talk.cases.overview(principal=ANA, case_id=talk.case_id)
        assert (overview.investigation.problem_statement, overview.investigation.severity) == (None, None)

        progress = await talk.shows("Orders are charged twice")

        assert progress.asked is not None
        assert "Orders are charged twice" in progress.asked.question

    async def test_a_no_that_goes_on_corrects_it(self, talk: Talk) -> None:
        """A message that says no and what it is instead is the model's to answer, and changes the statement."""
        await talk.shows(PROBLEM)
        decision = await talk.says("No, it is the payment service that fails.")
        assert decision == Decision()

        progress = await talk.shows("No, it is the payment service that fails.")

        assert progress.asked is not None
        assert progress.asked.question == "Is this the problem: “it is the payment service that fails.”?"

    async def test_clicks_say_the_same(self, talk: Talk) -> None:
        """The actions that are offered do what their words do."""
        progress = await talk.shows(PROBLEM)
        yes = progress.actions[0]
        assert (yes.type, yes.payload, yes.body) == (
            ActionType.DECIDE,
            "Yes",
            f"Is this the problem: “{PROBLEM}”?",
        )

        assert "Noted" in said(await talk.says(yes.payload, yes.intent))


class TestInvestigating:
    async def test_begins_at_once(self, talk: Talk, clock: FakeClock) -> None:
        """The client's own sentence is consent: to the investigation, and to the problem as it was proposed."""
        await talk.shows(PROBLEM)
        decision = await talk.says(START_WORDS)

        overview = await talk.cases.overview(principal=ANA, case_id=talk.case_id)
        investigation = overview.investigation
        assert overview.case.status is CaseStatus.INVESTIGATING
        assert (investigation.problem_confirmed, investigation.decided_to_investigate) == (True, True)
        assert investigation.investigating_since == clock.now()
        assert PROBLEM in said(decision)
        assert decision.progress is not None
        assert (decision.progress.status, decision.progress.progress_made) == (CaseStatus.INVESTIGATING, True)

    async def test_without_a_problem_asks_for_one(self, talk: Talk) -> None:
        """Who begins without having said what is wrong is asked, and confirms it while it is investigated."""
        assert "what is wrong" in said(await talk.says(START_WORDS))

        progress = await talk.shows(PROBLEM)

        assert progress.asked is not None
        assert progress.asked.subject is Subject.PROBLEM
        assert "Noted" in said(await talk.says("yes"))

    async def test_by_a_click(self, talk: Talk) -> None:
        """A confirmed click begins it at once, one that is not confirmed asks first, a refused one leaves the case."""
        to = CaseStatus.INVESTIGATING
        assert "Shall I start" in said(await talk.clicks(status(to)))
        assert "stays consulting" in said(await talk.clicks(status(to, False)))
        assert (await case_of(talk)).status is CaseStatus.CONSULTING

        assert "begun" in said(await talk.clicks(status(to, True)))
        assert "already" in said(await talk.clicks(status(to, True)))
        assert (await case_of(talk)).version == 2

    async def test_by_the_route(self, talk: Talk, clock: FakeClock) -> None:
        """A case moved by its status route agrees with the proposed problem too."""
        await talk.shows(PROBLEM)
        await talk.cases.change_status(principal=ANA, case_id=talk.case_id, status=CaseStatus.INVESTIGATING)

        investigation = (await talk.cases.overview(principal=ANA, case_id=talk.case_id)).investigation
        assert investigation.problem_confirmed
        assert investigation.investigating_since == clock.now()
        assert investigation.asked is None


class TestTheCause:
    @pytest.fixture
    async def suspecting(self, talk: Talk) -> Talk:
        await talk.says(START_WORDS)
        await talk.shows_failures(PROBLEM)
        await talk.says("Yes")
        return talk

    async def test_a_yes_identifies_it(self, suspecting: Talk) -> None:
        """The leading hypothesis is validated, the others retire, and the milestone is reached in that turn."""
        decision = await suspecting.says("Yes")

        investigation = (await suspecting.cases.overview(principal=ANA, case_id=suspecting.case_id)).investigation
        assert investigation.root_cause == POOL.text
        assert [one.status for one in investigation.hypotheses] == [
            HypothesisStatus.VALIDATED,
            HypothesisStatus.RETIRED,
        ]
        assert decision.progress is not None
        assert decision.progress.reached == (M.ROOT_CAUSE_IDENTIFIED,)
        reached = investigation.reached[-1]
        assert (reached.milestone, reached.turn_number, reached.at) == (M.ROOT_CAUSE_IDENTIFIED, 4, NOON)

        later = await suspecting.shows_failures()
        assert later.asked is None

    async def test_a_no_rules_it_out(self, suspecting: Talk) -> None:
        """The next one leads and is asked about; when none is left nothing is asked."""
        decision = await suspecting.says("No")
        assert f"Ruled out: {POOL.text}" in said(decision)
        assert DISK.text in said(decision)

        assert f"Ruled out: {DISK.text}" in said(await suspecting.says("no"))
        assert await suspecting.says("no") == Decision()
        investigation = (await suspecting.cases.overview(principal=ANA, case_id=suspecting.case_id)).investigation
        assert investigation.root_cause is None

    async def test_a_yes_is_to_what_was_asked(self, suspecting: Talk) -> None:
        """Where another suspect leads by now, the question is put anew before it is answered."""
        progress = await suspecting.shows_failures(suspects=(DISK, POOL))
        assert progress.asked is not None
        assert DISK.text in progress.asked.question

        await suspecting.says("yes")
        investigation = (await suspecting.cases.overview(principal=ANA, case_id=suspecting.case_id)).investigation
        assert investigation.root_cause == DISK.text

    async def test_a_click_on_what_is_not_asked_opens_it(self, suspecting: Talk) -> None:
        """A button of an old answer settles nothing unseen; one about what is settled says so."""
        await suspecting.says("close the case")
        assert POOL.text in said(await suspecting.clicks(click(Subject.ROOT_CAUSE, True)))
        investigation = (await suspecting.cases.overview(principal=ANA, case_id=suspecting.case_id)).investigation
        assert investigation.root_cause is None

        assert "root cause" in said(await suspecting.clicks(click(Subject.ROOT_CAUSE, True)))
        assert "settled" in said(await suspecting.clicks(click(Subject.ROOT_CAUSE, True)))
        assert "settled" in said(await suspecting.clicks(click(None, True)))
        assert "settled" in said(await suspecting.clicks(click(Subject.SOLUTION_VERIFIED, True)))


class TestTheSolution:
    @pytest.fixture
    async def proposed(self, talk: Talk) -> Talk:
        await talk.says(START_WORDS)
        await talk.shows_failures(PROBLEM, fix=FIX)
        await talk.says("Yes")
        await talk.says("Yes")
        return talk

    async def test_applied_verified_resolved(
        self, proposed: Talk, clock: FakeClock, transactions: CaseTransactions
    ) -> None:
        """One yes after the other ends the case, with every milestone and time set, and one post-mortem asked for."""
        assert "fixed the problem?" in said(await proposed.says("yes"))
        fixed = await proposed.says("it is fixed")
        assert fixed.progress is not None
        assert fixed.progress.reached == (M.SOLUTION_VERIFIED,)
        assert "mark the case as resolved?" in said(fixed)
        decision = await proposed.says("Yes.")

        assert said(decision) == "The case is resolved. Its post-mortem is being written."
        assert decision.progress is not None
        assert (decision.progress.actions, decision.progress.asked) == ((), None)
        overview = await proposed.cases.overview(principal=ANA, case_id=proposed.case_id)
        assert (overview.case.status, overview.case.resolved_at, overview.case.closure_reason) == (
            CaseStatus.RESOLVED,
            clock.now(),
            ClosureReason.RESOLVED,
        )
        investigation = overview.investigation
        assert (investigation.solution_applied_at, investigation.solution_verified_at) == (NOON, NOON)
        assert {one.milestone for one in investigation.reached} == set(Milestone) - {M.CHANGES_IDENTIFIED}
        async with transactions.view() as unit:
            [message] = await unit.outbox.due(sent_before=NOON)
        assert message.topic == PostMortemRequested.topic

    async def test_not_yet_is_asked_again_later(self, proposed: Talk) -> None:
        """A no puts the question off for three turns; then it is put again."""
        assert said(await proposed.says("not yet")) == "Noted: not yet."

        asked = [(await proposed.shows_failures()).asked for _ in range(4)]

        assert [one.subject if one else None for one in asked] == [None, None, None, Subject.SOLUTION_APPLIED]

    async def test_a_second_not_yet_is_no_question(self, proposed: Talk) -> None:
        """Who says again by a click that it is not done is not asked to answer."""
        await proposed.says("no")

        assert said(await proposed.clicks(click(Subject.SOLUTION_APPLIED, False))) == "Noted: not yet."

    async def test_one_that_does_not_help(self, proposed: Talk) -> None:
        """The problem that is still there is noted; nothing that was reached is taken back."""
        await proposed.says("yes")
        assert "still there" in said(await proposed.says("no"))

        investigation = (await proposed.cases.overview(principal=ANA, case_id=proposed.case_id)).investigation
        assert investigation.has(M.SOLUTION_APPLIED)
        assert not investigation.has(M.SOLUTION_VERIFIED)

    async def test_resolving_after_it_was_applied_verifies_it(self, proposed: Talk) -> None:
        """Who calls the case resolved says that the solution worked, by a route as well."""
        await proposed.says("yes")
        await proposed.cases.close(principal=ANA, case_id=proposed.case_id, reason=ClosureReason.RESOLVED)

        investigation = (await proposed.cases.overview(principal=ANA, case_id=proposed.case_id)).investigation
        assert investigation.solution_verified_at == NOON
        assert investigation.reached[-1].why == "The user called the case resolved."

    async def test_resolving_before_it_was_applied_verifies_nothing(self, proposed: Talk) -> None:
        """Where no solution was applied, none is said to have worked."""
        decision = await proposed.clicks(status(CaseStatus.RESOLVED, True))

        assert "Not established: that a solution was applied, that the problem is gone." in said(decision)
        investigation = (await proposed.cases.overview(principal=ANA, case_id=proposed.case_id)).investigation
        assert (investigation.solution_verified_at, investigation.has(M.SOLUTION_VERIFIED)) == (None, False)


class TestEnding:
    @pytest.mark.parametrize(
        ("words", "to"), [("mark this as resolved", CaseStatus.RESOLVED), ("close the case", CaseStatus.CLOSED)]
    )
    async def test_is_asked_about_first(self, talk: Talk, words: str, to: CaseStatus) -> None:
        """The wish alone ends nothing; the yes after it does, and so does the same wish again."""
        for second in ("Yes", words):
            talk = Talk(talk.cases, await talk.cases.create(principal=ANA))
            await talk.says(START_WORDS)
            reply = said(await talk.says(words))
            assert "Not established: the root cause, that a solution was applied, that the problem is gone." in reply
            assert reply.endswith("It cannot be opened again.")
            assert (await case_of(talk)).status is CaseStatus.INVESTIGATING

            reply = said(await talk.says(second))
            assert reply.startswith(f"The case is {to.value}. Not established: the root cause,")
            assert (await case_of(talk)).status is to

    async def test_a_no_leaves_it_open(self, talk: Talk) -> None:
        """A declined end changes nothing, and the question before it is put again."""
        await talk.shows(PROBLEM)
        await talk.says("close the case")
        reply = said(await talk.says("no"))

        assert reply.startswith("Then the case stays consulting.")
        assert PROBLEM in reply
        assert (await case_of(talk)).status is CaseStatus.CONSULTING

    async def test_an_old_wish_is_not_confirmed(self, talk: Talk) -> None:
        """Who wished for an end and then went on with something else does not end the case by a later yes."""
        await talk.says("close the case")
        await talk.shows("What do the logs say?")

        assert await talk.says("Yes") == Decision()
        assert (await case_of(talk)).status is CaseStatus.CONSULTING

    async def test_by_a_click(self, talk: Talk) -> None:
        """A confirmed click is enough; one that is not asks first, also where it says no to what nobody asked."""
        await talk.says(START_WORDS)
        for asking in (False, None):
            assert "Shall I mark the case as resolved?" in said(await talk.clicks(status(CaseStatus.RESOLVED, asking)))
        assert "Shall I close the case?" in said(await talk.clicks(status(CaseStatus.CLOSED, False)))
        assert "stays investigating" in said(await talk.clicks(status(CaseStatus.CLOSED, False)))
        assert "Which status" in said(await talk.clicks(status(None, True)))

        assert "resolved" in said(await talk.clicks(status(CaseStatus.RESOLVED, True)))
        assert (await case_of(talk)).closure_reason is ClosureReason.RESOLVED

    async def test_what_was_only_talked_about_is_closed_so(self, talk: Talk) -> None:
        """A case that was never investigated owes nothing, and its closure reason says so."""
        reply = said(await talk.clicks(status(CaseStatus.CLOSED, True)))

        assert reply == "The case is closed. Its post-mortem is being written."
        assert (await case_of(talk)).closure_reason is ClosureReason.CONSULTING_ONLY

    async def test_what_cannot_be_is_said(self, talk: Talk) -> None:
        """An impossible status is answered with the possible ones."""
        assert said(await talk.says("mark it as resolved")) == (
            "A case that is consulting cannot become resolved. It can become investigating or closed."
        )
        await talk.says(START_WORDS)
        assert said(await talk.clicks(status(CaseStatus.CONSULTING, True))) == (
            "A case that is investigating cannot become consulting. It can become resolved or closed."
        )
        await talk.clicks(status(CaseStatus.CLOSED, True))
        for to in CaseStatus:
            assert "It cannot change any more." in said(await talk.clicks(status(to, True)))
        assert "nothing in it can be decided" in said(await talk.clicks(click(Subject.PROBLEM, True)))
        assert await talk.says("yes") == Decision()


class TestOnce:
    async def test_a_turn_decides_once(self, talk: Talk, transactions: CaseTransactions) -> None:
        """Delivered again, at the same moment or after other turns, a turn gives the same answer and changes none."""
        await talk.shows(PROBLEM)
        first = await asyncio.gather(
            *[
                talk.cases.decide(principal=ANA, case_id=talk.case_id, turn_number=2, message="Yes", intent=None)
                for _ in range(4)
            ]
        )
        assert first == [first[0]] * 4
        assert (await case_of(talk)).status is CaseStatus.CONSULTING
        talk.turn = 2
        await talk.says("Yes")
        await talk.clicks(status(CaseStatus.CLOSED, True))
        before = await talk.cases.overview(principal=ANA, case_id=talk.case_id)

        again = await talk.cases.decide(principal=ANA, case_id=talk.case_id, turn_number=2, message="Yes", intent=None)

        assert again == first[0]
        assert before == await talk.cases.overview(principal=ANA, case_id=talk.case_id)
        async with transactions.view() as unit:
            assert len(await unit.outbox.due(sent_before=NOON)) == 1

    async def test_a_yes_to_nothing_stays_one(self, talk: Talk) -> None:
        """A yes that met no question does not answer the one its own turn then put."""
        assert await talk.says("Yes") == Decision()
        talk.turn -= 1
        await talk.shows(PROBLEM)
        talk.turn -= 1

        assert await talk.says("Yes") == Decision()
        assert not (await talk.cases.overview(principal=ANA, case_id=talk.case_id)).investigation.problem_confirmed

    async def test_a_turn_of_long_ago_decides_nothing(self, talk: Talk) -> None:
        """Where nobody remembers what a turn decided, its word is not taken for an answer of now."""
        talk.turn = 10
        for _ in range(4):
            await talk.says("yes")
        await talk.shows(PROBLEM)

        late = await talk.cases.decide(principal=ANA, case_id=talk.case_id, turn_number=3, message="yes", intent=None)

        assert late == Decision()

    @pytest.mark.parametrize("message", ["Yes", "What now?"])
    async def test_is_the_owners(self, talk: Talk, message: str) -> None:
        """Nobody decides another's case, nor learns that it is there."""
        for principal in (BOB, ROOT):
            with pytest.raises(CaseNotFound):
                await talk.cases.decide(
                    principal=principal, case_id=talk.case_id, turn_number=1, message=message, intent=None
                )
