"""Many clients on an enterprise deployment: a worker killed every few seconds, Redis restarted, then PostgreSQL."""

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from threading import Event, Thread

from attrs import define, field

from faultmaven_adapters.open_vectors import s3_options
from faultmaven_adapters.settings import load_settings
from tests.fleet import Fleet

from . import books, index
from .checks import Checker
from .client import Client, Refused, Unanswered, pause
from .ledger import Ledger
from .material import a_marker
from .player import Player
from .row import Row, none_of, times
from .settling import counted, looked_through
from .takeovers import TakeOvers

SERVERS = WORKERS = 2
#: How often a worker is killed, and how long after that its supervisor starts it again, in seconds.
EVERY, PAUSE = 5.0, 1.0
#: How long may be waited for a sign of life after a restart, in seconds.
PATIENCE = 120.0


@define
class Restart:
    """Seconds: how long the engine was gone; then, since it answers again, until each server does, and a job ended."""

    engine: str
    gone: float
    served: list[float]
    job: float


@define(eq=False)
class Run:
    fleet: Fleet
    ledger: Ledger
    random: Random
    takeovers: TakeOvers
    probes: list[Client]
    kills: int = 0
    while_starting: int = 0
    restarts: list[Restart] = field(factory=list)

    def kill_worker(self) -> None:
        n = self.random.randrange(WORKERS)
        self.kills += 1
        self.while_starting += not self.fleet.working[n].up()
        self.fleet.kill_worker(n)
        with suppress(books.Away):  # while it restarts nobody can tell what ran
            self.takeovers.killed()
        time.sleep(PAUSE)
        self.fleet.revive_worker(n)

    def restart(self, engine: str, restarted: Callable[[], None], asked: Callable[[Client], None]) -> None:
        """``asked`` is what no server can do without the engine."""
        before, began = self._ended(), time.monotonic()
        restarted()
        up = time.monotonic()
        with ThreadPoolExecutor(len(self.probes)) as pool:
            served = list(pool.map(lambda probe: _since(up, lambda: _answered(probe, asked)), self.probes))
        self.restarts.append(Restart(engine, up - began, served, _since(up, lambda: self._ended() > before)))

    def _ended(self) -> int:
        return sum(job.ended for job in books.jobs(self._place).values())

    @property
    def _place(self) -> books.Place:
        return self.takeovers.place


def run(directory: Path, *, clients: int, seconds: float, seed: int) -> list[Row]:
    random, over, ledger = Random(seed), Event(), Ledger()
    with Fleet("enterprise", directory, servers=SERVERS, workers=WORKERS, vectors="lancedb-s3") as fleet:
        place = fleet.settings["DATABASE_URL"]
        takeovers = TakeOvers(place, lambda: any(life.up() for life in fleet.working))
        this = Run(fleet, ledger, random, takeovers, [_probe(url, ledger) for url in fleet.urls])
        cast = [_player(fleet.urls[n % SERVERS], ledger, seed + n, over) for n in range(clients)]
        threads = [Thread(target=player.run, name=f"player {n}") for n, player in enumerate(cast)]
        try:
            takeovers.start()
            for thread in threads:
                thread.start()
            _struck(this, seconds)
            for life in fleet.working:
                life.wait()
        finally:
            over.set()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
            for probe in this.probes:
                probe.close()
        try:
            for player in cast:
                if player.broken is not None:
                    raise player.broken
            with fleet.explained():
                rest = _settled(this, fleet, place)
        finally:
            takeovers.stop()
        return [*_figures(this, cast, seconds), *rest]


def _struck(this: Run, seconds: float) -> None:
    """After a third of the time Redis is restarted amid the kills, after another PostgreSQL."""
    began = beat = time.monotonic()
    outages = [
        (seconds / 3, partial(this.restart, "Redis", this.fleet.restart_redis, _open_session)),
        (seconds * 2 / 3, partial(this.restart, "PostgreSQL", this.fleet.restart_postgres, _open_case)),
    ]
    with ThreadPoolExecutor(1) as pool:
        restarts = []
        while (now := time.monotonic()) - began < seconds:
            if outages and now - began >= outages[0][0]:
                restarts.append(pool.submit(outages.pop(0)[1]))
            if now >= beat:
                beat = now + EVERY
                this.kill_worker()
            time.sleep(0.05)
        for restart in restarts:
            restart.result()


def _player(url: str, ledger: Ledger, seed: int, over: Event) -> Player:
    """One that waits as long as it takes: many clients' work on few processors is a matter of the machine."""
    player = Player(url, ledger, Random(seed), over)
    player.patience = float("inf")
    return player


def _probe(url: str, ledger: Ledger) -> Client:
    """Of a user's who plays no part in the play."""
    client, email = Client(url, ledger), f"{a_marker()}@example.com"
    client.register(email)
    client.log_in(email)
    return client


def _open_session(probe: Client) -> None:
    probe.call("POST", "/v1/sessions", json={"client_id": a_marker()})


def _open_case(probe: Client) -> None:
    probe.call("POST", "/v1/cases", json={"title": a_marker()})


def _answered(probe: Client, asked: Callable[[Client], None]) -> bool:
    try:
        asked(probe)
    except (Unanswered, Refused):
        return False
    return True


def _since(moment: float, happened: Callable[[], bool]) -> float:
    """Infinite where it never happened."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(books.Away):
            if happened():
                return time.monotonic() - moment
        pause()
    return float("inf")


def _figures(this: Run, cast: list[Player], seconds: float) -> list[Row]:
    plays = sum(player.plays for player in cast)
    caught = ", ".join(f"{count} {kind}" for kind, count in Counter(this.takeovers.caught).most_common())
    rows = [
        Row("clients", f"{len(cast)} for {seconds:.0f} s; {plays} plays"),
        Row("servers, workers", f"{SERVERS}, {WORKERS}"),
        Row("kills of a worker", f"{this.kills}, {this.while_starting} while starting"),
        Row("  taken over", caught),
        times("put back after a kill", this.takeovers.freed),
        times("  begun again, behind whatever waits and while workers die", this.takeovers.ran),
        times("  those that had not begun", this.takeovers.waited),
        none_of("  not taken over at all", this.takeovers.waiting),
    ]
    for one in this.restarts:
        away = [f"{one.engine} after {PATIENCE:.0f} s" for took in (*one.served, one.job) if took > PATIENCE]
        rows += [
            Row(f"{one.engine} restarted", f"gone for {one.gone:.1f} s"),
            times("  served again by each server after", one.served),
            times("  a job ended after", [one.job]),
            none_of("  not at all", away),
        ]
    return rows


def _settled(this: Run, fleet: Fleet, place: str) -> list[Row]:
    checker = Checker(fleet.urls[-1])
    end = looked_through(this.ledger, checker, place, retry=lambda: fleet.ran("jobs", "retry", "--failed"))
    codes = fleet.stop_all()
    settings = load_settings(fleet.settings)
    shelf = index.compared(settings.lancedb_path, books.documents(place), s3_options(settings))
    return [
        *counted(this.ledger, checker, end, shelf),
        none_of("given up as their workers died", [why for why in end.given_up.elements() if "worker died" in why]),
        none_of("messages left in an outbox", books.unsent(place)),
        none_of("exit codes other than 0", [str(code) for code in codes if code]),
    ]
