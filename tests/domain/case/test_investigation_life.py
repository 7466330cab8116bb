"""Anybody says and shows anything, in any order, and some of it twice."""

import asyncio
from typing import Any

from attrs import evolve
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from faultmaven_adapters.memory.identity import MemoryIdentityProvider, MemoryPasswordHasher
from faultmaven_adapters.memory.transactions import memory_transactions
from faultmaven_domain.auth import AuthService
from faultmaven_domain.case import (
    CaseService,
    CaseStatus,
    HypothesisStatus,
    Intent,
    Milestone,
    Observed,
    Overview,
    PostMortemRequested,
    Subject,
    valid_next,
)
from faultmaven_domain.case.progress import OPEN
from tests.contracts.values import values_of
from tests.domain.case.facts import DISK, FIX, POOL, PROBLEM, failing, seen
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.fakes.people import ANA

MESSAGES = ["Yes", "No", "not yet", "close the case", "mark it as resolved", "start the investigation", "Why?", PROBLEM]
#: What a file cannot show, and which of the user's words can.
NEEDS_WORD = {Milestone.ROOT_CAUSE_IDENTIFIED, Milestone.SOLUTION_APPLIED, Milestone.SOLUTION_VERIFIED}
observations = st.builds(
    lambda observed, suspects, fix: evolve(observed, suspects=suspects, fix=fix),
    st.sampled_from([seen(1), seen(1, PROBLEM), failing(1), failing(1, "No, it is the queue."), failing(1, "Thanks")]),
    st.sampled_from([(), (POOL,), (DISK, POOL)]),
    st.none() | st.just(FIX),
)


class Life(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        clock, ids = FakeClock(), FakeIds()
        self.transactions = memory_transactions("case")
        identity, hasher = MemoryIdentityProvider(clock, ids), MemoryPasswordHasher(ids)
        auth = AuthService(memory_transactions("auth"), identity, hasher, clock, ids)
        self.cases = CaseService(self.transactions, auth, clock, ids)
        self.loop = asyncio.new_event_loop()
        self.run(self.cases.create(principal=ANA, case_id="case_1"))
        self.turn = 0
        self.told: list[tuple[Any, Any]] = []
        self.now = self.before = self.look()

    def run(self, call: Any) -> Any:
        return self.loop.run_until_complete(call)

    def look(self) -> Overview:
        overview: Overview = self.run(self.cases.overview(principal=ANA, case_id="case_1"))
        return overview

    def teardown(self) -> None:
        self.loop.close()

    def decide(self, turn: int, message: str, intent: Intent | None) -> Any:
        given = {"turn_number": turn, "message": message, "intent": intent}
        return self.run(self.cases.decide(principal=ANA, case_id="case_1", **given))

    def observe(self, observed: Observed) -> Any:
        return self.run(self.cases.observe(principal=ANA, case_id="case_1", observed=observed))

    def after(self, repeat: Any, answer: Any) -> None:
        self.told = [*self.told, (repeat, answer)][-3:]
        self.before, self.now = self.now, self.look()

    @rule(message=st.sampled_from(MESSAGES), intent=st.none() | values_of(Intent))
    def somebody_says(self, message: str, intent: Intent | None) -> None:
        self.turn += 1
        turn, open_before = self.turn, self.now.investigation.asked
        decision = self.decide(turn, message, intent)
        assert (decision.reply is None) == (decision.progress is None)
        self.after(lambda: self.decide(turn, message, intent), decision)
        if decision.progress is not None:
            assert decision.progress.status is self.now.case.status
            assert decision.progress.asked == self.now.investigation.asked
        if intent is None and open_before is None and message in ("Yes", "No"):
            assert decision.reply is None

    @rule(observed=observations)
    def a_turn_shows(self, observed: Observed) -> None:
        self.turn += 1
        observed = evolve(observed, turn_number=self.turn)
        progress = self.observe(observed)
        self.after(lambda: self.observe(observed), progress)
        new = {one.milestone for one in self.now.investigation.reached}
        new -= {one.milestone for one in self.before.investigation.reached}
        assert set(progress.reached) == new
        assert not new & NEEDS_WORD
        assert self.now.case.status is self.before.case.status

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def something_is_delivered_again(self, data: st.DataObject) -> None:
        repeat, answer = data.draw(st.sampled_from(self.told))
        assert repeat() == answer
        assert self.look() == self.now

    @rule(to=st.sampled_from(CaseStatus))
    def a_route_moves_it(self, to: CaseStatus) -> None:
        if to in valid_next(self.now.case.status):
            self.run(self.cases.change_status(principal=ANA, case_id="case_1", status=to))
            self.before, self.now = self.now, self.look()

    @invariant()
    def a_case_goes_only_where_it_may(self) -> None:
        before, now = self.before.case, self.now.case
        assert now.status is before.status or now.status in valid_next(before.status)
        if now.status is CaseStatus.INVESTIGATING:
            assert self.now.investigation.decided_to_investigate

    @invariant()
    def what_is_reached_stays(self) -> None:
        before, now = self.before.investigation.reached, self.now.investigation.reached
        assert now[: len(before)] == before
        assert len({one.milestone for one in now}) == len(now)
        assert all(1 <= one.turn_number <= self.turn or self.turn == 0 for one in now if one.turn_number)

    @invariant()
    def milestones_and_fields_agree(self) -> None:
        one = self.now.investigation
        assert one.has(Milestone.ROOT_CAUSE_IDENTIFIED) == (one.root_cause is not None)
        assert one.has(Milestone.SOLUTION_PROPOSED) == (one.solution is not None)
        validated = [h for h in one.hypotheses if h.status is HypothesisStatus.VALIDATED]
        assert [h.text for h in validated] == ([one.root_cause] if one.root_cause else [])
        assert one.problem_statement is not None or not one.problem_confirmed

    @invariant()
    def one_hypothesis_leads(self) -> None:
        still = [h for h in self.now.investigation.hypotheses if h.status in OPEN]
        active = [h for h in still if h.status is HypothesisStatus.ACTIVE]
        assert active == still[:1]

    @invariant()
    def the_question_makes_sense(self) -> None:
        asked, case = self.now.investigation.asked, self.now.case
        if case.final:
            assert asked is None
        if asked is not None and asked.to is not None:
            assert asked.subject is Subject.STATUS
            assert asked.to in valid_next(case.status)
        if asked is not None and asked.subject is Subject.ROOT_CAUSE:
            assert asked.about in {h.hypothesis_id for h in self.now.investigation.hypotheses if h.status in OPEN}

    @invariant()
    def an_end_asks_for_one_post_mortem(self) -> None:
        async def requests() -> int:
            async with self.transactions.view() as unit:
                due = await unit.outbox.due(sent_before=self.now.case.created_at)
                return sum(message.topic == PostMortemRequested.topic for message in due)

        assert self.run(requests()) == int(self.now.case.final)


Life.TestCase.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
TestLife = Life.TestCase
