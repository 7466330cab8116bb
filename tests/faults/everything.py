"""``kill -9`` of the server, its Redis, its worker and its parsers at random moments of the demo's flow."""

import time
from collections import Counter
from pathlib import Path
from random import Random
from threading import Event, Thread

from attrs import define, field

from . import books
from .checks import Checker
from .ledger import Asked, Kind, Ledger
from .life import Life, free_port, server
from .player import Player
from .row import Row, none_of, times
from .settling import settled

PLAYERS = 3
#: The longest time between a start and the next kill, in seconds; one kill in seven comes while it still starts.
LONGEST = 5.0
WHILE_STARTING = 1 / 7
#: How soon after a job's beginning a kill comes that is aimed at it, in seconds.
SOON = 0.3
KINDS = ("jobs.embedding", "jobs.extraction", "jobs.chat_turn", "jobs.post_mortem")
#: After every other start it is waited this long for the jobs of before to run again, in seconds.
RECOVERY = 30.0
#: Within which they are to, from the start of the process.
BAR = 10.0
#: How many of the older things are looked at after each start.
SAMPLE = 25


@define(eq=False)
class Run:
    data: Path
    life: Life
    base: str
    ledger: Ledger
    random: Random
    integrity: list[str] = field(factory=list)
    caught: Counter[str] = field(factory=Counter)
    starting: int = 0
    ready: list[float] = field(factory=list)
    again: list[float] = field(factory=list)
    late: list[str] = field(factory=list)

    def moment(self, longest: float) -> None:
        """Wait for the next kill: half of them come whenever, half soon after a job of some kind has begun."""
        deadline = time.monotonic() + self.random.uniform(0.0, longest)
        aim = self.random.choice([*KINDS, *[None] * len(KINDS)])
        while aim is not None and time.monotonic() < deadline:
            if any(job.kind == aim and job.state == "running" for job in books.jobs(self.data).values()):
                deadline = time.monotonic() + self.random.uniform(0.0, SOON)
                break
            time.sleep(0.01)
        time.sleep(max(0.0, deadline - time.monotonic()))

    def kill(self) -> books.Remains:
        self.life.kill(self.random)
        left = books.remains(self.data, self.data.with_name("copy"))
        self.integrity += left.integrity.values()
        self.caught.update(job.kind for job in left.jobs.values() if job.state == "running")
        return left

    def awaited(self, left: books.Remains, *, patience: float) -> None:
        """Measure when each job that had not ended has been begun again, or given up."""
        waiting = {job.job_id: job.attempts for job in left.jobs.values() if not job.ended}
        if not waiting:
            return
        deadline = time.monotonic() + patience
        while waiting and time.monotonic() < deadline:
            now = books.jobs(self.data)
            waiting = {id: tries for id, tries in waiting.items() if not _moved(now.get(id), tries)}
            time.sleep(0.02)
        took = time.monotonic() - self.life.started_at
        if not waiting:
            self.again.append(took)
        elif took >= RECOVERY:
            self.late += [f"{id} did not run again within {took:.1f} s" for id in waiting]


def run(directory: Path, *, kills: int, seed: int, longest: float = LONGEST, players: int = PLAYERS) -> list[Row]:
    random, port, over = Random(seed), free_port(), Event()
    base = f"http://127.0.0.1:{port}"
    directory.mkdir(parents=True, exist_ok=True)
    data = directory / "data"
    life = server(data, port, {"LLM_PROVIDER": "extractive"})
    this = Run(data, life, base, Ledger(), random)
    cast = [Player(base, this.ledger, Random(seed + n), over) for n in range(players)]
    threads = [Thread(target=player.run, name=f"player {n}") for n, player in enumerate(cast)]
    checker = Checker(base)
    try:
        life.start()
        this.ready.append(life.wait())
        for thread in threads:
            thread.start()
        _struck(this, checker, kills, longest)
    finally:
        over.set()
        for thread in threads:
            if thread.ident is not None:
                thread.join()
        if any(player.broken for player in cast):
            life.kill(random)
    for player in cast:
        if player.broken is not None:
            raise player.broken
    try:
        rest = settled(this.ledger, checker, life, data)
    finally:
        life.kill(random)
    return [*_figures(this, kills, sum(player.plays for player in cast)), *rest]


def _struck(this: Run, checker: Checker, kills: int, longest: float) -> None:
    looked: set[int] = set()
    for n in range(kills):
        this.moment(longest)
        left = this.kill()
        if this.random.random() < WHILE_STARTING and n + 1 < kills:
            this.starting += 1
            this.life.start()
            time.sleep(this.random.uniform(0.0, this.ready[0]))
            left = this.kill()
        this.life.start()
        this.ready.append(this.life.wait())
        checker.there(_unfinished(this.ledger, left))  # before they are finished: none of them is to be found
        this.awaited(left, patience=RECOVERY if n % 2 else longest)
        fresh = [asked for asked in this.ledger.acknowledged() if id(asked) not in looked]
        older = [asked for asked in this.ledger.acknowledged() if id(asked) in looked]
        looked |= {id(asked) for asked in fresh}
        checker.there([*fresh, *this.random.sample(older, min(SAMPLE, len(older)))])


def _unfinished(ledger: Ledger, left: books.Remains) -> list[Asked]:
    """Documents whose indexing was under way, or had not begun."""
    waiting = {job.job_id for job in left.jobs.values() if not job.ended}
    return [asked for asked in ledger.acknowledged(Kind.DOCUMENT) if asked.job_id in waiting]


def _moved(job: books.JobRow | None, tries: int) -> bool:
    return job is not None and (job.ended or job.attempts > tries)


def _figures(this: Run, kills: int, plays: int) -> list[Row]:
    caught = ", ".join(f"{count} {kind}" for kind, count in this.caught.most_common())
    damaged = [verdict for verdict in this.integrity if verdict != "ok"]
    return [
        Row("kills", f"{kills}, and {this.starting} while starting; {plays} plays"),
        Row("  in the middle of", caught),
        times("ready after a start", this.ready),
        times("jobs run again after a start", this.again, bar=BAR),
        none_of("  not again at all", this.late),
        none_of(f"SQLite damaged, of {len(this.integrity)} looks", damaged),
    ]
