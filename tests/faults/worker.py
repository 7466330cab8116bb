"""``kill -9`` of the worker alone, while documents are ingested and questions answered."""

import time
from collections import Counter
from functools import partial
from pathlib import Path
from random import Random
from threading import Event

from attrs import define, field

from faultmaven_domain.kernel.jobs import LEASE
from tests.standins.openai import OpenAIStandIn
from tests.standins.running import running
from tests.standins.script import KEY

from . import books
from .checks import Checker
from .ledger import Asked, Kind, Ledger
from .life import Life, free_port, server, worker
from .player import Player
from .row import Row, none_of, times
from .settling import settled
from .takeovers import TakeOvers

#: How long the stand-in of a model thinks, and how long each piece takes it, in seconds: enough to be cut short.
THOUGHT, PIECE = 0.3, 0.05
CASES = 5
#: Sections behind a runbook, so that its indexing takes a moment; the largest is written in several pieces.
SECTIONS = (*[20] * 9, 300)
#: A document's progress from which on its first passages lie in the index, and the share of kills that wait for it.
HALF_WRITTEN, HALVED = 0.76, 0.3
#: The longest wait for a job to be running, and how soon after that the kill comes, in seconds.
AIM, SOON = 2.0, 0.5
WHILE_STARTING = 1 / 8
#: So many kills with one worker, then as many beside a second that stays.
STRETCH = 10
BAR = 2 * LEASE.total_seconds()


@define(eq=False)
class Run:
    data: Path
    victim: Life
    beside: Life
    player: Player
    random: Random
    takeovers: TakeOvers
    cases: list[str] = field(factory=list)
    ready: list[float] = field(factory=list)
    starting: int = 0
    accompanied: int = 0

    def feed(self, documents: int, turns: int) -> None:
        """Ask until so many are acknowledged."""
        ledger = self.player.ledger
        while len(ledger.acknowledged(Kind.DOCUMENT)) < documents:
            self.player.until(partial(self.player.teach_file, sections=self.random.choice(SECTIONS)))
        while len(ledger.acknowledged(Kind.TURN)) < turns:
            self.player.until(lambda: self.player.ask(self.random.choice(self.cases)))

    def kill(self) -> None:
        self.victim.kill(self.random)
        self.takeovers.killed()

    def unfinished(self) -> list[Asked]:
        """Documents whose indexing is under way, or has not begun."""
        waiting = {job.job_id for job in books.jobs(self.data).values() if not job.ended}
        return [asked for asked in self.player.ledger.acknowledged(Kind.DOCUMENT) if asked.job_id in waiting]

    def moment(self) -> None:
        """Soon after some job was seen running, or while a large document lies half in the index, if either happens."""
        half = self.random.random() < HALVED
        deadline = time.monotonic() + AIM
        while time.monotonic() < deadline:
            running = [job for job in books.jobs(self.data).values() if job.state == "running"]
            if any(job.progress >= HALF_WRITTEN for job in running):
                return
            if running and not half:
                break
            time.sleep(0.01)
        time.sleep(self.random.uniform(0.0, SOON))


def run(directory: Path, *, kills: int, documents: int, turns: int, seed: int, stretch: int = STRETCH) -> list[Row]:
    random, port = Random(seed), free_port()
    directory.mkdir(parents=True, exist_ok=True)
    data, base = directory / "data", f"http://127.0.0.1:{port}"
    with running(OpenAIStandIn(first_token_after=THOUGHT, between=PIECE, grounded=True).app) as model:
        environment = {"LLM_PROVIDER": "openai", "OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{model}/v1"}
        life = server(data, port, {**environment, "WORKER": "false"})
        victim, beside = worker(data, "victim", environment), worker(data, "beside", environment)
        player = Player(base, Ledger(), random, Event())
        this = Run(data, victim, beside, player, random, TakeOvers(data, lambda: victim.up() or beside.up()))
        checker = Checker(base)
        try:
            life.start()
            life.wait()
            _struck(this, checker, kills, documents, turns, stretch)
            rest = settled(player.ledger, checker, life, data, helpers=(victim, beside))
        finally:
            this.takeovers.stop()
            player.close()
            checker.close()
            for one in (victim, beside, life):
                one.kill(random)
    return [*_figures(this, kills), *rest]


def _struck(this: Run, checker: Checker, kills: int, documents: int, turns: int, stretch: int) -> None:
    player, victim = this.player, this.victim
    player.until(player.register)
    player.until(player.log_in)
    this.cases += [str(player.until(player.open_case).id) for _ in range(CASES)]
    this.takeovers.start()
    victim.start()
    for n in range(kills):
        accompanied = n // stretch % 2 == 1
        if accompanied and not this.beside.lives():
            this.beside.start()
        elif not accompanied and this.beside.lives():
            this.beside.stop()
        if this.random.random() < WHILE_STARTING:
            this.starting += 1
            time.sleep(this.random.uniform(0.0, max(this.ready, default=1.0)))
            this.kill()
            this.feed(_share(documents, n, kills), _share(turns, n, kills))
            victim.start()
        this.ready.append(victim.wait())
        this.feed(_share(documents, n, kills), _share(turns, n, kills))
        this.moment()
        this.kill()
        this.accompanied += accompanied
        checker.there(this.unfinished())
        victim.start()
    victim.wait()
    deadline = time.monotonic() + 3 * BAR
    while this.takeovers.waiting and time.monotonic() < deadline:
        time.sleep(0.1)


def _share(whole: int, n: int, of: int) -> int:
    return -(-whole * (n + 1) // of)


def _figures(this: Run, kills: int) -> list[Row]:
    caught = ", ".join(f"{count} {kind}" for kind, count in Counter(this.takeovers.caught).most_common())
    return [
        Row("kills of the worker", f"{kills}, {this.accompanied} beside another, and {this.starting} while starting"),
        Row("  taken over", caught),
        times("worker ready after a start", this.ready),
        times("put back after a kill", this.takeovers.freed, bar=BAR),
        times("  begun again, behind whatever waits and while workers die", this.takeovers.ran),
        times("  those that had not begun", this.takeovers.waited),
        none_of("  not taken over at all", this.takeovers.waiting),
    ]
