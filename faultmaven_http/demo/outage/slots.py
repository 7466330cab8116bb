"""The fight for connection slots: a small discrete simulation, from which every file takes its numbers.

Each pool opens its connections one after another and, when it is refused, tries again after a growing pause (from
10 ms, by half each time, up to five seconds) for as long as it is below its size: the manner of HikariCP. Whoever asks
first after a slot is freed gets it, so a pool that is large and eager starves the others.
"""

from bisect import bisect_right
from heapq import heappop, heappush
from random import Random

from attrs import define, field, frozen

from .scene import BEGIN, CHECKOUT_PODS, END, HOUR, MAX_CONNECTIONS, MAX_LIFETIME, MINUTE, SECOND, at

FIRST_PAUSE, LONGEST_PAUSE = 10.0, 5_000.0
OPENING = (28, 55)  # ms for one connection: TCP, SCRAM, session setup
DRAINING = 6 * SECOND


@frozen(kw_only=True)
class Client:
    """Someone with a pool on the one PostgreSQL server."""

    name: str
    user: str
    ip: str
    size: int
    opens: int
    stops: int | None = None
    database: str = "shop"


@frozen(kw_only=True)
class Turn:
    """What the server saw: a connection authorized, refused or closed."""

    ms: int
    kind: str
    client: Client
    pid: int
    port: int
    lasted: int = 0  # ms, of a closed one


@frozen(kw_only=True)
class Session:
    """One connection's life."""

    client: Client
    pid: int
    since: int
    until: int


@define
class _Pool:
    size: int
    open: dict[int, tuple[int, int]] = field(factory=dict)  # pid: (port, since)
    history: list[tuple[int, int]] = field(factory=list)  # (ms, how many are open from then on)
    pause: float = FIRST_PAUSE
    trying: bool = False
    closed: bool = False

    def note(self, ms: int) -> None:
        self.history.append((ms, len(self.open)))


def _clients() -> list[Client]:
    clients = [
        Client(name=p.name, user="checkout", ip=p.ip, size=p.pool, opens=p.pool_opens, stops=p.stops)
        for p in CHECKOUT_PODS
    ]
    standing = [
        ("catalog-6c8d5b7f94-5vkqp", "catalog", "10.20.7.51", 6),
        ("catalog-6c8d5b7f94-nt2xz", "catalog", "10.20.7.52", 6),
        ("order-worker-84bd9c7f6-jw4rd", "orders", "10.20.8.17", 6),
        ("pg-exporter-59f6d4c8b7-8gk2m", "exporter", "10.20.4.21", 1),
    ]
    clients += [Client(name=n, user=u, ip=ip, size=size, opens=BEGIN - HOUR) for n, u, ip, size in standing]
    report_starts, report_ends = at("14:00:00.400"), at("14:00:42.500")
    clients.append(
        Client(name="hourly-report", user="reporting", ip="10.20.9.33", size=2, opens=report_starts, stops=report_ends)
    )
    clients += [
        Client(
            name="pg-operator", user="postgres", database="postgres", ip="10.20.4.9", size=1, opens=ms, stops=ms + 40
        )
        for ms in range(BEGIN + 17 * SECOND, END, MINUTE)
    ]
    return clients


@define
class Slots:
    """Plays the afternoon at once; afterwards the public names tell what happened."""

    _rng: Random
    turns: list[Turn] = field(factory=list)
    sessions: list[Session] = field(factory=list)
    _pools: dict[Client, _Pool] = field(factory=dict)
    _queue: list[tuple[int, int, str, Client, int]] = field(factory=list)
    _used: int = 0
    _pid: int = 41_200
    _order: int = 0

    def __attrs_post_init__(self) -> None:
        for client in _clients():
            self._pools[client] = _Pool(size=client.size)
            if client.opens < BEGIN:
                self._already_open(client)
            else:
                self._later(client.opens, "attempt", client)
            if client.stops is not None:
                drains = DRAINING if client.user == "checkout" else 0
                self._later(client.stops + drains + self._rng.randrange(20), "leave", client)
        while self._queue and self._queue[0][0] < END:
            ms, _, what, client, pid = heappop(self._queue)
            if what == "attempt":
                self._attempt(ms, client)
            elif what == "retire":
                self._retire(ms, client, pid)
            else:
                self._leave(ms, client)
        for client, pool in self._pools.items():
            for pid, (_, since) in pool.open.items():
                self.sessions.append(Session(client=client, pid=pid, since=since, until=END))

    def held(self, name: str, ms: int) -> int:
        """How many connections the named client holds at that time."""
        history = next(pool.history for client, pool in self._pools.items() if client.name == name)
        place = bisect_right(history, ms, key=lambda entry: entry[0])
        return history[place - 1][1] if place else 0

    def _later(self, ms: int, what: str, client: Client, pid: int = 0) -> None:
        self._order += 1
        heappush(self._queue, (ms, self._order, what, client, pid))

    def _already_open(self, client: Client) -> None:
        pool = self._pools[client]
        for _ in range(pool.size):
            self._open(BEGIN - self._rng.randrange(MAX_LIFETIME - MINUTE), client)
        pool.history = [(0, pool.size)]

    def _open(self, ms: int, client: Client) -> int:
        pool = self._pools[client]
        self._pid += self._rng.randrange(2, 4)
        self._used += 1
        pool.open[self._pid] = (self._rng.randrange(32_768, 60_999), ms)
        pool.note(ms)
        lives = round(MAX_LIFETIME * self._rng.uniform(0.975, 1.0))
        self._later(ms + lives, "retire", client, self._pid)
        return self._pid

    def _attempt(self, ms: int, client: Client) -> None:
        pool = self._pools[client]
        pool.trying = False
        if pool.closed or len(pool.open) >= pool.size:
            return
        if self._used < MAX_CONNECTIONS:
            pid = self._open(ms, client)
            self._tell(ms, "authorized", client, pid, pool.open[pid][0])
            pool.pause = FIRST_PAUSE
            self._try_again(ms + self._rng.randrange(*OPENING), client)
            return
        self._pid += self._rng.randrange(2, 4)
        self._tell(ms, "refused", client, self._pid, self._rng.randrange(32_768, 60_999))
        self._try_again(ms + round(pool.pause * self._rng.uniform(0.9, 1.1)) + self._rng.randrange(*OPENING), client)
        pool.pause = min(LONGEST_PAUSE, pool.pause * 1.5)

    def _try_again(self, ms: int, client: Client) -> None:
        pool = self._pools[client]
        if not pool.trying:
            pool.trying = True
            self._later(ms, "attempt", client)

    def _close(self, ms: int, client: Client, pid: int) -> None:
        pool = self._pools[client]
        port, since = pool.open.pop(pid)
        self._used -= 1
        pool.note(ms)
        self.sessions.append(Session(client=client, pid=pid, since=since, until=ms))
        self._tell(ms, "closed", client, pid, port, lasted=ms - since)

    def _retire(self, ms: int, client: Client, pid: int) -> None:
        if pid in self._pools[client].open:
            self._close(ms, client, pid)
            self._try_again(ms + self._rng.randrange(*OPENING), client)

    def _leave(self, ms: int, client: Client) -> None:
        pool = self._pools[client]
        pool.closed = True
        for place, pid in enumerate(pool.open):
            self._later(ms + 2 * place, "retire", client, pid)

    def _tell(self, ms: int, kind: str, client: Client, pid: int, port: int, *, lasted: int = 0) -> None:
        self.turns.append(Turn(ms=ms, kind=kind, client=client, pid=pid, port=port, lasted=lasted))
