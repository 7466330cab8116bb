"""Work that is asked for now and done by a worker. The SQL row is the truth; queues and results may be lost."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from attrs import evolve, frozen

from .data import DataProvider
from .errors import Conflict, NotFound


class JobNotFound(NotFound):
    """There is no such job."""

    code = "JOB_NOT_FOUND"


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED})
#: A running job whose worker was silent for this long may be taken over.
LEASE = timedelta(seconds=10)
#: How often a worker shows that it lives.
BEAT = LEASE / 4
#: How often a job may go wrong before it is parked as failed; a retry by hand gives it as many again.
MAX_ATTEMPTS = 3
#: How often where something it needs was away, and nobody waits for it: for about a quarter of an hour.
MAX_OUTAGES = 60
#: How many of its workers may die on the way. Most of those deaths are no fault of the job's.
MAX_DEATHS = 10


@frozen(kw_only=True)
class Job:
    """``progress`` runs from 0.0 to 1.0; ``subject_id`` is the document, evidence, turn or case it is about.

    ``attempts`` is how often it was begun, ``deaths`` how many of those ended with their worker, and ``outages`` how
    many because something it needs was away.
    """

    job_id: str
    kind: str
    owner_id: str | None
    subject_id: str
    state: JobState
    created_at: datetime
    attempts: int = 0
    deaths: int = 0
    outages: int = 0
    progress: float = 0.0
    heartbeat_at: datetime | None = None
    error: str | None = None
    finished_at: datetime | None = None

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def mishaps(self) -> int:
        """How often it went wrong by itself; the present attempt counts as one."""
        return self.attempts - self.deaths - self.outages

    def held(self, *, at: datetime) -> bool:
        """Whether a live worker has it, as far as the time of day can tell.

        A sign of life from the future is another host's clock, or one that was set back; it holds for a lease at most.
        """
        if self.state is not JobState.RUNNING or self.heartbeat_at is None:
            return False
        return abs(at - self.heartbeat_at) < LEASE

    def lease_left(self, *, at: datetime) -> timedelta:
        """How long until another worker may take it over."""
        if not self.held(at=at) or self.heartbeat_at is None:
            return timedelta(0)
        return min(LEASE, LEASE - (at - self.heartbeat_at))

    def held_by(self, attempt: int) -> bool:
        """Whether the worker that made this attempt still has it, and nobody took it over or ended it since."""
        return self.state is JobState.RUNNING and self.attempts == attempt

    def begun(self, *, at: datetime) -> "Job":
        """Raises: Conflict when it has ended or is held."""
        if self.ended or self.held(at=at):
            raise Conflict("The job is not free.", job_id=self.job_id)
        free = self.orphaned()
        return evolve(free, state=JobState.RUNNING, attempts=free.attempts + 1, heartbeat_at=at, error=None)

    def beaten(self, *, at: datetime, progress: float | None = None) -> "Job":
        """Still alive, and perhaps further; an ended job stays as it ended."""
        if self.ended:
            return self
        return evolve(
            self, heartbeat_at=at, progress=self.progress if progress is None else max(self.progress, progress)
        )

    def put_back(self, *, error: str, outage: bool = False) -> "Job":
        """To be tried again."""
        if self.ended:
            return self
        return evolve(self, state=JobState.QUEUED, heartbeat_at=None, outages=self.outages + int(outage), error=error)

    def orphaned(self) -> "Job":
        """Its worker died while it ran, if it did; to be tried again."""
        if self.state is not JobState.RUNNING:
            return self
        return evolve(self.put_back(error="Its worker died while it ran."), deaths=self.deaths + 1)

    def handed_back(self) -> "Job":
        """Begun and not finished because its worker was told to stop, or something it needs is not there yet: that
        try does not count."""
        if self.ended:
            return self
        return evolve(self, state=JobState.QUEUED, heartbeat_at=None, attempts=max(0, self.attempts - 1))

    def finished(self, *, at: datetime, error: str | None = None) -> "Job":
        if self.ended:
            return self
        if error is None:
            return evolve(self, state=JobState.COMPLETED, progress=1.0, finished_at=at, error=None)
        return evolve(self, state=JobState.FAILED, finished_at=at, error=error)

    def retried(self) -> "Job":
        """To be done again from the beginning, with all its attempts before it. Raises: Conflict unless it failed."""
        if self.state is not JobState.FAILED:
            raise Conflict(f"Only a failed job can be retried; this one is {self.state.value}.", job_id=self.job_id)
        return evolve(
            self,
            state=JobState.QUEUED,
            attempts=0,
            deaths=0,
            outages=0,
            progress=0.0,
            heartbeat_at=None,
            error=None,
            finished_at=None,
        )

    def cancelled(self, *, at: datetime) -> "Job":
        """Raises: Conflict when it has already ended another way."""
        if self.ended and self.state is not JobState.CANCELLED:
            raise Conflict(f"The job has already {self.state.value}.", job_id=self.job_id)
        return self if self.ended else evolve(self, state=JobState.CANCELLED, finished_at=at, error="Cancelled.")


class JobRepository(DataProvider[Job], Protocol):
    async def of_owner(self, owner_id: str | None, *, states: tuple[JobState, ...], limit: int) -> list[Job]:
        """Newest first; every owner's where ``owner_id`` is None, every state where ``states`` is empty."""
        ...

    async def waiting(self, *, most: int, owner_id: str | None = None) -> int:
        """How many are queued; after the ``most`` oldest it is not counted further. With ``owner_id`` how many of those
        are that owner's."""
        ...


class JobStatus(StrEnum):
    """What a queue knows of a job. The SQL row knows more, and outlives it."""

    UNKNOWN = "unknown"
    QUEUED = "queued"
    RUNNING = "running"
    ENDED = "ended"


class JobQueue(Protocol):
    """Delivers at least once; the same id is queued once at a time. Payloads are JSON objects.

    Whoever takes a job out holds it there until it is done. The job's row knows better: what it says is free is taken
    back from a worker that died with it.
    """

    async def enqueue(
        self, job_type: str, payload: dict[str, object], *, job_id: str, delay: timedelta = timedelta(0)
    ) -> str:
        """Gives the job id back, also where it is queued already. Raises: Unavailable."""
        ...

    async def take_back(self, job_id: str) -> None:
        """Whoever held the job is gone: it waits for a worker again, and for no delay. Raises: Unavailable."""
        ...

    async def epoch(self) -> str:
        """Another word once the queue may have lost something: emptied, or started anew. Raises: Unavailable."""
        ...

    async def get_status(self, job_id: str) -> JobStatus: ...


class ResultStore(Protocol):
    """Results by job id for pollers, for a while. After that the module's own row answers."""

    async def get(self, job_id: str) -> dict[str, object] | None: ...

    async def set(self, job_id: str, result: dict[str, object], ttl: timedelta | None = None) -> None:
        """Keeps it for ``ttl``, an hour unless told."""
        ...
