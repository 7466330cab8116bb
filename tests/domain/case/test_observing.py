"""What a turn's facts do to a case, as the room's callers see it."""

import asyncio

import pytest

from faultmaven_domain.case import (
    Case,
    CaseNotFound,
    CaseService,
    CaseStatus,
    CaseTransactions,
    CaseVersionConflict,
    Investigation,
    Milestone,
    Priority,
    Stage,
    Subject,
    TurnProgress,
    stage_of,
)
from faultmaven_domain.case.suggestions import START_WORDS
from tests.domain.case.facts import DISK, FIX, POOL, PROBLEM, Talk, failing
from tests.fakes.clock import FakeClock
from tests.fakes.people import ANA, BOB, ROOT

M = Milestone


@pytest.fixture
async def talk(cases: CaseService) -> Talk:
    return Talk(cases, await cases.create(principal=ANA))


async def investigation_of(talk: Talk) -> Investigation:
    return (await talk.cases.overview(principal=ANA, case_id=talk.case_id)).investigation


class TestATurn:
    async def test_reaches_what_its_facts_show(self, talk: Talk, clock: FakeClock) -> None:
        """Milestones with their turn, time and grounds, the stage that follows, and progress; also while consulting."""
        progress = await talk.shows_failures(PROBLEM, changes=("deployed v2",))

        investigation = await investigation_of(talk)
        assert progress.reached == (
            M.SYMPTOM_VERIFIED,
            M.SCOPE_ASSESSED,
            M.TIMELINE_ESTABLISHED,
            M.CHANGES_IDENTIFIED,
        )
        assert (progress.status, progress.progress_made, progress.stuck) == (CaseStatus.CONSULTING, True, False)
        assert [(one.turn_number, one.at) for one in investigation.reached] == [(1, clock.now())] * 4
        assert stage_of(one.milestone for one in investigation.reached) is Stage.HYPOTHESIS_FORMULATION
        assert (len(investigation.seen), investigation.idle, investigation.has_evidence) == (1, 0, True)
        assert [one.text for one in investigation.hypotheses] == [POOL.text, DISK.text]

    async def test_without_facts_gets_nowhere(self, talk: Talk) -> None:
        """A turn that shows nothing is counted and no progress."""
        progress = await talk.shows("What is a runbook?")

        assert (progress.reached, progress.progress_made, progress.asked) == ((), False, None)
        investigation = await investigation_of(talk)
        assert (len(investigation.seen), investigation.idle, investigation.problem_statement) == (1, 1, None)

    async def test_a_new_suspect_is_progress(self, talk: Talk) -> None:
        """What was not suspected before gets further; the same again does not."""
        await talk.shows_failures(suspects=(POOL,))

        assert [(await talk.shows_failures()).progress_made for _ in range(2)] == [True, False]
        assert (await investigation_of(talk)).idle == 1

    async def test_grounds_grow_with_the_files(self, talk: Talk) -> None:
        """A milestone's grounds tell of all the files there are, and that they tell more is no progress by itself."""
        await talk.shows_failures()
        before = (await investigation_of(talk)).reached

        further = await talk.shows_failures(failing_records=30, places=("app.log", "db.log", "web.log"))

        after = (await investigation_of(talk)).reached
        assert [one.why for one in after][:2] == [
            "30 failing records of 3 kinds are in the case's files.",
            "The failures are in app.log, db.log, web.log.",
        ]
        assert [(one.milestone, one.turn_number, one.at) for one in after] == [
            (one.milestone, one.turn_number, one.at) for one in before
        ]
        assert not further.progress_made
        await talk.shows()
        assert (await investigation_of(talk)).reached == after

    async def test_keeps_the_latest_fix(self, talk: Talk) -> None:
        """What a runbook proposes is the solution until one was applied."""
        await talk.shows_failures(fix="Restart it.")
        await talk.says(START_WORDS)
        await talk.shows_failures(fix=FIX)
        assert (await investigation_of(talk)).solution == FIX
        for _ in range(2):
            await talk.says("yes")

        await talk.shows_failures(fix="Something else.")

        assert (await investigation_of(talk)).solution == FIX


class TestTheProblem:
    async def test_is_the_first_that_is_told(self, talk: Talk) -> None:
        """A greeting tells none; the message that does is proposed, guessed at, asked about and kept."""
        assert (await talk.shows("Hello there")).asked is None
        first = await talk.shows(PROBLEM)
        later = await talk.shows("The disk is full as well.")

        assert first.asked == later.asked
        assert first.asked is not None
        assert first.asked.subject is Subject.PROBLEM
        investigation = await investigation_of(talk)
        assert (investigation.problem_statement, investigation.severity) == (PROBLEM, Priority.HIGH)
        assert not investigation.problem_confirmed

    async def test_may_have_been_told_at_the_opening(self, cases: CaseService) -> None:
        """A case's description counts where the message tells nothing."""
        talk = Talk(cases, await cases.create(principal=ANA, title="Ticket 7", description="The import job crashes."))
        await talk.shows("Please help.")

        assert (await investigation_of(talk)).problem_statement == "The import job crashes."

    async def test_is_shown_where_none_is_told(self, talk: Talk) -> None:
        """The first failure of the evidence stands in."""
        await talk.shows_failures("Please look at this log.")

        assert (await investigation_of(talk)).problem_statement == POOL.text

    async def test_is_guessed_worse_by_what_fails(self, talk: Talk) -> None:
        """Severity follows the failing records until the problem is confirmed."""
        await talk.shows("Some jobs are slow")
        assert (await investigation_of(talk)).severity is Priority.MEDIUM
        await talk.shows_failures(failing_records=5000)
        assert (await investigation_of(talk)).severity is Priority.HIGH
        await talk.says("yes")
        await talk.shows("Why?")

        assert (await investigation_of(talk)).severity is Priority.HIGH


class TestBeingStuck:
    async def test_after_three_turns_without_a_fact(self, talk: Talk) -> None:
        """Three in a row while investigating; progress, or a word of the user's that gets further, ends it."""
        for _ in range(4):
            assert not (await talk.shows("Why?")).stuck
        await talk.says(START_WORDS)
        assert [(await talk.shows("Why?")).stuck for _ in range(4)] == [False, False, True, True]

        assert not (await talk.shows_failures(PROBLEM)).stuck
        assert [(await talk.shows_failures()).stuck for _ in range(3)] == [False, False, True]
        await talk.says("yes")
        decision = await talk.says("yes")
        assert decision.progress is not None
        assert decision.progress.reached == (M.ROOT_CAUSE_IDENTIFIED,)
        assert not decision.progress.stuck


class TestTheQuestion:
    async def test_follows_the_case(self, talk: Talk) -> None:
        """The problem first, then whether to investigate, the cause, the solution, whether it helped, and the end."""
        subjects = []
        await talk.shows_failures(PROBLEM, fix=FIX)
        for _ in range(6):
            progress = await talk.shows_failures(fix=FIX)
            subjects.append(progress.asked and (progress.asked.subject, progress.asked.to))
            await talk.says("Yes")

        assert subjects == [
            (Subject.PROBLEM, None),
            (Subject.STATUS, CaseStatus.INVESTIGATING),
            (Subject.ROOT_CAUSE, None),
            (Subject.SOLUTION_APPLIED, None),
            (Subject.SOLUTION_VERIFIED, None),
            (Subject.STATUS, CaseStatus.RESOLVED),
        ]
        assert (await talk.cases.get(principal=ANA, case_id=talk.case_id)).status is CaseStatus.RESOLVED


class TestOnce:
    async def test_a_turn_is_observed_once(self, talk: Talk) -> None:
        """Told again, at the same moment or after other turns, a turn gives the same answer and changes nothing."""
        first = await asyncio.gather(
            *[talk.cases.observe(principal=ANA, case_id=talk.case_id, observed=failing(1, PROBLEM)) for _ in range(4)]
        )
        assert first == [first[0]] * 4
        assert first[0].progress_made
        assert len((await investigation_of(talk)).seen) == 1
        await talk.cases.close(principal=ANA, case_id=talk.case_id)
        before = await talk.cases.overview(principal=ANA, case_id=talk.case_id)

        again = await talk.cases.observe(principal=ANA, case_id=talk.case_id, observed=failing(1, PROBLEM))

        assert again == first[0]
        assert before == await talk.cases.overview(principal=ANA, case_id=talk.case_id)

    async def test_a_turn_of_long_ago_changes_nothing(self, talk: Talk) -> None:
        """Facts of a turn that nobody remembers were told by later ones."""
        talk.turn = 10
        for _ in range(4):
            await talk.shows("Why?")
        before = await investigation_of(talk)

        late = await talk.cases.observe(principal=ANA, case_id=talk.case_id, observed=failing(2))

        assert not late.progress_made
        assert before == await investigation_of(talk)

    async def test_an_ended_case_stays_as_it_is(self, talk: Talk) -> None:
        """Facts that come in after the end reach nothing, and nothing is offered."""
        await talk.cases.close(principal=ANA, case_id=talk.case_id)
        before = await talk.cases.get(principal=ANA, case_id=talk.case_id)

        assert await talk.shows_failures(PROBLEM) == TurnProgress(status=CaseStatus.CLOSED)
        assert before == await talk.cases.get(principal=ANA, case_id=talk.case_id)
        assert (await investigation_of(talk)).reached == ()

    async def test_an_error_leaves_nothing(self, talk: Talk) -> None:
        """Nobody observes for another's case."""
        for principal in (BOB, ROOT):
            with pytest.raises(CaseNotFound):
                await talk.cases.observe(principal=principal, case_id=talk.case_id, observed=failing(1))
            with pytest.raises(CaseNotFound):
                await talk.cases.overview(principal=principal, case_id=talk.case_id)

        assert await investigation_of(talk) == Investigation(case_id=talk.case_id)


class TestTheOverview:
    async def test_of_a_case_that_nothing_was_said_about(self, talk: Talk) -> None:
        """A case from before there were investigations has a fresh one, and no reports."""
        overview = await talk.cases.overview(principal=ANA, case_id=talk.case_id)

        assert overview.case == await talk.cases.get(principal=ANA, case_id=talk.case_id)
        assert (overview.investigation, overview.reports) == (Investigation(case_id=talk.case_id), ())

    async def test_has_the_reports(self, talk: Talk) -> None:
        """Oldest first, this case's alone."""
        other = await talk.cases.create(principal=ANA)
        for number, case_id in enumerate([talk.case_id, other.case_id, talk.case_id]):
            await talk.cases.record_report(
                principal=ANA, case_id=case_id, report_id=f"r{number}", report_type="x", title="t", content="c"
            )

        overview = await talk.cases.overview(principal=ANA, case_id=talk.case_id)

        assert [report.report_id for report in overview.reports] == ["r0", "r2"]

    async def test_goes_with_its_case(self, talk: Talk, transactions: CaseTransactions) -> None:
        """A deleted case leaves no investigation, and another's stays."""
        other = Talk(talk.cases, await talk.cases.create(principal=ANA))
        for one in (talk, other):
            await one.shows(PROBLEM)

        await talk.cases.delete(principal=ANA, case_id=talk.case_id)

        async with transactions.view() as unit:
            assert [one.case_id for one in await unit.investigations.query()] == [other.case_id]


class TestOpeningByAnId:
    async def test_the_same_id_is_one_case(self, cases: CaseService) -> None:
        """Opened again, at the same moment or later, it is the case as it is by then."""
        opened = await asyncio.gather(
            *[cases.create(principal=ANA, case_id="case_k", title=f"Title {n}") for n in range(4)]
        )
        assert len({case.title for case in opened}) == 1
        moved = await cases.change_status(principal=ANA, case_id="case_k", status=CaseStatus.INVESTIGATING)

        assert await cases.create(principal=ANA, case_id="case_k", title="Other") == moved
        assert (await cases.list(principal=ANA)).total == 1

    async def test_anothers_id_is_refused(self, cases: CaseService) -> None:
        """An id that is taken by somebody else gives nothing of theirs away and changes nothing."""
        case: Case = await cases.create(principal=ANA, case_id="case_k", title="Mine")

        with pytest.raises(CaseVersionConflict) as refused:
            await cases.create(principal=BOB, case_id="case_k", title="Ours")

        assert "Mine" not in str(refused.value)
        assert await cases.get(principal=ANA, case_id="case_k") == case
        assert (await cases.list(principal=BOB)).total == 0
