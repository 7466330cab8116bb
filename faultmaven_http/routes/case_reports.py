import asyncio
import time

from attrs import frozen
from starlette.responses import Response

from faultmaven_domain.agent import ReportNotWritten, ReportOrder, ReportType
from faultmaven_domain.case import PostMortemRequested
from faultmaven_domain.kernel.errors import InvalidInput
from faultmaven_domain.kernel.paging import check_paging
from faultmaven_domain.kernel.principal import Principal

from ..asking import LONGEST_WAIT, preferred_wait
from ..files import attachment
from ..limits import Group
from ..operation import Bytes, Call, Operation, Reply
from ..wire import ListOf, Words, page_of
from ..wire.case import ReportListOut, ReportOut
from ..wire.case_reports import AwaitedReportsOut, ReportAdviceOut, WrittenReports, WrittenReportsOut
from .case import CASE
from .paging import Paging

POST_MORTEM = ReportType.POST_MORTEM
#: How long to wait before a job is looked at again, in seconds: at first, and at most.
SOON, SELDOM = 0.02, 1.0


@frozen(kw_only=True)
class WantedReports:
    """Each of ``report_types`` is incident_report, runbook or post_mortem."""

    report_types: Words


async def list_reports(call: Call, *, principal: Principal, case_id: str, query: Paging) -> Reply:
    """A case's reports, oldest first; an ended case has its post-mortem."""
    limit, offset = query.window(usual=100)
    check_paging(limit, offset)
    reports = await call.fm.cases.reports(principal=principal, case_id=case_id)
    page = page_of(reports, limit=limit, offset=offset)
    return Reply(value=ListOf(name="reports", page=page, beside={"case_id": case_id}))


async def get_report(call: Call, *, principal: Principal, case_id: str, report_id: str) -> Reply:
    """One report."""
    return Reply(value=await call.fm.cases.report(principal=principal, case_id=case_id, report_id=report_id))


async def download_report(call: Call, *, principal: Principal, case_id: str, report_id: str) -> Response:
    """One report as a Markdown file."""
    report = await call.fm.cases.report(principal=principal, case_id=case_id, report_id=report_id)
    headers = {"Content-Disposition": attachment(f"{report.report_type}-{case_id}.md")}
    return Response(report.content, headers=headers, media_type="text/markdown; charset=utf-8")


async def recommend_reports(call: Call, *, principal: Principal, case_id: str) -> Reply:
    """Which reports can be had, and whether a runbook like the case is in the knowledge base already."""
    return Reply(value=await call.fm.agent.advise_reports(principal=principal, case_id=case_id))


async def write_reports(call: Call, *, principal: Principal, case_id: str, body: WantedReports) -> Reply:
    """Have reports written on a case that has ended, each type once; those that are there are given again.

    Waits for them, 100 seconds or the fewer of `Prefer: wait=N` (RFC 7240). Then it is 202 with those that are done;
    `Location` is the job of the first of the others, and asking again goes on waiting.
    """
    wanted = _types(body.report_types)
    wait = preferred_wait(call)
    headers = {} if wait is None else {"Preference-Applied": f"wait={wait}"}
    deadline = time.monotonic() + (wait or LONGEST_WAIT)
    others = tuple(one for one in wanted if one is not POST_MORTEM)
    await call.fm.agent.order_reports(principal=principal, case_id=case_id, report_types=others)
    under_way: tuple[ReportOrder, ...] = ()
    if POST_MORTEM in wanted:
        under_way = await _post_mortem_under_way(call, principal, case_id, deadline)
    orders = await _written(call, principal, case_id, others if under_way else wanted, deadline)
    for order in orders:
        if order.error is not None:
            what = order.report_type.value.replace("_", " ")
            raise ReportNotWritten(f"The {what} could not be written. {order.error}", case_id=case_id)
    waiting = (*under_way, *[order for order in orders if order.waiting])
    reports = tuple(order.report for order in orders if order.report is not None)
    value = WrittenReports(case_id=case_id, reports=reports, waiting=waiting)
    if waiting:
        headers["Location"] = f"{call.base}/jobs/{waiting[0].job_id}"
    return Reply(value=value, status=202 if waiting else 201, headers=headers)


async def _written(
    call: Call, principal: Principal, case_id: str, wanted: tuple[ReportType, ...], deadline: float
) -> tuple[ReportOrder, ...]:
    """The reports once none of them is waited for any more, or as they are when the time is up."""
    orders = await call.fm.agent.order_reports(principal=principal, case_id=case_id, report_types=wanted)
    pause = SOON
    while any(order.waiting for order in orders) and await _paused(call, pause, deadline):
        orders = await call.fm.agent.ordered_reports(principal=principal, case_id=case_id, report_types=wanted)
        pause = min(2 * pause, SELDOM)
    return orders


async def _post_mortem_under_way(
    call: Call, principal: Principal, case_id: str, deadline: float
) -> tuple[ReportOrder, ...]:
    """The post-mortem that an ended case has written unasked, where that is still waited for when the time is up: none
    is ordered beside it."""
    pause = SOON
    while True:
        jobs = await call.fm.jobs.list(principal=principal, status="processing", limit=1000)
        mine = [job for job in jobs if (job.kind, job.subject_id) == (PostMortemRequested.topic, case_id)]
        if not mine or not await _paused(call, pause, deadline):
            return tuple(ReportOrder(report_type=POST_MORTEM, job_id=job.job_id) for job in mine[:1])
        pause = min(2 * pause, SELDOM)


async def _paused(call: Call, pause: float, deadline: float) -> bool:
    """A pause, where there is time for one and somebody waits for what comes of it."""
    left = deadline - time.monotonic()
    if left <= 0 or await call.request.is_disconnected():
        return False
    await asyncio.sleep(min(pause, left))
    return True


def _types(words: tuple[str, ...]) -> tuple[ReportType, ...]:
    """Raises: InvalidInput."""
    known = {one.value: one for one in ReportType}
    if not words or any(word not in known for word in words):
        raise InvalidInput(f"report_types names one or more of {', '.join(known)}.", field="report_types")
    return tuple(known[word] for word in words)


OPERATIONS = (
    Operation(
        method="GET", path=f"{CASE}/reports", handler=list_reports, answers={200: ReportListOut}, group=Group.READS
    ),
    Operation(
        method="POST",
        path=f"{CASE}/reports",
        handler=write_reports,
        answers={201: WrittenReportsOut, 202: AwaitedReportsOut},
        group=Group.TURNS,
        errors=(409,),
        headers={"Prefer": f"`wait=N`: how many seconds to wait for the reports, at most {LONGEST_WAIT}."},
        creates=True,
    ),
    Operation(
        method="GET",
        path=f"{CASE}/report-recommendations",
        handler=recommend_reports,
        answers={200: ReportAdviceOut},
        group=Group.SEARCHES,
    ),
    Operation(
        method="GET",
        path=f"{CASE}/reports/{{report_id}}",
        handler=get_report,
        answers={200: ReportOut},
        group=Group.READS,
    ),
    Operation(
        method="GET",
        path=f"{CASE}/reports/{{report_id}}/download",
        handler=download_report,
        answers={200: Bytes("text/markdown")},
        group=Group.READS,
    ),
)
