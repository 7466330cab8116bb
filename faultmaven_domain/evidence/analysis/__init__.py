"""Reading logs without knowing who wrote them: patterns, times, what fails, and what may have come first."""

from .correlate import timeline
from .lines import lines_of
from .report import analyse_log, looks_like_log
from .suspicion import suspects
from .values import LogLine, LogPattern, LogReport, Onset, Severity, Suspect

__all__ = [
    "LogLine",
    "LogPattern",
    "LogReport",
    "Onset",
    "Severity",
    "Suspect",
    "analyse_log",
    "lines_of",
    "looks_like_log",
    "suspects",
    "timeline",
]
