"""The circuit breaker's states."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from faultmaven_domain.agent.breaker import FIRST_REST, LONGEST_REST, THRESHOLD, Breaker
from tests.contracts.values import NOON


def opened(times: int = 1) -> Breaker:
    breaker = Breaker()
    for _ in range(THRESHOLD - 1 + times):
        breaker = breaker.failed(at=NOON)
    return breaker


def test_opens_after_failures_in_a_row() -> None:
    """One failure fewer, or one success between, keeps it closed."""
    almost = Breaker()
    for _ in range(THRESHOLD - 1):
        almost = almost.failed(at=NOON)

    assert almost.closed(at=NOON)
    assert almost.succeeded().failed(at=NOON).closed(at=NOON)
    assert not almost.failed(at=NOON).closed(at=NOON)


def test_one_call_tries_after_the_rest() -> None:
    """While the trial runs the others stay away; its success closes the breaker, its failure doubles the rest."""
    rested = NOON + FIRST_REST
    assert opened().closed(at=rested)
    trial = opened().entered(at=rested)

    assert not trial.closed(at=rested)
    assert trial.succeeded() == Breaker()
    again = trial.failed(at=rested)
    assert not again.closed(at=rested + FIRST_REST)
    assert again.closed(at=rested + 2 * FIRST_REST)


def test_a_closed_one_lets_everybody_in() -> None:
    """Entering changes nothing where nothing failed."""
    assert Breaker().entered(at=NOON) == Breaker()


def test_a_clock_set_back_does_not_keep_it_open() -> None:
    """An end further away than any rest is not believed."""
    assert opened().closed(at=NOON - timedelta(days=1))


@given(st.lists(st.sampled_from(["fail", "succeed", "enter"]), max_size=40), st.integers(0, 10_000))
def test_never_rests_longer_than_it_may(steps: list[str], seconds: int) -> None:
    """Whatever happens, at most the longest rest later it lets a call in."""
    breaker, now = Breaker(), NOON
    for number, step in enumerate(steps):
        now = NOON + timedelta(seconds=seconds * number)
        if step == "enter":
            breaker = breaker.entered(at=now)
        else:
            breaker = breaker.failed(at=now) if step == "fail" else breaker.succeeded()

    assert breaker.closed(at=now + LONGEST_REST)
