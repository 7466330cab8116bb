"""Evidence for callers that know it as files: what came with a turn, what a case holds, what a file shows."""

from typing import Literal, TypedDict

from attrs import frozen

from faultmaven_domain.case import Hypothesis
from faultmaven_domain.evidence import LogPattern

from .common import Listing, Time, utc
from .summaries import (
    MOST_PATTERNS,
    DataType,
    FileView,
    ProcessingStatus,
    SourceType,
    data_type_of,
    failing,
    pattern_summary,
    size_display,
    source_type_of,
    status_of,
    summary_of,
    turn_of,
    words_of,
)

Category = Literal["SYMPTOM_EVIDENCE", "CAUSAL_EVIDENCE"]


@frozen(kw_only=True)
class FileDetail:
    """A file and its case's hypotheses."""

    view: FileView
    hypotheses: tuple[Hypothesis, ...] = ()


class AttachmentOut(TypedDict):
    """A file that came with a turn. ``evidence_id`` and ``file_id`` are one; ``summary`` is null until it is read."""

    evidence_id: str
    file_id: str
    filename: str
    file_size: int
    processing_status: ProcessingStatus
    source_type: SourceType
    summary: str | None


class UploadedFileOut(TypedDict):
    """``uploaded_at_turn`` is the turn it came with; ``evidence_count`` how many patterns its detail derives of it."""

    file_id: str
    evidence_id: str
    filename: str
    size_bytes: int
    size_display: str
    uploaded_at_turn: int
    uploaded_at: Time
    source_type: SourceType
    data_type: DataType
    analysis_status: ProcessingStatus
    summary: str | None
    evidence_count: int
    source_metadata: dict[str, object]


class DerivedEvidenceOut(TypedDict):
    """A failing pattern of a log. It is causal where a hypothesis rests on it."""

    evidence_id: str
    summary: str
    category: Category
    collected_at_turn: int
    related_hypothesis_ids: list[str]


class UploadedFileDetailOut(UploadedFileOut):
    derived_evidence: list[DerivedEvidenceOut]


class UploadedFileListOut(Listing):
    case_id: str
    files: list[UploadedFileOut]


def attachment_out(view: FileView) -> AttachmentOut:
    evidence = view.evidence
    return AttachmentOut(
        evidence_id=evidence.evidence_id,
        file_id=evidence.evidence_id,
        filename=evidence.filename,
        file_size=evidence.file_size,
        processing_status=status_of(evidence),
        source_type=source_type_of(evidence),
        summary=summary_of(view),
    )


def uploaded_file_out(view: FileView) -> UploadedFileOut:
    evidence = view.evidence
    return UploadedFileOut(
        file_id=evidence.evidence_id,
        evidence_id=evidence.evidence_id,
        filename=evidence.filename,
        size_bytes=evidence.file_size,
        size_display=size_display(evidence.file_size),
        uploaded_at_turn=turn_of(evidence),
        uploaded_at=utc(evidence.uploaded_at),
        source_type=source_type_of(evidence),
        data_type=data_type_of(evidence),
        analysis_status=status_of(evidence),
        summary=summary_of(view),
        evidence_count=len(failing(view.report)[:MOST_PATTERNS]),
        source_metadata=evidence.metadata,
    )


def uploaded_file_detail_out(detail: FileDetail) -> UploadedFileDetailOut:
    derived = [_derived(detail, pattern) for pattern in failing(detail.view.report)[:MOST_PATTERNS]]
    return UploadedFileDetailOut(**uploaded_file_out(detail.view), derived_evidence=derived)


def _derived(detail: FileDetail, pattern: LogPattern) -> DerivedEvidenceOut:
    evidence = detail.view.evidence
    related = [
        one.hypothesis_id
        for one in detail.hypotheses
        if evidence.evidence_id in one.evidence_ids and _is_about(one, pattern)
    ]
    return DerivedEvidenceOut(
        evidence_id=f"{evidence.evidence_id}_l{pattern.first_line}",
        summary=pattern_summary(pattern),
        category="CAUSAL_EVIDENCE" if related else "SYMPTOM_EVIDENCE",
        collected_at_turn=turn_of(evidence),
        related_hypothesis_ids=related,
    )


def _is_about(hypothesis: Hypothesis, pattern: LogPattern) -> bool:
    """A hypothesis says what was logged in its pattern's words; long ones are cut."""
    said, logged = " ".join(hypothesis.text.split()), " ".join(words_of(pattern).split())
    return said == logged or (said.endswith("…") and logged.startswith(said[:-1]))
