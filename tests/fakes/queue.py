from datetime import timedelta

from attrs import define, field, frozen

from faultmaven_domain.kernel.errors import Unavailable
from faultmaven_domain.kernel.jobs import JobStatus


@frozen(kw_only=True)
class Sent:
    job_type: str
    payload: dict[str, object]
    job_id: str


@define
class Postbox:
    """A queue nobody works on: it notes every sending, also of what was sent before. ``away`` refuses all.

    Another ``word`` stands for a queue that was emptied.
    """

    away: bool = False
    word: str = "first"
    sent: list[Sent] = field(factory=list)
    taken_back: list[str] = field(factory=list)

    @property
    def ids(self) -> list[str]:
        return [sent.job_id for sent in self.sent]

    async def enqueue(
        self, job_type: str, payload: dict[str, object], *, job_id: str, delay: timedelta = timedelta(0)
    ) -> str:
        if self.away:
            raise Unavailable
        self.sent.append(Sent(job_type=job_type, payload=payload, job_id=job_id))
        return job_id

    async def take_back(self, job_id: str) -> None:
        if self.away:
            raise Unavailable
        self.taken_back.append(job_id)

    async def epoch(self) -> str:
        if self.away:
            raise Unavailable
        return self.word

    async def get_status(self, job_id: str) -> JobStatus:
        return JobStatus.QUEUED if job_id in self.ids else JobStatus.UNKNOWN
