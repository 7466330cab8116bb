from typing import Literal, TypedDict

from attrs import frozen

from faultmaven_domain.kernel.jobs import Job, JobState

from .common import Time, utc, utc_or_none

JobWord = Literal["processing", "completed", "failed"]


class JobOut(TypedDict):
    """``progress`` from 0.0 to 1.0. What still waits is ``processing`` too, and what was called off ``failed``."""

    job_id: str
    kind: str
    subject_id: str
    status: JobWord
    attempts: int
    progress: float
    heartbeat_at: Time | None
    error: str | None
    created_at: Time
    finished_at: Time | None


class JobListOut(TypedDict):
    jobs: list[JobOut]
    limit: int


@frozen(kw_only=True)
class JobList:
    jobs: tuple[Job, ...]
    limit: int


def job_word(state: JobState) -> JobWord:
    words: dict[JobState, JobWord] = {JobState.COMPLETED: "completed", JobState.QUEUED: "processing"}
    words[JobState.RUNNING] = "processing"
    return words.get(state, "failed")


def job_out(job: Job) -> JobOut:
    return JobOut(
        job_id=job.job_id,
        kind=job.kind,
        subject_id=job.subject_id,
        status=job_word(job.state),
        attempts=job.attempts,
        progress=job.progress,
        heartbeat_at=utc_or_none(job.heartbeat_at),
        error=job.error,
        created_at=utc(job.created_at),
        finished_at=utc_or_none(job.finished_at),
    )


def job_list_out(value: JobList) -> JobListOut:
    return JobListOut(jobs=[job_out(job) for job in value.jobs], limit=value.limit)
