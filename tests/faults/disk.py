"""A disk that is full at random moments, for a while: data, temporary files and all."""

import json
import sys
import time
from functools import partial
from pathlib import Path
from random import Random
from threading import Event, Thread

from attrs import define, field

from . import mounting
from .checks import Checker
from .client import Client, Refused, Unanswered, pause
from .filler import Filler
from .ledger import Ledger
from .life import DidNotStart, Life, free_port, server
from .player import Player
from .row import Row, none_of, times
from .settling import settled

MEGABYTES = 320
PLAYERS = 3
#: What a client that only writes does, and does it with.
PRESSES, SMALL = 40, "checkout-config.yaml"
#: What is left free, in bytes: nothing, or so little that some write or other still fits.
LEFT = (0, 0, 4_096, 16_384, 65_536, 262_144, 1_048_576)
#: How long the disk is full, and how long it is not, at most, in seconds.
FULL, NOT_FULL = 4.0, 4.0
#: Every so many times the server is killed while the disk is full.
KILLED_EVERY = 5
#: How long it may take until a write is taken again, in seconds.
BAR = 10.0


@define(eq=False)
class Run:
    life: Life
    base: str
    filler: Filler
    ledger: Ledger
    random: Random
    killed: int = 0
    deaths: list[str] = field(factory=list)
    unstarted: int = 0
    again: list[float] = field(factory=list)
    started_again: list[float] = field(factory=list)

    def strike(self, *, kill: bool) -> None:
        """Fill the disk for a while, free it, and wait until the server takes a write again."""
        self.filler.fill(self.random.choice(LEFT))
        time.sleep(self.random.uniform(0.1, FULL))
        died = not self.life.lives()
        if died:
            self.deaths.append(f"with {self.life.ended()} while the disk was full")
        elif kill:
            self.killed += 1
            self.life.kill(self.random)
        if kill or died:
            self._started_on_a_full_disk()
        self.filler.free()
        freed = time.monotonic()
        self._up()
        self._written()
        (self.started_again if kill or died else self.again).append(time.monotonic() - freed)

    def _started_on_a_full_disk(self) -> None:
        """As a supervisor would at once; it may refuse, and say so."""
        self.life.kill(self.random)
        self.life.start()
        try:
            self.life.wait()
        except DidNotStart:
            self.unstarted += 1

    def _up(self) -> None:
        while not self.life.lives():
            self.life.kill(self.random)
            self.life.start()
            self.life.wait()

    def _written(self) -> None:
        client = Client(self.base, self.ledger)
        try:
            while True:
                try:
                    client.call("POST", "/v1/sessions", json={})
                    return
                except (Refused, Unanswered):
                    pause()
                    self._up()
        finally:
            client.close()


def run(directory: Path, *, fills: int, seed: int) -> list[Row]:
    """Only in a namespace where this process may mount."""
    disk = directory / "disk"
    mounting.mount(disk, megabytes=MEGABYTES)
    temporary = disk / "tmp"
    temporary.mkdir()
    random, port, over = Random(seed), free_port(), Event()
    base, data = f"http://127.0.0.1:{port}", disk / "data"
    environment = {"LLM_PROVIDER": "extractive", "TMPDIR": str(temporary)}
    life = server(data, port, environment, log=directory / "server.log")
    this = Run(life, base, Filler(disk / "filler"), Ledger(), random)
    players = [Player(base, this.ledger, Random(seed + n), over) for n in range(PLAYERS)]
    threads = [Thread(target=player.run, name=f"player {n}") for n, player in enumerate(players)]
    presser = Player(base, this.ledger, Random(seed + PLAYERS), over)
    threads.append(Thread(target=presser.run, args=(partial(_pressed, presser),), name="presser"))
    try:
        life.start()
        life.wait()
        for thread in threads:
            thread.start()
        for n in range(fills):
            time.sleep(random.uniform(0.1, NOT_FULL))
            this.strike(kill=n % KILLED_EVERY == KILLED_EVERY - 1)
        over.set()
        for thread in threads:
            thread.join()
        rest = settled(this.ledger, Checker(base), life, data)
    finally:
        over.set()
        this.filler.free()
        life.kill(random)
    for player in (*players, presser):
        if player.broken is not None:
            raise player.broken
    plays = sum(player.plays for player in players)
    return [
        Row("times the disk was full", f"{fills}, {this.killed} of them with a kill; {plays} plays"),
        Row("  would not start on a full disk", str(this.unstarted)),
        none_of("died by itself", this.deaths),
        times("takes writes again once there is room", this.again, bar=BAR),
        times("  where it had to be started", this.started_again),
        *rest,
    ]


def _pressed(player: Player) -> None:
    """Write on and on, waiting for no job, so that some write is under way at any moment."""
    player.until(player.register)
    player.until(player.log_in)
    case_id = player.until(player.open_case).id or ""
    for _ in range(PRESSES):
        step = player.random.choice((player.open_case, player.open_session, partial(player.give, case_id, SMALL)))
        player.until(step)
        pause()


if __name__ == "__main__":
    mounting.told(run(Path(sys.argv[1]), **json.loads(sys.argv[2])))
