"""The circuit breaker of one model: after failures in a row it is left alone for a while, then tried by one call."""

from datetime import datetime, timedelta

from attrs import evolve, frozen

#: Failures in a row that open it.
THRESHOLD = 3
FIRST_REST, LONGEST_REST = timedelta(seconds=15), timedelta(minutes=5)


@frozen(kw_only=True)
class Breaker:
    """``open_until`` None is closed; ``rest`` is how long it stays open the next time."""

    failures: int = 0
    open_until: datetime | None = None
    rest: timedelta = FIRST_REST

    def closed(self, *, at: datetime) -> bool:
        """Whether calls may pass. A time further away than any rest is a clock that was set back."""
        return self.open_until is None or not timedelta(0) < self.open_until - at <= LONGEST_REST

    def entered(self, *, at: datetime) -> "Breaker":
        """A call begins. The first after a rest is the trial; meanwhile the others stay away."""
        return self if self.open_until is None else evolve(self, open_until=at + self.rest)

    def failed(self, *, at: datetime) -> "Breaker":
        failures = self.failures + 1
        if failures < THRESHOLD:
            return evolve(self, failures=failures)
        return Breaker(failures=failures, open_until=at + self.rest, rest=min(2 * self.rest, LONGEST_REST))

    def succeeded(self) -> "Breaker":
        return Breaker()
