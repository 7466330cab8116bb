"""What a turn or a file is shown with: gathered in one place, so that it looks the same wherever it is shown."""

import asyncio
from collections.abc import Iterable

from faultmaven_adapters.library import FaultMaven
from faultmaven_domain.agent import Turn
from faultmaven_domain.evidence import Evidence, EvidenceNotFound, EvidenceStatus
from faultmaven_domain.kernel.principal import Principal

from .wire.agent import TurnView
from .wire.summaries import FileView


async def turn_view(fm: FaultMaven, *, principal: Principal, turn: Turn, as_job: bool = False) -> TurnView:
    """A turn as it is, and its case and files once it is answered. Raises: CaseNotFound when that is gone."""
    if turn.answer is None:
        return TurnView(turn=turn, as_job=as_job)
    overview = await fm.cases.overview(principal=principal, case_id=turn.case_id)
    files = await asyncio.gather(*[_attached(fm, principal, id) for id in turn.attachments])
    there = tuple(file for file in files if file is not None)
    return TurnView(turn=turn, overview=overview, files=there, as_job=as_job)


async def file_views(fm: FaultMaven, principal: Principal, items: Iterable[Evidence]) -> tuple[FileView, ...]:
    """Files with what their logs show. One that was deleted since is shown as it was."""
    return tuple(await asyncio.gather(*[_viewed(fm, principal, item) for item in items]))


async def _attached(fm: FaultMaven, principal: Principal, evidence_id: str) -> FileView | None:
    """None where it was deleted since."""
    try:
        evidence = await fm.evidence.get(principal=principal, evidence_id=evidence_id)
    except EvidenceNotFound:
        return None
    return await _viewed(fm, principal, evidence)


async def _viewed(fm: FaultMaven, principal: Principal, evidence: Evidence) -> FileView:
    if evidence.status is not EvidenceStatus.READY or evidence.kind != "log":
        return FileView(evidence=evidence)
    try:
        report = await fm.evidence.report(principal=principal, evidence_id=evidence.evidence_id)
    except EvidenceNotFound:
        report = None
    return FileView(evidence=evidence, report=report)
