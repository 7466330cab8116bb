"""The evidence room: files put into a case, what was read from them, what they show."""

from .analysis import LogLine, LogPattern, LogReport, Onset, Suspect
from .errors import EvidenceNotFound
from .events import ExtractionRequested, FilesDropped
from .models import (
    ALLOWED_EXTENSIONS,
    CaseFindings,
    Evidence,
    EvidenceStatus,
    EvidenceType,
    FileSummary,
    Finding,
    checked_filename,
)
from .ports import Cases, EvidenceRepository, EvidenceTransactions, EvidenceUnitOfWork, LogReportRepository
from .service import EvidenceService

__all__ = [
    "ALLOWED_EXTENSIONS",
    "CaseFindings",
    "Cases",
    "Evidence",
    "EvidenceNotFound",
    "EvidenceRepository",
    "EvidenceService",
    "EvidenceStatus",
    "EvidenceTransactions",
    "EvidenceType",
    "EvidenceUnitOfWork",
    "ExtractionRequested",
    "FileSummary",
    "FilesDropped",
    "Finding",
    "LogLine",
    "LogPattern",
    "LogReport",
    "LogReportRepository",
    "Onset",
    "Suspect",
    "checked_filename",
]
