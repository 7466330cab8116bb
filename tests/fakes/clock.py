from datetime import UTC, datetime, timedelta

from attrs import define

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


@define
class FakeClock:
    """Stands still until it is told to go on."""

    _now: datetime = NOON

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> datetime:
        self._now += by
        return self._now
