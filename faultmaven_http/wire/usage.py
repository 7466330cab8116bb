"""What language models used, on the wire."""

from typing import TypedDict

from faultmaven_domain.agent import Spent, UsageReport


class SpentOut(TypedDict):
    """Tokens and US dollars. ``unpriced`` calls are counted but not among the dollars."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    unpriced: int


class UsageReportOut(TypedDict):
    """``today`` began at midnight UTC. ``case`` is null where none was asked for."""

    user: SpentOut
    today: SpentOut
    case: SpentOut | None


def usage_report_out(report: UsageReport) -> UsageReportOut:
    case = _spent(report.case) if report.case is not None else None
    return UsageReportOut(user=_spent(report.user), today=_spent(report.today), case=case)


def dollars(millionths: int) -> float:
    return millionths / 1_000_000


def _spent(spent: Spent) -> SpentOut:
    return SpentOut(
        calls=spent.calls,
        input_tokens=spent.input_tokens,
        output_tokens=spent.output_tokens,
        cost_usd=dollars(spent.cost),
        unpriced=spent.unpriced,
    )
