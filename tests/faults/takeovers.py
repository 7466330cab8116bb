"""How long the jobs of a killed worker wait until another has them."""

import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread

from attrs import define, field

from faultmaven_domain.kernel.jobs import LEASE

from . import books

LOOK = 0.05


@define
class _Orphan:
    """``at`` is the moment of the kill; ``idle`` the time after its lease in which there was nobody to take it over."""

    at: float
    job: books.JobRow
    ran: bool
    held: bool
    idle: float = 0.0


@define(eq=False)
class TakeOvers:
    """Looks at the job books again and again, in a thread of its own, between :meth:`start` and :meth:`stop`."""

    place: books.Place
    #: Whether a worker is up at this moment.
    anyone: Callable[[], bool]
    #: Of jobs that ran at a kill, and of those that waited for a worker: one may have had them without having begun.
    ran: list[float] = field(factory=list)
    waited: list[float] = field(factory=list)
    #: When those that ran were put back for another; after that they wait for a free hand like any other.
    freed: list[float] = field(factory=list)
    caught: list[str] = field(factory=list)
    _orphans: dict[str, _Orphan] = field(factory=dict)
    _over: Event = field(factory=Event)
    _thread: Thread = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._thread = Thread(target=self._watch, name="take-overs")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()

    def killed(self) -> None:
        """A worker was killed this moment: what has not ended was its, unless a living one has it. Raises: Away."""
        now = time.monotonic()
        for job in books.jobs(self.place).values():
            if not job.ended:
                running = job.state == "running"
                self._orphans.setdefault(job.job_id, _Orphan(now, job, running, running))

    @property
    def waiting(self) -> list[str]:
        now = time.monotonic()
        return [f"{id} since {now - orphan.at:.0f} s" for id, orphan in dict(self._orphans).items()]

    def _watch(self) -> None:
        before = time.monotonic()
        while not self._over.wait(LOOK):
            now = time.monotonic()
            if self._orphans:
                if not self.anyone():
                    self._idled(now - before, now)
                with suppress(books.Away):
                    self._look(books.jobs(self.place), now)
            before = now

    def _idled(self, seconds: float, now: float) -> None:
        for orphan in dict(self._orphans).values():
            if now - orphan.at > LEASE.total_seconds():
                orphan.idle += seconds

    def _look(self, jobs: dict[str, books.JobRow], now: float) -> None:
        for id, orphan in list(self._orphans.items()):
            job = jobs[id]
            begun_again = job.attempts > orphan.job.attempts
            if orphan.held and (job.state == "queued" or begun_again):
                orphan.held = False
                self.freed.append(now - orphan.at)
            if begun_again or job.state == "failed":
                (self.ran if orphan.ran else self.waited).append(now - orphan.at - orphan.idle)
                if orphan.ran:
                    self.caught.append(job.kind)
            elif not job.ended and not (orphan.held and job.heartbeat_at != orphan.job.heartbeat_at):
                continue
            del self._orphans[id]  # begun again, or the living one that has it shows life, or ended it
