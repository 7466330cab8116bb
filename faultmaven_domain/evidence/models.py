"""Evidence: a file someone put into a case, what was read from it and what it shows."""

from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath

from attrs import field, frozen

from ..kernel.errors import InvalidInput, UnsupportedFile
from .analysis import LogPattern, LogReport, Onset, Suspect


class EvidenceType(StrEnum):
    LOG = "log"
    SCREENSHOT = "screenshot"
    METRIC = "metric"
    DOCUMENT = "document"
    OTHER = "other"


class EvidenceStatus(StrEnum):
    PROCESSING = "processing"
    READY = "ready"
    UNREADABLE = "unreadable"  # stored and downloadable, but no text could be read


ALLOWED_EXTENSIONS = (
    ".log", ".txt", ".md", ".json", ".jsonl", ".yaml", ".yml", ".csv", ".xml", ".html", ".htm", ".conf", ".cfg", ".ini",
    ".toml", ".properties", ".env", ".out", ".err", ".png", ".jpg", ".jpeg", ".pdf", ".doc", ".docx",
)  # fmt: skip
_LOOKS = {
    EvidenceType.LOG: (".log", ".jsonl", ".out", ".err"),
    EvidenceType.SCREENSHOT: (".png", ".jpg", ".jpeg"),
    EvidenceType.METRIC: (".csv",),
}


@frozen(kw_only=True)
class Evidence:
    """``file_size`` in bytes, ``file_type`` the media type; ``kind`` and ``line_count`` are known once it was read.

    ``metadata`` is where it is from, as its sender says: ``source_type`` (file_upload, text_paste, page_capture),
    ``source_url``, ``captured_at``, ``observed_at``; and ``turn_number``, the turn of the case it came with.
    """

    evidence_id: str
    case_id: str
    owner_id: str
    filename: str
    file_key: str
    file_size: int
    file_type: str
    sha256: str
    evidence_type: EvidenceType
    description: str
    status: EvidenceStatus
    job_id: str
    uploaded_at: datetime
    kind: str | None = None
    line_count: int | None = None
    notes: tuple[str, ...] = ()
    metadata: dict[str, object] = field(factory=dict)

    @property
    def text_key(self) -> str:
        """Where the text that was read lies."""
        return f"{self.file_key}.txt"


@frozen(kw_only=True)
class Finding:
    """One thing the evidence shows: a log pattern, or a passage of text.

    ``lines`` are 1-based numbers in the extracted text, each of which belongs to the finding; ``text`` quotes them.
    """

    evidence_id: str
    filename: str
    lines: tuple[int, ...]
    text: str
    score: float
    pattern: LogPattern | None = None


@frozen(kw_only=True)
class FileSummary:
    """A file in a case, in numbers. ``report`` holds no patterns here."""

    evidence: Evidence
    report: LogReport | None


@frozen(kw_only=True)
class CaseFindings:
    """What a case's evidence shows about a question; findings best first, onsets in the order of time."""

    files: tuple[FileSummary, ...]
    findings: tuple[Finding, ...]
    onsets: tuple[Onset, ...] = ()
    suspects: tuple[Suspect, ...] = ()


def checked_filename(filename: str, *, field: str = "file") -> str:
    """The name alone, without any path; ``field`` is where it was given.

    Raises: InvalidInput; UnsupportedFile for an extension that is not taken.
    """
    name = "".join(c for c in filename.replace("\\", "/").rsplit("/", 1)[-1] if c.isprintable()).strip()
    if not name.strip(". ") or len(name.encode()) > 255:
        raise InvalidInput("The file needs a name of 1 to 255 bytes that is not only dots.", field=field)
    extension = PurePosixPath(name).suffix.lower()
    if extension and extension not in ALLOWED_EXTENSIONS:
        raise UnsupportedFile(
            f"Files ending in {extension} are not taken.", field=field, filename=name, allowed=list(ALLOWED_EXTENSIONS)
        )
    return name


def type_of(filename: str) -> EvidenceType:
    """What a file most likely is, where nobody said."""
    extension = PurePosixPath(filename).suffix.lower()
    return next((kind for kind, extensions in _LOOKS.items() if extension in extensions), EvidenceType.DOCUMENT)
