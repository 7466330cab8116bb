"""Values to and from JSON: strict readers, and one writer per dialect."""

from .common import ErrorOut, ListOf, Said, Time, page_of, utc
from .dialect import API_V1, DIALECTS, V1, Dialect
from .plain import parsed
from .reading import Metadata, Upload, Uploads, Words, spelled_out, structured

__all__ = [
    "API_V1",
    "DIALECTS",
    "V1",
    "Dialect",
    "ErrorOut",
    "ListOf",
    "Metadata",
    "Said",
    "Time",
    "Upload",
    "Uploads",
    "Words",
    "page_of",
    "parsed",
    "spelled_out",
    "structured",
    "utc",
]
