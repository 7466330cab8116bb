"""Where a case may go, as a rule on the value alone."""

from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from faultmaven_domain.case import Case, CaseClosed, CaseStatus, ClosureReason, Priority, WrongTransition
from tests.fakes.clock import NOON

CONSULTING, INVESTIGATING = CaseStatus.CONSULTING, CaseStatus.INVESTIGATING
RESOLVED, CLOSED = CaseStatus.RESOLVED, CaseStatus.CLOSED
ALLOWED = {(CONSULTING, INVESTIGATING), (CONSULTING, CLOSED), (INVESTIGATING, RESOLVED), (INVESTIGATING, CLOSED)}


def a_case(status: CaseStatus = CONSULTING) -> Case:
    return Case(
        case_id="case_1",
        owner_id="usr_ana",
        title="Checkout fails",
        description="",
        status=status,
        priority=Priority.MEDIUM,
        created_at=NOON,
        updated_at=NOON,
    )


class CaseLife(RuleBasedStateMachine):
    """Somebody tries to move a case anywhere, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.case = a_case()
        self.now = NOON

    @rule(
        to=st.sampled_from(CaseStatus),
        reason=st.none() | st.sampled_from(ClosureReason),
        notes=st.none() | st.just("rolled back"),
    )
    def it_is_moved(self, to: CaseStatus, reason: ClosureReason | None, notes: str | None) -> None:
        self.now += timedelta(minutes=1)
        before = self.case
        if to is before.status:
            assert before.moved(to, at=self.now, reason=reason, notes=notes) == before
        elif (before.status, to) in ALLOWED:
            self.case = before.moved(to, at=self.now, reason=reason, notes=notes)
            assert (self.case.status, self.case.updated_at) == (to, self.now)
            assert self.case.resolution_notes == (notes or before.resolution_notes)
            if reason is not None and self.case.final:
                assert self.case.closure_reason is reason
        else:
            with pytest.raises(WrongTransition) as refused:
                before.moved(to, at=self.now, reason=reason, notes=notes)
            assert refused.value.details == {"field": "status", "case_id": "case_1"}

    @invariant()
    def only_an_end_has_a_time_and_a_reason(self) -> None:
        ended = self.case.status in {RESOLVED, CLOSED}
        assert self.case.final == ended
        assert (self.case.closed_at is not None) == (self.case.closure_reason is not None) == ended
        assert (self.case.resolved_at is not None) == (self.case.status is RESOLVED)

    @invariant()
    def an_open_case_takes_more(self) -> None:
        if self.case.final:
            with pytest.raises(CaseClosed):
                self.case.require_open()
        else:
            self.case.require_open()

    @invariant()
    def the_rest_stays(self) -> None:
        assert (self.case.version, self.case.title, self.case.created_at) == (1, "Checkout fails", NOON)


CaseLife.TestCase.settings = settings(max_examples=60, stateful_step_count=12, deadline=None)
TestCaseLife = CaseLife.TestCase


@pytest.mark.parametrize(
    ("status", "to", "reason"),
    [
        (CONSULTING, CLOSED, ClosureReason.CONSULTING_ONLY),
        (INVESTIGATING, CLOSED, ClosureReason.OTHER),
        (INVESTIGATING, RESOLVED, ClosureReason.RESOLVED),
    ],
)
def test_an_end_without_a_reason_finds_one(status: CaseStatus, to: CaseStatus, reason: ClosureReason) -> None:
    """Where nobody says why, the way it went says it."""
    assert a_case(status).moved(to, at=NOON).closure_reason is reason
