from collections.abc import AsyncIterator, Callable
from typing import TypedDict

from attrs import frozen

from faultmaven_domain.evidence import Evidence, EvidenceStatus, EvidenceType

from .common import Listing, Time, utc


@frozen(kw_only=True)
class EvidenceFile:
    """A piece of evidence of which one dialect gives the bytes and the other the record."""

    record: Evidence
    content: Callable[[], AsyncIterator[bytes]]


class EvidenceOut(TypedDict):
    """``file_size`` in bytes; ``kind`` and ``line_count`` are null until it was read; ``notes`` say what was not."""

    evidence_id: str
    case_id: str
    owner_id: str
    user_id: str
    uploaded_by: str
    filename: str
    file_size: int
    file_type: str
    sha256: str
    evidence_type: EvidenceType
    description: str
    status: EvidenceStatus
    job_id: str
    kind: str | None
    line_count: int | None
    notes: list[str]
    metadata: dict[str, object]
    uploaded_at: Time


class EvidenceListOut(Listing):
    evidence: list[EvidenceOut]


def evidence_out(evidence: Evidence) -> EvidenceOut:
    return EvidenceOut(
        evidence_id=evidence.evidence_id,
        case_id=evidence.case_id,
        owner_id=evidence.owner_id,
        user_id=evidence.owner_id,
        uploaded_by=evidence.owner_id,
        filename=evidence.filename,
        file_size=evidence.file_size,
        file_type=evidence.file_type,
        sha256=evidence.sha256,
        evidence_type=evidence.evidence_type,
        description=evidence.description,
        status=evidence.status,
        job_id=evidence.job_id,
        kind=evidence.kind,
        line_count=evidence.line_count,
        notes=list(evidence.notes),
        metadata=evidence.metadata,
        uploaded_at=utc(evidence.uploaded_at),
    )
