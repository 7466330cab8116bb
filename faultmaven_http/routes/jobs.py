from attrs import frozen

from faultmaven_domain.kernel.principal import Principal

from ..limits import Group
from ..operation import Call, Operation, Reply
from ..wire.jobs import JobList, JobListOut, JobOut


@frozen(kw_only=True)
class WhichJobs:
    """``status`` is one of processing, completed, failed; ``limit`` 1 to 1000."""

    status: str | None = None
    limit: int = 50


async def list_jobs(call: Call, *, principal: Principal, query: WhichJobs) -> Reply:
    """The caller's jobs, an admin's everyone's, newest first."""
    jobs = await call.fm.jobs.list(principal=principal, status=query.status, limit=query.limit)
    return Reply(value=JobList(jobs=jobs, limit=query.limit))


async def get_job(call: Call, *, principal: Principal, job_id: str) -> Reply:
    """One job as it stands."""
    return Reply(value=await call.fm.jobs.get(principal=principal, job_id=job_id))


async def cancel_job(call: Call, *, principal: Principal, job_id: str) -> Reply:
    """Call a job off; what it had done by then stays."""
    return Reply(value=await call.fm.jobs.cancel(principal=principal, job_id=job_id))


OPERATIONS = (
    Operation(method="GET", path="/jobs", handler=list_jobs, answers={200: JobListOut}, group=Group.READS),
    Operation(method="GET", path="/jobs/{job_id}", handler=get_job, answers={200: JobOut}, group=Group.READS),
    Operation(
        method="DELETE",
        path="/jobs/{job_id}",
        handler=cancel_job,
        answers={200: JobOut},
        group=Group.WRITES,
        errors=(409,),
    ),
)
