"""Who is on stage and when. Times are whole milliseconds since midnight UTC of ``DAY``; there is no clock."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

from attrs import define, field, frozen

DAY = datetime(2026, 3, 26, tzinfo=UTC)
SECOND, MINUTE = 1_000, 60_000
HOUR = 60 * MINUTE


def at(text: str) -> int:
    """``"14:03:01.250"`` as milliseconds since midnight."""
    hours, minutes, seconds = text.split(":")
    return int(hours) * HOUR + int(minutes) * MINUTE + round(float(seconds) * SECOND)


def moment(ms: int) -> datetime:
    return DAY + timedelta(milliseconds=ms)


BEGIN, END = at("13:32:00"), at("14:14:00")
ROLLOUT = at("14:02:19.400")
SNAPSHOT = at("14:13:30")  # when somebody ran kubectl

MAX_CONNECTIONS = 100
POOL_BEFORE, POOL_AFTER = 10, 60
REPLICAS = 6
MAX_LIFETIME = 30 * MINUTE
CONNECTION_TIMEOUT = 5 * SECOND
PROXY_READ_TIMEOUT = 10 * SECOND
OLD_VERSION, NEW_VERSION = "2.41.3", "2.42.0"
OLD_HASH, NEW_HASH = "5f7c9d8b6f", "7d4b8c6f9d"


@frozen(kw_only=True)
class Pod:
    name: str
    ip: str
    node: str
    pool: int  # the most database connections it asks for
    created: int
    pool_opens: int
    ready: int
    stops: int | None = None

    def serves(self, ms: int) -> bool:
        return self.ready <= ms and (self.stops is None or ms < self.stops)


def _old(number: int, suffix: str, stops: str) -> Pod:
    created = BEGIN - 6 * 24 * HOUR
    return Pod(
        name=f"checkout-{OLD_HASH}-{suffix}",
        ip=f"10.20.7.{10 + number}",
        node=f"node-{'abc'[number % 3]}",
        pool=POOL_BEFORE,
        created=created,
        pool_opens=created,
        ready=created,
        stops=at(stops),
    )


def _new(number: int, suffix: str, created: int, opens: str, ready: str) -> Pod:
    return Pod(
        name=f"checkout-{NEW_HASH}-{suffix}",
        ip=f"10.20.7.{30 + number}",
        node=f"node-{'abc'[number % 3]}",
        pool=POOL_AFTER,
        created=created,
        pool_opens=at(opens),
        ready=at(ready),
    )


# A rolling update of six replicas with maxUnavailable 1 and maxSurge 2: never fewer than five ready, never more than
# eight. One old pod goes and three new ones come; each that gets ready lets one more old go and one more new come.
OLD_PODS = (
    _old(1, "2zq8k", "14:02:19.600"),
    _old(2, "7bt4w", "14:03:16.320"),
    _old(3, "9xkvd", "14:03:17.110"),
    _old(4, "hm5rc", "14:03:17.560"),
    _old(5, "pl6sn", "14:04:14.430"),
    _old(6, "wg2jf", "14:04:15.350"),
)
NEW_PODS = (
    _new(1, "4rjzx", ROLLOUT, "14:03:01.900", "14:03:16.100"),
    _new(2, "8dnwq", ROLLOUT, "14:03:02.500", "14:03:16.900"),
    _new(3, "c6vtb", ROLLOUT, "14:03:03.200", "14:03:17.300"),
    _new(4, "kf9mh", at("14:03:16.400"), "14:04:00.700", "14:04:14.200"),
    _new(5, "s2plg", at("14:03:17.200"), "14:04:01.400", "14:04:15.100"),
    _new(6, "xz7cd", at("14:03:17.650"), "14:04:02.300", "14:04:15.700"),
)
CHECKOUT_PODS = OLD_PODS + NEW_PODS


@define
class Log:
    """One file in the making. A record may be several lines; records are sorted by their time, ties as they came."""

    tally: Counter[str]
    _records: list[tuple[int, int, str]] = field(factory=list)

    def write(self, ms: int, record: str, *, counts: str | None = None) -> None:
        """Keep a record if it falls within the afternoon, and count it under the given name."""
        if BEGIN <= ms < END:
            self._records.append((ms, len(self._records), record))
            if counts:
                self.tally[counts] += 1

    def text(self) -> str:
        return "".join(f"{record}\n" for _, _, record in sorted(self._records))


def every(rng: Random, gap: int, *, first: int = BEGIN, last: int = END) -> list[int]:
    """Times about ``gap`` milliseconds apart, each gap within half to one and a half of it."""
    times = []
    ms = first + round(gap * rng.random())
    while ms < last:
        times.append(ms)
        ms += round(gap * rng.uniform(0.5, 1.5))
    return times
