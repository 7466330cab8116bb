"""Reports that are asked for, and what is advised about them."""

from typing import TypedDict

from attrs import frozen

from faultmaven_domain.agent import ReportAdvice, ReportOrder, ReportType, RunbookAction
from faultmaven_domain.case import Report

from .case import ReportOut, report_out


@frozen(kw_only=True)
class WrittenReports:
    """The reports that were asked for; those of ``waiting`` are still being written."""

    case_id: str
    reports: tuple[Report, ...]
    waiting: tuple[ReportOrder, ...] = ()


class WrittenReportsOut(TypedDict):
    case_id: str
    reports: list[ReportOut]


class AwaitedReportOut(TypedDict):
    report_type: ReportType
    job_id: str | None


class AwaitedReportsOut(WrittenReportsOut):
    """``reports`` are those that are there already; each of ``waiting`` is written by its job."""

    waiting: list[AwaitedReportOut]


class ExistingRunbookOut(TypedDict):
    document_id: str
    title: str


class RunbookAdviceOut(TypedDict):
    """``similarity_score`` from 0 to 1: the cosine of the nearest runbook's best passage with the case's own words."""

    action: RunbookAction
    similarity_score: float
    reason: str
    existing_runbook: ExistingRunbookOut | None


class ReportAdviceOut(TypedDict):
    """``available_for_generation`` can be had now, written ones included; it is empty before the case has ended."""

    case_id: str
    available_for_generation: list[ReportType]
    reason: str
    runbook_recommendation: RunbookAdviceOut


def written_reports_out(value: WrittenReports) -> WrittenReportsOut | AwaitedReportsOut:
    there = WrittenReportsOut(case_id=value.case_id, reports=[report_out(one) for one in value.reports])
    if not value.waiting:
        return there
    waiting = [AwaitedReportOut(report_type=one.report_type, job_id=one.job_id) for one in value.waiting]
    return AwaitedReportsOut(**there, waiting=waiting)


def report_advice_out(value: ReportAdvice) -> ReportAdviceOut:
    runbook = value.runbook
    known = runbook.document_id is not None and runbook.title is not None
    return ReportAdviceOut(
        case_id=value.case_id,
        available_for_generation=list(value.available),
        reason=value.reason,
        runbook_recommendation=RunbookAdviceOut(
            action=runbook.action,
            similarity_score=runbook.similarity,
            reason=runbook.reason,
            existing_runbook=ExistingRunbookOut(document_id=runbook.document_id or "", title=runbook.title or "")
            if known
            else None,
        ),
    )
