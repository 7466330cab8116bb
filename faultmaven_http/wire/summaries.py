"""What a file shows, in words and in the kinds its callers know: all of it from what was read, nothing supposed."""

from pathlib import PurePosixPath
from typing import Literal

from attrs import frozen

from faultmaven_domain.evidence import Evidence, EvidenceStatus, EvidenceType, LogPattern, LogReport

DataType = Literal[
    "logs_and_errors",
    "unstructured_text",
    "structured_config",
    "metrics_and_performance",
    "visual_evidence",
    "unanalyzable",
]
ProcessingStatus = Literal["processing", "completed", "failed"]
SourceType = Literal["file_upload", "text_paste", "page_capture"]
SOURCE_TYPES: tuple[SourceType, ...] = ("file_upload", "text_paste", "page_capture")
#: How many of a log's failing patterns are told of.
MOST_PATTERNS = 10
LONGEST_TEMPLATE = 200
_STATUS: dict[EvidenceStatus, ProcessingStatus] = {
    EvidenceStatus.PROCESSING: "processing",
    EvidenceStatus.READY: "completed",
    EvidenceStatus.UNREADABLE: "failed",
}
_NAMES = {
    "text": "Plain text",
    "log": "A log",
    "markdown": "Markdown",
    "json": "JSON",
    "yaml": "YAML",
    "csv": "A table",
    "xml": "XML",
    "html": "A page",
    "pdf": "A PDF",
    "docx": "A Word document",
    "image": "The text of a picture",
}
_CONFIGS = {".conf", ".cfg", ".ini", ".toml", ".properties", ".env"}
_UNITS = ("B", "KB", "MB", "GB", "TB")


@frozen(kw_only=True)
class FileView:
    """A piece of evidence as it stands, and what its log shows; ``report`` None where it is no log, or not read yet."""

    evidence: Evidence
    report: LogReport | None = None


def status_of(evidence: Evidence) -> ProcessingStatus:
    return _STATUS[evidence.status]


def source_type_of(evidence: Evidence) -> SourceType:
    return next((known for known in SOURCE_TYPES if known == evidence.metadata.get("source_type")), "file_upload")


def turn_of(evidence: Evidence) -> int:
    """The turn of its case that it came with, 0 where it came before the first or nobody noted it."""
    number = evidence.metadata.get("turn_number")
    return number if isinstance(number, int) else 0


def data_type_of(evidence: Evidence) -> DataType:
    if evidence.status is EvidenceStatus.UNREADABLE:
        return "unanalyzable"
    if evidence.kind == "log":
        return "logs_and_errors"
    if evidence.kind == "image" or evidence.evidence_type is EvidenceType.SCREENSHOT:
        return "visual_evidence"
    if evidence.kind == "csv" or evidence.evidence_type is EvidenceType.METRIC:
        return "metrics_and_performance"
    if evidence.kind in {"json", "yaml", "xml"} or PurePosixPath(evidence.filename.lower()).suffix in _CONFIGS:
        return "structured_config"
    unread_log = evidence.kind is None and evidence.evidence_type is EvidenceType.LOG
    return "logs_and_errors" if unread_log else "unstructured_text"


def failing(report: LogReport | None) -> tuple[LogPattern, ...]:
    """A log's failing patterns, the loudest and then the most frequent first; warnings where nothing fails."""
    patterns = report.patterns if report is not None else ()
    failures = [pattern for pattern in patterns if pattern.severity == "failure"]
    chosen = failures or [pattern for pattern in patterns if pattern.severity == "warning"]
    return tuple(sorted(chosen, key=lambda pattern: (pattern.loudness, -pattern.count)))


def records_per_pattern(report: LogReport | None) -> float:
    """How many of a log's records one of its patterns stands for; 1.0 for what is no log."""
    if report is None or not report.patterns:
        return 1.0
    return round((report.record_count - report.dropped) / len(report.patterns), 1)


def summary_of(view: FileView) -> str | None:
    """In a sentence or two: how much it is, how long it spans, what fails in it. None until it is read."""
    evidence, report = view.evidence, view.report
    if evidence.status is EvidenceStatus.PROCESSING:
        return None
    if evidence.status is EvidenceStatus.UNREADABLE:
        return f"It could not be read: {' '.join(evidence.notes) or 'it holds no text.'}"
    what = f"{_NAMES.get(evidence.kind or '', 'A file')} of {counted(evidence.line_count or 0, 'line')}"
    if report is None:
        return f"{what}."
    return f"{what}{_span(report)}. {_failures(report)}"


def pattern_summary(pattern: LogPattern) -> str:
    """How often something was logged, from when to when, and what."""
    since = f" from {pattern.first_time} to {pattern.last_time}" if pattern.first_time and pattern.count > 1 else ""
    at = f" at {pattern.first_time}" if pattern.first_time and pattern.count == 1 else ""
    return f"{counted(pattern.count, 'time')}{since}{at}: {cut(words_of(pattern))}"


def words_of(pattern: LogPattern) -> str:
    """What a pattern's lines have in common."""
    return pattern.template.replace("<*>", "…")


def counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEMPLATE else f"{text[: LONGEST_TEMPLATE - 1]}…"


def size_display(size: int) -> str:
    """Bytes as people say them, in thousands: ``2.3 MB``."""
    amount, unit = float(size), 0
    while amount >= 999.95 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{size} B" if unit == 0 else f"{amount:.1f} {_UNITS[unit]}"


def _span(report: LogReport) -> str:
    if not report.first_time or not report.last_time:
        return ""
    if report.first_time == report.last_time:
        return f", all at {report.first_time}"
    return f", from {report.first_time} to {report.last_time}"


def _failures(report: LogReport) -> str:
    patterns = failing(report)
    if not patterns:
        return "Nothing in it fails."
    records = counted(sum(pattern.count for pattern in patterns), "record")
    what = "failing pattern" if patterns[0].severity == "failure" else "warning pattern"
    often = counted(patterns[0].count, "time")
    return f"{counted(len(patterns), what)} in {records}; first of all, {often}: {cut(words_of(patterns[0]))}"
