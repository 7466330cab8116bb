from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from faultmaven_domain.kernel.errors import Conflict
from faultmaven_domain.kernel.jobs import ENDED, LEASE, Job, JobState
from tests.fakes.clock import NOON

SECONDS = st.integers(0, 30).map(lambda seconds: timedelta(seconds=seconds))
JUMPS = st.integers(-3_600, 3_600).map(lambda seconds: timedelta(seconds=seconds))


def a_job() -> Job:
    return Job(job_id="1", kind="jobs.coffee", owner_id=None, subject_id="cup", state=JobState.QUEUED, created_at=NOON)


class JobLife(RuleBasedStateMachine):
    """Workers, their deaths and an owner who changes his mind, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.job = self.before = a_job()
        self.now = NOON

    @property
    def free(self) -> bool:
        return not self.job.ended and not self.job.held(at=self.now)

    def become(self, job: Job) -> None:
        self.before, self.job = self.job, job

    @rule(passed=SECONDS)
    def time_passes(self, passed: timedelta) -> None:
        self.now += passed

    @rule(jump=JUMPS)
    def the_clock_is_set(self, jump: timedelta) -> None:
        self.now += jump

    @precondition(lambda self: self.free)
    @rule()
    def a_worker_begins(self) -> None:
        self.become(self.job.begun(at=self.now))
        assert self.job.held(at=self.now)
        assert self.job.attempts == self.before.attempts + 1

    @precondition(lambda self: not self.free)
    @rule()
    def nobody_else_may_begin(self) -> None:
        with pytest.raises(Conflict):
            self.job.begun(at=self.now)

    @rule(progress=st.none() | st.floats(0, 1))
    def it_shows_life(self, progress: float | None) -> None:
        self.become(self.job.beaten(at=self.now, progress=progress))

    @rule(outage=st.booleans())
    def it_is_put_back(self, outage: bool) -> None:
        self.become(self.job.put_back(error="not now", outage=outage))

    @rule()
    def its_worker_is_found_dead(self) -> None:
        died = self.job.state is JobState.RUNNING
        self.become(self.job.orphaned())
        assert self.job.deaths == self.before.deaths + died
        assert self.job.state is not JobState.RUNNING

    @precondition(lambda self: self.job.state is JobState.FAILED)
    @rule()
    def it_is_retried(self) -> None:
        self.become(self.job.retried())
        self.before = self.job
        assert self.job == a_job()

    @precondition(lambda self: self.job.state is not JobState.FAILED)
    @rule()
    def nothing_else_can_be_retried(self) -> None:
        with pytest.raises(Conflict):
            self.job.retried()

    @rule(error=st.none() | st.just("never"))
    def it_is_finished(self, error: str | None) -> None:
        self.become(self.job.finished(at=self.now, error=error))
        assert self.job.ended

    @rule()
    def its_owner_calls_it_off(self) -> None:
        if self.job.state in {JobState.COMPLETED, JobState.FAILED}:
            with pytest.raises(Conflict):
                self.job.cancelled(at=self.now)
        else:
            self.become(self.job.cancelled(at=self.now))
            assert self.job.state is JobState.CANCELLED

    @invariant()
    def what_has_ended_stays_as_it_ended(self) -> None:
        if self.before.ended:
            assert self.job == self.before

    @invariant()
    def it_never_goes_backwards(self) -> None:
        assert self.before.progress <= self.job.progress <= 1.0
        assert self.before.attempts <= self.job.attempts
        assert self.before.deaths <= self.job.deaths <= self.job.attempts

    @invariant()
    def its_fields_agree_with_its_state(self) -> None:
        job = self.job
        assert (job.finished_at is not None) == job.ended == (job.state in ENDED)
        if job.state is JobState.COMPLETED:
            assert (job.progress, job.error) == (1.0, None)
        if job.state in {JobState.FAILED, JobState.CANCELLED}:
            assert job.error

    @invariant()
    def a_lease_is_left_where_it_is_held(self) -> None:
        left = self.job.lease_left(at=self.now)
        assert self.job.held(at=self.now) == (timedelta(0) < left <= LEASE)
        assert not (left and self.job.held(at=self.now + 2 * LEASE))
        if self.job.heartbeat_at is not None and self.job.heartbeat_at <= self.now:
            assert not self.job.held(at=self.now + left)

    @invariant()
    def one_attempt_holds_it(self) -> None:
        holders = [attempt for attempt in range(self.job.attempts + 1) if self.job.held_by(attempt)]
        assert holders == ([self.job.attempts] if self.job.state is JobState.RUNNING else [])


JobLife.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestJobLife = JobLife.TestCase


def test_a_worker_that_shows_life_keeps_its_lease() -> None:
    """The lease runs from the last sign of life, not from the beginning."""
    job = a_job().begun(at=NOON).beaten(at=NOON + LEASE / 2)

    assert job.held(at=NOON + LEASE)
    assert not job.held(at=NOON + LEASE * 1.5)


def test_a_sign_of_life_from_the_future_holds_no_longer_than_a_lease() -> None:
    """A clock that was ahead, or was set back since, does not keep a dead worker's job for as long as it was wrong."""
    job = a_job().begun(at=NOON + timedelta(hours=1))

    assert not job.held(at=NOON)
    assert job.begun(at=NOON).attempts == 2
