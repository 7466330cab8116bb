"""What became of a file that was put into a case to be looked at: the file, and what was said about it."""

from typing import TypedDict, cast

from attrs import frozen

from .agent import TurnOut, TurnView, turn_out
from .case import RoleOut
from .common import Time, utc
from .summaries import (
    DataType,
    FileView,
    ProcessingStatus,
    SourceType,
    data_type_of,
    failing,
    records_per_pattern,
    size_display,
    source_type_of,
    status_of,
    summary_of,
)


@frozen(kw_only=True)
class UploadedData:
    """``turn`` is the one about the file, as it is now."""

    view: FileView
    turn: TurnView


class ClassificationOut(TypedDict):
    """``compression_ratio``: how many of a log's records one of its patterns stands for, 1.0 for what is no log."""

    data_type: DataType
    kind: str | None
    line_count: int | None
    failing_patterns: int
    compression_ratio: float


class UploadedDataOut(TypedDict):
    """Several names of the same: ``data_id``, ``evidence_id``, ``file_id`` and ``id``; ``file_name``, ``filename`` and
    ``name``; ``file_size`` and ``size_bytes``.

    ``insights`` is what the file shows, in words, null until it is read. ``agent_response`` is the turn about the file,
    null where it has not ended; it is found under ``job_id`` then.
    """

    data_id: str
    evidence_id: str
    file_id: str
    id: str
    case_id: str
    file_name: str
    filename: str
    name: str
    file_size: int
    size_bytes: int
    size_display: str
    file_type: str
    data_type: DataType
    source_type: SourceType
    source_metadata: dict[str, object]
    processing_status: ProcessingStatus
    uploaded_at: Time
    classification: ClassificationOut
    insights: str | None
    job_id: str
    agent_response: TurnOut | None


def uploaded_data_out(value: UploadedData, *, agent: RoleOut) -> UploadedDataOut:
    view, evidence = value.view, value.view.evidence
    answered = value.turn.overview is not None
    return UploadedDataOut(
        data_id=evidence.evidence_id,
        evidence_id=evidence.evidence_id,
        file_id=evidence.evidence_id,
        id=evidence.evidence_id,
        case_id=evidence.case_id,
        file_name=evidence.filename,
        filename=evidence.filename,
        name=evidence.filename,
        file_size=evidence.file_size,
        size_bytes=evidence.file_size,
        size_display=size_display(evidence.file_size),
        file_type=evidence.file_type,
        data_type=data_type_of(evidence),
        source_type=source_type_of(evidence),
        source_metadata=evidence.metadata,
        processing_status=status_of(evidence),
        uploaded_at=utc(evidence.uploaded_at),
        classification=ClassificationOut(
            data_type=data_type_of(evidence),
            kind=evidence.kind,
            line_count=evidence.line_count,
            failing_patterns=len(failing(view.report)),
            compression_ratio=records_per_pattern(view.report),
        ),
        insights=summary_of(view),
        job_id=value.turn.turn.job_id,
        agent_response=cast(TurnOut, turn_out(value.turn, agent=agent)) if answered else None,
    )
